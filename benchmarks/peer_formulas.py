"""The operators of the standard set, written once over the few things that pandas and polars both can do vectorised.

A backend offers shifts, rolling and exponential windows, logarithms and choices; pandas computes at once, polars builds
expressions that it then optimises and computes together. Parts that formulas share are computed once for both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crypto_team.features.nodes import Node

NOT_VECTORISED = ("poc_dev",)  # a histogram for every window: neither has it but with a Python function per window


class Peer:
    """Evaluates formulas with a backend; every part is computed once."""

    def __init__(self, backend: Any) -> None:
        self.b = backend
        self.known: dict[Any, Any] = {}

    def value(self, node: Node) -> Any:
        if node not in self.known:
            self.known[node] = self._value(node)
        return self.known[node]

    def _value(self, node: Node) -> Any:
        if node.kind == "column":
            return self.b.column(node.name)
        if node.kind == "number":
            return float(node.name)
        inputs = [self.value(item) for item in node.inputs]
        if node.kind == "binary":
            left, right = inputs
            return {"+": left.__add__, "-": left.__sub__, "*": left.__mul__, "/": left.__truediv__}[node.name](right)
        settings = [int(item) if item == int(item) else item for item in node.settings]
        return getattr(self, node.name)(*inputs, *settings)

    def once(self, name: str, *given: Any) -> Any:
        """Compute something of the backend once for the same inputs."""
        key = (name, *(id(item) if not isinstance(item, int | float) else item for item in given))
        if key not in self.known:
            self.known[key] = (getattr(self.b, name)(*given), given)
        return self.known[key][0]

    def mean(self, x: Any, n: int) -> Any:
        return self.once("mean", x, n)

    def ln(self, x: Any) -> Any:
        return self.once("ln", x)

    def ret(self, x: Any, n: int) -> Any:
        return x / self.b.lag(x, n) - 1.0

    def one(self, x: Any) -> Any:
        """One-bar return."""
        key = ("one", id(x))
        if key not in self.known:
            self.known[key] = (self.ret(x, 1), x)
        return self.known[key][0]

    def logret(self, x: Any, n: int) -> Any:
        return self.ln(x) - self.b.lag(self.ln(x), n)

    def squared(self, x: Any) -> Any:
        key = ("squared", id(x))
        if key not in self.known:
            move = self.logret(x, 1)
            self.known[key] = (move * move, x)
        return self.known[key][0]

    def excess_ret(self, x: Any, n: int) -> Any:
        return self.one(x) - self.mean(self.one(x), n)

    def drawdown(self, x: Any, n: int) -> Any:
        return x / self.b.highest(x, n) - 1.0

    def realised_vol(self, x: Any, n: int) -> Any:
        return self.b.root(self.mean(self.squared(x), n))

    def parkinson(self, h: Any, lo: Any, n: int) -> Any:
        span = self.ln(h) - self.ln(lo)
        return self.b.root(self.b.mean(span * span, n) / (4.0 * math.log(2.0)))

    def garman_klass(self, o: Any, h: Any, lo: Any, c: Any, n: int) -> Any:
        span, body = self.ln(h) - self.ln(lo), self.ln(c) - self.ln(o)
        return self.b.root(self.b.mean(0.5 * span * span - (2.0 * math.log(2.0) - 1.0) * body * body, n))

    def _rs(self, o: Any, h: Any, lo: Any, c: Any) -> Any:
        first, top, bottom, last = self.ln(o), self.ln(h), self.ln(lo), self.ln(c)
        return (top - last) * (top - first) + (bottom - last) * (bottom - first)

    def rogers_satchell(self, o: Any, h: Any, lo: Any, c: Any, n: int) -> Any:
        return self.b.root(self.b.mean(self._rs(o, h, lo, c), n))

    def yang_zhang(self, o: Any, h: Any, lo: Any, c: Any, n: int) -> Any:
        night, body = self.ln(o) - self.b.lag(self.ln(c), 1), self.ln(c) - self.ln(o)
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        parts = self.b.var(night, n) + k * self.b.var(body, n)
        return self.b.root(parts + (1.0 - k) * self.b.mean(self._rs(o, h, lo, c), n))

    def roc(self, x: Any, n: int) -> Any:
        return 100.0 * self.ret(x, n)

    def rsi(self, x: Any, n: int) -> Any:
        move = x - self.b.lag(x, 1)
        up, path = self.b.wilder(self.b.positive(move), n), self.b.wilder(abs_of(move), n)
        return 100.0 * up / path

    def _k(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        top, bottom = self.once("highest", h, n), self.once("lowest", lo, n)
        key = ("k", id(c), n)
        if key not in self.known:
            self.known[key] = 100.0 * (c - bottom) / (top - bottom)
        return self.known[key]

    def willr(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        return self._k(h, lo, c, n) - 100.0

    def stoch_k(self, h: Any, lo: Any, c: Any, n: int, k: int) -> Any:
        return self.mean(self._k(h, lo, c, n), k)

    def stoch_d(self, h: Any, lo: Any, c: Any, n: int, k: int, d: int) -> Any:
        return self.b.mean(self.stoch_k(h, lo, c, n, k), d)

    def typical(self, h: Any, lo: Any, c: Any) -> Any:
        key = ("typical", id(c))
        if key not in self.known:
            self.known[key] = (h + lo + c) / 3.0
        return self.known[key]

    def cci(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        typical = self.typical(h, lo, c)
        middle = self.mean(typical, n)
        away = abs_of(typical - middle)
        for k in range(1, n):
            away = away + abs_of(self.b.lag(typical, k) - middle)
        return (typical - middle) / (0.015 / n * away)

    def wave_trend(self, h: Any, lo: Any, c: Any, n: int, m: int) -> Any:
        typical = self.typical(h, lo, c)
        away = typical - self.b.ema(typical, n)
        return self.b.ema(away / (0.015 * self.b.ema(abs_of(away), n)), m)

    def true_range(self, h: Any, lo: Any, c: Any) -> Any:
        key = ("true range", id(c))
        if key not in self.known:
            before = self.b.lag(c, 1)
            self.known[key] = self.b.larger(h, before) - self.b.smaller(lo, before)
        return self.known[key]

    def natr(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        return 100.0 * self.b.wilder(self.true_range(h, lo, c), n) / c

    def body_ratio(self, o: Any, h: Any, lo: Any, c: Any) -> Any:
        return (c - o) / (h - lo)

    def upper_wick(self, o: Any, h: Any, lo: Any, c: Any) -> Any:
        return (h - self.b.larger(o, c)) / (h - lo)

    def lower_wick(self, o: Any, h: Any, lo: Any, c: Any) -> Any:
        return (self.b.smaller(o, c) - lo) / (h - lo)

    def sma(self, x: Any, n: int) -> Any:
        return self.mean(x, n)

    def sma_ratio(self, x: Any, n: int) -> Any:
        return x / self.mean(x, n) - 1.0

    def ema(self, x: Any, n: int) -> Any:
        return self.once("ema", x, n)

    def ema_ratio(self, x: Any, fast: int, slow: int) -> Any:
        return self.ema(x, fast) / self.ema(x, slow) - 1.0

    def _line(self, x: Any, fast: int, slow: int) -> Any:
        key = ("line", id(x), fast, slow)
        if key not in self.known:
            self.known[key] = self.ema(x, fast) - self.ema(x, slow)
        return self.known[key]

    def macd(self, x: Any, fast: int, slow: int) -> Any:
        return 100.0 * self._line(x, fast, slow) / x

    def macd_signal(self, x: Any, fast: int, slow: int, n: int) -> Any:
        return 100.0 * self.ema(self._line(x, fast, slow), n) / x

    def macd_hist(self, x: Any, fast: int, slow: int, n: int) -> Any:
        return 100.0 * (self._line(x, fast, slow) - self.ema(self._line(x, fast, slow), n)) / x

    def _directions(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        key = ("directions", id(c), n)
        if key not in self.known:
            up, down = h - self.b.lag(h, 1), self.b.lag(lo, 1) - lo
            reach = self.b.wilder(self.true_range(h, lo, c), n)
            plus = self.b.wilder(self.b.where((up > down) & (up > 0.0), up), n)
            minus = self.b.wilder(self.b.where((down > up) & (down > 0.0), down), n)
            self.known[key] = (100.0 * plus / reach, 100.0 * minus / reach)
        return self.known[key]

    def plus_di(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        return self._directions(h, lo, c, n)[0]

    def minus_di(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        return self._directions(h, lo, c, n)[1]

    def adx(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        key = ("adx", id(c), n)
        if key not in self.known:
            plus, minus = self._directions(h, lo, c, n)
            self.known[key] = self.b.wilder(100.0 * abs_of(plus - minus) / (plus + minus), n)
        return self.known[key]

    def trend_decay(self, h: Any, lo: Any, c: Any, n: int, m: int) -> Any:
        return self.adx(h, lo, c, n) / self.b.highest(self.adx(h, lo, c, n), m) - 1.0

    def aroon_up(self, h: Any, n: int) -> Any:
        return 100.0 - 100.0 / n * self.once("age_of_highest", h, n + 1)

    def aroon_down(self, lo: Any, n: int) -> Any:
        return 100.0 - 100.0 / n * self.once("age_of_lowest", lo, n + 1)

    def spread(self, x: Any, n: int) -> Any:
        return self.once("deviation", x, n)

    def bb_percent(self, x: Any, n: int, k: float) -> Any:
        reach = k * self.spread(x, n)
        return (x - self.mean(x, n) + reach) / (2.0 * reach)

    def bb_width(self, x: Any, n: int, k: float) -> Any:
        return 2.0 * k * self.spread(x, n) / self.mean(x, n)

    def keltner_position(self, h: Any, lo: Any, c: Any, n: int, m: int, k: float) -> Any:
        return (c - self.ema(c, n)) / (k * self.b.wilder(self.true_range(h, lo, c), m))

    def donchian_breakout(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        top, bottom = self.b.lag(self.once("highest", h, n), 1), self.b.lag(self.once("lowest", lo, n), 1)
        return self.b.number(c > top) - self.b.number(c < bottom)

    def donchian_position(self, h: Any, lo: Any, c: Any, n: int) -> Any:
        top, bottom = self.b.lag(self.once("highest", h, n), 1), self.b.lag(self.once("lowest", lo, n), 1)
        return (c - bottom) / (top - bottom)

    def volume_ratio(self, v: Any, n: int) -> Any:
        return v / self.mean(v, n)

    def obv_change(self, c: Any, v: Any, n: int) -> Any:
        return self.b.mean(self.b.sign(c - self.b.lag(c, 1)) * v, n) / self.mean(v, n)

    def _flow(self, h: Any, lo: Any, c: Any, v: Any) -> Any:
        return ((c - lo) - (h - c)) / (h - lo) * v

    def cmf(self, h: Any, lo: Any, c: Any, v: Any, n: int) -> Any:
        return self.b.mean(self._flow(h, lo, c, v), n) / self.mean(v, n)

    def ad_change(self, h: Any, lo: Any, c: Any, v: Any, n: int, m: int) -> Any:
        return self.b.total(self._flow(h, lo, c, v), n) / self.b.total(v, m)

    def mfi(self, h: Any, lo: Any, c: Any, v: Any, n: int) -> Any:
        typical = self.typical(h, lo, c)
        move, value = typical - self.b.lag(typical, 1), typical * v
        up, down = self.b.total(self.b.where(move > 0.0, value), n), self.b.total(self.b.where(move < 0.0, value), n)
        return 100.0 * up / (up + down)

    def vwap_dev(self, h: Any, lo: Any, c: Any, v: Any, n: int) -> Any:
        return c * self.mean(v, n) / self.b.mean(self.typical(h, lo, c) * v, n) - 1.0

    def volume_price_corr(self, c: Any, v: Any, n: int) -> Any:
        return self.b.correlation(abs_of(self.one(c)), v, n)

    def zscore(self, x: Any, n: int) -> Any:
        return (x - self.mean(x, n)) / self.spread(x, n)

    def skew(self, x: Any, n: int) -> Any:
        return self.b.skew(x, n)

    def kurt(self, x: Any, n: int) -> Any:
        return self.b.kurt(x, n)

    def autocorr(self, x: Any, n: int, lag: int) -> Any:
        earlier = self.b.lag(x, lag)
        middle, pairs = self.mean(x, n), n - lag
        cross = self.b.mean(x * earlier, pairs) - middle * (self.b.mean(x, pairs) + self.b.mean(earlier, pairs))
        return (cross + middle * middle) * (pairs / n) / (self.spread(x, n) * self.spread(x, n))

    def hurst(self, x: Any, n: int) -> Any:
        logs = [math.log(k) for k in range(1, min(19, n // 8) + 1)]
        middle = sum(logs) / len(logs)
        width = sum((item - middle) ** 2 for item in logs)
        made: Any = 0.0
        for k, item in enumerate(logs, 1):
            d = self.ln(x) - self.b.lag(self.ln(x), k)
            made = made + (item - middle) / (2.0 * width) * self.b.ln(self.b.mean(d * d, n - k))
        return made

    def perm_entropy(self, x: Any, n: int) -> Any:
        first, second = self.b.lag(x, 2), self.b.lag(x, 1)
        a, b, c = first <= second, first <= x, second <= x
        made: Any = 0.0
        for part in (a & b & c, a & b & ~c, a & ~b & ~c, ~a & b & c, ~a & ~b & c, ~a & ~b & ~c):
            share = self.b.mean(self.b.number(part), n - 2)
            made = made - share * self.b.ln(share + 1e-300)
        return made / math.log(6.0)

    def efficiency_ratio(self, x: Any, n: int) -> Any:
        return abs_of(x - self.b.lag(x, n)) / self.b.total(abs_of(x - self.b.lag(x, 1)), n)

    def vol_regime(self, x: Any, n: int, m: int) -> Any:
        return self.b.rank(self.mean(self.squared(x), n), m)

    def rank(self, x: Any, n: int) -> Any:
        return self.b.rank(x, n)

    def lag(self, x: Any, n: int) -> Any:
        return self.b.lag(x, n)

    def diff(self, x: Any, n: int) -> Any:
        return x - self.b.lag(x, n)

    def _share(self, length: int, offset: int = 0) -> Any:
        return (self.b.column("times") + offset) % length / length

    def hour_sin(self) -> Any:
        return self.b.sine(2.0 * math.pi * self._share(86_400_000))

    def hour_cos(self) -> Any:
        return self.b.cosine(2.0 * math.pi * self._share(86_400_000))

    def weekday_sin(self) -> Any:
        return self.b.sine(2.0 * math.pi * self._share(604_800_000, 259_200_000))

    def weekday_cos(self) -> Any:
        return self.b.cosine(2.0 * math.pi * self._share(604_800_000, 259_200_000))

    def _between(self, first: int, last: int) -> Any:
        hour = self._share(86_400_000) * 24.0
        return self.b.number((hour >= first) & (hour < last))

    def session_asia(self) -> Any:
        return self._between(0, 8)

    def session_europe(self) -> Any:
        return self._between(7, 16)

    def session_us(self) -> Any:
        return self._between(13, 22)


def abs_of(x: Any) -> Any:
    return x.abs()
