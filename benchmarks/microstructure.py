"""The 84 order-book features on a real book: one event at a time from Python, in batch, and against numpy.

Run: ``python benchmarks/microstructure.py [folder with l2/ and trades/]``
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.market_events import TRADE, MarketEvents, merge
from crypto_team.data.order_book import book_events, canonical_book
from crypto_team.data.trades import canonical_trades, trade_events
from crypto_team.features.microstructure import MicroSettings, OnlineMicrostructure

REPEATS, LIVE, LEVELS = 5, 100_000, 20
MARKETS = {
    "BTCUSDT-{}-binance_perp-20240808": (0.1, 0.001),
    "BTCUSDT-{}-binance_spot-20240808": (0.01, 0.000001),
    "ETHUSDT-{}-binance_perp-20240718": (0.01, 0.001),
}


def load(folder: Path, name: str, tick: float, lot: float) -> tuple[MarketEvents, MicroSettings]:
    book = canonical_book(pd.read_parquet(folder / "l2" / f"{name.format('L2')}.parquet"), where=name)
    trades = canonical_trades(pd.read_parquet(folder / "trades" / f"{name.format('trades')}.parquet"), where=name)
    events = merge(trade_events(trades, tick=tick, lot=lot), book_events(book, tick=tick, lot=lot)[0])
    return events, MicroSettings(tick, lot, float(trades["qty"].sum()) / 100)


def cpu(function: Callable[[], object]) -> float:
    function()
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def live(events: MarketEvents, market: MicroSettings) -> npt.NDArray[np.float64]:
    """Return microseconds of single events, each a call from Python, after the first half was replayed."""
    online, half = OnlineMicrostructure(market), len(events) // 2
    online.replay(events.part(0, half))
    part = events.part(half, half + LIVE)
    rows = zip(
        part.time.tolist(),
        part.kind.tolist(),
        part.side.tolist(),
        (part.price * market.tick).tolist(),
        (part.size * market.lot).tolist(),
        strict=True,
    )
    spent = np.empty(len(part))
    for k, (at, kind, side, price, size) in enumerate(rows):
        take = online.trade if kind == TRADE else online.level
        start = time.perf_counter_ns()
        take(at, side, price, size)
        spent[k] = time.perf_counter_ns() - start
    return spent / 1e3


def numpy_recompute(rng: np.random.Generator) -> float:
    """Return microseconds of the same families recomputed with numpy from what a minute holds, for one event.

    The window holds 1,200 book changes, 60 bars and 2,000 trades, about what the perpetual has in a minute. It leaves
    out VPIN and everything that keeps the window, so it is faster than a real recompute would be.
    """
    books, trades, bars = 1_200, 2_000, 60
    price = np.cumsum(rng.integers(-1, 2, (books, 2)), axis=0) + np.array([618_000, 618_001])
    size = rng.integers(1, 5_000, (books, 2, LEVELS)).astype(np.float64)
    stamps, trade_stamps = np.sort(rng.integers(0, 60_000, books)), np.sort(rng.integers(0, 60_000, trades))
    traded, lots = 618_000 + np.cumsum(rng.integers(-1, 2, trades)), rng.integers(1, 900, trades).astype(np.float64)
    sign, ladder = rng.choice([-1.0, 1.0], trades), np.arange(1.0, LEVELS + 1.0)

    def once() -> None:
        bids, asks = size[-1]
        (bids - asks) / (bids + asks)
        deep = np.cumsum(size[-1], axis=1)
        (deep[0] - deep[1]) / (deep[0] + deep[1])
        for side in deep:
            np.polyfit(ladder, side, 1)
            (side[1:] / side[:-1] - 1).mean()
        (bids / ladder).sum() / (asks / ladder).sum()
        up, down = np.diff(price, axis=0) >= 0, np.diff(price, axis=0) <= 0
        near = size[:, :, :5]
        flow = up[:, :, None] * near[1:] - down[:, :, None] * near[:-1]
        net, moves = flow[:, 0] - flow[:, 1], np.diff(price.sum(axis=1))
        for window in (1_000, 5_000, 10_000, 30_000, 60_000):
            inside = stamps[1:] > stamps[-1] - window
            net[inside].sum(axis=0) / near[1:][inside].mean()
            moves[inside].sum(), np.square(moves[inside]).sum(), np.count_nonzero(moves[inside])
            (price[1:, 1] - price[1:, 0])[inside].std()
        per_bar = np.add.reduceat(net, np.searchsorted(stamps[1:], np.arange(bars) * 1_000).clip(0, books - 2))
        np.corrcoef(per_bar.T)
        for window in (1_000, 10_000, 60_000):
            inside = trade_stamps > trade_stamps[-1] - window
            (sign * lots)[inside].sum() / lots[inside].sum()
        value = traded * lots
        lots[value > 1e8].sum(), lots[value > 1e9].sum(), value.sum() / lots.sum(), (sign * lots)[value > 1e8].sum()
        step = np.diff(traded)
        np.cov(step[1:], step[:-1])
        signed = np.bincount(trade_stamps // 1_000, weights=sign * lots, minlength=bars)
        np.polyfit(signed, per_bar[:, 0], 1)

    repeats = 200

    def many() -> None:
        for _ in range(repeats):
            once()

    return cpu(many) / repeats * 1e6


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/market-data")
    slow = numpy_recompute(np.random.default_rng(7))
    print(f"numpy recompute over a minute's window: {slow:.0f} us an event")
    for name, (tick, lot) in MARKETS.items():
        events, market = load(folder, name, tick, lot)
        single = MarketEvents(
            events.time, events.kind, events.side, events.price, events.size, np.ones_like(events.last)
        )
        out = np.zeros((len(events), 84))
        every = cpu(lambda e=single, m=market, o=out: OnlineMicrostructure(m).replay(e, o)) / len(events)
        whole = cpu(lambda e=events, m=market, o=out: OnlineMicrostructure(m).replay(e, o)) / len(events)
        p50, p99 = np.percentile(live(events, market), [50, 99])
        print(
            f"{name.format('L2')}: {1e-6 / every:.1f} M events/s with 84 features at every level and trade "
            f"({slow / (1e6 * every):,.0f} times numpy), {1e-6 / whole:.1f} M levels/s with features at every message; "
            f"one event from Python p50 {p50:.2f} us, p99 {p99:.2f} us ({slow / p50:.0f} times numpy)"
        )


if __name__ == "__main__":
    main()
