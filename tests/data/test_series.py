"""Series beside the candles: known-at times, publication lags, revisions, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.data.frame import content_hash, epoch_ms
from crypto_team.data.series import STEPS_JUDGED, StepsJudged, read_known, stale_after
from crypto_team.errors import InputError, UsageError
from crypto_team.features.surroundings import known_series

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000


def _write(folder: Path, frame: pd.DataFrame, name: str = "series.csv") -> Path:
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def _daily(**more: object) -> pd.DataFrame:
    times = pd.date_range("2025-01-01", periods=5, freq="D", tz="UTC")
    return pd.DataFrame({"time": times, "value": [1.0, 2.0, 3.0, 4.0, 5.0], **more})


def _read(path: Path, **changed: object) -> pd.DataFrame:
    settings = {"kind": "sentiment", "pair": None, "name": "fg", "lag_seconds": 3600, "repair": False} | changed
    return read_known(path, **settings).frame  # type: ignore[arg-type]


def test_a_publication_lag_is_added_to_the_time(tmp_path: Path) -> None:
    frame = _read(_write(tmp_path, _daily()))
    assert (frame["known_at"] - frame["timestamp"]).eq(pd.Timedelta("1h")).all()
    assert str(frame["known_at"].dtype) == "datetime64[ms, UTC]"
    assert stale_after(epoch_ms(frame["timestamp"])).tolist() == [DAY, *[3 * DAY] * 4]


@given(st.lists(st.integers(-3, 9), max_size=200), st.integers(0, 200))
def test_how_long_a_value_counts_is_judged_by_what_came_before_it_and_the_same_live(steps: list[int], cut: int) -> None:
    times = DAY * np.cumsum(np.array(steps, dtype=np.int64))
    made, judge = stale_after(times), StepsJudged()
    assert [judge.stale_after(int(time)) for time in times] == made.tolist()
    assert made[:cut].tolist() == stale_after(times[:cut]).tolist()


def test_a_series_that_comes_oftener_from_now_on_is_judged_anew_and_its_past_stays(tmp_path: Path) -> None:
    weeks = 7 * DAY * np.arange(20)
    hours = weeks[-1] + DAY // 24 * np.arange(1, 200)
    made = stale_after(np.concatenate([weeks, hours]))
    assert set(made[1:20].tolist()) == {21 * DAY}
    assert made[20 + STEPS_JUDGED] == DAY


def test_a_known_at_column_wins_and_rows_are_put_into_the_order_of_knowledge(tmp_path: Path) -> None:
    known = pd.to_datetime(["2025-01-05", "2025-01-02", "2025-01-04", "2025-01-05", "2025-01-06"], utc=True)
    frame = _read(_write(tmp_path, _daily(known_at=known)), lag_seconds=None)
    assert frame["value"].tolist() == [2.0, 3.0, 1.0, 4.0, 5.0]
    item = known_series(frame, None, None)
    decisions = epoch_ms(pd.Series(pd.to_datetime(["2025-01-01", "2025-01-03", "2025-01-05", "2025-01-07"], utc=True)))
    np.testing.assert_array_equal(item.last_known(decisions), [np.nan, 2.0, 4.0, 5.0])


def test_open_interest_of_an_exchange_reads_as_it_comes(market_data: Path) -> None:
    path = market_data / "funding" / "BTCUSDT-oi_1h-binance_perp-202605.parquet"
    found = read_known(path, "open_interest", pair="BTC/USDT:USDT", name=None, lag_seconds=300, repair=False)
    raw = pd.read_parquet(path)
    assert found.timeframe == "1h"
    np.testing.assert_array_equal(found.frame["value"].to_numpy(), raw["open_interest"].to_numpy())
    assert (found.frame["known_at"] - found.frame["timestamp"]).eq(pd.Timedelta("5min")).all()


def test_the_hash_covers_when_a_value_was_known(tmp_path: Path) -> None:
    one = _read(_write(tmp_path, _daily()))
    two = _read(_write(tmp_path, _daily()), lag_seconds=7200)
    assert content_hash(one) != content_hash(two)
    assert content_hash(one) == content_hash(_read(_write(tmp_path, _daily())))


def test_nothing_is_assumed_about_when_values_were_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing says when") as caught:
        _read(_write(tmp_path, _daily()), lag_seconds=None)
    assert "--lag-seconds" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"known_at": pd.to_datetime(["2024-12-31"] * 5, utc=True)}, "row 1 was known at"),
        ({"value": [1.0, None, 3.0, 4.0, 5.0]}, "first in row 2"),
        ({"time": ["2025-01-01"] * 5}, "stands twice"),
        ({"time": ["01/02/2025"] * 5}, "cannot read the times"),
    ],
)
def test_content_that_cannot_be_used_is_refused_with_its_row(tmp_path: Path, change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        _read(_write(tmp_path, _daily().assign(**change)), lag_seconds=0)


def test_a_wrong_column_or_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing column value"):
        _read(_write(tmp_path, _daily().rename(columns={"value": "mood"})))
    with pytest.raises(InputError, match="no such file"):
        _read(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="needs --pair"):
        _read(_write(tmp_path, _daily()), kind="open_interest")
    with pytest.raises(UsageError, match="needs --name"):
        _read(_write(tmp_path, _daily()), name=None, pair="BTC/USDT")


def test_exact_duplicates_are_dropped_on_request_and_events_may_share_a_time(tmp_path: Path) -> None:
    twice = pd.concat([_daily(), _daily().iloc[:1]])
    assert len(_read(_write(tmp_path, twice), repair=True)) == 5
    events = _read(_write(tmp_path, twice), kind="whale_flow", name="whales")
    assert len(events) == 6
