"""Composed parts of the language: canonical text, names, families, look-back, and errors that point."""

from __future__ import annotations

import pytest

from crypto_team.errors import FormulaError
from crypto_team.features.formula import canonical_text, expand, family, feature_name, parse
from crypto_team.features.needs import needs, pinned
from crypto_team.features.plan import compile_formulas
from crypto_team.features.surroundings import SeriesKey
from tests.features.worlds import FORMULAS

WRONG = {
    'on("7m", rsi(close, 14))': (4, "unknown timeframe '7m'"),
    'zscore(on("3m", close), 20)': (11, "3m is not a multiple of 5m bars"),
    'on("4h", on("1h", close))': (13, "1h is not a multiple of 4h bars"),
    'on(close, "4h")': (4, "a timeframe in quotes"),
    'on("4h")': (1, "takes a name and a formula"),
    'on("4h", 3)': (10, "a number is the same everywhere"),
    'on("4h", rsi(close, 0))': (21, "whole number from 1"),
    'of("eth", close)': (4, "is no pair"),
    'basket("defy", close)': (8, "neither a basket nor a pair"),
    'session("moon")': (1, "unknown session"),
    "oi(3)": (4, "an exchange in quotes"),
    'funding("Binance Futures")': (9, "no name of a source"),
    "dominance()": (1, "takes one name"),
    'on("4h", close, n=3)': (1, "no named settings"),
    "fundng()": (1, "unknown operator"),
    "2 * hmm(close)": (5, "outermost part"),
    'on("4h", hmm(close))': (10, "outermost part"),
    "hmm(close, states=9)": (19, "whole number from 2 to 6"),
    "hmm(close, 2, 3)": (15, "state of hmm has to be a whole number from 1 to 2"),
    "hmm(close, depth=3)": (1, "has no setting 'depth'"),
    "pca(close)": (1, "takes 2 to 20 formulas, not 1"),
    "scaled(close, 3)": (1, "has 0 setting"),
    "funding": (1, "is no column"),
}


@pytest.mark.parametrize("formula", WRONG)
def test_what_is_wrong_is_named_with_its_place(formula: str) -> None:
    place, words = WRONG[formula]
    with pytest.raises(FormulaError, match=words.replace("(", r"\(").replace("'", ".")) as caught:
        expand(formula, "5m")
    assert str(caught.value.where).endswith(f"column {place}")
    assert caught.value.hint or "whole number" in caught.value.what


@pytest.mark.parametrize(
    "formula", [*FORMULAS, "hmm(logret(close, 1), ret(volume, 1), 3, 2, 64)", "scaled(rsi(close, 14))"]
)
def test_canonical_text_reads_back_as_itself(formula: str) -> None:
    node = parse(formula, "1h")
    assert parse(canonical_text(node), "1h") == node
    assert feature_name(formula)[0].isalpha()


def test_names_of_different_formulas_differ() -> None:
    assert len({feature_name(item) for item in FORMULAS}) == len(FORMULAS)


def test_sweeps_run_through_timeframes_pairs_and_settings() -> None:
    assert expand('on({"1h", "4h"}, rsi(close, {7, 14}))', "5m") == [
        'on("1h", rsi(close, 7))',
        'on("1h", rsi(close, 14))',
        'on("4h", rsi(close, 7))',
        'on("4h", rsi(close, 14))',
    ]
    assert len(expand('of({"ETH/USDT", "SOL/USDT"}, ret(close, {1, 4}))')) == 4
    assert expand("hmm(logret(close, 1), states={2, 3})") == [
        "hmm(logret(close, 1), 2, 1, 128)",
        "hmm(logret(close, 1), 3, 1, 128)",
    ]


def test_the_look_back_counts_the_bars_below_longer_ones() -> None:
    texts = [
        'on("4h", ret(close, 3))',
        'of("ETH/USDT", on("4h", ret(close, 3)))',
        'lag(on("1d", close), 5)',
        "hmm(ret(close, 2), 2, 1, 64)",
    ]
    assert compile_formulas(texts, "1h").lookback == (18, 18, 51, 65)
    assert compile_formulas(['on("1h", ret(close, 3))'], "1h").lookback == (3,)
    with pytest.raises(FormulaError, match="depends on the bars"):
        compile_formulas(texts)


def test_families_follow_what_is_read() -> None:
    found = {
        text: family(parse(text))
        for text in ('on("4h", rsi(close, 14))', 'of("ETH/USDT", close)', "funding()", "scaled(close)")
    }
    assert list(found.values()) == ["price_action", "cross_asset", "flow", "statistical"]


def test_needs_follow_pairs_into_what_is_read_for_them() -> None:
    found = needs(
        ['of("ETH/USDT", funding())', 'oi("bybit")', 'basket("A/USDT,B/USDT", oi())', 'sentiment("fg")'], ["BTC/USDT"]
    )
    assert found.pairs == ("A/USDT", "B/USDT", "ETH/USDT")
    assert found.series == (
        SeriesKey("funding", "", "ETH/USDT"),
        SeriesKey("open_interest", "", "A/USDT"),
        SeriesKey("open_interest", "", "B/USDT"),
        SeriesKey("open_interest", "bybit", "BTC/USDT"),
        SeriesKey("sentiment", "fg", ""),
    )


def test_a_basket_is_pinned_to_the_pairs_that_there_are() -> None:
    there = {"AAVE", "UNI"}
    text = pinned(
        'ret(close, 24) - basket("DeFi", ret(close, 24))',
        lambda names: [f"{item}/USDT" for item in names if item in there],
    )
    assert text == 'ret(close, 24) - basket("AAVE/USDT,UNI/USDT", ret(close, 24))'
    with pytest.raises(FormulaError, match="has 0 pair"):
        pinned('basket("meme", close)', lambda _names: [])
