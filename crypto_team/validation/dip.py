"""Hartigan's dip: how far a sample is from having one mode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_ROWS = 600


def dip(values: Floats) -> float:
    """Return the dip of a sample: the least sup|F - G| over all distributions G with one mode.

    Parameters
    ----------
    values
        Shape (n,); NaN are dropped.

    Returns
    -------
    float
        Between 1 / (2 n) and 1 / 4; NaN without values.

    Notes
    -----
    The greatest convex minorant of F left of a modal interval and the least concave majorant right of it bound G; the
    interval shrinks until neither leaves F by more than they leave each other. Source: Hartigan and Hartigan (1985).
    """
    sample = np.sort(values[np.isfinite(values)])
    if sample.size == 0:
        return float("nan")
    place, counts = np.unique(sample, return_counts=True)
    after = np.cumsum(counts) / sample.size
    before = after - counts / sample.size
    low, high, deviation = 0, place.size - 1, 1.0 / sample.size
    # A single point may hold any mass: a distribution with one mode may have an atom there.
    while low < high:
        inside = slice(low, high + 1)
        convex = low + _hull(place[inside], before[inside], lower=True)
        concave = low + _hull(place[inside], after[inside], lower=False)
        minorant = np.interp(place[inside], place[convex], before[convex])
        majorant = np.interp(place[inside], place[concave], after[concave])
        apart, left, right = _widest(convex, concave, majorant - minorant, low)
        if apart <= deviation:
            break
        deviation = max(
            deviation,
            float(np.max(after[low:left] - minorant[: left - low], initial=0.0)),
            float(np.max(majorant[right + 1 - low :] - before[right + 1 : high + 1], initial=0.0)),
        )
        if (left, right) == (low, high):
            break
        low, high = left, right
    return deviation / 2.0


def _hull(x: Floats, y: Floats, *, lower: bool) -> Ints:
    """Return the points of the greatest convex minorant, or of the least concave majorant, of (x, y)."""
    sign, kept = (1.0 if lower else -1.0), [0]
    for point in range(1, x.size):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if sign * ((y[b] - y[a]) * (x[point] - x[b]) - (y[point] - y[b]) * (x[b] - x[a])) < 0.0:
                break
            kept.pop()
        kept.append(point)
    return np.array(kept, dtype=np.int64)


def _widest(convex: Ints, concave: Ints, gap: Floats, low: int) -> tuple[float, int, int]:
    """Return the largest distance of the two hulls at their points, and the modal interval that it leaves."""
    at_convex, at_concave = gap[convex - low], gap[concave - low]
    if at_convex.max() > at_concave.max():
        left = int(convex[at_convex.argmax()])
        right = int(concave[np.searchsorted(concave, left)])
        return float(at_convex.max()), left, right
    right = int(concave[at_concave.argmax()])
    left = int(convex[np.searchsorted(convex, right, side="right") - 1])
    return float(at_concave.max()), left, right


def dip_p_value(values: Floats, *, rng: np.random.Generator, draws: int = 200) -> float:
    """Return how often a uniform sample of the same size has at least this dip: small where there are two modes.

    Samples above 600 rows are thinned evenly; the table of published quantiles is not needed. Resolution 1 / draws.
    """
    sample = np.sort(values[np.isfinite(values)])
    if sample.size == 0:
        return float("nan")
    if sample.size > MOST_ROWS:
        sample = sample[np.linspace(0, sample.size - 1, MOST_ROWS).astype(np.int64)]
    own = dip(sample)
    return float(np.mean([dip(rng.random(sample.size)) >= own for _ in range(draws)]))
