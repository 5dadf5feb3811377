"""The 84 order-book features in slow, plain Python: sorted lists, records of everything, sums over what is in a window.

Written from the definitions in `MICROSTRUCTURE_84`, without the kernels: no running totals, no state of windows.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict

import numpy as np

from crypto_team.data.market_events import LEVEL, RESET, TRADE, MarketEvents
from crypto_team.features.microstructure import MicroSettings
from crypto_team.features.microstructure_table import NAMES

NAN = math.nan


def ratio(above: float, below: float, otherwise: float = NAN) -> float:
    return above / below if below else otherwise


class Reference:
    def __init__(self, settings: MicroSettings) -> None:
        self.set = settings
        self.prices: dict[int, list[int]] = {1: [], -1: []}
        self.sizes: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.touched = False
        self.usable = False
        self.spells: list[list[float]] = []  # buckets in which the book became usable and unusable
        self.before: list[list[tuple[int | None, int]]] | None = None
        self.mid2: int | None = None
        self.quotes: tuple[int, int] | None = None
        self.since = [0, 0]
        self.book_start: int | None = None
        self.trade_start: int | None = None
        self.narrow: int | None = None
        self.wide_since: int | None = None
        self.time = 0
        self.records: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.depths: list[tuple[int, int, int]] = []
        self.trades: list[tuple[int, int, int, int, int]] = []  # bucket, price, lots, sign, tick sign
        self.parcels: list[tuple[int, int, int]] = []  # lots, side, price
        self.bars_mid2: int | None = None

    # ---- events -------------------------------------------------------------------------------------------------
    def take(self, events: MarketEvents, i: int) -> None:
        kind, side = int(events.kind[i]), int(events.side[i])
        price, size = int(events.price[i]), int(events.size[i])
        if kind == TRADE:
            self.clock(int(events.time[i]))
            self.trade(side, price, size)
        elif kind == LEVEL:
            self.level(side, price, size)
        else:
            self.prices, self.sizes, self.touched = {1: [], -1: []}, {1: {}, -1: {}}, True
            if kind == RESET:
                self.book_start = self.mid2 = self.before = self.wide_since = None
                self.stands(False)
        if kind != TRADE and events.last[i]:
            self.clock(int(events.time[i]))
            if self.touched:
                self.changed()
            self.touched = False

    def clock(self, time: int) -> None:
        self.time = max(self.time, time)
        self.bucket = self.time // 100

    def top(self, side: int, n: int) -> list[tuple[int, int]]:
        keys = self.prices[side][-n:][::-1]
        return [(side * key, self.sizes[side][key]) for key in keys]

    def level(self, side: int, price: int, size: int) -> None:
        before = self.top(side, 20)
        keys, sizes, key = self.prices[side], self.sizes[side], side * price
        if key in sizes and size == 0:
            del sizes[key]
            del keys[bisect_left(keys, key)]
        elif size:
            if key not in sizes:
                insort(keys, key)
            sizes[key] = size
        self.touched = self.touched or self.top(side, 20) != before

    def changed(self) -> None:
        def note(name: str, value: float) -> None:
            self.records[name].append((self.bucket, value))

        note("update", 1)
        bids, asks = self.top(1, 5), self.top(-1, 5)
        self.stands(bool(bids and asks and bids[0][0] < asks[0][0]))
        if not self.usable:
            self.before = None
            return
        bid, ask = bids[0][0], asks[0][0]
        if self.book_start is None:
            self.book_start, self.since, self.quotes = self.bucket, [self.time] * 2, (bid, ask)
        pads = [(None, 0)] * 5
        now = [(bids + pads)[:5], (asks + pads)[:5]]
        for k in range(5):
            e = 0
            if self.before is not None:
                e = self.flow(1, now[0][k], self.before[0][k]) - self.flow(-1, now[1][k], self.before[1][k])
            note(f"e{k + 1}", e)
        note("top", bids[0][1] + asks[0][1])
        near = (sum(q for _, q in bids), sum(q for _, q in asks))
        note("near", sum(near))
        self.depths.append((self.bucket, *near))
        self.quote_watch(bid, ask)
        if self.mid2 is not None:
            note("mid", bid + ask - self.mid2)
        self.mid2 = bid + ask
        self.spread_watch(ask - bid)
        self.before = now

    def stands(self, usable: bool) -> None:
        if usable and not self.usable:
            self.spells.append([self.bucket, math.inf])
        elif self.usable and not usable:
            self.spells[-1][1] = self.bucket
        self.usable = usable

    def seen(self, first: int, last: int) -> bool:
        """Whether a usable book stood at the end of one of some buckets, or came in one."""
        stood = any(max(start, first) <= min(end - 1, last) for start, end in self.spells)
        return stood or any(first <= bucket <= last for bucket, _ in self.records["top"])

    def quote_watch(self, bid: int, ask: int) -> None:
        for side, price in enumerate((bid, ask)):
            if price != self.quotes[side]:
                self.records[("bid_moves", "ask_moves")[side]].append((self.bucket, 1))
                self.since[side] = self.time
        self.quotes = (bid, ask)

    @staticmethod
    def flow(side: int, now: tuple[int | None, int], then: tuple[int | None, int]) -> int:
        """Bids: +q where the price did not fall, -q' where it did not rise; asks the other way round."""
        p = -math.inf if now[0] is None else side * now[0]
        p0 = -math.inf if then[0] is None else side * then[0]
        return (now[1] if p >= p0 else 0) - (then[1] if p <= p0 else 0)

    def spread_watch(self, spread: int) -> None:
        self.records["spread"].append((self.bucket, spread))
        if self.wide_since is not None:
            if spread <= self.narrow:
                self.records["recovery"].append((self.bucket, self.time - self.wide_since))
                self.wide_since, self.narrow = None, spread
        elif self.before is not None and spread > self.narrow:
            self.wide_since = self.time
        else:
            self.narrow = spread

    def trade(self, side: int, price: int, lots: int) -> None:
        if self.trade_start is None:
            self.trade_start = self.bucket
        tick = self.trades[-1][4] if self.trades else 0
        if self.trades and price != self.trades[-1][1]:
            tick = 1 if price > self.trades[-1][1] else -1
        sign = side
        if side == 0:
            sign = (1 if 2 * price > self.mid2 else -1) if self.usable and 2 * price != self.mid2 else tick
        self.trades.append((self.bucket, price, lots, sign, tick))
        if self.usable and sign:
            self.records["paid"].append((self.bucket, sign * (2 * price - self.mid2) * lots))
            self.records["paid_lots"].append((self.bucket, lots))
        self.parcels.append((lots, side, price))

    # ---- features -----------------------------------------------------------------------------------------------
    def vector(self) -> list[float]:
        found: dict[str, float] = {}
        self.shape(found)
        self.windows(found)
        self.bar_features(found)
        self.trade_features(found)
        self.volume_buckets(found)
        return [found.get(name, NAN) for name in NAMES]

    def within(self, name: str, seconds: int) -> list[float]:
        made = []
        for bucket, value in reversed(self.records[name]):
            if bucket <= self.bucket - 10 * seconds:
                break
            made.append(value)
        return made

    def shape(self, out: dict[str, float]) -> None:
        if not self.usable:
            return
        bids, asks, lot = self.top(1, 20), self.top(-1, 20), self.set.lot
        (bid, qb), (ask, qa), mid = bids[0], asks[0], (bids[0][0] + asks[0][0]) / 2
        out["spread_ticks"], out["spread_bps"] = ask - bid, 1e4 * (ask - bid) / mid
        out["microprice_dev_bps"] = 1e4 * ((ask * qb + bid * qa) / (qb + qa) / mid - 1)
        sb, sa = sum(q for _, q in bids[:5]), sum(q for _, q in asks[:5])
        vb, va = sum((p - mid) * q for p, q in bids[:5]) / sb, sum((p - mid) * q for p, q in asks[:5]) / sa
        out["microprice_5_dev_bps"] = 1e4 * (va * sb + vb * sa) / (sb + sa) / mid
        for k in range(10):
            b, a = (bids[k][1] if k < len(bids) else 0), (asks[k][1] if k < len(asks) else 0)
            out[f"level_imbalance_{k + 1:02d}"] = ratio(b - a, b + a)
        for n in (2, 3, 5, 10, 15, 20):
            b, a = sum(q for _, q in bids[:n]), sum(q for _, q in asks[:n])
            out[f"book_imbalance_{n}"] = ratio(b - a, b + a)
        for n in (1, 5, 20):
            out[f"bid_depth_{n}"] = lot * sum(q for _, q in bids[:n])
            out[f"ask_depth_{n}"] = lot * sum(q for _, q in asks[:n])
        for name, side in (("bid", bids), ("ask", asks)):
            p, q = np.array([x for x, _ in side], float), np.array([x for _, x in side], float) * lot
            away, v = np.abs(p / mid - 1), np.cumsum(q)
            if len(side) >= 3:
                out[f"slope_{name}"] = np.polyfit(away * 1e4, v, 1)[0]
            rest = (v[1:] / v[:-1] - 1) / np.abs(p[1:] / p[:-1] - 1)
            out[f"elasticity_{name}"] = (v[0] / away[0] + rest.sum()) / len(side)
            out[f"vwap_gap_{name}_20"] = 1e4 * (away * q).sum() / q.sum()
            out[f"_pull_{name}"] = (q / away).sum()
        b, a = out.pop("_pull_bid"), out.pop("_pull_ask")
        out["price_pressure_20"] = (b - a) / (b + a)
        b, a = out.get("slope_bid", NAN), out.get("slope_ask", NAN)
        out["slope_imbalance"] = (b - a) / (b + a)
        out["quote_age_bid"], out["quote_age_ask"] = (self.time - item for item in self.since)

    def windows(self, out: dict[str, float]) -> None:
        for w in (1, 5, 10, 30, 60):
            if self.book_start is None or self.bucket < self.book_start + 10 * w:
                continue
            if not self.seen(self.bucket - 10 * w + 1, self.bucket):
                continue
            e = [sum(self.within(f"e{k}", w)) for k in range(1, 6)]
            n, top, near = len(self.within("top", w)), sum(self.within("top", w)), sum(self.within("near", w))
            out[f"ofi_{w}s"] = ratio(e[0], top / (2 * n) if n else 0, 0.0)
            out[f"mlofi_5_{w}s"] = ratio(sum(e) / 5, near / (10 * n) if n else 0, 0.0)
            moves = self.within("mid", w)
            out[f"mid_return_{w}s_bps"] = 1e4 * (self.mid2 / (self.mid2 - sum(moves)) - 1)
            out[f"mid_vol_{w}s_bps"] = 1e4 * math.sqrt(sum(x * x for x in moves)) / self.mid2
            spreads = self.within("spread", w)
            out[f"spread_vol_{w}s"] = float(np.std(spreads)) if spreads else 0.0
            if w == 10:
                for k in range(2, 6):
                    out[f"ofi_l{k}_10s"] = ratio(e[k - 1], near / (10 * n) if n else 0, 0.0)
                out["update_rate_10s"] = len(self.within("update", 10)) / 10
                out["mid_moves_10s"] = sum(x != 0 for x in moves)
            if w == 60:
                for side in ("bid", "ask"):
                    out[f"quote_life_{side}_60s"] = 60_000 / (1 + len(self.within(f"{side}_moves", 60)))
                back = self.within("recovery", 60)
                out["resilience_60s"] = float(np.mean(back)) if back else NAN

    def per_bar(self, records: list[tuple[int, float]], bar: int) -> np.ndarray:
        made = np.zeros(60)
        for bucket, value in reversed(records):
            place = bucket // 10 - (bar - 60)
            if place < 0:
                break
            if place < 60:
                made[place] += value
        return made

    def levels_at(self, side: int, bar: int) -> np.ndarray:
        """Depth of a side at the close of each of the 61 bars before this one."""
        made, place = np.zeros(61), len(self.depths) - 1
        for j in range(60, -1, -1):
            while place >= 0 and self.depths[place][0] // 10 > bar - 61 + j:
                place -= 1
            made[j] = self.depths[place][side] if place >= 0 else 0
        return made

    def bar_features(self, out: dict[str, float]) -> None:
        """Judge bars at their close; ticks become basis points at the mid of the first event after it."""
        bar = self.bucket // 10
        if self.book_start is None or bar - 60 <= self.book_start // 10:
            return
        if not self.seen(10 * (bar - 60), 10 * bar - 1):
            return
        e = {k: self.per_bar(self.records[f"e{k}"], bar) for k in (1, 2, 3, 5)}
        mids = self.per_bar(self.records["mid"], bar)

        def corr(x: np.ndarray, y: np.ndarray) -> float:
            return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else NAN

        for k in (2, 3, 5):
            out[f"level_corr_1_{k}_60s"] = corr(e[1], e[k])
        out["depth_corr_60s"] = corr(np.diff(self.levels_at(1, bar)), np.diff(self.levels_at(2, bar)))
        out["ofi_return_corr_60s"] = corr(e[1], mids)
        if self.trade_start is None or bar - 60 <= self.trade_start // 10:
            return
        signed = self.per_bar([(b, lots * sign) for b, _, lots, sign, _ in self.trades], bar)
        volume = self.per_bar([(b, lots) for b, _, lots, _, _ in self.trades], bar)
        mid = self.bars_mid2 * self.set.tick / 2
        flow, moves = signed * self.set.lot * mid / 1e6, mids * self.set.tick / 2 / mid * 1e4
        if flow.std() > 0:
            out["kyle_lambda_60s"] = np.polyfit(flow, moves, 1)[0]
        traded = volume > 0
        if traded.any():
            out["amihud_60s"] = np.mean(np.abs(moves[traded]) / (volume[traded] * self.set.lot * mid / 1e6))

    def trade_features(self, out: dict[str, float]) -> None:
        if self.trade_start is None:
            return
        out["tick_rule"], out["trade_run"] = self.trades[-1][4], self.run()
        for w in (1, 10, 60):
            if self.bucket < self.trade_start + 10 * w:
                continue
            now = [x for x in self.trades[-20_000:] if x[0] > self.bucket - 10 * w]
            lots = sum(x[2] for x in now)
            out[f"trade_imbalance_{w}s"] = ratio(sum(x[2] * x[3] for x in now), lots, 0.0)
            out[f"trade_rate_{w}s"] = len(now) / w
            if w == 60:
                self.minute(out, now, lots)

    def minute(self, out: dict[str, float], now: list[tuple[int, int, int, int, int]], lots: int) -> None:
        out["trade_size_60s"] = ratio(lots * self.set.lot, len(now))
        out["tick_imbalance_60s"] = ratio(sum(x[4] for x in now), len(now), 0.0)
        worth = [x[1] * self.set.tick * x[2] * self.set.lot for x in now]
        for name, least in (("1k", self.set.large_1k), ("10k", self.set.large_10k), ("100k", self.set.large_100k)):
            out[f"large_share_{name}_60s"] = ratio(
                sum(x[2] for x, w in zip(now, worth, strict=True) if w >= least), lots, 0.0
            )
        large = sum(x[2] * x[3] for x, w in zip(now, worth, strict=True) if w >= self.set.large_10k)
        out["large_imbalance_60s"] = ratio(large, lots, 0.0)
        price = self.trades[-1][1]
        out["effective_spread_60s_bps"] = (
            1e4 * ratio(sum(self.within("paid", 60)), sum(self.within("paid_lots", 60))) / price
        )
        if self.usable:
            out["vwap_dev_60s_bps"] = 1e4 * (ratio(sum(x[1] * x[2] for x in now), lots) / (self.mid2 / 2) - 1)
        first = len(self.trades) - len(now)
        prices = np.array([x[1] for x in self.trades[max(first - 2, 0) :]], float)
        steps = np.diff(prices)
        x, y = steps[1:], steps[:-1]
        x, y = x[-len(now) :] if now else x[:0], y[-len(now) :] if now else y[:0]
        if len(x) > 1:
            cov = float(np.cov(x, y)[0, 1])
            # The kernel counts in ticks; here rounding may leave a trace of a covariance that is exactly zero.
            cov = 0.0 if abs(cov) < 1e-9 * float(np.abs(x).max(initial=0.0) * np.abs(y).max(initial=0.0)) else cov
            out["roll_spread_60s_bps"] = 2e4 * math.sqrt(-cov) / price if cov <= 0 else NAN

    def run(self) -> int:
        count = 0
        signs = [x[3] for x in self.trades if x[3]]
        for sign in reversed(signs):
            if sign != signs[-1]:
                break
            count += sign
        return count

    def volume_buckets(self, out: dict[str, float]) -> None:
        size = round(self.set.vpin_volume / self.set.lot)
        if not self.parcels:
            return
        full, room, signed, unknown, close = [], size, 0, 0, self.parcels[0][2]
        for lots, side, price in self.parcels:
            left = lots
            while left:
                part = min(left, room)
                left, room, signed = left - part, room - part, signed + side * part
                unknown += part if side == 0 else 0
                if room == 0:
                    full.append((signed, unknown, price - close))
                    room, signed, unknown, close = size, 0, 0, price
        if len(full) < 50:
            return
        last = full[-50:]
        sigma = float(np.std([x[2] for x in last]))
        guess = [abs(math.erf(x[2] / sigma / math.sqrt(2))) if sigma > 0 else 0.0 for x in last]
        out["vpin_bulk_50"] = float(np.mean(guess))
        out["vpin_50"] = float(np.mean([g if x[1] else abs(x[0]) / size for x, g in zip(last, guess, strict=True)]))
