"""The line of realised on expected returns, from labels that overlap: little evidence changes little.

A learner's basis points are bolder than what comes true, because it was fitted to the noise of its rows as well. The
slope of what came on what was said, in rows that it had not seen, tells by how much. A thousand rows whose labels span
24 bars hold some forty outcomes, though, and one deviation of an hourly forecast is worth a few hundredths of a
deviation of the return: the free line is mostly noise. So the likelihood counts what the labels are worth, and two
priors of heavy tails say what an honest market offers. What a plain line foresaw of the rows that the learner was
fitted on, several times as many labels, is a second witness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SLOPE_SCALE, LEVEL_SCALE = 0.05, 0.01
OWN_SLOPE_SCALE = 0.03
"""Of lines inside a learner: several are fitted and weighed on the same labels, without a second witness."""
FREEDOM = 3.0
LEAST_SLOPE = 0.003
FLAT = 1e-9
BOLDEST, BOLDEST_AGAIN = 1.0, 2.0
OF_A_PLAIN_LINE = 0.3
_REACH, _POINTS, _FARTHEST = 8.0, 161, 50.0


@dataclass(frozen=True)
class Unseen:
    """Rows that a learner was not fitted on, shape (n,): expected and realised returns in one unit, no NaN.

    A row's return came about in the half-open span [start, end).
    """

    told: Floats
    came: Floats
    start: Ints
    end: Ints


@dataclass(frozen=True)
class KnownReturns:
    """What the rows say that the learner was fitted on, returns in their unit.

    `mean` is their mean return, plain, and `taught` as the fit weighed them, which is the level that forecasts lean on.
    `worth` is how many labels that share no time they hold. `plain` is how a plain line's forecasts of unseen blocks of
    them correlated with what came, and what the labels of that are worth. `calibrated` says that the forecasts went
    through lines of this kind already, which were fitted on forecasts of unseen blocks.
    """

    mean: float
    taught: float
    worth: float
    plain: tuple[float, float] = (0.0, 0.0)
    calibrated: bool = False

    @property
    def level(self) -> float:
        """Return the mean, shrunk to what a market that nothing is known of earns."""
        return self.mean * self.worth / (self.worth + LEVEL_SCALE**-2)


def labels_worth(start: Ints, end: Ints, weight: Floats | None = None) -> float:
    """Return how many returns over spans of their own tell as much of a weighted mean as these do.

    Where returns of bars are white noise, the sum of w_i times the return over [start_i, end_i), each of unit variance,
    has the variance of the integral over time of (sum of w_i / sqrt(length_i) of the open spans) squared. So this is
    (sum of w^2)^2 by that integral: n where spans do not overlap, n / h for a constant weight over h bars from every
    bar, and n again for weights that change their sign at random. Returns of several pairs over one time count as one,
    because pairs move together. They do not move alike, though: weights of pairs that lean against each other cancel in
    one market and not in several, so the integral is never less than the sum of those of the single pairs.

    Parameters
    ----------
    start, end
        Half-open spans, shape (n,), pair by pair: where starts do not grow the next pair, or block of rows, begins.
    weight
        Shape (n,); 1 if not given.
    """
    w = np.ones(start.size) if weight is None else weight
    if not w.any():
        return 0.0
    end = np.maximum(end, start + 1)
    share = w / np.sqrt((end - start).astype(np.float64))
    seams = [0, *(np.flatnonzero(np.diff(start) <= 0) + 1).tolist(), start.size]
    pairs = [slice(*run) for run in pairwise(seams)]
    alone = sum(_open_squared(start[run], end[run], share[run]) for run in pairs)
    return float((w**2).sum() ** 2 / max(_open_squared(start, end, share), alone))


def _open_squared(start: Ints, end: Ints, share: Floats) -> float:
    """Return the integral over time of the squared sum of the shares of open spans."""
    edges = np.unique(np.concatenate([start, end]))
    opened = np.bincount(np.searchsorted(edges, start), share, minlength=edges.size)
    closed = np.bincount(np.searchsorted(edges, end), share, minlength=edges.size)
    alive = np.cumsum(opened - closed)[:-1]
    # A sum of products, no product of vectors: that is shared among threads above some size, and its last bits with it.
    return float((np.diff(edges) * alive**2).sum())


def shrunk_line(
    rows: Unseen,
    known: KnownReturns,
    *,
    boldest: float = BOLDEST,
    steepest: float = math.inf,
    scale: float = SLOPE_SCALE,
) -> tuple[float, float]:
    """Return the mean slope and intercept of realised on expected returns, given unseen rows and two priors.

    With z = (told - m) / s, m and s mean and deviation of the forecasts, and r the deviation of what came, the model is
    came / r = level + slope (z - z0) + noise, z0 where the forecast is what the fit had taught: `slope` is a
    correlation, `level` the return of a market that nothing is known of. The likelihood is the normal one around the
    free line, with the errors that returns of white noise give to mean and slope (:func:`labels_worth`), times that of
    the plain line's correlation, at 0.3 of its worth, because the model is another one. Priors: slope half-t with 3
    degrees of freedom and scale 0.05, which is what a forecast of an honest market correlates with returns; level t
    around zero with scale 0.01, once the mean of the fitted rows is taken into account as that of as many labels as
    they are worth. The mean return of a year is mostly luck too, and levels that differ by luck from fold to fold look
    like bold forecasts. The slope is never negative: noise does not reverse a ranking.

    Forecasts that are calibrated already are what a posterior of this kind expects, so their prior is that posterior:
    normal around a slope that leaves them as they are, as sure as its own labels and its own prior made it. Drawn
    towards zero once more they would be shrunk twice. Scales were chosen on synthetic markets of seeds from 201 on;
    docs/decisions/0118 and 0129 have the figures.

    Parameters
    ----------
    rows, known
        What the learner was not fitted on, and what it was.
    boldest
        The slope is not above this unless the free one is by two errors: learners seldom say too little. For forecasts
        that are calibrated already, which were shrunk and may be too timid, it is 2.
    steepest
        The slope is never above this.
    scale
        Scale of the prior of the slope.

    Returns
    -------
    tuple
        Slope and intercept in the unit of the returns; with many labels those of least squares. Without any spread of
        forecasts the slope is 0 and the intercept the shrunk level; without one of returns, as of a single row, the
        level that the fitted rows speak for.
    """
    told, came = rows.told, rows.came
    spread, unit = (float(one.std()) if one.size else 0.0 for one in (came, told))
    if not spread > FLAT * float(np.abs(came).max(initial=0.0)):  # one row, or no noise to tell what they are worth
        return 0.0, known.level
    centre, varies = float(told.mean()), unit > FLAT * spread
    z, y = (told - centre) / unit if varies else np.zeros(told.size), came / spread
    free = np.array([y.mean(), z @ (y - y.mean()) / told.size])
    counts = [labels_worth(rows.start, rows.end), labels_worth(rows.start, rows.end, z) if varies else 1.0]
    error = np.maximum(float((y - free[0] - free[1] * z).std()), 1e-6) / np.sqrt(counts)
    slopes, told_of_slopes = (
        _slopes(free[1], error[1], known, scale, unit / spread) if varies else (np.zeros(1), np.zeros(1))
    )
    leaning = (centre - known.taught) / unit if varies else 0.0
    level = known.level / spread + slopes * leaning
    level_scale = float((known.worth + LEVEL_SCALE**-2) ** -0.5)
    belief, offsets = _posterior(slopes, told_of_slopes, (level, level_scale), (float(free[0]), float(error[0])))
    if not varies:
        return 0.0, float(offsets[0]) * spread
    slope = float(belief @ slopes)
    most = BOLDEST_AGAIN if known.calibrated else boldest
    sure = max(most * unit / spread, float(free[1] - 2.0 * error[1]))
    used = min(max(slope, LEAST_SLOPE), sure, steepest * unit / spread)
    offset, steep = float(belief @ offsets), used * spread / unit
    if used != slope:  # it takes the level that belongs to it: what forecasts lean on counts with the slope
        at = np.array([known.level / spread + used * leaning]), level_scale
        offset = float(_posterior(np.array([used]), np.zeros(1), at, (float(free[0]), float(error[0])))[1][0])
    return steep, offset * spread - steep * centre


def _slopes(free: float, error: float, known: KnownReturns, scale: float, as_told: float) -> tuple[Floats, Floats]:
    """Return slopes from zero on, dense where the prior is narrow, and their log belief before any level."""
    normals = [(free, error**-2.0), (known.plain[0], OF_A_PLAIN_LINE * known.plain[1])]
    if known.calibrated:
        normals.append((as_told, known.worth + OWN_SLOPE_SCALE**-2))
    sure = sum(weight for _, weight in normals)
    middle, deviation = sum(mean * weight for mean, weight in normals) / sure, sure**-0.5
    # Tails of the prior fall by powers only, so nothing outside eight errors of what is normal can count.
    low, high = max(0.0, middle - _REACH * deviation), max(0.0, middle) + _REACH * deviation
    slopes = low + (high - low) * np.linspace(0.0, 1.0, _POINTS) ** 2
    prior = np.zeros(_POINTS) if known.calibrated else _log_prior(slopes / scale)
    return slopes, np.asarray(prior - 0.5 * ((slopes - middle) / deviation) ** 2)


def _posterior(
    slopes: Floats, told_of_slopes: Floats, level: tuple[Floats, float], free: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return what to believe of each slope, and the mean offset at it; `level` has one expectation a slope.

    The offsets of each slope lie densely both around what the prior expects and around the free one.
    """
    (expected, scale), (offset, error) = level, free
    near = scale * np.sinh(np.linspace(-1.0, 1.0, _POINTS) * np.arcsinh(_FARTHEST))
    far = np.broadcast_to(offset + error * np.linspace(-_REACH, _REACH, _POINTS), (slopes.size, _POINTS))
    offsets = np.sort(np.concatenate([expected[:, None] + near, far], axis=1), axis=1)
    told = told_of_slopes[:, None] - 0.5 * ((offsets - offset) / error) ** 2
    told += _log_prior((offsets - expected[:, None]) / scale)
    belief = np.exp(told - told.max()) * np.gradient(offsets, axis=1)
    belief *= np.gradient(slopes)[:, None] if slopes.size > 1 else 1.0
    of_slopes = belief.sum(axis=1)
    means = (belief * offsets).sum(axis=1) / np.maximum(of_slopes, np.finfo(np.float64).tiny)
    return of_slopes / of_slopes.sum(), means


def _log_prior(x: Floats) -> Floats:
    """Return the log density of Student's t up to a constant."""
    return np.asarray(-0.5 * (FREEDOM + 1.0) * np.log1p(x**2 / FREEDOM))
