"""A table of answers by week and hour is told from a season by how much it knows of single bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.features.clock_tables import OTHER_ORDER, TIMETABLE, in_another_order, timetables
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
    found = timetables(made, source(bars, OHLCV), "close")
    assert set(found) == {"table"}
    assert found["table"].probe == TIMETABLE
    assert "only the clock can know it" in found["table"].explanation


def test_a_table_with_some_price_mixed_in_is_found_and_prices_alone_are_not(bars: pd.DataFrame) -> None:
    """Where later bars came in another order, what is added of prices says nothing, and the table all it knew."""
    rng, own = np.random.default_rng(4), source(bars, OHLCV)
    moves = bars["close"].pct_change().fillna(0.0).to_numpy()
    seen = np.concatenate([moves[: CUT + 1], rng.permutation(moves[CUT + 1 :])])
    ahead = np.sign(np.append(moves[1:], 1.0))
    told = {"mixed": columns(bars)["table"] + 20.0 * seen, "foresees": seen, "price": seen}
    told["foresees"] = np.append(seen[1:], 0.0)
    ordered = in_another_order([(0, [Variant(OTHER_ORDER, CUT, {})], [Computed(told)])], BARS)
    assert np.isnan(ordered["mixed"][: CUT + 1]).all()
    assert np.isfinite(ordered["mixed"][CUT + 1 :]).all()
    assert set(timetables(ordered, own, "close")) == {"mixed"}
    # The very column on the bars as they are: only another order tells what it knows by the clock.
    assert set(timetables({"peek": ahead}, own, "close")) == {"peek"}


def test_only_another_order_is_asked_and_parts_keep_their_place() -> None:
    result = Computed({"clock": np.arange(50.0)})
    looks = [(100, [Variant(TRUNCATED, 5, {}), Variant(OTHER_ORDER, 9, {})], [result, result])]
    found = in_another_order(looks, 140)["clock"]
    assert np.array_equal(np.flatnonzero(np.isfinite(found)), np.arange(110, 140))
    assert found[110] == 10.0
    assert in_another_order([(0, [Variant(OTHER_ORDER, 9, {})], [Computed({}, error="no")])], 50) == {}
