"""How much of the result the best of many lucky tries explains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.validation import multiple_testing, significance
from crypto_team.validation.metrics import DAYS_PER_YEAR


@dataclass(frozen=True)
class TrialLedger:
    """What the ledger of the whole registry says: number of trials and their daily Sharpe ratios, never annualised."""

    n_trials: int
    sharpe_per_period: tuple[float, ...] = ()
    searches: tuple[tuple[int, tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class Luck:
    """Sharpe ratios on 365 days; `expected_maximum` is what the best of `n_trials` without skill reaches.

    The haircuts are what is left of the ratio after its p-value is adjusted for all trials (Harvey and Liu 2015); a
    trial that lost, or whose ratio is not known, has a p-value of 1. Of a ratio that is not above 0 nothing can be cut:
    they are NaN. `minimum_backtest_years` is how long a record has to be for the best of as many tries without skill
    not to be expected to reach this ratio.
    """

    n_trials: int
    n_days: int
    sharpe: float
    trial_deviation: float
    expected_maximum: float
    probabilistic_sharpe_ratio: float
    deflated_sharpe_ratio: float
    minimum_track_record_days: float
    minimum_backtest_years: float
    haircut_bonferroni: float
    haircut_holm: float
    haircut_bhy: float
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
    variance = significance.trial_variance(known.tolist(), sample.n, n_trials=n_trials, searches=trials.searches)
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
        minimum_backtest_years=significance.minimum_backtest_length(
            n_trials, target_sharpe_annual=max(sample.sharpe * year, 0.0) or math.nan
        ),
        **_haircuts(sample, n_trials, known),
        trial_sharpes=tuple(float(value) * year for value in known),
    )


def _haircuts(sample: significance.SampleMoments, n_trials: int, known: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return the ratio that is left after the haircut by each method, NaN where it cannot be known."""
    names = ("haircut_bonferroni", "haircut_holm", "haircut_bhy")
    if not sample.sharpe > 0.0 or sample.n < 3:
        return dict.fromkeys(names, math.nan)
    years, year = sample.n / DAYS_PER_YEAR, math.sqrt(DAYS_PER_YEAR)
    own = sample.sharpe * year
    # The ledger has this very run too, once its training is booked as finished: it is not its own competitor.
    itself = np.flatnonzero(np.isclose(known, sample.sharpe, rtol=1e-9, atol=1e-12))[:1]
    family = [own, *(float(value) * year for value in np.delete(known, itself))]
    methods: tuple[multiple_testing.Method, ...] = ("bonferroni", "holm", "bhy")
    return {
        name: multiple_testing.haircut(family, years, method, tries=n_trials, observations=sample.n).sharpe
        for name, method in zip(names, methods, strict=True)
    }
