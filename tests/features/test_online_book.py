"""Order book and trades through the one online engine: columns of the book as they stood at each close."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.market_events import LEVEL, RESET, TRADE, MarketEvents
from crypto_team.errors import FormulaError, InputError
from crypto_team.features.composition import composed_columns
from crypto_team.features.formula import parse
from crypto_team.features.microstructure import BookMessage, OnlineMicrostructure, Trade
from crypto_team.features.microstructure_bars import book_bars
from crypto_team.features.microstructure_table import NAMES
from crypto_team.features.online import OnlineFeatures, SeriesValue
from crypto_team.features.plan import compile_formulas
from crypto_team.features.surroundings import Frame, SeriesKey, Surroundings, known_series
from tests.features.test_microstructure_bars import MARKET, START, stream

MINUTE = 60_000
FIRST = START // MINUTE * MINUTE
FORMULAS = (
    'book("spread_bps")',
    'zscore(book("ofi_10s"), 5)',
    'close * book("microprice_dev_bps")',
    'on("3m", sma(book("level_imbalance_01"), 2))',
    "ret(close, 1)",
    "funding()",
)
PAIR = "BTC/USDT"
BARS = 14


@pytest.fixture(scope="module")
def events() -> MarketEvents:
    """Return fifteen minutes of a market with an outage of three."""
    made = stream(BARS + 1)
    bar = (made.time - FIRST) // MINUTE
    return MarketEvents(*(getattr(made, name)[(bar < 6) | (bar > 8)] for name in made.__slots__))


@pytest.fixture(scope="module")
def frame() -> Frame:
    close = 100.0 + np.random.default_rng(2).normal(size=BARS).cumsum()
    return Frame({"close": close}, FIRST + MINUTE * np.arange(BARS, dtype=np.int64), MINUTE)


@pytest.fixture(scope="module")
def batch(events: MarketEvents, frame: Frame) -> np.ndarray:
    stored = book_bars(events, MARKET, "1m").rename(columns={"time": "timestamp"})
    series = {SeriesKey("series", "", PAIR, name): known_series(stored, None, None, name) for name in NAMES}
    nodes = [parse(text, "1m") for text in FORMULAS[:5]]
    plan = compile_formulas(FORMULAS[:5], "1m")
    columns = {**frame.columns, **composed_columns(nodes, frame, Surroundings(PAIR, {}, series))}
    return plan.doubles(columns, frame.times)


def _online() -> OnlineFeatures:
    return OnlineFeatures(FORMULAS, timeframe="1m", pair=PAIR, book=MARKET)


def _messages(events: MarketEvents) -> list[BookMessage | Trade]:
    """Return events as a feed hands them over."""
    made: list[BookMessage | Trade] = []
    levels: list[tuple[int, float, float]] = []
    snapshot = False
    for k in range(len(events)):
        time, kind, side = int(events.time[k]), events.kind[k], int(events.side[k])
        price, size = 0.5 * int(events.price[k]), round(0.1 * int(events.size[k]), 1)
        if kind == TRADE:
            made.append(Trade(time, side, price, size))
            continue
        snapshot = snapshot or kind == RESET
        if kind == LEVEL:
            levels.append((side, price, size))
        if events.last[k]:
            sides, prices, sizes = zip(*levels, strict=True)
            made.append(BookMessage(time, sides, prices, sizes, snapshot))
            levels, snapshot = [], False
    return made


def _live(
    online: OnlineFeatures, messages: list[BookMessage | Trade], frame: Frame, first: int, last: int
) -> np.ndarray:
    """Feed a bar only after a few events of the next one have come, as it is in life."""
    rows, waiting = [], [item for item in messages if item.time_ms >= frame.times[first]]
    for row in range(first, last):
        while waiting and waiting[0].time_ms < frame.closes[row] + 700:
            online.update(waiting.pop(0))
        rows.append(online.update({"timestamp": int(frame.times[row]), "close": float(frame.columns["close"][row])}))
    return np.array(rows)


def test_columns_of_the_book_are_the_same_event_by_event_and_over_a_recording_bit_for_bit(
    events: MarketEvents, frame: Frame, batch: np.ndarray
) -> None:
    found = _live(_online(), _messages(events), frame, 0, BARS)
    assert found[:, :5].tobytes() == batch.tobytes()
    assert np.isfinite(batch[:6, 0]).all()
    assert np.isnan(batch[6:9, 0]).all()


def test_a_recording_warms_the_book_up_and_a_saved_state_goes_on(
    events: MarketEvents, frame: Frame, batch: np.ndarray, tmp_path: Path
) -> None:
    online, again = _online(), _online()
    cut = int(np.searchsorted(events.time, frame.times[5]))
    bars = pd.DataFrame(
        {"timestamp": pd.to_datetime(frame.times[:5], unit="ms", utc=True), "close": frame.columns["close"][:5]}
    )
    assert online.warm_up(bars, events=events.part(0, cut))[:5].tobytes() == batch[4].tobytes()
    assert _live(online, _messages(events), frame, 5, 7)[:, :5].tobytes() == batch[5:7].tobytes()
    online.save(tmp_path / "state.npz")
    again.restore(tmp_path / "state.npz")
    late = [item for item in _messages(events) if item.time_ms >= frame.closes[6] + 700]
    assert _live(again, late, frame, 7, BARS)[:, :5].tobytes() == batch[7:].tobytes()


def test_a_refused_history_rolls_no_book_on(events: MarketEvents, frame: Frame, batch: np.ndarray) -> None:
    online, messages = _online(), _messages(events)
    first = [item for item in messages if item.time_ms < frame.closes[4] + 700]
    rows = _live(online, first, frame, 0, 4)
    for item in (item for item in first if item.time_ms >= frame.closes[3] + 700):
        online.update(item)
    bars = pd.DataFrame({"timestamp": pd.to_datetime(frame.times[4:7], unit="ms", utc=True)})
    end = int(np.searchsorted(events.time, first[-1].time_ms, side="right"))
    for end_of_bars in (1, 3):
        with pytest.raises(InputError, match="no column close"):
            online.warm_up(bars.iloc[:end_of_bars], events=events.part(end, end + 50))
    with pytest.raises(InputError, match="5 is no MarketEvents"):
        online.warm_up(bars.assign(close=1.0), events=5)  # type: ignore[arg-type]
    rows = np.vstack([rows, _live(online, messages[len(first) :], frame, 4, BARS)])
    assert rows[:, :5].tobytes() == batch.tobytes()


def test_between_bars_columns_of_the_book_follow_every_event_and_the_rest_waits(
    events: MarketEvents, frame: Frame
) -> None:
    online, alone = _online(), OnlineMicrostructure(MARKET)
    online.update(SeriesValue("funding", 1e-4, FIRST, FIRST + 1))
    for item in _messages(events)[:200]:
        vector = alone.update(item)
        found = online.update(item)
        assert found[0] == vector[alone.names.index("spread_bps")] or np.isnan(found[0])
        assert np.isnan(found[4:]).all()


def test_bad_use_of_the_book_says_what_is_wrong(events: MarketEvents) -> None:
    with pytest.raises(InputError, match="need its tick and lot"):
        OnlineFeatures(["close"], timeframe="1m").update(_messages(events)[0])
    with pytest.raises(InputError, match="cut at the closes of bars"):
        OnlineFeatures(["close"], book=MARKET)
    with pytest.raises(FormulaError, match="has no column 'spread_bp'") as caught:
        parse('zscore(book("spread_bp"), 5)')
    assert "did you mean spread_bps" in str(caught.value.hint)
    with pytest.raises(FormulaError, match="book takes one name"):
        parse("book()")
