"""A state that somebody made up, with a right digest, is refused or goes on: it never ends the process or hangs."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_team.errors import InputError
from crypto_team.features import microstructure_layout as at
from crypto_team.features import online_state
from crypto_team.features.microstructure import BookMessage, MicroSettings, OnlineMicrostructure, Trade
from crypto_team.features.microstructure_bars import book_bars
from crypto_team.features.online import OnlineFeatures, SeriesValue
from crypto_team.features.online_book import BookFeed
from crypto_team.features.online_state import unpack
from tests.features.conftest import random_market
from tests.features.forging import forged, packed
from tests.features.test_microstructure_bars import stream

PAIR, OTHER = "BTC/USDT", "ETH/USDT"
MINUTE, START = 60_000, 1_700_000_040_000
MARKET = MicroSettings(0.5, 0.1, 5.0)
FORMULAS = (
    "ema(close, 9)",
    "rsi(close, 5)",
    "hurst(close, 32)",
    "entropy(ret(close, 1), 20)",
    "perm_entropy(close, 20)",
    "poc_dev(20, 12)",
    "quantile(close, 12, 0.3)",
    "rank(close, 12)",
    "session_vwap_dev(60)",
    'on("5m", sma(close, 3))',
    f'of("{OTHER}", on("5m", rsi(close, 3)))',
    f'basket("{PAIR},{OTHER}", ret(close, 2))',
    "funding()",
    "total(long_liquidations(), 3)",
    'zscore(book("ofi_10s"), 5)',
    "hmm(ret(close, 1), states=2, state=1, n=16)",
    "scaled(funding())",
)
FITTED = {
    FORMULAS[-2]: {
        "kind": "hmm",
        "parameters": {
            "mean": [0.0],
            "std": [0.01],
            "start": [0.5, 0.5],
            "transition": [[0.9, 0.1], [0.1, 0.9]],
            "means": [[0.0], [0.0]],
            "variances": [[0.5], [4.0]],
        },
    },
    FORMULAS[-1]: {"kind": "scaled", "parameters": {"mean": [0.0], "std": [1e-4]}},
}
KNOWN = random_market(140, 5)


def _bar(row: int, pair: str = PAIR) -> dict[str, Any]:
    return {"timestamp": START + MINUTE * row, "pair": pair} | {
        name: float(values[row]) for name, values in KNOWN.columns.items()
    }


def _levels(time: int, rng: np.random.Generator, many: int) -> BookMessage:
    sides = rng.choice([1, -1], many)
    prices = 0.5 * (2_000 - sides * rng.integers(1, 900, many))
    return BookMessage(time, sides.tolist(), prices.tolist(), (0.1 * rng.integers(0, 90, many)).round(1).tolist())


def _after(row: int) -> list[Any]:
    """Return what comes in during one bar, and the bars that end with it."""
    rng, time = np.random.default_rng(row), START + MINUTE * row
    made: list[Any] = [
        SeriesValue("funding", 1e-4, time, time + 1),
        SeriesValue("long_liquidations", 5.0, time, time + 2),
    ]
    for second in range(0, 60, 6):
        made.append(_levels(time + 1_000 * second, rng, 40))
        made.append(Trade(time + 1_000 * second + 7, 1, 1_000.0, 0.7))
    return [*made, _bar(row, OTHER), _bar(row)]


def _online() -> OnlineFeatures:
    return OnlineFeatures(FORMULAS, timeframe="1m", pair=PAIR, book=MARKET, fitted=FITTED)


def _fed(online: OnlineFeatures, first: int, last: int) -> list[bytes]:
    return [online.update(event).tobytes() for row in range(first, last) for event in _after(row)]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state after an hour of bars, events and values."""
    online, path = _online(), tmp_path_factory.mktemp("state") / "state.npz"
    _fed(online, 0, 60)
    online.save(path)
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 30))
def test_a_state_with_other_numbers_is_refused_or_goes_on_with_refusals_only(stored: Path, seed: int) -> None:
    online, path = _online(), stored.with_name("forged.npz")
    path.write_bytes(forged(stored.read_bytes(), np.random.default_rng(seed)))
    before = _fed(_online(), 0, 1)
    try:
        online.restore(path)
    except InputError:
        assert _fed(online, 0, 1) == before
        return
    for row in (60, 61):
        for event in _after(row):
            with contextlib.suppress(InputError):
                online.update(event)
    online.save(path)


def test_a_state_that_nobody_changed_goes_on(stored: Path) -> None:
    online, same = _online(), _online()
    online.restore(stored)
    _fed(same, 0, 60)
    found = _fed(online, 60, 63)
    assert found == _fed(same, 60, 63)
    assert np.isfinite(np.frombuffer(found[-1])[-3:]).all()  # the book, and what was fitted, are in it


@pytest.fixture(scope="module")
def book() -> bytes:
    """Return the state of a book with levels behind its ladders."""
    online = OnlineMicrostructure(MARKET)
    for row in range(20):
        for event in (item for item in _after(row) if isinstance(item, BookMessage | Trade)):
            online.update(event)
    return online.save()


def _with(stored: bytes, place: int, value: int) -> bytes:
    arrays = unpack(io.BytesIO(stored))
    arrays["state"][place] = value
    return packed(arrays)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 30))
def test_a_book_with_other_numbers_is_refused_or_goes_on(book: bytes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    try:
        online = OnlineMicrostructure.restore(forged(book, rng))
    except InputError:
        return
    for second in range(20):
        online.update(_levels(START + 2_000_000 + 1_000 * second, rng, 60))
        online.trade(START + 2_000_000 + 1_000 * second, 1, 1_000.0, 1e6)
    OnlineMicrostructure.restore(online.save())


@pytest.mark.parametrize("value", [-1, 1, 1 << 40, -(1 << 62), (1 << 63) - 1])
@pytest.mark.parametrize(
    "place",
    [at.CAPACITY, at.N_BIDS, at.N_ASKS, at.BUCKET, at.BUCKET_LOTS, at.FAR_BIDS, at.FAR_ASKS, at.BIDS + 9, at.ASKS + 9],
)
def test_a_number_of_the_book_that_leads_elsewhere_is_refused(book: bytes, place: int, value: int) -> None:
    OnlineMicrostructure.restore(_with(book, at.UNUSABLE, 3))
    with pytest.raises(InputError, match="no stored state"):
        OnlineMicrostructure.restore(_with(book, place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [(at.FILLED, -1), (at.FILLED, 50), (at.N_VOLUME, -1), (at.TIME, 0), (at.TOUCHED, 2), (at.BASES, 1 << 40)],
)
def test_counts_of_the_book_beyond_their_range_are_refused(book: bytes, place: int, value: int) -> None:
    with pytest.raises(InputError, match="no stored state"):
        OnlineMicrostructure.restore(_with(book, place, value))


def test_a_level_behind_the_ladder_that_no_search_finds_is_refused(book: bytes) -> None:
    state = unpack(io.BytesIO(book))["state"]
    room = int(state[at.CAPACITY])
    table = state[at.FAR : at.FAR + room]
    there, free = np.flatnonzero(table != at.UNKNOWN), np.flatnonzero(table == at.UNKNOWN)
    assert there.size > 100
    arrays = unpack(io.BytesIO(book))
    moved = arrays["state"]
    moved[at.FAR + free[-1]], moved[at.FAR + room + free[-1]] = table[there[0]], state[at.FAR + room + there[0]]
    moved[at.FAR + there[0]] = at.UNKNOWN
    with pytest.raises(InputError, match="not in its place"):
        OnlineMicrostructure.restore(packed(arrays))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("root.engine.done", -1),
        ("root.engine.times", 1 << 62),
        ("book.closes", 7),
        ("book.closes", 60_000),
        ("last", None),
        ("root.engine.recent", None),
        ("root.engine.memory", float("inf")),
    ],
)
def test_a_part_of_the_engine_that_leads_elsewhere_is_refused(
    stored: Path, name: str, value: float | None, tmp_path: Path
) -> None:
    arrays = unpack(io.BytesIO(stored.read_bytes()))
    if value is None:
        arrays[name] = arrays[name][:-1]
    else:
        arrays[name] = arrays[name].copy()
        arrays[name][...] = value
    (tmp_path / "state.npz").write_bytes(packed(arrays))
    with pytest.raises(InputError, match=r"no(t a saved| stored) state"):
        _online().restore(tmp_path / "state.npz")


@pytest.mark.parametrize("cut", [0, 1, 7, 200, -1])
def test_bytes_that_are_no_archive_are_refused(cut: int, stored: Path, book: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(cut + 2)
    for whole in (stored.read_bytes(), book):
        for _ in range(20):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 3):
                data[place] ^= int(rng.integers(1, 256))
            (tmp_path / "state.npz").write_bytes(bytes(data[:cut] if cut != -1 else data))
            with pytest.raises(InputError):
                _online().restore(tmp_path / "state.npz")
            with pytest.raises(InputError):
                OnlineMicrostructure.restore((tmp_path / "state.npz").read_bytes())


def test_a_state_that_unpacks_to_more_than_any_holds_is_refused_before_it_does(
    book: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    OnlineMicrostructure.restore(book)
    monkeypatch.setattr(online_state, "MOST_BYTES", 1 << 16)
    with pytest.raises(InputError, match="more than any state holds"):
        OnlineMicrostructure.restore(book)


def test_an_event_that_is_refused_does_not_move_the_clock() -> None:
    online, same = _online(), _online()
    for engine in (online, same):
        _fed(engine, 0, 3)
    times: tuple[Any, ...] = (START * 1000, 1 << 60, 10**30, None, "x", 1.5, 0)
    for wrong in (*times, START + 5 * MINUTE):
        with pytest.raises(InputError):
            online.update(Trade(wrong, 1, 1_000.0, -0.1 if wrong == START + 5 * MINUTE else 0.1))
        with pytest.raises(InputError):
            online.update(BookMessage(wrong, [1], [1_000.0], [-0.1 if wrong == START + 5 * MINUTE else 0.1]))
    assert _fed(online, 3, 6) == _fed(same, 3, 6)


def test_an_event_far_from_the_last_one_is_refused_in_a_recording_too() -> None:
    events = stream(3)
    late = replace(events, time=np.where(np.arange(len(events)) < 50, events.time, events.time * 1000))
    with pytest.raises(InputError, match="more than 30 days from the one before it"):
        book_bars(late, MARKET, "1m")
    online = OnlineMicrostructure(MARKET)
    online.replay(events)
    before = online.save()
    for time in (int(events.time[-1]) * 1000, 5):
        with pytest.raises(InputError, match="more than 30 days"):
            online.advance(time)
        with pytest.raises(InputError, match="more than 30 days"):
            online.replay(replace(events, time=events.time - events.time[0] + time))
    assert online.save() == before
    assert online.trade(np.uint64(events.time[-1]), 1, 100.0, 0.1).shape == (84,)  # type: ignore[arg-type]


def test_a_long_silence_leaves_no_row_for_each_of_its_bars() -> None:
    feed = BookFeed(MARKET, MINUTE)
    feed.take(Trade(START, 1, 1_000.0, 0.1))
    feed.take(Trade(START + 20 * 1440 * MINUTE, 1, 1_000.0, 0.1))
    end = START + 20 * 1440 * MINUTE
    found = list(feed.rows_until(end))
    assert [close for close, _ in found] == [START + MINUTE, START + 2 * MINUTE, end]
    assert [bool(np.isfinite(row).any()) for _, row in found] == [True, False, False]
