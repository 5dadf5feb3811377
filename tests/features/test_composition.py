"""Composed parts against probes of the future and an independent recomputation with pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.features.composition import formula_values
from crypto_team.features.formula import parse
from crypto_team.features.plan import lookback
from crypto_team.features.surroundings import Frame, KnownSeries, SeriesKey, Surroundings
from tests.features.worlds import DAY, FORMULAS, HOUR, PAIRS, START, World, other_future, table, world

CUTS = (1203, 1500, 1501, 1502, 1503, 2100)


@pytest.fixture(scope="module")
def made() -> World:
    return world()


def _values(formula: str, place: World) -> np.ndarray:
    return formula_values([parse(formula, "1h")], place.frame, place.around)[0]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_composed_part_uses_what_was_not_known_at_the_close_of_its_bar(formula: str, made: World) -> None:
    whole = _values(formula, made)
    assert np.isfinite(whole[1200:]).any()
    for number, cut in enumerate(CUTS):
        changed = _values(formula, other_future(made, cut, number))
        assert np.array_equal(changed[: cut + 1], whole[: cut + 1], equal_nan=True), cut


@pytest.mark.parametrize("formula", [item for item in FORMULAS if "session" not in item])
def test_the_probe_would_see_a_join_that_is_one_bar_early(formula: str, made: World) -> None:
    whole = _values(formula, made)
    changed = [_values(formula, other_future(made, cut, 9)) for cut in range(1500, 1600, 3)]
    assert any(
        not np.array_equal(values[: cut + 26], whole[: cut + 26], equal_nan=True)
        for cut, values in zip(range(1500, 1600, 3), changed, strict=True)
    )


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_derived_look_back_is_enough_to_compute_the_value_again(formula: str, made: World) -> None:
    whole = _values(formula, made)
    needed = lookback(parse(formula, "1h"), HOUR)
    for end in (2000, 2001, 2003, 2399):
        first = end - needed
        part = Frame(
            {name: x[first : end + 1] for name, x in made.frame.columns.items()},
            made.frame.times[first : end + 1],
            HOUR,
        )
        again = formula_values([parse(formula, "1h")], part, made.around)[0][-1]
        assert again == pytest.approx(whole[end], rel=1e-5, nan_ok=True)


def test_another_timeframe_is_what_pandas_resamples_and_joins_at_the_close(made: World) -> None:
    bars = table(made.frame)
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    four = bars.resample("4h").agg(rules)
    complete = bars["close"].resample("4h").count() == 4
    four = four[complete]
    move = four["close"].pct_change(3)
    known = pd.DataFrame({"known": four.index + pd.Timedelta("4h"), "value": move.to_numpy()})
    own = pd.DataFrame({"decision": bars.index + pd.Timedelta("1h")})
    expected = pd.merge_asof(own, known, left_on="decision", right_on="known")["value"].to_numpy()
    found = _values('on("4h", ret(close, 3))', made)
    behind = lookback(parse('on("4h", ret(close, 3))'), HOUR)
    np.testing.assert_allclose(found[behind:], expected[behind:], rtol=1e-12)
    volume = _values('on("4h", volume)', made)
    summed = pd.merge_asof(own, known.assign(value=four["volume"].to_numpy()), left_on="decision", right_on="known")[
        "value"
    ].to_numpy()
    np.testing.assert_allclose(volume[6:], summed[6:], rtol=1e-12)


def test_another_pair_is_joined_as_of_its_close(made: World) -> None:
    other = table(made.around.frames[PAIRS[1]])
    expected = (table(made.frame)["close"] / other["close"]).to_numpy()
    np.testing.assert_allclose(_values('close / of("ETH/USDT:USDT", close)', made), expected, rtol=1e-12)


def test_a_pair_whose_bars_end_is_unknown_from_then_on(made: World) -> None:
    eth = made.around.frames[PAIRS[1]].before(int(made.frame.closes[2000]) + 1)
    around = Surroundings(PAIRS[0], {**made.around.frames, PAIRS[1]: eth}, {})
    found = formula_values([parse('of("ETH/USDT:USDT", close)')], made.frame, around)[0]
    assert np.isfinite(found[1990:2001]).all()
    assert np.isnan(found[2001:]).all()


def test_a_pair_without_any_bars_is_unknown_and_nothing_fails(made: World) -> None:
    empty = Frame({name: np.empty(0) for name in made.frame.columns}, np.empty(0, dtype=np.int64), HOUR)
    around = Surroundings(PAIRS[0], {PAIRS[1]: empty}, {})
    for formula in ('of("ETH/USDT:USDT", rsi(close, 14))', 'of("ETH/USDT:USDT", on("4h", adx(14)))'):
        assert np.isnan(formula_values([parse(formula)], made.frame, around)[0]).all()
    short = Frame({name: x[:3] for name, x in made.frame.columns.items()}, made.frame.times[:3], HOUR)
    assert np.isnan(formula_values([parse('on("1d", sma(close, 20))')], short, None)[0]).all()


def test_a_series_is_the_last_value_that_was_known_with_later_revisions(made: World) -> None:
    item = made.around.series[SeriesKey("dominance", "btc", "")]
    expected = np.full(made.frame.times.size, np.nan)
    for row, decision in enumerate(made.frame.closes):
        known = item.known_at <= decision
        if known.any():
            newest = item.time[known].max()
            last = np.flatnonzero(known & (item.time == newest))[-1]
            expected[row] = item.value[last]
    np.testing.assert_array_equal(_values('dominance("btc")', made), expected)


def test_funding_of_a_lagged_settlement_counts_from_the_first_close_after_it() -> None:
    frame = world(100).frame
    times = np.array([START // (8 * HOUR) * 8 * HOUR + 8 * HOUR])
    item = KnownSeries(times, times + 60_000, np.array([0.5]), DAY)
    around = Surroundings(PAIRS[0], {}, {SeriesKey("funding", "", PAIRS[0]): item})
    found = formula_values([parse("funding()")], frame, around)[0]
    first = int(np.flatnonzero(np.isfinite(found))[0])
    assert frame.closes[first] == times[0] + HOUR  # the bar that closes at the settlement itself does not know it yet
    assert frame.closes[np.flatnonzero(np.isfinite(found))[-1]] <= times[0] + 60_000 + DAY


def test_events_are_summed_over_the_bar_in_which_they_became_known(made: World) -> None:
    item = made.around.series[SeriesKey("long_liquidations", "", PAIRS[0])]
    closes = pd.to_datetime(item.known_at, unit="ms", utc=True).ceil("1h")
    sums = pd.Series(item.value).groupby(closes).sum()
    bars = pd.to_datetime(made.frame.closes, unit="ms", utc=True)
    expected = sums.reindex(bars, fill_value=0.0).to_numpy()
    found = _values("long_liquidations()", made)
    known = np.isfinite(found)
    assert known.mean() > 0.98
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-12)


def test_a_basket_is_the_mean_of_its_members(made: World) -> None:
    members = [table(made.around.frames[pair])["close"].pct_change(24).to_numpy() for pair in PAIRS]
    found = _values(FORMULAS[5], made)
    np.testing.assert_allclose(found[24:], np.mean(members, axis=0)[24:], rtol=1e-9, atol=1e-15)


def test_what_is_missing_around_is_named_with_the_way_to_import_it(made: World) -> None:
    for formula, words in (
        ('of("DOGE/USDT:USDT", close)', "bars of DOGE"),
        ('sentiment("twitter")', "twitter"),
        ("short_liquidations()", "short_liquidations of BTC"),
    ):
        with pytest.raises(InputError, match=words):
            _values(formula, made)
    with pytest.raises(InputError, match="more than the bars of its own pair"):
        formula_values([parse("funding()")], made.frame, None)
