"""Blocks that merge two neighbouring parts of a window into one: means and moments, co-moments, places of extremes.

A window of n values is built from parts whose lengths are powers of two, each the merger of two halves. Nothing is ever
subtracted again, so a value leaves no trace once it has left the window, a window of equal values has exactly no spread,
and the value of a window does not depend on where the series began (Chan, Golub and LeVeque 1979; Pébay 2008).

`a` is the newer part, `b` the older; u and v are their shares of the whole, m the number of values in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.features import opcodes as op
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


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
def cubes(
    y: Floats, xa: Floats, xb: Floats, qa: Floats, qb: Floats, a: Floats, b: Floats, u: float, v: float, m: float
) -> None:
    """Sum of cubed deviations."""
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
def merged(code: int, y: Floats, x: tuple[Floats, ...], numbers: Floats) -> None:
    """Steps that merge two parts; x holds their values in pairs, newer and older."""
    u, v, m = numbers[0], numbers[1], numbers[2]
    if code == op.SQUARES:
        squares(y, x[0], x[1], x[2], x[3], m * u * v)
    elif code == op.CUBES:
        cubes(y, x[0], x[1], x[2], x[3], x[4], x[5], u, v, m)
    elif code == op.FOURTHS:
        fourths(y, x, u, v, m)
    elif code == op.PRODUCTS:
        products(y, x[0], x[1], x[2], x[3], x[4], x[5], m * u * v)
    elif code == op.LATEST:
        latest(y, x[0], x[1], x[2], x[3], u, v)
    else:
        means(y, x[0], x[1], v)
