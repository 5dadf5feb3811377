"""Performance beyond the Sharpe ratio: what is lost below a target, in drawdowns and in the tail.

Returns are simple, per period, shape (n,); NaN are dropped. Losses are negative returns. A ratio without a
denominator is NaN. Formulas as in Bacon (2008), Practical Portfolio Performance Measurement and Attribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from crypto_team.validation import metrics

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Downside:
    """What lies below and above a minimum acceptable return per period, all of it over all n periods.

    `frequency` is the share of periods below it; `deviation` and `upside_risk` are roots of mean squares, `potential`
    and `upside_potential` means; `kappa2` is the Sortino ratio, `omega_sharpe` (mean - target) / potential,
    `volatility_skewness` the ratio of the squares, `variability_skewness` that of the roots, `d_ratio` losses over
    gains weighted by how many there are.
    """

    frequency: float
    deviation: float
    potential: float
    upside_risk: float
    upside_potential: float
    kappa2: float
    omega_sharpe: float
    volatility_skewness: float
    variability_skewness: float
    d_ratio: float


@dataclass(frozen=True)
class Underwater:
    """Drawdowns as a course: `peak`, `trough` and `recovery` number the periods of the deepest, -1 is the start.

    `recovery` is None while it lasts. `longest` counts periods below a peak; `ulcer` is the root of the mean square of
    the drawdowns, `pain` their mean size.
    """

    deepest: float
    peak: int
    trough: int
    recovery: int | None
    longest: int
    ulcer: float
    pain: float


@dataclass(frozen=True)
class Tail:
    """Value at risk and expected shortfall as returns; `modified` is Cornish-Fisher, which fat tails break.

    `monotone` says whether the Cornish-Fisher expansion is a distribution at all for these moments.
    """

    var: float
    shortfall: float
    gaussian_var: float
    gaussian_shortfall: float
    modified_var: float
    modified_shortfall: float
    quantile: float
    monotone: bool


def downside(returns: Floats, *, target: float = 0.0) -> Downside:
    """Measure what lies below a target return per period."""
    values = returns[np.isfinite(returns)]
    below, above = np.minimum(values - target, 0.0), np.maximum(values - target, 0.0)
    deviation, upside = (float(np.sqrt(np.mean(part**2))) for part in (below, above))
    potential, gain = float(-below.mean()), float(above.mean())
    excess = float(values.mean()) - target
    losses, gains = values[values < 0.0], values[values > 0.0]
    won = float(gains.sum()) * gains.size
    return Downside(
        frequency=float(np.mean(values < target)),
        deviation=deviation,
        potential=potential,
        upside_risk=upside,
        upside_potential=gain,
        kappa2=_over(excess, deviation),
        omega_sharpe=_over(excess, potential),
        volatility_skewness=_over(upside**2, deviation**2),
        variability_skewness=_over(upside, deviation),
        d_ratio=_over(-float(losses.sum()) * losses.size, won),
    )


def subset_deviation(returns: Floats, *, target: float = 0.0) -> float:
    """Return the root mean square of the returns below the target over those periods alone; not the one of Sortino."""
    below = returns[returns < target] - target
    return float(np.sqrt(np.mean(below**2))) if below.size else math.nan


def mean_absolute_deviation(returns: Floats) -> float:
    """Return the mean distance from the mean."""
    return float(np.mean(np.abs(returns - returns.mean())))


def underwater(returns: Floats) -> Underwater:
    """Follow the drawdowns of compounded returns; the initial capital is the first peak."""
    values = metrics.equity(returns)
    fallen = values / np.maximum.accumulate(values) - 1.0
    trough = int(fallen.argmin())
    peak = int(values[: trough + 1].argmax())
    back = np.flatnonzero(values[trough:] >= values[peak])
    longest = run = 0
    for below in (fallen < 0.0).tolist():
        run = run + 1 if below else 0
        longest = max(longest, run)
    size = max(1, fallen.size - 1)
    return Underwater(
        deepest=float(fallen[trough]),
        peak=peak - 1,
        trough=trough - 1,
        recovery=trough + int(back[0]) - 1 if back.size else None,
        longest=longest,
        ulcer=float(np.sqrt(np.sum(fallen**2) / size)),
        pain=float(-fallen.sum() / size),
    )


def martin(returns: Floats, *, periods_per_year: float) -> float:
    """Return compound annual growth over the ulcer index."""
    return _over(metrics.cagr(returns, periods_per_year=periods_per_year), underwater(returns).ulcer)


def pain_ratio(returns: Floats, *, periods_per_year: float) -> float:
    """Return compound annual growth over the mean drawdown."""
    return _over(metrics.cagr(returns, periods_per_year=periods_per_year), underwater(returns).pain)


def omega(returns: Floats, *, target: float = 0.0) -> float:
    """Return gains above the target over losses below it (Keating and Shadwick 2002)."""
    part = downside(returns, target=target)
    return _over(part.upside_potential, part.potential)


def tail(returns: Floats, *, level: float = 0.95) -> Tail:
    """Measure the worst returns.

    Parameters
    ----------
    returns
        Shape (n,), n > 0 after NaN are dropped.
    level
        Confidence; 0.95 looks at the worst 5 %.

    Notes
    -----
    Historical: type-7 quantile and the mean of what is not above it. Gaussian and Cornish-Fisher with population
    moments; the modified shortfall is the second-order Edgeworth expectation below that quantile (Boudt, Peterson and
    Croux 2008), and never better than its value at risk.
    """
    values = returns[np.isfinite(returns)]
    mean, deviation = float(values.mean()), float(values.std())
    skew, excess = (float(found(values)) if deviation > 0.0 else 0.0 for found in (stats.skew, stats.kurtosis))
    z = float(stats.norm.ppf(1.0 - level))
    bent = z + (z**2 - 1.0) * skew / 6.0 + (z**3 - 3.0 * z) * excess / 24.0 - (2.0 * z**3 - 5.0 * z) * skew**2 / 36.0
    var = float(np.quantile(values, 1.0 - level))
    modified = mean + deviation * bent
    expected = mean - deviation * _edgeworth(bent, skew, excess) / (1.0 - level)
    slope = 1.0 + (skew * z) / 3.0 + (3.0 * z**2 - 3.0) * excess / 24.0 - (6.0 * z**2 - 5.0) * skew**2 / 36.0
    return Tail(
        var=var,
        shortfall=float(values[values <= var].mean()),
        gaussian_var=mean + deviation * z,
        gaussian_shortfall=mean - deviation * float(stats.norm.pdf(z)) / (1.0 - level),
        modified_var=modified,
        modified_shortfall=min(expected, modified),
        quantile=bent,
        monotone=abs(skew) <= 6.0 * (math.sqrt(2.0) - 1.0) and slope > 0.0,
    )


def _edgeworth(g: float, skew: float, excess: float) -> float:
    """Return the second-order Edgeworth expectation of -z below the quantile g, times its probability."""
    density = float(stats.norm.pdf(g))

    def power(order: int) -> float:
        """Return -E[z^order 1(z < g)] by repeated integration by parts, phi(g) and Phi(g) factored in."""
        if order % 2 == 0:
            terms = [
                math.prod(range(2, order + 1, 2)) / math.prod(range(2, 2 * each + 1, 2)) * g ** (2 * each) * density
                for each in range(1, order // 2 + 1)
            ]
            return sum(terms) + math.prod(range(2, order + 1, 2)) * density
        half = (order - 1) // 2
        odd = math.prod(range(1, order + 1, 2))
        terms = [odd / math.prod(range(1, 2 * each + 2, 2)) * g ** (2 * each + 1) * density for each in range(half + 1)]
        return sum(terms) - odd * float(stats.norm.cdf(g))

    return (
        density
        + (power(4) - 6.0 * power(2) + 3.0 * density) * excess / 24.0
        + (power(3) - 3.0 * power(1)) * skew / 6.0
        + (power(6) - 15.0 * power(4) + 45.0 * power(2) - 15.0 * density) * skew**2 / 72.0
    )


def _over(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan
