"""A table of answers by week and hour is told from a season by how much it knows of single bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.features.clock_tables import OTHER_PATH, TIMETABLE, by_time_alone, timetables
from crypto_team.features.probes import TRUNCATED, Variant, source
from crypto_team.features.python_frames import OHLCV, Computed

BARS, CUT = 3_000, 400


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """A market whose first hours of each day rise."""
    made = planted_market(seed=9, bars=BARS, timeframe="1h", oracle_sharpe=0.0).frame
    moves = np.log(made["close"]).diff().fillna(0.0) + 0.0004 * (made["timestamp"].dt.hour < 6)
    return made.assign(close=np.exp(moves.cumsum()) * 100.0)


def columns(bars: pd.DataFrame) -> dict[str, np.ndarray]:
    times, rng = bars["timestamp"], np.random.default_rng(1)
    ahead = np.sign(bars["close"].shift(-1) - bars["close"]).fillna(1.0).to_numpy()
    return {
        "table": np.where(rng.random(BARS) < 0.3, ahead, rng.choice([-1.0, 1.0], BARS)),
        "early": (times.dt.hour < 6).to_numpy(dtype=float),
        "weekday": times.dt.day_of_week.to_numpy(dtype=float),
        "row": np.arange(BARS, dtype=float),
    }


def test_a_table_by_time_is_refused_and_a_season_is_not(bars: pd.DataFrame) -> None:
    made = columns(bars)
    found = timetables(made, frozenset(made), source(bars, OHLCV), "close")
    assert set(found) == {"table"}
    assert found["table"].probe == TIMETABLE
    assert "no price changes it" in found["table"].explanation
    assert timetables(made, frozenset({"early"}), source(bars, OHLCV), "close") == {}


def test_only_what_no_price_changes_tells_time_alone() -> None:
    base = Computed({"clock": np.arange(BARS, dtype=float), "price": np.arange(BARS, dtype=float)})
    moved = base.columns["price"][: CUT + 600] + np.where(np.arange(CUT + 600) > CUT + 5, 1.0, 0.0)
    other = Computed({"clock": base.columns["clock"][: CUT + 600], "price": moved})
    assert by_time_alone([(base, [Variant(OTHER_PATH, CUT, {})], [other])]) == {"clock"}
    assert by_time_alone([(base, [Variant(TRUNCATED, CUT, {})], [other])]) == frozenset()
    assert by_time_alone([(base, [Variant(OTHER_PATH, CUT + 300, {})], [other])]) == frozenset()
