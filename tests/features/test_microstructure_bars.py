"""The book at each bar's close: what was known then, and nothing that came later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.market_events import LEVEL, RESET, TRADE, MarketEvents
from crypto_team.errors import InputError
from crypto_team.features.microstructure import MicroSettings, OnlineMicrostructure
from crypto_team.features.microstructure_bars import book_bars, usual_bucket
from crypto_team.features.microstructure_table import NAMES

MARKET = MicroSettings(tick=0.5, lot=0.1, vpin_volume=1.0)
START = 1_700_000_040_000


def stream(minutes: int = 5, seed: int = 1) -> MarketEvents:
    """Return a book with two sides that changes and trades at random times."""
    rng = np.random.default_rng(seed)
    rows = [(START, RESET, 0, 0, 0, 0), (START, LEVEL, 1, 199, 50, 0), (START, LEVEL, -1, 201, 40, 1)]
    for time in np.sort(rng.integers(START, START + 60_000 * minutes, 400 * minutes)).tolist():
        side = int(rng.choice([1, -1]))
        if rng.random() < 0.3:
            rows.append((time, TRADE, side, 200 + side, int(rng.integers(1, 30)), 1))
        else:
            rows.append((time, LEVEL, side, 200 - side * int(rng.integers(1, 9)), int(rng.integers(1, 60)), 1))
    table = np.array(rows, dtype=np.int64)
    kinds = (np.int64, np.int8, np.int8, np.int64, np.int64, np.int8)
    return MarketEvents(*(np.ascontiguousarray(table[:, k]).astype(kind) for k, kind in enumerate(kinds)))


def test_a_row_is_the_live_vector_at_the_close_of_its_bar() -> None:
    events = stream()
    made = book_bars(events, MARKET, "1m")
    assert list(made.columns) == ["time", "known_at", *NAMES]
    assert (made["known_at"] - made["time"] == pd.Timedelta("1min")).all()
    closes = made["known_at"].dt.as_unit("ms").astype("int64").to_numpy()
    for row, close in enumerate(closes.tolist()):
        online = OnlineMicrostructure(MARKET)
        online.replay(events.part(0, int(np.searchsorted(events.time, close))))
        wanted = online.advance(close - 1)
        assert np.array_equal(made[list(NAMES)].iloc[row].to_numpy(), wanted, equal_nan=True)
    assert len(made) == 4


def test_no_row_depends_on_what_comes_after_its_bar() -> None:
    events = stream()
    whole = book_bars(events, MARKET, "1m")
    for bars in (1, 2, 3):
        close = START // 60_000 * 60_000 + 60_000 * bars
        cut = int(np.searchsorted(events.time, close)) + 1
        early = book_bars(events.part(0, cut), MARKET, "1m")
        pd.testing.assert_frame_equal(early, whole.iloc[: len(early)])


def test_a_bar_without_any_event_is_an_outage_and_unknown() -> None:
    events = stream()
    bar = (events.time - START // 60_000 * 60_000) // 60_000
    made = book_bars(events.taken(np.flatnonzero(bar != 2)), MARKET, "1m")
    assert made[list(NAMES)].iloc[2].isna().all()
    assert made[list(NAMES)].iloc[3].notna().any()


def test_events_within_one_bar_are_refused() -> None:
    with pytest.raises(InputError, match="no complete 1h bar"):
        book_bars(stream(), MARKET, "1h")


def test_the_usual_bucket_is_judged_by_the_beginning_only() -> None:
    times = np.arange(0, 864_000, 864, dtype=np.int64)
    volumes = np.where(times <= 86_400, 2.0, 1e9)
    assert usual_bucket(times, volumes) == pytest.approx(2.0 * 101 * 1_000 / 50, rel=1e-2)
