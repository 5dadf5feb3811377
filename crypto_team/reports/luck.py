"""How much of the result the best of many lucky tries explains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.validation import significance
from crypto_team.validation.metrics import DAYS_PER_YEAR


@dataclass(frozen=True)
class TrialLedger:
    """What the ledger of the whole registry says: number of trials and their daily Sharpe ratios, never annualised."""

    n_trials: int
    sharpe_per_period: tuple[float, ...] = ()


@dataclass(frozen=True)
class Luck:
    """Sharpe ratios on 365 days; `expected_maximum` is what the best of `n_trials` without skill reaches."""

    n_trials: int
    n_days: int
    sharpe: float
    trial_deviation: float
    expected_maximum: float
    probabilistic_sharpe_ratio: float
    deflated_sharpe_ratio: float
    minimum_track_record_days: float
    trial_sharpes: tuple[float, ...]


def luck(daily: npt.NDArray[np.float64], trials: TrialLedger) -> Luck:
    """Deflate the Sharpe ratio of daily net returns by the trials of the ledger (Bailey and Lopez de Prado 2014).

    Parameters
    ----------
    daily
        Net returns per UTC day, shape (n,).
    trials
        The ledger; the variance of its ratios is at least that of no skill, 1 / (n - 1).
    """
    sample = significance.moments(daily)
    year, n_trials = math.sqrt(DAYS_PER_YEAR), max(1, trials.n_trials)
    known = np.asarray([value for value in trials.sharpe_per_period if math.isfinite(value)], dtype=np.float64)
    variance = significance.trial_variance(known.tolist(), sample.n)
    shape = {"skew": sample.skew, "kurtosis": sample.kurtosis}
    return Luck(
        n_trials=n_trials,
        n_days=sample.n,
        sharpe=sample.sharpe * year,
        trial_deviation=math.sqrt(variance) * year,
        expected_maximum=significance.expected_maximum_sharpe(n_trials, variance) * year,
        probabilistic_sharpe_ratio=significance.probabilistic_sharpe_ratio(sample.sharpe, n=sample.n, **shape),
        deflated_sharpe_ratio=significance.deflated_sharpe_ratio(
            sample.sharpe, n=sample.n, n_trials=n_trials, variance=variance, **shape
        ),
        minimum_track_record_days=significance.minimum_track_record_length(sample.sharpe, **shape),
        trial_sharpes=tuple(float(value) * year for value in known),
    )
