"""What users get wrong with formulas and bars: one clear error that says where, or a rule for what is unknown."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.errors import CryptoTeamError, FormulaError, InputError
from crypto_team.features.composition import composed_columns, formula_values
from crypto_team.features.formula import parse
from crypto_team.features.online import OnlineFeatures
from crypto_team.features.plan import compile_formulas
from crypto_team.features.sets import SETS
from crypto_team.features.surroundings import Frame, Surroundings
from tests.features.conftest import Market, random_market

WRONG = {
    "rsii(close, 14)": ("unknown operator 'rsii'", "column 1", "did you mean rsi?"),
    "zscore(rsii(close, 14), 5)": ("unknown operator 'rsii'", "column 8", "did you mean rsi?"),
    "ret(clsoe, 3)": ("unknown column 'clsoe'", "column 5", "did you mean close?"),
    "rsi(close, 14, 3)": ("rsi has 1 setting", "column 1", "write rsi(x, n=14)"),
    "corr(close, 3)": ("corr needs 2 column", "column 1", "write corr(x, y, n=168)"),
    "rsi(close, 0)": ("whole number from 1 to 20000, not 0", "column 12", "no zero or negative window"),
    "lag(close, -1)": ("whole number from 1 to 20000, not -1", "column 12", "no zero or negative window"),
    "sma(close, 2.5)": ("whole number from 1 to 20000, not 2.5", "column 12", ""),
    "sma(close, 20001)": ("whole number from 1 to 20000, not 20001", "column 12", ""),
    "zscore(close, m=5)": ("zscore has no setting 'm'", "column 1", "write zscore(x, n=24)"),
    "zscore(close, n=5, n=6)": ("given twice", "column 1", "write zscore(x, n=24)"),
    "close.shift(-1)": ("only operators can be called", "column 1", "for example"),
    "sma(close, 20": ("'(' was never closed", "column 4", "for example"),
    'on("7h", close)': ("unknown timeframe '7h'", "column 4", "one of 1m"),
    'on("30m", close)': ("30m is not a multiple of 1h bars", "column 4", "one of 1h, 2h"),
    'of("eth", close)': ("'eth' is no pair", "column 4", "BASE/QUOTE"),
    'book("spread")': ("book has no column 'spread'", "column 6", ""),
    "hmm(close) + 1": ("has to be the outermost part", "column 1", "fitted in every fold"),
    "weighted(close, 10)": ("weighted takes 2 to 20 formulas, not 1", "column 1", "write weighted"),
    "": ("the formula is empty", "", "for example"),
    "close ** 2": ("** is not part of the formula language", "column 1", "write x * x"),
    "close == open": ("== is not part of the formula language", "column 1", "comparisons are <"),
    "low < close < high": ("a chain of comparisons is not part", "column 1", "is both"),
    "close > open and low > open": ("and, or is not part", "column 1", "is both"),
    "sma(close[1], 3)": ("is not part of the formula language", "column 5", "lag(close, n)"),
    "rsi([close], 3)": ("is not part of the formula language", "column 5", "a sweep is written"),
    "sma('close', 3)": ("'close' is a text", "column 5", "without quotes"),
    "close / 0": ("division by zero", "column 9", ""),
    "count / sma(volume, 20)": ("unknown column 'count'", "column 1", "did you mean trades?"),
    "shift(close, 1)": ("unknown operator 'shift'", "column 1", "did you mean lag?"),
    "bb_width(close, 20, 0)": ("k has to be above zero", "column 1", "write bb_width"),
    "ema_ratio(close, 21, 9)": ("fast has to be shorter than slow", "column 1", "write ema_ratio"),
    "zscore(close, 1)": ("whole number from 2 to 20000, not 1", "column 15", ""),
    "hmm(close, states=9)": ("whole number from 2 to 6, not 9", "column 19", ""),
    "time_to_funding(5)": ("n has to divide the 24 hours of a day", "column 1", "write time_to_funding"),
    "book()": ("book takes one name", "column 1", "write book"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_formula_is_refused_with_place_and_way_out(text: str) -> None:
    what, where, hint = WRONG[text]
    with pytest.raises(FormulaError) as caught:
        parse(text, "1h")
    assert what in caught.value.what
    assert where in (caught.value.where or "")
    assert hint in (caught.value.hint or "")


def _computed(market: Market, formulas: list[str]) -> np.ndarray:
    return compile_formulas(formulas).compute(market.columns, market.times)


STANDARD = [item.formula for item in SETS["standard"]]


def test_a_window_longer_than_the_bars_is_unknown_everywhere_and_nothing_else_is(market: Market) -> None:
    found = _computed(market.part(0, 300), ["sma(close, 500)", "sma(close, 20)"])
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[19:, 1]).all()


def test_a_missing_source_is_named_with_the_way_to_import_it(market: Market) -> None:
    frame = Frame(market.columns, market.times, 3_600_000)
    for text, words in (
        ('of("ETH/USDT", close)', "no bars of ETH/USDT"),
        ("funding()", "no series funding of BTC/USDT"),
        ('sentiment("mood")', "no series sentiment from mood"),
        ('book("spread_bps")', "no series spread_bps of BTC/USDT"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            composed_columns([parse(text, "1h")], frame, Surroundings("BTC/USDT"))
        assert "crypto-team data" in str(caught.value.hint)
    with pytest.raises(InputError, match="needs more than the bars of its own pair"):
        composed_columns([parse("funding()", "1h")], frame, None)
    with pytest.raises(InputError, match="the candles have no column trades"):
        compile_formulas(["trades_ratio(trades, 20)"]).compute({"close": market.columns["close"]}, market.times)


@pytest.mark.parametrize(
    "text", ["trades_ratio(20)", "close + vwap", 'on("4h", trades_ratio(20))', 'of("ETH/USDT", lag(vwap, 3))']
)
def test_a_column_that_candles_may_have_is_named_wherever_a_formula_reads_it(market: Market, text: str) -> None:
    plain = {name: market.columns[name] for name in ("open", "high", "low", "close", "volume")}
    frame = Frame(plain, market.times, 3_600_000)
    around = Surroundings("BTC/USDT", frames={"ETH/USDT": frame})
    with pytest.raises(InputError, match=r"the candles have no column (trades|vwap)") as caught:
        formula_values([parse(text, "1h")], frame, around)
    assert "data import" in str(caught.value.hint)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_bars_that_hold_nonsense_give_no_infinity_and_are_forgotten(value: float) -> None:
    whole, part = random_market(2500, 3), random_market(2500, 3)
    for name in ("close", "volume"):
        part.columns[name][900] = value
    found, clean = _computed(part, STANDARD), _computed(whole, STANDARD)
    assert not np.isinf(found).any()
    longest = max(compile_formulas(STANDARD).lookback)
    assert np.allclose(found[901 + longest :], clean[901 + longest :], rtol=1e-5, atol=1e-5, equal_nan=True)
    assert np.array_equal(found[:900], clean[:900], equal_nan=True)


def test_flat_prices_without_volume_give_no_infinity_in_any_operator() -> None:
    market = random_market(1500, 3)
    for name in ("open", "high", "low", "close"):
        market.columns[name][:] = 100.0
    market.columns["volume"][:] = 0.0
    found = _computed(market, STANDARD)
    assert not np.isinf(found).any()


def test_times_that_stand_twice_or_run_backwards_are_refused_with_their_row(market: Market) -> None:
    for change, words in ((0, "bar 701 opens at"), (-7_200_000, "bar 701 opens at")):
        times = market.times.copy()
        times[701] = times[700] + change
        with pytest.raises(InputError, match=words) as caught:
            compile_formulas(["rsi(close, 14)"]).compute(market.columns, times)
        assert "sort the bars and drop duplicates" in str(caught.value.hint)


def test_columns_of_different_length_are_refused(market: Market) -> None:
    columns = {**market.columns, "volume": market.columns["volume"][:-1]}
    with pytest.raises(InputError, match="volume and the times differ in length"):
        compile_formulas(["volume_ratio(20)"]).compute(columns, market.times)


@pytest.mark.parametrize("bar", [{}, {"timestamp": "now"}, {"timestamp": 0}, {"timestamp": 0, "close": "many"}])
def test_a_bar_that_is_none_is_refused_in_one_sentence(bar: dict[str, object]) -> None:
    with pytest.raises(CryptoTeamError) as caught:
        OnlineFeatures(["rsi(close, 14)"]).update(bar)
    assert caught.value.where in {"timestamp", "close"}
