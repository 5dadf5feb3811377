"""One loop, written by hand and compiled as a whole, over features of several families: how fast it could be."""

from __future__ import annotations

import numpy as np
from numba import njit

FORMULAS = (
    *("ret(close, 1)", "roc(close, 12)", "sma_ratio(close, 20)", "sma_ratio(close, 50)", "zscore(close, 48)"),
    *("bb_width(close, 20)", "ema_ratio(close, 9, 21)", "rsi(close, 14)", "natr(14)", "macd(close)"),
    *("plus_di(14)", "minus_di(14)", "body_ratio()", "upper_wick()", "lower_wick()", "volume_ratio(20)"),
    *("obv_change(24)", "cmf(20)", "vwap_dev(24)", "realised_vol(close, 48)", "parkinson(24)", "willr(14)"),
    *("donchian_position(20)", "skew(ret(close, 1), 48)", "kurt(ret(close, 1), 48)", "efficiency_ratio(close, 12)"),
)


@njit(nogil=True, error_model="numpy", fastmath=False)
def loop(o, h, lo, c, v, out):  # noqa: C901, PLR0915, ANN - one loop is the point
    n = c.size
    top14, top20 = np.empty(32, np.int64), np.empty(32, np.int64)
    low14, low20 = np.empty(32, np.int64), np.empty(32, np.int64)
    heads, tails = np.zeros(4, np.int64), np.zeros(4, np.int64)
    s20 = s50 = s48 = q20 = q48 = v20 = v24 = obv = flow = value = real = park = path = 0.0
    m1 = m2 = m3 = m4 = 0.0
    e9, e21, e12, e26 = c[0], c[0], c[0], c[0]
    up = gone = reach = plus = minus = 0.0
    signs, flows, logs, ranges = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    anchor = c[0]
    for i in range(n):
        x = c[i]
        d = x - anchor
        move = x - c[i - 1] if i else 0.0
        r = x / c[i - 1] - 1.0 if i else 0.0
        logs[i] = np.log(x / c[i - 1]) ** 2 if i else 0.0
        ranges[i] = np.log(h[i] / lo[i]) ** 2
        signs[i] = np.sign(move) * v[i]
        spread = h[i] - lo[i]
        flows[i] = ((x - lo[i]) - (h[i] - x)) / spread * v[i]
        typical = (h[i] + lo[i] + x) / 3.0
        s20 += d
        q20 += d * d
        s50 += d
        s48 += d
        q48 += d * d
        v20 += v[i]
        v24 += v[i]
        obv += signs[i]
        flow += flows[i]
        value += typical * v[i]
        real += logs[i]
        park += ranges[i]
        path += abs(move)
        m1 += r
        m2 += r * r
        m3 += r * r * r
        m4 += r * r * r * r
        if i >= 12:
            path -= abs(c[i - 12] - c[i - 13]) if i > 12 else 0.0
        if i >= 20:
            old = c[i - 20] - anchor
            s20 -= old
            q20 -= old * old
            v20 -= v[i - 20]
            flow -= flows[i - 20]
        if i >= 24:
            v24 -= v[i - 24]
            obv -= signs[i - 24]
            value -= (h[i - 24] + lo[i - 24] + c[i - 24]) / 3.0 * v[i - 24]
            park -= ranges[i - 24]
        if i >= 48:
            old = c[i - 48] - anchor
            s48 -= old
            q48 -= old * old
            real -= logs[i - 48]
        if i >= 49:
            gone_r = c[i - 48] / c[i - 49] - 1.0
            m1 -= gone_r
            m2 -= gone_r * gone_r
            m3 -= gone_r * gone_r * gone_r
            m4 -= gone_r * gone_r * gone_r * gone_r
        if i >= 50:
            s50 -= c[i - 50] - anchor
        e9 += 0.2 * (x - e9)
        e21 += (x - e21) / 11.0
        e12 += (x - e12) * 2.0 / 13.0
        e26 += (x - e26) * 2.0 / 27.0
        if i:
            tr = max(h[i], c[i - 1]) - min(lo[i], c[i - 1])
            rise, fall = h[i] - h[i - 1], lo[i - 1] - lo[i]
            up += (max(move, 0.0) - up) / 14.0
            gone += (abs(move) - gone) / 14.0
            reach += (tr - reach) / 14.0
            plus += ((rise if rise > fall and rise > 0.0 else 0.0) - plus) / 14.0
            minus += ((fall if fall > rise and fall > 0.0 else 0.0) - minus) / 14.0
        bottom20 = lo[low20[heads[3] % 32]] if i else 0.0
        roof20 = h[top20[heads[2] % 32]] if i else 0.0
        _push(top14, heads, tails, 0, h, i, 14, 1.0)
        _push(low14, heads, tails, 1, lo, i, 14, -1.0)
        _push(top20, heads, tails, 2, h, i, 20, 1.0)
        _push(low20, heads, tails, 3, lo, i, 20, -1.0)
        roof, floor = h[top14[heads[0] % 32]], lo[low14[heads[1] % 32]]
        out[0, i] = r
        out[1, i] = 100.0 * (x / c[i - 12] - 1.0) if i >= 12 else np.nan
        out[2, i] = x / (anchor + s20 / 20.0) - 1.0
        out[3, i] = x / (anchor + s50 / 50.0) - 1.0
        out[4, i] = (d - s48 / 48.0) / np.sqrt(q48 / 48.0 - (s48 / 48.0) ** 2)
        out[5, i] = 4.0 * np.sqrt(q20 / 20.0 - (s20 / 20.0) ** 2) / (anchor + s20 / 20.0)
        out[6, i] = e9 / e21 - 1.0
        out[7, i] = 100.0 * up / gone
        out[8, i] = 100.0 * reach / x
        out[9, i] = 100.0 * (e12 - e26) / x
        out[10, i] = 100.0 * plus / reach
        out[11, i] = 100.0 * minus / reach
        out[12, i] = (x - o[i]) / spread
        out[13, i] = (h[i] - max(o[i], x)) / spread
        out[14, i] = (min(o[i], x) - lo[i]) / spread
        out[15, i] = v[i] / (v20 / 20.0)
        out[16, i] = obv / v24
        out[17, i] = flow / v20
        out[18, i] = x * v24 / value - 1.0
        out[19, i] = np.sqrt(real / 48.0)
        out[20, i] = np.sqrt(park / 24.0 / 2.772588722239781)
        out[21, i] = -100.0 * (roof - x) / (roof - floor)
        out[22, i] = (x - bottom20) / (roof20 - bottom20)
        a1, a2, a3, a4 = m1 / 48.0, m2 / 48.0, m3 / 48.0, m4 / 48.0
        k2 = a2 - a1 * a1
        k3 = a3 - 3.0 * a1 * a2 + 2.0 * a1 * a1 * a1
        k4 = a4 - 4.0 * a1 * a3 + 6.0 * a1 * a1 * a2 - 3.0 * a1 * a1 * a1 * a1
        out[23, i] = np.sqrt(48.0 * 47.0) / 46.0 * k3 / (k2 * np.sqrt(k2))
        out[24, i] = 47.0 / (46.0 * 45.0) * (49.0 * (k4 / (k2 * k2) - 3.0) + 6.0)
        out[25, i] = abs(x - c[i - 12]) / path if i >= 12 else np.nan


@njit(nogil=True, error_model="numpy")
def _push(queue, heads, tails, which, x, i, n, sign):
    """Keep a queue of the places of extremes."""
    while tails[which] > heads[which] and sign * x[queue[(tails[which] - 1) % 32]] <= sign * x[i]:
        tails[which] -= 1
    queue[tails[which] % 32] = i
    tails[which] += 1
    while queue[heads[which] % 32] <= i - n:
        heads[which] += 1
