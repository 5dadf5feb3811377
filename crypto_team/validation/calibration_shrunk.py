"""Platt's sigmoid from labels that overlap: few independent outcomes, so slope and offset are drawn towards priors.

A label over 24 bars that starts at every bar repeats itself: a tail of 1,750 hourly rows holds 73 outcomes, not 1,750.
Maximum likelihood takes it for 1,750 and turns the noise of those 73 into confidence. Here the likelihood counts what
the labels are worth, and two priors of heavy tails say what an honest market offers, so that little evidence changes
little and much evidence decides alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from crypto_team.validation.calibration_maps import Floats, Platt
from crypto_team.validation.scores import logit

SLOPE_SCALE, OFFSET_SCALE = 0.08, 0.05
FREEDOM = 3.0
LEAST_SLOPE = 0.005
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
    """

    independent: float
    rates: Floats
    taught: Floats


def known_of(label: Floats, weight: Floats | None, n_classes: int, independent: float) -> Known:
    """Return what the fitted rows (labels and training weights, shape (n,)) say about the rates of the classes."""
    own = label.astype(np.int64)
    counts = np.bincount(own, minlength=n_classes).astype(np.float64)
    taught = counts if weight is None else np.bincount(own, weights=weight, minlength=n_classes)
    return Known(independent, counts / counts.sum(), taught / taught.sum())


def shrunk(free: Platt, p: Floats, independent: float, rate: float, taught: float) -> Platt:
    """Return the mean of slope and offset given a free fit of Platt's sigmoid and two priors.

    With z = (logit p - m) / s, m and s mean and deviation of logit p, the model is logit P(event) = offset + slope z.
    The likelihood is the normal one around the free fit, with the curvature of `independent` rows instead of n. Priors:
    slope half-t with 3 degrees of freedom and scale 0.08 (one deviation of the score moves a probability by some 0.02),
    offset t of scale 0.05 around logit(rate) + slope / s (m - logit(taught)): the rate of the fitted rows, and as much
    of the mean score as the slope believes. The slope is never negative: noise does not reverse a ranking. Scales were
    chosen on synthetic markets of seeds from 1000 on; docs/decisions/0067 has the figures.

    Parameters
    ----------
    free
        Fit of the sigmoid to the same rows by maximum likelihood.
    p
        Raw probabilities of the event, shape (n,).
    independent
        What the labels are worth, at most n.
    rate, taught
        Share of the event in the rows that the model was fitted on, plain and as the fit weighed them.

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
    weight = np.maximum(q * (1.0 - q), 1e-9) * (independent / f.size)
    curvature = np.array([[weight.sum(), weight @ z], [weight @ z, weight @ z**2]]) + 1e-9 * np.eye(2)
    offset_error, slope_error = np.sqrt(np.diag(np.linalg.inv(curvature)))
    # Tails of the priors fall by powers only, so nothing outside eight errors of the free fit can count.
    offsets = offset + np.linspace(-_REACH, _REACH, _POINTS) * offset_error
    slopes = np.linspace(max(0.0, slope - _REACH * slope_error), max(0.0, slope) + _REACH * slope_error, _POINTS)
    away = np.stack(np.broadcast_arrays(offsets[:, None] - offset, slopes[None, :] - slope))
    told = -0.5 * np.einsum("iab,ij,jab->ab", away, curvature, away)
    expected = _log_odds(rate) + slopes / spread * (centre - _log_odds(taught))
    told += _log_prior(slopes / SLOPE_SCALE) + _log_prior((offsets[:, None] - expected) / OFFSET_SCALE)
    belief = np.exp(told - told.max())
    belief /= belief.sum()
    mean_offset = float(belief.sum(axis=1) @ offsets)
    mean_slope = max(float(belief.sum(axis=0) @ slopes), LEAST_SLOPE)
    return Platt(-mean_slope / spread, mean_slope * centre / spread - mean_offset)


def _log_odds(rate: float) -> float:
    return float(logit(np.array([rate]), floor=1e-3)[0])


def _log_prior(x: Floats) -> Floats:
    """Return the log density of Student's t up to a constant."""
    return np.asarray(-0.5 * (FREEDOM + 1.0) * np.log1p(x**2 / FREEDOM))
