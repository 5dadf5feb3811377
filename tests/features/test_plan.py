from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crypto_team.errors import FormulaError, InputError
from crypto_team.features import program
from crypto_team.features.machine import PLACES, SLOT
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import Operator
from crypto_team.features.plan import compile_formulas
from crypto_team.features.sets import SETS

if TYPE_CHECKING:
    from tests.features.conftest import Market


def test_rows_before_the_look_back_are_unknown_in_each_column(market: Market) -> None:
    plan = compile_formulas(["sma(close, 5)", "close", "lag(sma(close, 5), 3)"])
    assert plan.lookback == (4, 0, 7)
    found = plan.compute(market.columns, market.times)
    assert found.dtype == np.float32
    assert found.shape == (market.times.size, 3)
    assert [int(np.isnan(found[:, k]).sum()) for k in range(3)] == [4, 0, 7]


def test_a_plan_says_which_columns_it_reads() -> None:
    assert compile_formulas(["atr(14)", "zscore(volume, 20)"]).columns == ("close", "high", "low", "volume")
    assert compile_formulas(["hour_sin()"]).columns == ()


def test_a_common_part_is_computed_once(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    known = OPERATORS["rsi"]

    def counted(x: np.ndarray, n: int) -> np.ndarray:
        calls.append(n)
        return known.function(x, n)

    counting = Operator(known.name, known.family, counted, known.lookback, known.parameters)
    monkeypatch.setitem(OPERATORS, "rsi", counting)
    plan = compile_formulas(["rsi(close, 14)", "zscore(rsi(close, 14), 50)", "rsi(close, 7)", "lag(rsi(close, 14), 2)"])
    plan.compute(market.columns, market.times)
    assert sorted(calls) == [7, 14]


def test_a_formula_gives_the_same_alone_and_among_others(market: Market) -> None:
    texts = ["zscore(rsi(close, 14), 50)", "rsi(close, 14)", "close / sma(close, 20) - 1", "atr(14) / close"]
    together = compile_formulas(texts).compute(market.columns, market.times)
    for number, text in enumerate(texts):
        alone = compile_formulas([text]).compute(market.columns, market.times)[:, 0]
        assert np.array_equal(alone, together[:, number], equal_nan=True)


def test_computing_leaves_the_candles_as_they_were(market: Market) -> None:
    before = {name: values.copy() for name, values in market.columns.items()}
    compile_formulas(["macd(close)", "-close", "close", "clip(close, 50, 60)"]).compute(market.columns, market.times)
    assert all(np.array_equal(before[name], market.columns[name]) for name in before)


def test_arithmetic_and_comparison_follow_the_usual_rules() -> None:
    columns = {"close": np.array([1.0, 2.0, np.nan, 4.0]), "open": np.array([2.0, 2.0, 1.0, 0.0])}
    plan = compile_formulas(
        ["close + open * 2", "(close + open) * 2", "close / open", "close > open", "close <= open", "-close"]
    )
    found = plan.compute(columns, np.arange(4, dtype=np.int64))
    nan = float("nan")
    expected = [
        [5.0, 6.0, nan, 4.0],
        [6.0, 8.0, nan, 8.0],
        [0.5, 1.0, nan, nan],
        [0.0, 0.0, nan, 1.0],
        [1.0, 1.0, nan, 0.0],
        [-1.0, -2.0, nan, -4.0],
    ]
    assert np.array_equal(found.T, np.array(expected, dtype=np.float32), equal_nan=True)


def test_what_overflows_is_unknown_and_is_forgotten_after_its_window(market: Market) -> None:
    columns = {**market.columns, "close": market.columns["close"].copy()}
    columns["close"][500] = 1e308
    plan = compile_formulas(["sma(close * 1000000, 10)", "close * close"])
    found = plan.compute(columns, market.times)
    assert not np.isinf(found).any()
    assert np.isnan(found[500:510, 0]).all()
    assert np.isfinite(found[510:]).all()


def test_the_explanation_names_form_look_back_and_shared_parts() -> None:
    rows = compile_formulas(["RSI(close)", "zscore(rsi(close, 14), 100)"]).explain()
    assert [row["formula"] for row in rows] == ["rsi(close, 14)", "zscore(rsi(close, 14), 100)"]
    assert [row["name"] for row in rows] == ["rsi_14", "zscore_rsi_14_100"]
    assert rows[1]["lookback"] == rows[0]["lookback"] + 99
    assert [row["shared_steps"] for row in rows] == [1, 1]


def test_the_empty_plan_gives_a_matrix_without_columns(market: Market) -> None:
    assert compile_formulas([]).compute(market.columns, market.times).shape == (market.times.size, 0)


@pytest.mark.parametrize("bars", [0, 1, 2, 30])
def test_short_series_give_unknown_values_and_no_error(bars: int, market: Market) -> None:
    texts = []
    for name, found in OPERATORS.items():
        inputs = ["close"] * len(found.columns) + (["-1", "1"] if name == "clip" else [])
        texts.append(f"{name}({', '.join(inputs)})")
    part = market.part(0, bars)
    values = compile_formulas(texts).compute(part.columns, part.times)
    assert values.shape == (bars, len(texts))


def test_a_missing_or_uneven_column_is_an_input_error(market: Market) -> None:
    plan = compile_formulas(["close - open"])
    with pytest.raises(InputError, match="no column open"):
        plan.compute({"close": market.columns["close"]}, market.times)
    with pytest.raises(InputError, match="differ in length"):
        plan.compute({**market.columns, "open": market.columns["open"][1:]}, market.times)


def test_a_plan_refuses_what_is_not_a_formula() -> None:
    with pytest.raises(FormulaError):
        compile_formulas(["rsi(close, 14)", "rsi(close, -14)"])


@pytest.mark.parametrize(
    ("formula", "words", "column"),
    [
        ("zscore(autocorr(close, 10, 10), 5)", "the lag has to be shorter than n", 8),
        ("macd(close, 26, 12)", "fast has to be shorter than slow", 1),
        ("close + quantile(close, 20, 1.5)", "q has to lie between 0 and 1", 9),
        ("ad_change(50, 48)", "n has to be at most m", 1),
        ("clip(close, 2, 1)", "low has to be at most high", 1),
        ("sma(close, 0)", "whole number from 1", 12),
        ("sma(close, -3)", "cannot look ahead|can look ahead", 12),
        ("atr(close, close, 14)", "needs 3 column", 1),
        ("rsi(close, 14, 3)", "has 1 setting", 1),
        ("hurst(close, 31)", "from 32 to", 14),
        ("smaa(close, 3)", "did you mean sma", 1),
        ("zscore(clse, 3)", "did you mean close", 8),
    ],
)
def test_a_wrong_formula_is_refused_with_the_place_in_its_text(formula: str, words: str, column: int) -> None:
    with pytest.raises(FormulaError, match=words) as problem:
        compile_formulas([formula])
    assert f"column {column}" in str(problem.value)


def test_a_window_longer_than_the_data_is_unknown_throughout(market: Market) -> None:
    part = market.part(0, 300)
    found = compile_formulas(["zscore(close, 500)", "ema(close, 100)", "sma(close, 300)"]).compute(
        part.columns, part.times
    )
    assert np.isnan(found[:, :2]).all()
    assert np.isfinite(found[-1, 2])


@pytest.mark.parametrize("bar", [1, 700, 2499])
def test_bars_that_are_there_twice_or_out_of_order_are_an_input_error(bar: int, market: Market) -> None:
    times = market.times.copy()
    times[bar] = times[bar - 1]
    with pytest.raises(InputError, match=f"bar {bar} opens at"):
        compile_formulas(["close"]).compute(market.columns, times)


def test_a_buffer_is_filled_in_place_and_has_to_fit(market: Market) -> None:
    plan = compile_formulas(["close", "sma(close, 3)"])
    out = np.empty((2, market.times.size), dtype=np.float32)
    made = plan.compute(market.columns, market.times, out=out)
    assert np.shares_memory(made, out)
    for wrong in (np.empty((2, 5), dtype=np.float32), np.empty((2, market.times.size)), out.T.copy().T):
        with pytest.raises(InputError, match="output has to be float32"):
            plan.compute(market.columns, market.times, out=wrong)


def test_single_values_are_double_ones_rounded(market: Market) -> None:
    plan = compile_formulas(["zscore(close, 48)", "rsi(close, 14)", "kurt(ret(close, 1), 96)", "vwap_dev(24)"])
    single, double = (function(market.columns, market.times) for function in (plan.compute, plan.doubles))
    assert np.array_equal(single, double.astype(np.float32), equal_nan=True)


def test_one_operator_is_a_function_of_whole_arrays() -> None:
    whole = []
    for name, found in OPERATORS.items():
        inputs = ["close"] * len(found.columns) + (["-1", "1"] if name == "clip" else [])
        whole += compile_formulas([f"{name}({', '.join(inputs)})"]).opaque
    assert whole == ["cascade_prob(close, 4, 480)"]


def test_times_that_can_be_written_to_are_looked_at_every_time(market: Market) -> None:
    plan, times = compile_formulas(["sma(close, 5)"]), market.times.copy()
    times.setflags(write=False)
    plan.compute(market.columns, times)
    plan.compute(market.columns, times)
    times.setflags(write=True)
    times[7] = times[6]
    with pytest.raises(InputError, match="bar 7 opens at"):
        plan.compute(market.columns, times)


def test_values_do_not_depend_on_how_long_a_block_is(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    formulas = [item.formula for item in SETS["standard"]]
    found = []
    for block in (256, 1024, 4096):
        monkeypatch.setattr(program, "LEAST_BLOCK", block)
        monkeypatch.setattr(program, "ROOM", 0)
        plan = compile_formulas(formulas)
        assert plan.program.block == block
        found.append(plan.compute(market.columns, market.times).tobytes())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("cuts", [(1, 64, 65, 700, 701), (3, 4, 2_100), (500, 2_400, 2_464, 2_499)])
def test_long_and_short_blocks_may_follow_each_other(cuts: tuple[int, ...], market: Market) -> None:
    plan = compile_formulas([item.formula for item in SETS["standard"]])
    run, found, ends = plan.program.start(), [], (0, *cuts, market.times.size)
    for first, last in itertools.pairwise(ends):
        part = market.part(first, last)
        found.append(plan.doubles(part.columns, part.times, run))
    whole = plan.doubles(market.columns, market.times)
    assert np.concatenate(found).tobytes() == np.ascontiguousarray(whole).tobytes()


def test_registers_that_nobody_reads_any_more_share_their_room() -> None:
    made = compile_formulas([item.formula for item in SETS["standard"]]).program
    slots = {int(row[SLOT]) for row in made.registers.reshape(-1, PLACES)}
    assert len(slots) < made.registers.size // PLACES / 5
    assert made.cells < 100 * made.block + 100_000
