"""Answers by date, by row or by prices that are near are told from what is computed; seasons are no memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.features.probes import CALENDAR_CYCLE, source
from crypto_team.features.python_frames import OHLCV, Computed
from crypto_team.features.recall_dates import Elsewhere, another_year, forgotten, left_out, recalled, unbelievable

if TYPE_CHECKING:
    from crypto_team.features.probes import Decision


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """A market with a strong season of the day: its first hours rise, its nights are wild."""
    made = planted_market(seed=8, bars=3_000, timeframe="1h", oracle_sharpe=6.0).frame
    hour = made["timestamp"].dt.hour
    rng = np.random.default_rng(2)
    moves = np.log(made["close"]).diff().fillna(0.0) + 0.004 * (hour < 4) - 0.0008
    moves += 0.01 * (hour > 18) * rng.standard_normal(len(made))
    level = np.exp(moves.cumsum())
    return made.assign(**{name: made[name] * level / made["close"] for name in ("open", "high", "low", "close")})


def computed(bars: pd.DataFrame, train: pd.DataFrame) -> dict[str, np.ndarray]:
    times, close = bars["timestamp"], bars["close"]
    hours = (times - train["timestamp"].iloc[0]) // pd.Timedelta("1h")
    ahead = train["close"].pct_change().shift(-1).fillna(0.0).to_numpy()
    places = np.arange(0, len(train), 2)
    made = {
        "leak_time": np.interp(hours, places, ahead[::2]),
        "leak_diluted": close.pct_change().rolling(3).mean() + 0.05 * np.interp(hours, places, ahead[::2]),
        "leak_row": np.interp(np.arange(len(bars)), places, ahead[::2]),
        "leak_size": np.interp(hours, places, np.abs(ahead[::2])),
        "leak_checked": np.where(np.isin(hours, places), np.interp(hours, places, ahead[::2]), close.pct_change()),
        "ok_hour": times.dt.hour,
        "ok_sine": np.sin(times.dt.hour / 24 * 2 * np.pi),
        "ok_weekday": times.dt.day_of_week,
        "ok_day": times.dt.day,
        "ok_month_end": times.dt.days_in_month - times.dt.day,
        "ok_month": times.dt.month,
        "ok_row": np.arange(len(bars)),
        "ok_step": np.where(times < times.iloc[0] + pd.Timedelta("60D"), 0.0, 1.0),
        "ok_since": (times - pd.Timestamp("2016-07-09", tz="UTC")).dt.total_seconds() / 86_400.0,
        "ok_move": close.pct_change(),
        "ok_total": close.pct_change().expanding().mean(),
        "ok_ewm": close.pct_change().ewm(span=500).mean(),
        "ok_season": close.pct_change().groupby(times.dt.hour).transform(lambda x: x.shift().expanding().mean()),
    }
    return {name: np.asarray(each, dtype=float) for name, each in made.items()}


@pytest.mark.parametrize("decision", ["close", "open"])
def test_what_is_looked_up_by_date_or_row_is_lost_in_another_year(bars: pd.DataFrame, decision: Decision) -> None:
    own = source(bars, OHLCV)
    later = another_year({OHLCV: own})[OHLCV]
    start = left_out({OHLCV: own})
    assert len(later) == len(bars) - start
    lag = int(decision == "open")
    first, second = (
        {name: np.concatenate([np.full(lag, np.nan), each[: each.size - lag]]) for name, each in made.items()}
        for made in (computed(bars, bars), computed(later, bars))
    )
    found = forgotten(first, second, own, start, decision)
    assert set(found) == {name for name in first if name.startswith("leak")}, found
    assert "by date or by number of the row" in found["leak_time"].explanation
    assert "what differs ranks" in found["leak_diluted"].explanation
    beyond = unbelievable(first, own, decision)
    assert "leak_time" in beyond
    assert not [name for name in beyond if name.startswith("ok")]


def test_a_market_that_bounces_between_bid_and_ask_is_no_memory() -> None:
    rng = np.random.default_rng(4)
    count = 3_000
    close = 100.0 + np.cumsum(0.01 * rng.normal(size=count)) + 0.05 * rng.choice([-1.0, 1.0], count)
    times = pd.date_range("2024-01-01", periods=count, freq="1min", tz="UTC")
    own = source(pd.DataFrame({"timestamp": times, "close": close}), OHLCV)
    column = pd.Series(close).pct_change().to_numpy()
    assert (
        unbelievable({"move": column, "side": close - pd.Series(close).rolling(9).mean().to_numpy()}, own, "close")
        == {}
    )


def test_announced_dates_are_a_word_of_warning_and_a_table_of_dates_is_refused(bars: pd.DataFrame) -> None:
    own = source(bars, OHLCV)
    times, close = bars["timestamp"], bars["close"]
    rng = np.random.default_rng(9)
    start = times.iloc[0]
    dates = np.sort(rng.choice(len(times), 60, replace=False))
    table = dict(enumerate(close.pct_change().shift(-1).fillna(0.0)))

    def made(clock: pd.Series[pd.Timestamp]) -> dict[str, np.ndarray]:
        hours = ((clock - start) // pd.Timedelta("1h")).to_numpy()
        near = np.searchsorted(dates, hours)
        remembered = np.array([table.get(each, 0.0) for each in hours])
        return {
            "ok_meetings": np.where(near < 60, dates[np.minimum(near, 59)] - hours, 9_999).astype(float),
            "ok_halvings": (hours // 24 + 400).astype(float),
            "ok_hour": clock.dt.hour.to_numpy(dtype=float),
            "leak": remembered,
            "leak_weak": close.pct_change().fillna(0.0).to_numpy() + 0.2 * remembered,
        }

    now, later = made(times), made(times + CALENDAR_CYCLE)
    year = Computed({name: each[left_out({OHLCV: own}) :] for name, each in now.items()})
    found = recalled(now, Elsewhere(Computed(now), year, Computed(later)), {OHLCV: own}, "close")
    assert set(found.verdicts) == {"leak", "leak_weak"}
    assert sorted(note.partition(":")[0] for note in found.notes) == ["ok_halvings", "ok_meetings"]
    assert "known_at" in found.notes[0]
    failed = recalled(now, Elsewhere(Computed(now), year, Computed({}, "boom")), {OHLCV: own}, "close")
    assert set(failed.verdicts) == set(now)
