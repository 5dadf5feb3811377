from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import talib

from crypto_team.features import machine, operators_trend
from crypto_team.features import opcodes as op
from crypto_team.features.formula import parse
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import decay_bars
from crypto_team.features.plan import compile_formulas
from crypto_team.features.reference import describe, operator_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from crypto_team.features.operators import Operator
    from tests.features.conftest import Market

COLUMNS = ("open", "high", "low", "close", "volume")
SETTINGS = {"clip": "-1, 1"}
OF_PRICES = {
    *("ret", "logret", "roc", "excess_ret", "realised_vol", "sma_ratio", "ema_ratio"),
    *("macd", "macd_signal", "macd_hist", "hurst", "vol_regime", "vol_state", "log", "sqrt"),
}
NAMES = sorted(OPERATORS)


def call_of(found: Operator) -> str:
    """Write a call with the usual inputs; where any column will do, with returns, which have a warm-up of their own."""
    own = [item.name.rstrip("_") for item in found.columns]
    usual = "close" if found.name in OF_PRICES else "ret(close)"
    inputs = [name if name in COLUMNS else usual for name in own]
    extra = [SETTINGS[found.name]] if found.name in SETTINGS else []
    return f"{found.name}({', '.join([*inputs, *extra])})"


def _values(formula: str, market: Market) -> npt.NDArray[np.float32]:
    return compile_formulas([formula]).compute(market.columns, market.times)[:, 0]


@pytest.mark.parametrize("name", NAMES)
def test_no_operator_reads_a_later_bar(name: str, market: Market) -> None:
    formula = call_of(OPERATORS[name])
    whole = _values(formula, market)
    for cut in (700, 1501, 2499):
        assert np.array_equal(_values(formula, market.part(0, cut)), whole[:cut], equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_is_known_from_its_look_back_on_and_never_before(name: str, market: Market) -> None:
    formula = call_of(OPERATORS[name])
    values, first = _values(formula, market), compile_formulas([formula]).lookback[0]
    assert values.shape == market.times.shape
    assert np.isnan(values[:first]).all()
    assert np.isfinite(values[first:]).mean() > 0.99


@pytest.mark.parametrize("name", NAMES)
def test_the_look_back_is_enough_to_compute_the_value_again(name: str, market: Market) -> None:
    formula = call_of(OPERATORS[name])
    plan = compile_formulas([formula])
    whole = _values(formula, market)
    spread = float(np.nanstd(whole))
    for end in (900, 1777, 2500):
        window = market.part(end - 1 - plan.lookback[0], end)
        again = plan.compute(window.columns, window.times)[-1, 0]
        assert again == pytest.approx(whole[end - 1], rel=1e-6, abs=2e-6 * spread, nan_ok=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_gives_the_same_values_again(name: str, market: Market) -> None:
    formula = call_of(OPERATORS[name])
    assert _values(formula, market).tobytes() == _values(formula, market).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_recovers_from_unknown_values(name: str, market: Market) -> None:
    formula = call_of(OPERATORS[name])
    plan = compile_formulas([formula])
    holed = {column: values.copy() for column, values in market.columns.items()}
    for values in holed.values():
        values[1000] = np.nan
    found = plan.compute(holed, market.times)[:, 0]
    whole = _values(formula, market)
    after = 1000 + plan.lookback[0] + 1
    spread = 2e-6 * float(np.nanstd(whole))
    assert np.allclose(found[after:], whole[after:], rtol=1e-6, atol=spread, equal_nan=True)
    assert np.array_equal(found[:1000], whole[:1000], equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_stays_known_beside_an_unknown_value_does_not_depend_on_it(name: str, market: Market) -> None:
    plan = compile_formulas([call_of(OPERATORS[name])])
    if (plan.program.steps.reshape(-1, machine.COLUMNS)[:, machine.CODE] == op.SMOOTHED).any():
        pytest.skip("an unknown value starts an exponential average anew")
    part = market.part(600, 1600)
    usual = {column: part.columns.get(column, np.ceil(part.columns["volume"])) for column in plan.columns}
    for column in plan.columns:
        made = []
        for value in (np.nan, np.inf, 0.7, 1.4):
            columns = usual | {column: usual[column].copy()}
            columns[column][500] *= value
            made.append(plan.compute(columns, part.times)[500:, 0])
        known = np.isfinite(made[0])
        assert np.array_equal(made[0], made[1], equal_nan=True)
        recovered = known & (np.arange(500) > plan.lookback[0])
        known &= ~recovered
        for other in made[2:]:
            assert np.array_equal(made[0][known], other[known]), column


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("price", [0.1, 42_000.37])
def test_a_dead_market_gives_no_infinity_and_no_noise(name: str, price: float) -> None:
    times = 1_600_000_000_000 + 3_600_000 * np.arange(900, dtype=np.int64)
    columns = {column: np.full(900, price) for column in COLUMNS}
    columns["volume"] = np.zeros(900)
    values = compile_formulas([call_of(OPERATORS[name])]).compute(columns, times)[:, 0]
    known = values[500:][~np.isnan(values[500:])]
    assert np.isfinite(known).all()
    if OPERATORS[name].family != "temporal":
        assert known.size == 0 or np.ptp(known) <= 1e-6 * max(1.0, abs(float(known[0])))


@pytest.mark.parametrize("name", ["vwap_dev", "session_vwap_dev"])
@pytest.mark.parametrize("price", [0.1, 123.456])
def test_where_no_price_moves_none_is_away_from_the_average(name: str, price: float, market: Market) -> None:
    columns = {column: np.full(market.times.size, price) for column in COLUMNS} | {"volume": market.columns["volume"]}
    values = compile_formulas([f"{name}(high, low, close, volume, 24)"]).doubles(columns, market.times)[23:, 0]
    assert (values == 0.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_says_what_it_is(name: str) -> None:
    found = OPERATORS[name]
    assert len(found.summary) > 3
    assert found.summary in describe(name)
    assert found.signature.startswith(f"{name}(")


def test_the_table_of_operators_has_a_row_for_each() -> None:
    rows = operator_rows()
    assert {row["name"] for row in rows} == set(OPERATORS)
    assert all(set(row) == {"name", "family", "signature", "summary"} for row in rows)


@pytest.mark.parametrize(
    "formula", ["zscore(close, 48)", "cci(20)", "skew(close, 50)", "kurt(close, 50)", "std(close, 20)"]
)
@pytest.mark.parametrize("price", [0.1, 100.1, 42_000.37])
def test_a_flat_window_has_no_deviation_whatever_the_price(formula: str, price: float) -> None:
    times = 3_600_000 * np.arange(300, dtype=np.int64)
    columns = {column: np.full(300, price) for column in COLUMNS}
    assert (compile_formulas([formula]).compute(columns, times)[60:] == 0.0).all()


def test_one_huge_value_leaves_no_trace_after_its_window(market: Market) -> None:
    plan = compile_formulas(["volume_ratio(20)", "cmf(20)", "vwap_dev(24)", "obv_change(24)", "mfi(14)"])
    spiked = {**market.columns, "volume": market.columns["volume"].copy()}
    spiked["volume"][1000] = 1e18
    found, whole = (plan.compute(columns, market.times) for columns in (spiked, market.columns))
    assert np.allclose(found[1030:], whole[1030:], rtol=1e-6, atol=1e-7)


def test_the_weight_of_what_lies_before_a_look_back_is_below_one_millionth() -> None:
    for alpha in (0.5, 2 / 27, 1 / 14, 1 / 200):
        bars = decay_bars(alpha)
        assert (1 - alpha) ** bars <= 1e-6 < (1 - alpha) ** (bars - 1)
    assert decay_bars(1.0) == 0


def test_the_breakout_leaves_the_current_bar_out() -> None:
    close = np.array([1.0, 2.0, 1.5, 2.5, 0.5])
    plan = compile_formulas(["donchian_breakout(close, close, close, 2)"])
    found = plan.compute({"close": close}, np.arange(5, dtype=np.int64))[:, 0]
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [0.0, 1.0, -1.0]


def test_prices_of_the_same_sum_are_no_move_of_the_money_flow() -> None:
    plan = compile_formulas(["mfi(2)"])
    rows = [[83_000.0, 82_000.0, 82_500.0], [83_870.1, 83_765.6, 83_797.6], [83_857.3, 83_766.0, 83_810.0]]
    prices = np.array([*rows, [84_000.0, 83_900.0, 83_950.0]])
    columns = {name: prices[:, k].copy() for k, name in enumerate(("high", "low", "close"))} | {"volume": np.ones(4)}
    assert plan.compute(columns, np.arange(4))[2:, 0].tolist() == [100.0, 100.0]


HLC = ("high", "low", "close")
CLASSIC = {
    "rsi(close, 14)": ("RSI", ("close",), (14,), 0),
    "sma(close, 20)": ("SMA", ("close",), (20,), 0),
    "ema(close, 20)": ("EMA", ("close",), (20,), 0),
    "roc(close, 10)": ("ROC", ("close",), (10,), 0),
    "diff(close, 10)": ("MOM", ("close",), (10,), 0),
    "willr(14)": ("WILLR", HLC, (14,), 0),
    "cci(20)": ("CCI", HLC, (20,), 0),
    "mfi(14)": ("MFI", (*HLC, "volume"), (14,), 0),
    "adx(14)": ("ADX", HLC, (14,), 0),
    "plus_di(14)": ("PLUS_DI", HLC, (14,), 0),
    "minus_di(14)": ("MINUS_DI", HLC, (14,), 0),
    "aroon_down(25)": ("AROON", ("high", "low"), (25,), 0),
    "aroon_up(25)": ("AROON", ("high", "low"), (25,), 1),
    "true_range()": ("TRANGE", HLC, (), 0),
    "atr(14)": ("ATR", HLC, (14,), 0),
    "natr(14)": ("NATR", HLC, (14,), 0),
    "macd(close) * close / 100": ("MACD", ("close",), (12, 26, 9), 0),
    "macd_signal(close) * close / 100": ("MACD", ("close",), (12, 26, 9), 1),
    "macd_hist(close) * close / 100": ("MACD", ("close",), (12, 26, 9), 2),
    "stoch_k(14, 3)": ("STOCH", HLC, (14, 3, 0, 3, 0), 0),
    "stoch_d(14, 3, 3)": ("STOCH", HLC, (14, 3, 0, 3, 0), 1),
    "std(close, 20) * sqrt(19 / 20)": ("STDDEV", ("close",), (20,), 0),
    "highest(high, 20)": ("MAX", ("high",), (20,), 0),
    "lowest(low, 20)": ("MIN", ("low",), (20,), 0),
    "total(volume, 20)": ("SUM", ("volume",), (20,), 0),
}


@pytest.mark.parametrize("formula", CLASSIC)
def test_classic_indicators_agree_with_ta_lib(formula: str, market: Market) -> None:
    function, columns, settings, output = CLASSIC[formula]
    made = getattr(talib, function)(*(market.columns[name] for name in columns), *settings)
    expected = made[output] if isinstance(made, tuple) else made
    plan = compile_formulas([formula])
    found = plan.compute(market.columns, market.times)[:, 0]
    after = plan.lookback[0] + 2 * (function == "STOCH")  # TA-Lib holds %K back until %D starts
    assert np.allclose(found[after:], expected[after:], rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("formula", [text for text in CLASSIC if not text.startswith(("macd", "stoch", "std"))])
def test_classic_indicators_start_where_and_how_ta_lib_starts_them(formula: str, market: Market) -> None:
    function, columns, settings, output = CLASSIC[formula]
    found = parse(formula)
    inputs = [market.columns[item.name] for item in found.inputs]
    made = getattr(talib, function)(*(market.columns[name] for name in columns), *settings)
    expected = made[output] if isinstance(made, tuple) else made
    with np.errstate(all="ignore"):
        values = OPERATORS[found.name].function(*inputs, *(int(value) for value in found.settings))
    assert np.allclose(values, expected, rtol=1e-9, atol=1e-7, equal_nan=True)


def test_changes_of_on_balance_volume_and_accumulation_are_those_of_ta_lib(market: Market) -> None:
    high, low, close, volume = (market.columns[name] for name in COLUMNS[1:])
    balance, accumulated = talib.OBV(close, volume), talib.AD(high, low, close, volume)
    traded = talib.SUM(volume, 24)
    plan = compile_formulas(["obv_change(24)", "ad_change(24, 24)", "cmf(24)"])
    found = plan.compute(market.columns, market.times)[24:]
    assert np.allclose(found[:, 0], (balance[24:] - balance[:-24]) / traded[24:], rtol=1e-5, atol=1e-6)
    for column in (1, 2):
        assert np.allclose(found[:, column], (accumulated[24:] - accumulated[:-24]) / traded[24:], rtol=1e-5, atol=1e-6)


def test_an_operator_can_be_called_with_arrays_as_with_series(market: Market) -> None:
    close = market.columns["close"]
    found = operators_trend.sma(close, 20)
    assert np.allclose(found[19:], np.convolve(close, np.full(20, 1 / 20), "valid"))
    assert np.isnan(found[:19]).all()
