"""Errors of what is summed over rows that err alike: labels overlap, pairs move together, folds share a model."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from crypto_team.validation.scores import CalibrationFit, logit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
DAY_MS = 86_400_000
FEW_FOLDS = 3
TAIL = 0.025


def time_blocks(times_ms: Ints, label_ms: int) -> Ints:
    """Return the number of the block of each row: a day, or what a label lasts where that is longer; shape (n,)."""
    return np.asarray(times_ms // max(DAY_MS, label_ms))


def clustered(contributions: Floats, blocks: Ints) -> Floats:
    """Return the covariance of the sum of `contributions` when rows of one block, or of neighbours, go together.

    Parameters
    ----------
    contributions
        Shape (n, k), centred.
    blocks
        Number of the time block of each row, shape (n,); consecutive numbers are neighbours in time.

    Returns
    -------
    ndarray
        Shape (k, k). Sums of blocks, with Bartlett weight 1/2 for neighbours, times G / (G - 1); NaN below two blocks.

    Notes
    -----
    Liang and Zeger (1986) for clusters, Newey and West (1987) for the weight of neighbours.
    """
    names, place = np.unique(blocks, return_inverse=True)
    groups = names.size
    if groups < 2:
        return np.full((contributions.shape[1],) * 2, np.nan)
    sums = np.column_stack([np.bincount(place, column, minlength=groups) for column in contributions.T])
    meat = sums.T @ sums
    near = np.diff(names) == 1
    cross = sums[1:][near].T @ sums[:-1][near]
    # Negative correlation of neighbours never makes the error smaller: it is an estimate from few blocks.
    both = meat + 0.5 * (cross + cross.T)
    return np.asarray(np.where(np.diag(both).min() >= np.diag(meat).min(), both, meat) * groups / (groups - 1.0))


def slope_error(p: Floats, y: Floats, fit: CalibrationFit, groups: Ints) -> float:
    """Return the error of a calibration slope when the rows of a group err alike; see :func:`sandwich`."""
    design = np.column_stack([logit(p), np.ones(p.size)])
    fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ np.array([fit.slope, fit.intercept]), -700.0, 700.0)))
    return sandwich(design, design * (fitted * (1.0 - fitted))[:, None], y - fitted, groups)


def sandwich(design: Floats, weighted: Floats, rest: Floats, groups: Ints) -> float:
    """Return the error of the first coefficient of a regression (sandwich of Liang and Zeger 1986).

    Parameters
    ----------
    design, weighted
        What is regressed on, and the same times each row's curvature; shape (n, k). They are one for least squares.
    rest
        What the fit leaves, shape (n,).
    groups
        Number of the group of each row, whose rows err alike; shape (n,).
    """
    bread = np.linalg.pinv(design.T @ weighted)
    return math.sqrt((bread @ clustered(design * rest[:, None], groups) @ bread)[0, 0])


def slope_interval(p: Floats, y: Floats, fit: CalibrationFit, blocks: Ints, folds: Ints) -> tuple[float, float]:
    """Return the 95 % interval of a calibration slope of probabilities; see :func:`interval`."""
    return interval(fit.slope, lambda groups: slope_error(p, y, fit, groups), blocks, folds)


def interval(slope: float, error: Callable[[Ints], float], blocks: Ints, folds: Ints) -> tuple[float, float]:
    """Return the 95 % interval of a slope whose error over groups of rows is given, NaN where it has no error.

    The error is that of blocks of time, and not smaller than that of folds, whose calibrators err alike on all that
    they forecast; so few groups as folds take Student's t (1908).
    """
    if not math.isfinite(slope):
        return math.nan, math.nan
    margins = [float(stats.norm.isf(TAIL)) * error(blocks)]
    many = np.unique(folds).size
    if many >= FEW_FOLDS:
        # Folds are no neighbours of one another: each has a calibrator of its own.
        margins.append(float(stats.t.isf(TAIL, many - 1)) * error(2 * folds))
    margin = max(margins) if np.isfinite(margins).all() else math.nan
    return slope - margin, slope + margin
