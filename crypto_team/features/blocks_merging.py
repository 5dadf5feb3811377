"""Blocks that merge two neighbouring parts of a window into one: means and moments, co-moments, places of extremes.

A window of n values is built from parts whose lengths are powers of two, each the merger of two halves. Nothing is
ever subtracted again, so a value leaves no trace once it has left the window, a window of equal values has exactly no
spread, and the value of a window does not depend on where the series began (Chan, Golub and LeVeque 1979; Pébay 2008).

`a` is the newer part, `b` the older; u and v are their shares of the whole, m the number of values in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@inner
def larger(a: float, b: float) -> float:
    """Return the larger value, unknown where one is."""
    return a if (a > b) | np.isnan(a) else b


@inner
def smaller(a: float, b: float) -> float:
    """Return the smaller value, unknown where one is."""
    return a if (a < b) | np.isnan(a) else b


@inner
def above(a: float, b: float) -> float:
    """Return the larger of two known values: one instruction, which `max` is not, because it has a rule for NaN."""
    return a if a > b else b  # noqa: FURB136


@inner
def below(a: float, b: float) -> float:
    """Return the smaller of two known values."""
    return a if a < b else b  # noqa: FURB136


@inner
def means(y: Floats, a: Floats, b: Floats, v: float) -> None:
    """Mean of both parts, exactly that of the parts where they are equal."""
    for i in range(y.size):
        y[i] = a[i] + v * (b[i] - a[i])


@inner
def products(y: Floats, xa: Floats, xb: Floats, ya: Floats, yb: Floats, a: Floats, b: Floats, w: float) -> None:
    """Sum of products of deviations of two series; of squares where both are the same; w = m u v."""
    for i in range(y.size):
        y[i] = a[i] + b[i] + w * ((xb[i] - xa[i]) * (yb[i] - ya[i]))


@inner
def squares(y: Floats, xa: Floats, xb: Floats, a: Floats, b: Floats, w: float) -> None:
    """Sum of squared deviations; w = m u v."""
    for i in range(y.size):
        d = xb[i] - xa[i]
        y[i] = a[i] + b[i] + w * (d * d)


@inner
def cubes(y: Floats, x: tuple[Floats, ...], u: float, v: float, m: float) -> None:
    """Sum of cubed deviations."""
    xa, xb, qa, qb, a, b = x[0], x[1], x[2], x[3], x[4], x[5]
    w = m * u * v * (u - v)
    for i in range(y.size):
        d = xb[i] - xa[i]
        y[i] = a[i] + b[i] + d * (w * (d * d) + 3.0 * (u * qb[i] - v * qa[i]))


@inner
def fourths(y: Floats, x: tuple[Floats, ...], u: float, v: float, m: float) -> None:
    """Sum of fourth powers of deviations."""
    xa, xb, qa, qb, ca, cb, a, b = x
    w = m * u * v * (u * u - u * v + v * v)
    for i in range(y.size):
        d = xb[i] - xa[i]
        dd = d * d
        more = w * (dd * dd) + 6.0 * dd * (u * u * qb[i] + v * v * qa[i]) + 4.0 * d * (u * cb[i] - v * ca[i])
        y[i] = a[i] + b[i] + more


@inner
def latest(y: Floats, xa: Floats, xb: Floats, a: Floats, b: Floats, further: float, sign: float) -> None:
    """Age in bars of the extreme of both parts; the newer of equals; unknown where a value is."""
    for i in range(y.size):
        age = a[i] if sign * xa[i] >= sign * xb[i] else b[i] + further
        y[i] = age + 0.0 * (xa[i] - xb[i])


@inner
def largest_of_four(y: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Largest of four values, unknown where one is; first as if all were known, which is one instruction each."""
    odd = 0
    for i in range(y.size):
        new, old = above(a[i], b[i]), above(c[i], d[i])
        odd += (a[i] != a[i]) | (b[i] != b[i]) | (c[i] != c[i]) | (d[i] != d[i])
        y[i] = above(new, old)
    if odd:
        for i in range(y.size):
            y[i] = larger(larger(a[i], b[i]), larger(c[i], d[i]))


@inner
def smallest_of_four(y: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Smallest of four values, unknown where one is; first as if all were known, which is one instruction each."""
    odd = 0
    for i in range(y.size):
        new, old = below(a[i], b[i]), below(c[i], d[i])
        odd += (a[i] != a[i]) | (b[i] != b[i]) | (c[i] != c[i]) | (d[i] != d[i])
        y[i] = below(new, old)
    if odd:
        for i in range(y.size):
            y[i] = smaller(smaller(a[i], b[i]), smaller(c[i], d[i]))


@inner
def true_ranges(y: Floats, high: Floats, low: Floats, last: Floats) -> None:
    """Range of a bar together with the close before it; first as if all were known."""
    odd = 0
    for i in range(y.size):
        made = above(high[i], last[i]) - below(low[i], last[i])
        odd += (high[i] != high[i]) | (low[i] != low[i]) | (last[i] != last[i])
        y[i] = made
    if odd:
        for i in range(y.size):
            y[i] = larger(high[i], last[i]) - smaller(low[i], last[i])


@inner
def mean_of_four(y: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Mean of four parts of one length, as two mergers of two would give it."""
    for i in range(y.size):
        new, old = a[i] + 0.5 * (b[i] - a[i]), c[i] + 0.5 * (d[i] - c[i])
        y[i] = new + 0.5 * (old - new)


@inner
def sum_of_four(y: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Sum of four parts, as two mergers of two would give it."""
    for i in range(y.size):
        y[i] = (a[i] + b[i]) + (c[i] + d[i])


@inner
def squares_of_four(y: Floats, x: tuple[Floats, ...], w: float) -> None:
    """Sum of squared deviations of four parts of one length, as two mergers of two would give it; w = length / 2."""
    xa, xb, xc, xd, a, b, c, d = x
    for i in range(y.size):
        first, second = xb[i] - xa[i], xd[i] - xc[i]
        new, old = xa[i] + 0.5 * first, xc[i] + 0.5 * second
        away = old - new
        y[i] = (a[i] + b[i] + w * (first * first)) + (c[i] + d[i] + w * (second * second)) + 2.0 * w * (away * away)


@inner
def merged(code: int, y: Floats, a: Floats, b: Floats, c: Floats, d: Floats, numbers: Floats) -> None:
    """Run a step that merges parts and has up to four inputs."""
    if code == op.SQUARES:
        squares(y, a, b, c, d, numbers[2] * numbers[0] * numbers[1])
    elif code == op.MEAN_OF_4:
        mean_of_four(y, a, b, c, d)
    elif code == op.LARGEST_OF_4:
        largest_of_four(y, a, b, c, d)
    elif code == op.SMALLEST_OF_4:
        smallest_of_four(y, a, b, c, d)
    elif code == op.SUM_OF_4:
        sum_of_four(y, a, b, c, d)
    else:
        latest(y, a, b, c, d, numbers[0], numbers[1])


@inner
def merged_many(code: int, y: Floats, x: tuple[Floats, ...], numbers: Floats) -> None:
    """Run a step that merges parts and has up to eight inputs."""
    u, v, m = numbers[0], numbers[1], numbers[2]
    if code == op.SQUARES_OF_4:
        squares_of_four(y, x, u)
    elif code == op.CUBES:
        cubes(y, x, u, v, m)
    elif code == op.FOURTHS:
        fourths(y, x, u, v, m)
    else:
        products(y, x[0], x[1], x[2], x[3], x[4], x[5], m * u * v)
