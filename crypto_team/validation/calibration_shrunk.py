"""Platt's sigmoid from labels that overlap: few independent outcomes, so slope and offset are drawn towards priors.

A label over 24 bars that starts at every bar repeats itself: a tail of 1,750 hourly rows holds 73 outcomes, not 1,750.
Maximum likelihood takes it for 1,750 and turns the noise of those 73 into confidence. Here the likelihood counts what
the labels are worth, and two priors of heavy tails say what an honest market offers, so that little evidence changes
little and much evidence decides alone. What a plain line foresaw of the rows that the model was fitted on counts as
further evidence, at a fifth of its worth, because the model is another one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from crypto_team.validation.calibration_maps import Floats, Platt
from crypto_team.validation.scores import logit

SLOPE_SCALE, OFFSET_SCALE = 0.06, 0.05
SLOPE_FREEDOM, OFFSET_FREEDOM = 1.0, 3.0
OF_A_PLAIN_LINE = 0.2
LEAST_SLOPE, LEAST_RATE = 0.005, 1e-3
_REACH, _POINTS = 8.0, 161


def independent_labels(start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> float:
    """Return how many labels that share no time a set of labels is worth: the sum of their average uniqueness.

    Parameters
    ----------
    start, end
        Half-open spans [start, end) of the labels, shape (n,). Labels of several pairs over the same time count as one,
        because pairs move together.

    Returns
    -------
    float
        Between 0 and n. Source: Lopez de Prado (2018), chapter 4.
    """
    if not start.size:
        return 0.0
    end = np.maximum(end, start + 1)
    edges = np.unique(np.concatenate([start, end]))
    opened, closed = np.searchsorted(edges, start), np.searchsorted(edges, end)
    alive = np.cumsum(np.bincount(opened, minlength=edges.size) - np.bincount(closed, minlength=edges.size))[:-1]
    share = np.divide(np.diff(edges), alive, out=np.zeros(alive.size), where=alive > 0)
    reached = np.concatenate([[0.0], np.cumsum(share)])
    return float(np.sum((reached[closed] - reached[opened]) / (end - start)))


@dataclass(frozen=True)
class Known:
    """What a fold knows besides its calibration rows; arrays have one value per class.

    `independent` is what the calibration labels are worth, `rates` are the shares of the classes in the rows that the
    model was fitted on, and `taught` the same as that fit weighed them: the rates that raw probabilities lean on.
    `plain` are the slopes that a plain line showed on unseen blocks of the fitted rows (NaN where there is none), whose
    labels are worth `plain_worth`.
    """

    independent: float
    rates: Floats
    taught: Floats
    plain: Floats
    plain_worth: float

    def of(self, k: int) -> KnownOfClass:
        """Return what is known of one class."""
        rate, slope = float(self.rates[k]), float(self.plain[k])
        told = (slope, OF_A_PLAIN_LINE * self.plain_worth * rate * (1.0 - rate)) if math.isfinite(slope) else (0.0, 0.0)
        return KnownOfClass(self.independent, rate, float(self.taught[k]), told)


@dataclass(frozen=True)
class KnownOfClass:
    """What a fold knows of one class; `plain` is the slope of a plain line and its information (1 / variance)."""

    independent: float
    rate: float
    taught: float
    plain: tuple[float, float] = (0.0, 0.0)


def shrunk(free: Platt, p: Floats, known: KnownOfClass) -> Platt:
    """Return the mean of slope and offset given a free fit of Platt's sigmoid and two priors.

    With z = (logit p - m) / s, m and s mean and deviation of logit p, the model is logit P(event) = offset + slope z.
    The likelihood is the normal one around the free fit, with the curvature of `independent` rows instead of n, times
    that of the plain line's slope. Priors: slope half-Cauchy of scale 0.06 (one deviation of the score moves a
    probability by some 0.015), offset Student's t with 3 degrees of freedom and scale 0.05 around
    logit(rate) + slope / s (m - logit(taught)): the rate of the fitted rows, and as much of the mean score as the slope
    believes. The slope is never negative: noise does not reverse a ranking. Scales were chosen on synthetic markets;
    docs/decisions/0067 and 0120 have the figures.

    Parameters
    ----------
    free
        Fit of the sigmoid to the same rows by maximum likelihood.
    p
        Raw probabilities of the event, shape (n,).
    known
        What the labels are worth, at most n; the share of the event in the rows that the model was fitted on, plain and
        as the fit weighed them; and the slope of a plain line.

    Returns
    -------
    Platt
        Two numbers; with many independent labels those of the free fit.
    """
    f = logit(p)
    centre, spread = float(f.mean()), max(float(f.std()), 1e-9)
    z = (f - centre) / spread
    slope, offset = -free.a * spread, -free.a * centre - free.b
    q = expit(offset + slope * z)
    weight = np.maximum(q * (1.0 - q), 1e-9) * (known.independent / f.size)
    curvature = np.array([[weight.sum(), weight @ z], [weight @ z, weight @ z**2]]) + 1e-9 * np.eye(2)
    offset_error, slope_error = np.sqrt(np.diag(np.linalg.inv(curvature)))
    # Tails of the priors fall by powers only, so nothing outside eight errors of the free fit can count.
    offsets = offset + np.linspace(-_REACH, _REACH, _POINTS) * offset_error
    lowest, highest = max(0.0, slope - _REACH * slope_error), max(0.0, slope) + _REACH * slope_error
    slopes = lowest + (highest - lowest) * np.linspace(0.0, 1.0, _POINTS) ** 2  # dense where the prior is narrow
    away = np.stack(np.broadcast_arrays(offsets[:, None] - offset, slopes[None, :] - slope))
    told = -0.5 * np.einsum("iab,ij,jab->ab", away, curvature, away)
    rate, taught = logit(np.array([known.rate, known.taught]), floor=LEAST_RATE)
    expected = rate + slopes / spread * (centre - taught)
    told += _log_prior(slopes / SLOPE_SCALE, SLOPE_FREEDOM) - 0.5 * known.plain[1] * (slopes - known.plain[0]) ** 2
    told += _log_prior((offsets[:, None] - expected) / OFFSET_SCALE, OFFSET_FREEDOM)
    belief = np.exp(told - told.max()) * np.gradient(slopes)
    belief /= belief.sum()
    mean_offset = float(belief.sum(axis=1) @ offsets)
    mean_slope = max(float(belief.sum(axis=0) @ slopes), LEAST_SLOPE)
    return Platt(-mean_slope / spread, mean_slope * centre / spread - mean_offset)


def _log_prior(x: Floats, freedom: float) -> Floats:
    """Return the log density of Student's t up to a constant."""
    return np.asarray(-0.5 * (freedom + 1.0) * np.log1p(x**2 / freedom))
