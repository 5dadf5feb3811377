from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crypto_team.errors import FormulaError, InputError
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import Operator
from crypto_team.features.plan import compile_formulas

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
