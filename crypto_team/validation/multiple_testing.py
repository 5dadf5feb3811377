"""What is left of a Sharpe ratio when many were tried: adjusted p-values, haircuts, effective numbers of trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Method = Literal["bonferroni", "holm", "bhy", "bh"]
_STATSMODELS = {"bonferroni": "bonferroni", "holm": "holm", "bhy": "fdr_by", "bh": "fdr_bh"}


@dataclass(frozen=True)
class Haircut:
    """A p-value adjusted for all tries, and the annualised Sharpe ratio that would have it alone.

    `share` is the part of the original ratio that is lost. A ratio that is not above 0 is left as it is, because its
    p-value does not know its sign: a loss that is surely one is no skill.
    """

    adjusted_p: float
    sharpe: float
    share: float


@dataclass(frozen=True)
class EffectiveTrials:
    """How many independent trials correlated ones are worth, by three definitions; for reports, never for the DSR.

    The deflated Sharpe ratio takes the raw number with the raw variance: shrinking both would discount twice.
    """

    average_correlation: float
    by_correlation: float
    participation_ratio: float
    entropy_rank: float


@dataclass(frozen=True)
class StrategyPopulation:
    """Published strategies as Harvey, Liu and Zhu (2016) model them: a share without skill, the rest exponential."""

    correlation: float = 0.4
    skill_less: float = 0.4860
    mean_monthly: float = 0.0059902
    monthly_deviation: float = 0.15 / math.sqrt(12.0)
    months: int = 240

    def t_statistics(self, draws: int, tests: int, rng: np.random.Generator) -> Floats:
        """Draw absolute t-statistics, shape (draws, tests)."""
        error = self.monthly_deviation / math.sqrt(self.months)
        common = rng.standard_normal((draws, 1)) * math.sqrt(self.correlation)
        own = rng.standard_normal((draws, tests)) * math.sqrt(1.0 - self.correlation)
        skilled = rng.random((draws, tests)) > self.skill_less
        mean = np.where(skilled, rng.exponential(self.mean_monthly, (draws, tests)), 0.0)
        return np.asarray(np.abs(mean / error + common + own))


def adjusted_p_values(p: Floats, method: Method) -> Floats:
    """Adjust p-values for their number: Bonferroni, Holm, Benjamini-Hochberg-Yekutieli or Benjamini-Hochberg.

    Bonferroni and Holm bound the chance of any false discovery, the others the expected share of false ones; `bhy`
    holds under any dependence. Shape (n,) in and out.
    """
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

    return np.asarray(multipletests(p, method=_STATSMODELS[method])[1], dtype=np.float64)


def lo_adjustment(autocorrelation: float, periods: int) -> float:
    """Return the factor that takes first-order autocorrelation out of a Sharpe ratio annualised by a square root.

    [1 + 2 rho / (1 - rho) (1 - (1 - rho^q) / (q (1 - rho)))]^-1/2 with q periods a year. Source: Lo (2002).
    """
    rho, q = autocorrelation, periods
    return 1.0 / math.sqrt(1.0 + 2.0 * rho / (1.0 - rho) * (1.0 - (1.0 - rho**q) / (q * (1.0 - rho))))


def sharpe_p_value(sharpe_annual: float, years: float, *, observations: int | None = None) -> float:
    """Return the two-sided p-value of an annualised Sharpe ratio, t = SR sqrt(years).

    Student's t with `observations` - 1 degrees of freedom where given (fewer than 100), else normal.
    """
    t = abs(sharpe_annual) * math.sqrt(years)
    return float(2.0 * (stats.norm.sf(t) if observations is None else stats.t.sf(t, observations - 1)))


def sharpe_of_p_value(p: float, years: float, *, observations: int | None = None) -> float:
    """Return the annualised Sharpe ratio whose two-sided p-value is `p`; 0 where p is 1."""
    tail = min(p, 1.0) / 2.0
    t = stats.norm.isf(tail) if observations is None else stats.t.isf(tail, observations - 1)
    return float(t / math.sqrt(years))


def haircut(
    sharpes_annual: Sequence[float],
    years: float,
    method: Method,
    *,
    chosen: int = 0,
    tries: int = 1,
    observations: int | None = None,
) -> Haircut:
    """Return what is left of one Sharpe ratio of a family of tries (Harvey and Liu 2015).

    Parameters
    ----------
    sharpes_annual
        Annualised ratios of the tries that are known, the chosen one included; NaN are not known. Another try that lost
        has a p-value of 1: two-sided, its own would be small where it lost surely, and the more tries had lost, the
        less would be cut.
    years
        Length of the track record.
    method
        Adjustment of the p-values.
    chosen
        Place of the reported trial.
    tries
        How many there were, where more than are given. The others have a p-value of 1: what is not known may not help,
        and for the best of all Holm's factor is their number, whatever they showed.
    observations
        Returns behind each ratio, for Student's t instead of the normal distribution.
    """
    own = sharpes_annual[chosen]
    rest = [each for number, each in enumerate(sharpes_annual) if number != chosen and math.isfinite(each)]
    p = np.ones(max(tries, 1 + len(rest)))
    told = [own, *(each for each in rest if each > 0.0)]
    p[: len(told)] = [sharpe_p_value(each, years, observations=observations) for each in told]
    return _haircut(own, float(adjusted_p_values(p, method)[0]), years, observations)


def bonferroni_haircut(sharpe_annual: float, years: float, n_trials: int, *, observations: int) -> Haircut:
    """Return what is left of a Sharpe ratio of which only the number of tries is known: p becomes min(1, p n)."""
    p = min(1.0, n_trials * sharpe_p_value(sharpe_annual, years, observations=observations))
    return _haircut(sharpe_annual, p, years, observations)


def simulated_haircut(
    sharpe_annual: float,
    years: float,
    n_trials: int,
    method: Literal["holm", "bhy"],
    *,
    observations: int,
    rng: np.random.Generator,
    draws: int = 2000,
    population: StrategyPopulation | None = None,
) -> Haircut:
    """Return what is left of a Sharpe ratio when the other trials are unknown and drawn from a population.

    The adjusted p-value is the median over draws of the `n_trials` other ratios. As in Harvey and Liu (2015), the
    largest p-value of `bhy` stays as it is.
    """
    own = sharpe_p_value(sharpe_annual, years, observations=observations)
    drawn = (population or StrategyPopulation()).t_statistics(draws, n_trials, rng)
    p = np.column_stack([np.full(draws, own), 2.0 * stats.norm.sf(drawn)])
    step = _holm_of_first if method == "holm" else _bhy_of_first
    return _haircut(sharpe_annual, float(np.median(step(p))), years, observations)


def _holm_of_first(p: Floats) -> Floats:
    """Return Holm's adjusted p-value of the first column, row by row."""
    ordered = np.sort(p, axis=1)
    factors = p.shape[1] - np.arange(p.shape[1])
    running = np.maximum.accumulate(ordered * factors, axis=1)
    place = (ordered < p[:, :1]).sum(axis=1)
    return np.asarray(np.minimum(1.0, running[np.arange(len(p)), place]))


def _bhy_of_first(p: Floats) -> Floats:
    """Return the Benjamini-Hochberg-Yekutieli p-value of the first column; the largest p-value stays as it is."""
    ordered, count = np.sort(p, axis=1), p.shape[1]
    ranks = np.arange(1, count + 1)
    scaled = ordered * count * float(np.sum(1.0 / ranks)) / ranks
    scaled[:, -1] = ordered[:, -1]
    falling = np.minimum.accumulate(scaled[:, ::-1], axis=1)[:, ::-1]
    place = (ordered < p[:, :1]).sum(axis=1)
    return np.asarray(np.minimum(1.0, falling[np.arange(len(p)), place]))


def _haircut(sharpe_annual: float, adjusted: float, years: float, observations: int | None) -> Haircut:
    if not sharpe_annual > 0.0:
        return Haircut(adjusted, sharpe_annual, math.nan)
    left = sharpe_of_p_value(adjusted, years, observations=observations)
    return Haircut(adjusted, left, 1.0 - left / sharpe_annual)


def effective_trials(returns: Floats) -> EffectiveTrials:
    """Measure how many independent trials the columns of a return matrix (T, N) are worth.

    rho + (1 - rho) N with the mean correlation rho; (sum l)^2 / sum l^2 and exp(entropy) over the eigenvalues l of the
    correlation matrix.
    """
    matrix = np.atleast_2d(np.corrcoef(returns, rowvar=False))
    n = len(matrix)
    rho = float((matrix.sum() - n) / (n * (n - 1)))
    shares = np.clip(np.linalg.eigvalsh(matrix), 0.0, None) / n
    known = shares[shares > 0.0]
    return EffectiveTrials(
        average_correlation=rho,
        by_correlation=rho + (1.0 - rho) * n,
        participation_ratio=float(1.0 / np.sum(shares**2)),
        entropy_rank=float(np.exp(-np.sum(known * np.log(known)))),
    )
