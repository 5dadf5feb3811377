"""The 84 order-book features: against plain Python over real data, live against batch, and whatever a feed may send."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_team.data.market_events import CLEAR, LEVEL, RESET, TRADE, MarketEvents, merge
from crypto_team.data.order_book import book_events, canonical_book
from crypto_team.data.trades import canonical_trades, trade_events
from crypto_team.errors import InputError
from crypto_team.features import microstructure_columns as col
from crypto_team.features.microstructure import BookMessage, MicroSettings, OnlineMicrostructure, Trade
from crypto_team.features.microstructure_table import MICROSTRUCTURE_84, NAMES
from tests.features.micro_reference import Reference

SHARED = Path(os.environ.get("MARKET_DATA_DIR", Path(__file__).resolve().parents[3] / "shared" / "market-data"))
SMALL = MicroSettings(tick=0.5, lot=0.1, vpin_volume=1.0, large_1k=100.0, large_10k=200.0, large_100k=300.0)
MARKETS = {"BTCUSDT-{}-binance_perp-20240808": (0.1, 0.001), "BTCUSDT-{}-binance_spot-20240808": (0.01, 0.000001)}
Event = tuple[int, int, int, int, int, int]


def real(name: str) -> tuple[MarketEvents, MicroSettings]:
    """Return the events of a real market."""
    if not SHARED.is_dir():
        pytest.skip("no market data on this machine; set MARKET_DATA_DIR")
    tick, lot = MARKETS[name]
    book = canonical_book(pd.read_parquet(SHARED / "l2" / f"{name.format('L2')}.parquet"), where=name)
    trades = canonical_trades(pd.read_parquet(SHARED / "trades" / f"{name.format('trades')}.parquet"), where=name)
    events = merge(trade_events(trades, tick=tick, lot=lot), book_events(book, tick=tick, lot=lot, where=name)[0])
    return events, MicroSettings(tick, lot, float(trades["qty"].sum()) / 300)


def events_of(rows: Sequence[Event]) -> MarketEvents:
    """Return events from tuples (time, kind, side, price, size, last)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 6)
    kinds = (np.int64, np.int8, np.int8, np.int64, np.int64, np.int8)
    return MarketEvents(*(np.ascontiguousarray(table[:, k]).astype(kind) for k, kind in enumerate(kinds)))


def compare(events: MarketEvents, market: MicroSettings, every: int) -> int:
    """Compare the features with the reference after every so many messages; returns how many were compared."""
    found = OnlineMicrostructure(market).replay(events)
    slow, row, bar, compared = Reference(market), 0, -1, 0
    for i in range(len(events)):
        slow.take(events, i)
        if not events.last[i]:
            continue
        if slow.bucket // 10 != bar:
            bar, slow.bars_mid2 = slow.bucket // 10, slow.mid2
        if row % every == 0:
            wanted = np.array(slow.vector(), dtype=np.float64)
            near = np.isclose(found[row], wanted, rtol=1e-7, atol=1e-9, equal_nan=True)
            wrong = {NAMES[k]: (found[row, k], wanted[k]) for k in np.flatnonzero(~near)}
            assert not wrong, f"message {row}: {wrong}"
            compared += 1
        row += 1
    return compared


@pytest.mark.parametrize("name", MARKETS)
def test_every_feature_is_what_plain_python_says_on_a_real_market(name: str) -> None:
    events, market = real(name)
    assert compare(events.part(0, 110_000), market, 149) > 30


def test_every_feature_is_known_sooner_or_later_on_a_real_market() -> None:
    events, market = real("BTCUSDT-{}-binance_spot-20240808")
    found = OnlineMicrostructure(market).replay(events)
    never = [NAMES[k] for k in np.flatnonzero(~np.isfinite(found).any(axis=0))]
    flat = [NAMES[k] for k in np.flatnonzero(np.nanstd(found, axis=0) == 0.0)]
    assert (never, flat) == ([], [])
    assert not np.isinf(found).any()


def test_the_replayed_top_of_the_book_is_the_exchange_ticker() -> None:
    name = "BTCUSDT-{}-binance_perp-20240808"
    events, market = real(name)
    ticker = pd.read_parquet(SHARED / "l2" / f"{name.format('BBO')}.parquet").sort_values("update_id")
    raw = pd.read_parquet(SHARED / "l2" / f"{name.format('L2')}.parquet")
    first = int(raw.loc[raw["kind"] == "snapshot", "last_id"].iloc[0])
    later = raw.loc[(raw["kind"] == "delta") & (raw["last_id"] > first), "last_id"].drop_duplicates().sort_values()
    found = OnlineMicrostructure(market).replay(events.taken(np.flatnonzero(events.kind != TRADE)))
    ids = np.concatenate([[first], later.to_numpy()])
    assert len(ids) == len(found)
    place = np.searchsorted(ticker["update_id"].to_numpy(), ids, side="right") - 1
    known = place >= 0
    quoted = ticker.iloc[place[known]]
    assert known.sum() > 6_000
    spread = ((quoted["ask"] - quoted["bid"]) / market.tick).round().to_numpy()
    for column, wanted in (
        (col.SPREAD_TICKS, spread),
        (col.BID_DEPTH_1, quoted["bid_qty"]),
        (col.ASK_DEPTH_1, quoted["ask_qty"]),
    ):
        assert np.isclose(found[known, column], wanted, rtol=1e-9).mean() == 1.0


def replayed_live(events: MarketEvents, market: MicroSettings, *, restore_at: int) -> npt.NDArray[np.float64]:
    """Feed messages one by one through the public methods, saving and restoring on the way."""
    online, rows, start = OnlineMicrostructure(market), [], 0
    for end in np.flatnonzero(events.last) + 1:
        part = events.part(start, int(end))
        price, size = part.price * market.tick, part.size * market.lot
        time = int(part.time[-1])
        levels = part.kind == LEVEL
        if part.kind[0] == TRADE:
            made = online.trade(time, int(part.side[0]), float(price[0]), float(size[0]))
        elif part.kind[0] in {CLEAR, RESET}:
            whole = (part.side[levels].tolist(), price[levels].tolist(), size[levels].tolist())
            made = online.snapshot(time, *whole, after_gap=bool(part.kind[0] == RESET))
        elif len(part) == 1:
            made = online.level(time, int(part.side[0]), float(price[0]), float(size[0]))
        else:
            made = online.message(time, part.side.tolist(), price.tolist(), size.tolist())
        rows.append(made.copy())
        start = int(end)
        if len(rows) == restore_at:
            online = OnlineMicrostructure.restore(online.save())
    return np.array(rows)


def test_live_updates_are_the_batch_replay_bit_for_bit_even_across_a_restart() -> None:
    events, market = real("BTCUSDT-{}-binance_spot-20240808")
    part = events.part(0, 60_000)
    batch = OnlineMicrostructure(market).replay(part)
    live = replayed_live(part, market, restore_at=2_500)
    assert live.tobytes() == batch[: len(live)].tobytes()


def test_a_replay_in_pieces_and_again_gives_the_same_bits() -> None:
    events, market = real("BTCUSDT-{}-binance_perp-20240808")
    part = events.part(0, 50_000)
    whole = OnlineMicrostructure(market).replay(part)
    pieces = OnlineMicrostructure(market)
    parts = [pieces.replay(part.part(k, k + 7_001)) for k in range(0, 50_000, 7_001)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    warmed = OnlineMicrostructure(market).warm(part)
    assert warmed.tobytes() == whole[-1].tobytes() or part.last[-1] == 0


def test_no_feature_depends_on_what_comes_later() -> None:
    events, market = real("BTCUSDT-{}-binance_perp-20240808")
    part = events.part(0, 40_000)
    whole = OnlineMicrostructure(market).replay(part)
    for cut in (5_000, 20_011, 39_000):
        early = OnlineMicrostructure(market).replay(part.part(0, cut))
        assert early.tobytes() == whole[: len(early)].tobytes()


steps = st.integers(0, 4_000)
kinds = st.sampled_from([LEVEL] * 12 + [TRADE] * 4 + [CLEAR, RESET])


@st.composite
def feeds(draw: st.DrawFn) -> list[Event]:
    """Draw what a feed may send: crossed and one-sided books, zero sizes, gaps in time, restarts."""
    rows: list[Event] = []
    time = draw(st.integers(0, 10**6))
    for _ in range(draw(st.integers(1, 120))):
        time += draw(st.sampled_from([0, 1, 40, 99, 700, 1_001, 9_000]))
        kind = draw(kinds)
        side = draw(st.sampled_from([1, -1, 0] if kind == TRADE else [1, -1]))
        price = draw(st.integers(90, 110))
        size = draw(st.integers(1, 60)) if kind == TRADE else draw(st.integers(0, 9))
        empty = kind in {CLEAR, RESET}
        last = 1 if kind == TRADE or empty else draw(st.integers(0, 1))
        rows.append((time, kind, 0 if empty else side, 0 if empty else price, 0 if empty else size, last))
    # A trade never stands within a message, so whatever is open before one ends there.
    return [
        (*row[:5], 1 if k + 1 < len(rows) and (rows[k + 1][1] != LEVEL or rows[k + 1][0] != row[0]) else row[5])
        for k, row in enumerate(rows)
    ]


@settings(max_examples=60, deadline=None)
@given(feeds())
def test_whatever_a_feed_sends_the_features_are_those_of_plain_python(rows: list[Event]) -> None:
    compare(events_of(rows), SMALL, 1)


@settings(max_examples=30, deadline=None)
@given(feeds(), st.integers(1, 100))
def test_whatever_a_feed_sends_live_and_batch_agree(rows: list[Event], restore_at: int) -> None:
    events = events_of(rows)
    batch = OnlineMicrostructure(SMALL).replay(events)
    assert replayed_live(events, SMALL, restore_at=restore_at).tobytes() == batch.tobytes()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([30, 300, 3_000]))
def test_a_book_of_any_depth_is_a_sorted_dictionary(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    online, book = OnlineMicrostructure(SMALL), dict[int, int]()
    centre = 10_000
    for _ in range(3_000):
        centre += int(rng.integers(-2, 3))
        price = centre - int(rng.geometric(4 / width))
        size = int(rng.integers(0, 3))
        if price < 1:
            continue
        online.level(0, 1, price * SMALL.tick, size * SMALL.lot)
        book[price] = size
        if not size:
            del book[price]
    top = sorted(book, reverse=True)[:20]
    online.level(0, -1, 50_000 * SMALL.tick, SMALL.lot)
    if book:
        wanted = sum(book[price] for price in top) * SMALL.lot
        assert online.vector[col.BID_DEPTH_20] == pytest.approx(wanted, rel=1e-12)
        assert online.vector[col.SPREAD_TICKS] == 50_000 - top[0]


def filled() -> OnlineMicrostructure:
    """Return features of a small book with trades, warmed up for more than a minute."""
    online = OnlineMicrostructure(SMALL)
    online.snapshot(0, [1, 1, -1, -1], [99.5, 99.0, 100.0, 100.5], [1.0, 2.0, 3.0, 4.0])
    for second in range(1, 75):
        online.level(1_000 * second, 1, 99.5, 1.0 + second % 3)
        online.trade(1_000 * second + 10, 1 if second % 2 else -1, 100.0 if second % 2 else 99.5, 0.5)
    return online


def test_an_empty_window_is_exactly_zero_and_never_a_residue() -> None:
    online = filled()
    made = online.level(1_000_000, 1, 90.0, 1.0)
    named = dict(zip(NAMES, made, strict=True))
    for name in (
        "ofi_60s",
        "ofi_l2_10s",
        "mid_return_60s_bps",
        "trade_imbalance_60s",
        "trade_rate_10s",
        "mid_vol_60s_bps",
    ):
        assert named[name] == 0.0, name
    assert np.isnan(named["trade_size_60s"])
    assert np.isnan(named["effective_spread_60s_bps"])


def test_a_gap_makes_the_book_unknown_and_its_windows_start_anew() -> None:
    online = filled()
    assert np.isfinite(online.vector[col.OFI_60])
    gone = online.gap(75_000)
    assert np.isnan(gone[: col.BARS_END]).all()
    assert np.isfinite(gone[col.TRADE_IMBALANCE_60])
    back = online.snapshot(76_000, [1, -1], [50.0, 50.5], [1.0, 1.0])
    assert back[col.SPREAD_TICKS] == 1.0
    assert np.isnan(back[col.OFI_1])
    later = online.level(77_100, 1, 49.5, 1.0)
    assert later[col.OFI_1] == 0.0
    assert later[col.MID_RETURN_1] == 0.0
    assert np.isnan(later[col.MID_RETURN_60])


def test_a_crossed_locked_or_one_sided_book_is_unknown_and_adds_no_flow() -> None:
    online = filled()
    crossed = online.level(75_000, 1, 100.5, 5.0).copy()
    assert np.isnan(crossed[: col.BOOK_END]).all()
    assert online.unusable == 1
    restored = online.level(75_010, 1, 100.5, 0.0).copy()
    assert restored[col.SPREAD_TICKS] == 1.0
    assert restored[col.OFI_1] == 0.0
    online.message(75_020, [-1, -1], [100.0, 100.5], [0.0, 0.0])
    assert np.isnan(online.vector[: col.BOOK_END]).all()
    assert online.unusable == 2


def test_a_book_that_stays_crossed_is_unknown_in_every_window_and_does_not_look_calm() -> None:
    online = filled()
    online.level(75_000, 1, 100.5, 5.0)
    soon = online.advance(75_500).copy()
    assert np.isfinite(soon[[col.OFI_1, col.OFI_60]]).all(), "there was a usable book within the second"
    for second in range(76, 200):
        online.level(1_000 * second, 1, 90.0, float(second))
        online.trade(1_000 * second + 10, 1, 100.0, 0.5)
    of_book = [k for k, item in enumerate(MICROSTRUCTURE_84) if item.group != "trades"]
    known = [NAMES[k] for k in of_book if np.isfinite(online.vector[k])]
    assert known == []
    back = online.level(200_000, 1, 100.5, 0.0)
    assert np.isfinite(back[[col.SPREAD_TICKS, col.OFI_60]]).all()


def test_update_takes_any_event_as_the_method_for_it_does() -> None:
    one, other = filled(), filled()
    events = [
        BookMessage(75_000, [1, -1], [99.0, 100.5], [7.0, 0.0]),
        Trade(75_010, -1, 99.5, 0.3),
        BookMessage(75_500, [1, -1], [98.0, 99.0], [1.0, 1.0], snapshot=True, after_gap=False),
    ]
    made = [one.update(event).copy() for event in events]
    assert made[0].tobytes() == other.message(75_000, [1, -1], [99.0, 100.5], [7.0, 0.0]).tobytes()
    assert made[1].tobytes() == other.trade(75_010, -1, 99.5, 0.3).tobytes()
    assert made[2].tobytes() == other.snapshot(75_500, [1, -1], [98.0, 99.0], [1.0, 1.0], after_gap=False).tobytes()


def test_a_bad_message_is_refused_before_anything_has_changed() -> None:
    online = filled()
    before = online.save()
    for levels in (
        ([1], [99.2], [1.0]),
        ([1, 2], [99.0, 98.0], [1.0, 1.0]),
        ([1], [99.0], [-1.0]),
        ([1, 1], [99.0], [1.0]),
        ([1.5], [99.0], [1.0]),
        ([257], [99.0], [1.0]),
        (["bid"], [99.0], [1.0]),
        ([1], ["99"], [None]),
        (1, 99.0, 1.0),
    ):
        for take in (online.message, online.snapshot):
            with pytest.raises(InputError):
                take(75_000, *levels)
    assert online.save() == before


def test_times_that_run_backwards_count_as_now() -> None:
    online = filled()
    before = online.time_ms
    online.level(10, 1, 99.0, 3.0)
    assert online.time_ms == before


@pytest.mark.parametrize(
    "event",
    [
        (0, 2, 100.0, 1.0),
        (0, 1, -1.0, 1.0),
        (0, 1, 100.0, -1.0),
        (0, 1, float("nan"), 1.0),
        (0, 1, 100.0, float("nan")),
        (0, 1, float("inf"), 1.0),
        (0, 1, 100.0, float("inf")),
        (0, 1, 100.0, 9e15),
        (0, 1, 100.0, 1e30),
        (0, 1, "100", 1.0),
        (0, 1, 100.0, None),
    ],
)
def test_an_impossible_event_is_refused_and_changes_nothing(event: tuple[int, int, float, float]) -> None:
    online = filled()
    before = online.save()
    for take in (online.level, online.trade):
        with pytest.raises(InputError, match="no event"):
            take(*event)
    with pytest.raises(InputError, match="off the grid"):
        online.level(0, 1, 100.2, 1.0)
    assert online.save() == before


@pytest.mark.parametrize("time", [None, 1.5, float("nan"), "75000"])
def test_what_is_no_time_is_refused_and_changes_nothing(time: object) -> None:
    online = filled()
    before = online.save()
    for take in (
        lambda: online.level(time, 1, 99.0, 1.0),
        lambda: online.trade(time, 1, 99.0, 1.0),
        lambda: online.message(time, [1], [99.0], [1.0]),
        lambda: online.snapshot(time, [1], [99.0], [1.0]),
        lambda: online.gap(time),
        lambda: online.advance(time),
    ):
        with pytest.raises(InputError, match="is no time"):
            take()
    assert online.save() == before


def test_what_is_less_than_a_tick_or_a_lot_is_no_trade() -> None:
    online = filled()
    before = online.save()
    for price, size in ((1e-9, 1.0), (99.0, 1e-9)):
        with pytest.raises(InputError, match="off the grid"):
            online.trade(75_000, 1, price, size)
    assert online.save() == before


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"PK\x03\x04cut"])
def test_a_damaged_state_is_refused(damage: bytes) -> None:
    with pytest.raises(InputError, match="no stored state"):
        OnlineMicrostructure.restore(damage)


def test_a_state_cut_short_is_refused() -> None:
    stored = filled().save()
    for keep in (len(stored) // 2, len(stored) - 30):
        with pytest.raises(InputError, match="no stored state"):
            OnlineMicrostructure.restore(stored[:keep])


@pytest.mark.parametrize(
    "wrong", [{"tick": 0.0}, {"tick": "a"}, {"lot": -1.0}, {"vpin_volume": float("nan")}, {"vpin_volume": 0.01}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        MicroSettings(**{"tick": 0.5, "lot": 0.1, "vpin_volume": 1.0, **wrong})


def test_the_table_names_84_features_with_formula_unit_source_and_when_they_are_unknown() -> None:
    assert len(NAMES) == len(set(NAMES)) == col.N_COLUMNS == 84
    assert all(item.formula and item.unit and item.source and item.unknown for item in MICROSTRUCTURE_84)
    assert NAMES[col.BOOK_IMBALANCE_2] == "book_imbalance_2"
    assert NAMES[col.KYLE] == "kyle_lambda_60s"
    assert NAMES[col.VPIN_BULK] == "vpin_bulk_50"


def test_a_level_set_to_what_it_is_counts_as_no_change_of_the_book() -> None:
    online = filled()
    before = online.level(75_000, 1, 99.5, 2.0).copy()
    again = online.level(75_000, 1, 99.5, 2.0)
    assert again[col.UPDATE_RATE] == before[col.UPDATE_RATE]
    assert online.level(75_000, 1, 99.5, 1.0)[col.UPDATE_RATE] == before[col.UPDATE_RATE] + 0.1


def test_volume_far_beyond_all_buckets_is_as_good_as_all_of_them() -> None:
    online, slow = OnlineMicrostructure(SMALL), Reference(SMALL)
    rows = [(k, TRADE, 1 if k % 3 else -1, 200 + k % 5, 7, 1) for k in range(90)]
    rows.append((100, TRADE, 1, 230, 10 * 60 + 3, 1))
    events = events_of(rows)
    found = online.replay(events)
    for i in range(len(events)):
        slow.take(events, i)
    wanted = dict(zip(NAMES, slow.vector(), strict=True))
    assert found[-1, col.VPIN] == pytest.approx(wanted["vpin_50"])
    assert found[-1, col.VPIN_BULK] == pytest.approx(wanted["vpin_bulk_50"])
