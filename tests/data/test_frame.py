from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_team.data.frame import (
    PRICES,
    canonical,
    canonical_funding,
    content_hash,
    epoch_ms,
    regularise,
    research_part,
    timeframe_name,
    timeframe_seconds,
)
from crypto_team.data.ticks import price_decimals, round_prices
from crypto_team.errors import InputError, UsageError

MakeBars = Callable[..., pd.DataFrame]


def read(frame: pd.DataFrame, timeframe: str = "1h", *, repair: bool = False) -> pd.DataFrame:
    return canonical(frame, timeframe=timeframe, where="bars.csv", repair=repair)


def refusal(frame: pd.DataFrame, timeframe: str = "1h", *, repair: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        read(frame, timeframe, repair=repair)
    assert caught.value.where == "bars.csv"
    return str(caught.value)


def test_a_canonical_frame_comes_back_as_it_is(make_bars: MakeBars) -> None:
    bars = make_bars()
    pd.testing.assert_frame_equal(read(bars), bars)
    assert str(read(bars)["timestamp"].dtype) == "datetime64[ms, UTC]"


@pytest.mark.parametrize("name", ["date", "Time", "DateTime", "open_time", " ts "])
def test_the_time_column_is_found_under_its_usual_names(make_bars: MakeBars, name: str) -> None:
    bars = make_bars()
    pd.testing.assert_frame_equal(read(bars.rename(columns={"timestamp": name, "close": "Close"})), bars)


@pytest.mark.parametrize(
    "write",
    [
        epoch_ms,
        lambda times: epoch_ms(times) // 1000,
        lambda times: epoch_ms(times) * 1000,
        lambda times: epoch_ms(times) * 1_000_000,
        lambda times: epoch_ms(times).astype(np.float64),
        lambda times: times.dt.tz_localize(None),
        lambda times: times.dt.tz_convert("Asia/Tokyo"),
        lambda times: times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda times: times.dt.strftime("%Y-%m-%d %H:%M:%S"),
        lambda times: times.dt.strftime("%Y-%m-%d %H:%M:%S+00:00"),
        lambda times: times.astype("datetime64[ns, UTC]"),
    ],
    ids=["ms", "s", "us", "ns", "float ms", "naive", "Tokyo", "ISO Z", "ISO naive", "ISO offset", "ns column"],
)
def test_every_way_of_writing_a_time_means_the_same(make_bars: MakeBars, write: Callable[..., Any]) -> None:
    bars = make_bars()
    pd.testing.assert_frame_equal(read(bars.assign(timestamp=write(bars["timestamp"]))), bars)


def test_times_may_be_the_index(make_bars: MakeBars) -> None:
    bars = make_bars()
    pd.testing.assert_frame_equal(read(bars.set_index("timestamp")), bars)
    pd.testing.assert_frame_equal(read(bars.set_index("timestamp").rename_axis(None)), bars)


def test_dates_that_mean_different_days_in_different_places_are_refused(make_bars: MakeBars) -> None:
    assert "ISO 8601" in refusal(make_bars().assign(timestamp="03/04/2021 05:00"))


def test_missing_columns_are_named_with_what_is_there_and_what_is_accepted(make_bars: MakeBars) -> None:
    text = refusal(make_bars().rename(columns={"timestamp": "when", "volume": "amount"}))
    assert "missing column(s) timestamp, volume" in text
    assert "the file has when, open, high, low, close, amount" in text
    assert "open_time" in text
    assert "base_volume" in text


def test_a_file_without_a_header_line_is_recognised() -> None:
    frame = pd.DataFrame(
        [[1_609_459_200_000, 2, 3, 1, 2, 5]], columns=["1609455600000", "1.0", "2.0", "0.5", "2.1", "9"]
    )
    assert "no header line" in refusal(frame)


def test_an_empty_file_is_refused(make_bars: MakeBars) -> None:
    assert "no rows" in refusal(make_bars().iloc[:0])


def test_disorder_names_the_first_row_and_the_way_out(make_bars: MakeBars) -> None:
    bars = make_bars()
    swapped = bars.iloc[[0, 1, 3, 2, *range(4, 50)]].reset_index(drop=True)
    assert "row 4 (2024-03-01 02:00:00+00:00) is before row 3" in refusal(swapped)
    assert "--repair" in refusal(swapped)
    pd.testing.assert_frame_equal(read(swapped, repair=True), bars)


def test_exact_duplicates_are_dropped_only_on_request(make_bars: MakeBars) -> None:
    bars = make_bars()
    doubled = bars.iloc[[0, 1, 1, *range(2, 50)]].reset_index(drop=True)
    assert "stand twice, the first is 2024-03-01 01:00:00+00:00 (row 3)" in refusal(doubled)
    pd.testing.assert_frame_equal(read(doubled, repair=True), bars)


def test_duplicates_that_differ_are_never_repaired(make_bars: MakeBars) -> None:
    doubled = make_bars().iloc[[0, 1, 1, *range(2, 50)]].reset_index(drop=True)
    doubled.loc[2, "close"] = 99.0
    assert "keep the right one" in refusal(doubled, repair=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, "n/a"])
def test_values_that_are_no_numbers_are_refused_with_their_row(make_bars: MakeBars, bad: Any) -> None:
    bars = make_bars().astype({"close": object})
    bars.loc[6, "close"] = bad
    assert "close are not finite numbers, the first in row 7" in refusal(bars)


@pytest.mark.parametrize(("column", "bad"), [("low", -1.0), ("open", 0.0), ("volume", -0.5)])
def test_impossible_prices_and_volumes_are_refused_with_their_row(make_bars: MakeBars, column: str, bad: float) -> None:
    bars = make_bars()
    bars.loc[3, column] = bad
    assert "the first is row 4" in refusal(bars)


def test_a_missing_time_is_refused_with_its_row(make_bars: MakeBars) -> None:
    bars = make_bars()
    bars.loc[3, "timestamp"] = pd.NaT
    assert "row 4 has no time" in refusal(bars)


def test_another_timeframe_is_recognised(make_bars: MakeBars) -> None:
    assert "--timeframe 5m" in refusal(make_bars(timeframe="5m"), "1h")
    assert "3600 seconds apart, not 300" in refusal(make_bars(timeframe="1h"), "5m")


@pytest.mark.parametrize("shift", ["1s", "500ms", "30min"])
def test_times_off_the_grid_are_refused(make_bars: MakeBars, shift: str) -> None:
    bars = make_bars()
    bars["timestamp"] += pd.Timedelta(shift)
    assert "bar OPEN times" in refusal(bars)


def test_an_unknown_timeframe_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="15m"):
        timeframe_seconds("7m")
    assert timeframe_name(900) == "15m"
    assert timeframe_name(901) is None


def test_funding_jitter_is_rounded_to_the_hour() -> None:
    raw = pd.DataFrame(
        {"timestamp": ["2024-01-01T00:00:00.004Z", "2024-01-01T08:00:00Z"], "fundingRate": [1e-4, -2e-4]}
    )
    made = canonical_funding(raw, where="f")
    assert made["timestamp"].dt.strftime("%H:%M:%S.%f").tolist() == ["00:00:00.000000", "08:00:00.000000"]
    assert made["funding_rate"].tolist() == [1e-4, -2e-4]


def test_a_funding_rate_in_percent_is_refused() -> None:
    raw = pd.DataFrame({"timestamp": ["2024-01-01T00:00:00Z"], "funding_rate": [1.0]})
    with pytest.raises(InputError, match="fractions per event"):
        canonical_funding(raw, where="f")


def test_missing_bars_repeat_the_last_close_without_volume(make_bars: MakeBars) -> None:
    bars = make_bars(10)
    regular = regularise(bars.drop([3, 4, 8]).reset_index(drop=True), "1h")
    assert regular["timestamp"].tolist() == bars["timestamp"].tolist()
    assert np.flatnonzero(regular["filled"]).tolist() == [3, 4, 8]
    for row, source in ((3, 2), (4, 2), (8, 7)):
        assert regular[list(PRICES)].iloc[row].to_list() == [bars["close"].iloc[source]] * 4
        assert regular.loc[row, "volume"] == 0.0
    kept = [0, 1, 2, 5, 6, 7, 9]
    pd.testing.assert_frame_equal(regular.loc[kept, list(bars.columns)], bars.loc[kept])


def test_regularising_twice_changes_nothing(make_bars: MakeBars) -> None:
    once = regularise(make_bars(10).drop([3, 4]).reset_index(drop=True), "1h")
    pd.testing.assert_frame_equal(regularise(once, "1h"), once)


def test_no_bars_cannot_be_regularised(make_bars: MakeBars) -> None:
    with pytest.raises(InputError, match="no bars"):
        regularise(make_bars().iloc[:0], "1h")


def test_the_research_part_ends_before_the_sealed_part(make_bars: MakeBars) -> None:
    bars = make_bars(10)
    part = research_part(bars, "2024-03-01T04:00:00Z")
    assert part["timestamp"].max() == pd.Timestamp("2024-03-01T03:00:00Z")
    assert len(part) == 4
    assert len(research_part(bars, None)) == 10


def test_the_content_hash_sees_values_not_storage(make_bars: MakeBars) -> None:
    bars = make_bars()
    stored = bars.assign(timestamp=bars["timestamp"].astype("datetime64[ns, UTC]"), extra=1)[::-1][::-1]
    assert content_hash(bars) == content_hash(stored)
    assert content_hash(bars).startswith("sha256:")
    assert content_hash(bars.assign(volume=-0.0)) == content_hash(bars.assign(volume=0.0))


def test_the_content_hash_sees_every_column_and_time(make_bars: MakeBars) -> None:
    bars = make_bars()
    hashes = {content_hash(bars), content_hash(bars.iloc[:-1])}
    for column in bars.columns:
        changed = bars.copy()
        last = changed[column].iloc[-1]
        step = pd.Timedelta("1h") if column == "timestamp" else 1e-9
        changed.loc[49, column] = last + step
        hashes.add(content_hash(changed))
    assert len(hashes) == 8


@given(st.integers(0, 8), st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_prices_are_held_exactly_by_their_decimals(decimals: int, ticks: list[int]) -> None:
    prices = np.array(ticks) / 10**decimals
    frame = pd.DataFrame(dict.fromkeys(PRICES, prices))
    found = price_decimals(frame)
    assert found <= decimals
    assert np.array_equal(round_prices(frame, found)["close"], prices)


def test_floating_point_dust_does_not_count_as_a_decimal() -> None:
    frame = pd.DataFrame({name: [0.017000499999999998, 0.5] for name in PRICES})
    assert price_decimals(frame) == 7
    assert round_prices(frame, 7)["low"].tolist() == [0.0170005, 0.5]
