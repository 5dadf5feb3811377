"""Significance of Sharpe ratios and means: PSR, DSR, track-record lengths, Newey-West, Ljung-Box.

Sharpe ratios are per period, never annualised, unless a name says so. Kurtosis is raw (3 for a normal). The variance of
the Sharpe ratio is taken at the observed value with ``n - 1`` (Bailey and Lopez de Prado 2012, 2014), not at the null.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
EULER_MASCHERONI = 0.5772156649015329


@dataclass(frozen=True)
class SampleMoments:
    """What the Sharpe formulas need of a return series; the Sharpe ratio uses the ddof-1 deviation."""

    n: int
    mean: float
    std: float
    sharpe: float
    skew: float
    kurtosis: float


@dataclass(frozen=True)
class MeanTest:
    """A mean with its heteroskedasticity- and autocorrelation-consistent error."""

    mean: float
    se: float
    t: float
    lags: int


@dataclass(frozen=True)
class OlsTest:
    """Least-squares coefficients (constant last) with Newey-West errors."""

    params: Floats
    se: Floats
    t: Floats


def moments(returns: Floats) -> SampleMoments:
    """Measure a return series.

    Parameters
    ----------
    returns
        Simple returns per period, shape (n,); NaN are dropped.

    Returns
    -------
    SampleMoments
        Population skewness and raw kurtosis; NaN where the sample does not define them.
    """
    values = returns[np.isfinite(returns)]
    n = values.size
    if n < 2 or np.ptp(values) == 0.0:
        mean = float(values.mean()) if n else math.nan
        return SampleMoments(n, mean, 0.0 if n else math.nan, math.nan, math.nan, math.nan)
    mean = float(values.mean())
    centred = values - mean
    variance = float(np.mean(centred**2))
    std = math.sqrt(variance * n / (n - 1))
    skew = float(np.mean(centred**3)) / variance**1.5
    return SampleMoments(n, mean, std, mean / std, skew, float(np.mean(centred**4)) / variance**2)


def _sharpe_variance(sharpe: float, skew: float, kurtosis: float) -> float:
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def probabilistic_sharpe_ratio(sharpe: float, *, n: int, skew: float, kurtosis: float, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio exceeds `benchmark` (Bailey and Lopez de Prado 2012).

    Parameters
    ----------
    sharpe, benchmark
        Per period.
    n
        Number of return observations.
    skew, kurtosis
        Population skewness and raw kurtosis of the returns.

    Returns
    -------
    float
        Probability; NaN when an input is NaN, `n` < 2 or the moments are impossible.
    """
    variance = _sharpe_variance(sharpe, skew, kurtosis)
    if n < 2 or not variance > 0.0:
        return math.nan
    return float(stats.norm.cdf((sharpe - benchmark) * math.sqrt(n - 1) / math.sqrt(variance)))


def sharpe_error(sample: SampleMoments) -> float:
    """Return the standard error of a Sharpe ratio per period, sqrt((1 - g3 SR + (g4 - 1) / 4 SR^2) / (n - 1))."""
    variance = _sharpe_variance(sample.sharpe, sample.skew, sample.kurtosis)
    return math.sqrt(variance / (sample.n - 1)) if sample.n > 1 and variance > 0.0 else math.nan


def probabilistic_sharpe_from_returns(returns: Floats, *, benchmark: float = 0.0) -> float:
    """Return the probabilistic Sharpe ratio of a return series; NaN when it has no spread."""
    sample = moments(returns)
    return probabilistic_sharpe_ratio(
        sample.sharpe, n=sample.n, skew=sample.skew, kurtosis=sample.kurtosis, benchmark=benchmark
    )


Searches = Sequence[tuple[int, Sequence[float]]]
"""Parts of a ledger: how many trials each counts, and their known Sharpe ratios per period."""
LEAST_SEARCH = 5


def trial_variance(sharpes: Sequence[float], n_periods: int, *, n_trials: int = 0, searches: Searches = ()) -> float:
    """Return the variance of the Sharpe ratios per period that luck alone has to be granted.

    It is the ddof-1 variance of all known trials, but never less than 1 / (n - 1), what a ratio without skill varies by
    over so many periods: a few trials that hardly differ say nothing about how far luck can carry a search.

    Nor is it less than gives the best of all `n_trials` what the best of one of the `searches` is expected to reach
    alone: more tries never make a search less lucky, so trials that hardly spread cannot dilute those that do.
    Searches with fewer than five known ratios are left out. Tries inside one search can be as unlike, so it is not less
    than what the best of `n_trials` drawn from the known ratios themselves is expected to reach.
    """
    known = np.array([each for each in sharpes if math.isfinite(each)])
    least = 1.0 / max(1, n_periods - 1)
    found = max(least, float(known.var(ddof=1))) if known.size >= 2 else least
    unit = expected_maximum_sharpe(n_trials, 1.0)
    for number, ratios in searches:
        part = np.array([each for each in ratios if math.isfinite(each)])
        if part.size >= LEAST_SEARCH and unit > 0.0:
            alone = expected_maximum_sharpe(min(number, n_trials), float(part.var(ddof=1)))
            found = max(found, (alone / unit) ** 2)
    if known.size > LEAST_SEARCH and unit > 0.0:
        found = max(found, (_expected_best_of_draws(known, n_trials) / unit) ** 2)
    return found


def _expected_best_of_draws(ratios: Floats, n_trials: int) -> float:
    """Return the expected largest of `n_trials` draws from the deviations of `ratios` from their mean, of either sign.

    Of normal ratios that is hardly ever above the normal formula; of many dead tries beside few wide ones it stays
    near what the wide ones alone give. The best ratio is left out: it may be the one with skill. None counts for more
    than the second best.
    """
    rest = np.delete(ratios - ratios.mean(), np.argmax(ratios))
    # What lost a lot, as a try that pays costs on every bar does, was not nearly lucky.
    spread = np.minimum(np.abs(rest), max(float(rest.max()), 0.0))
    values = np.sort(np.concatenate([-spread, spread]))
    reached = np.linspace(0.0, 1.0, values.size + 1) ** n_trials
    return float(values @ np.diff(reached))


def expected_maximum_sharpe(n_trials: int, variance: float) -> float:
    """Return the expected best Sharpe ratio of `n_trials` tries without skill (Bailey and Lopez de Prado 2014).

    `variance` is the variance (ddof 1) of the per-period Sharpe ratios over all tries. One try has no selection: 0.
    """
    if n_trials <= 1:
        return 0.0
    first = stats.norm.ppf(1.0 - 1.0 / n_trials)
    second = stats.norm.ppf(1.0 - 1.0 / (n_trials * math.e))
    return float(math.sqrt(variance) * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))


def deflated_sharpe_ratio(
    sharpe: float, *, n: int, skew: float, kurtosis: float, n_trials: int, variance: float
) -> float:
    """Return the probability that the Sharpe ratio beats what selection among the trials explains.

    Parameters
    ----------
    sharpe
        Per-period Sharpe ratio of the selected trial.
    n, skew, kurtosis
        Observations and moments of its returns, as for the probabilistic Sharpe ratio.
    n_trials
        All configurations ever tried, not an effective number.
    variance
        Variance (ddof 1) of the per-period Sharpe ratios over all trials.
    """
    hurdle = expected_maximum_sharpe(n_trials, variance)
    return probabilistic_sharpe_ratio(sharpe, n=n, skew=skew, kurtosis=kurtosis, benchmark=hurdle)


def minimum_track_record_length(
    sharpe: float, *, skew: float, kurtosis: float, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Return how many observations prove the Sharpe ratio at `confidence`; infinity when it is below the benchmark."""
    if not sharpe > benchmark:
        return math.inf if not math.isnan(sharpe) else math.nan
    z = float(stats.norm.ppf(confidence))
    return 1.0 + _sharpe_variance(sharpe, skew, kurtosis) * (z / (sharpe - benchmark)) ** 2


def minimum_backtest_length(n_trials: int, *, target_sharpe_annual: float) -> float:
    """Return the years below which the best of `n_trials` skill-less tries is expected to reach the target."""
    return (expected_maximum_sharpe(n_trials, 1.0) / target_sharpe_annual) ** 2


def minimum_backtest_bound(n_trials: int, *, target_sharpe_annual: float) -> float:
    """Return the upper bound 2 ln N / SR^2 of :func:`minimum_backtest_length`, in years."""
    return 2.0 * math.log(max(1, n_trials)) / target_sharpe_annual**2


def newey_west_lags(n: int) -> int:
    """Return the rule-of-thumb number of Bartlett lags for `n` observations (Newey and West 1994)."""
    return int(4.0 * (n / 100.0) ** (2.0 / 9.0))


def newey_west_t(values: Floats, *, lags: int | None = None, small_sample: bool = False) -> MeanTest:
    """Test a mean against zero with the Bartlett-kernel variance (Newey and West 1987).

    Parameters
    ----------
    values
        Observations in time order, shape (n,); NaN are dropped.
    lags
        Kernel lags; None takes the rule of thumb. Labels that overlap over h bars need at least h - 1.
    small_sample
        Multiply the variance by n / (n - 1).
    """
    sample = values[np.isfinite(values)]
    n = sample.size
    if n < 2:
        return MeanTest(math.nan, math.nan, math.nan, 0)
    used = min(newey_west_lags(n) if lags is None else lags, n - 1)
    centred = sample - sample.mean()
    total = float(centred @ centred)
    for lag in range(1, used + 1):
        total += 2.0 * (1.0 - lag / (used + 1.0)) * float(centred[lag:] @ centred[:-lag])
    variance = total / n / n * (n / (n - 1) if small_sample else 1.0)
    mean = float(sample.mean())
    se = math.sqrt(variance) if variance > 0.0 else math.nan
    return MeanTest(mean, se, mean / se if se > 0.0 else math.nan, used)


def newey_west_ols(y: Floats, x: Floats, *, lags: int) -> OlsTest:
    """Regress `y` on `x` and a constant (appended last) with Newey-West errors, small-sample factor n / (n - k).

    Parameters
    ----------
    y
        Shape (n,), no NaN.
    x
        Shape (n, k - 1), no NaN, without a constant.
    """
    design = np.column_stack([x, np.ones(len(y))])
    n, k = design.shape
    params, *_ = np.linalg.lstsq(design, y, rcond=None)
    scores = design * (y - design @ params)[:, None]
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    bread = np.linalg.inv(design.T @ design)
    se = np.sqrt(np.diag(bread @ meat @ bread) * n / (n - k))
    return OlsTest(np.asarray(params, dtype=np.float64), np.asarray(se), np.asarray(params / se))


def ljung_box(values: Floats, *, lags: int, fitted: int = 0) -> tuple[float, float]:
    """Return the Ljung-Box statistic and its p-value; `fitted` parameters are taken off the degrees of freedom."""
    centred = values - values.mean()
    n = values.size
    denominator = float(centred @ centred)
    q = 0.0
    for lag in range(1, lags + 1):
        q += (float(centred[lag:] @ centred[:-lag]) / denominator) ** 2 / (n - lag)
    q *= n * (n + 2.0)
    return q, float(stats.chi2.sf(q, lags - fitted))
