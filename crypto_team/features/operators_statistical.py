"""Statistical operators over a window: moments, memory, rank, entropy, regime of volatility.

A value is unknown until its window is full of known values. Flat windows give what each operator names.
"""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, Rule, divided, operator, shifted
from crypto_team.features.operators_price import log_changes


@operator("statistical", lambda n: n - 1, shortest=2)
def std(x: Floats, n: int = 24) -> Floats:
    """Sample deviation of the last n values (n - 1 in the denominator)."""
    return np.sqrt(rolling.moment(x, n, 2) * (n / (n - 1)))


@operator("statistical", lambda n: n - 1, shortest=2)
def zscore(x: Floats, n: int = 24) -> Floats:
    """Value from the mean of the last n values in population standard deviations; 0 for a flat window."""
    deviation = np.sqrt(rolling.moment(x, n, 2))
    return np.where(deviation == 0.0, 0.0, divided(x - rolling.mean(x, n), deviation))


@operator("statistical", lambda n: n - 1, shortest=3)
def skew(x: Floats, n: int = 48) -> Floats:
    """Skewness of the last n values, bias-corrected (G1, as pandas); 0 for a flat window."""
    second, third = rolling.moment(x, n, 2), rolling.moment(x, n, 3)
    factor = float(np.sqrt(n * (n - 1)) / (n - 2))
    return np.where(second == 0.0, 0.0, factor * divided(third, second * np.sqrt(second)))


@operator("statistical", lambda n: n - 1, shortest=4)
def kurt(x: Floats, n: int = 48) -> Floats:
    """Excess kurtosis of the last n values, bias-corrected (G2, as pandas); 0 for a flat window."""
    second, fourth = rolling.moment(x, n, 2), rolling.moment(x, n, 4)
    excess = divided(fourth, np.square(second)) - 3.0
    made = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6.0)
    return np.where(second == 0.0, 0.0, made)


@operator(
    "statistical", lambda n: n - 1, shortest=2, rule=Rule(lambda n, lag: lag < n, "the lag has to be shorter than n")
)
def autocorr(x: Floats, n: int = 48, lag: int = 1) -> Floats:
    """Autocorrelation at a lag over the last n values (window mean, divided by n: the statsmodels acf).

    Unknown for a flat window.
    """
    pairs, middle, earlier = n - lag, rolling.mean(x, n), shifted(x, lag)
    away = (rolling.mean(x, pairs) - middle) * (rolling.mean(earlier, pairs) - middle)
    return divided((rolling.covariance(x, earlier, pairs) + away) * (pairs / n), rolling.moment(x, n, 2))


@operator("statistical", lambda n, lag: n - 1 + lag, shortest=2)
def autocorr_pearson(x: Floats, n: int = 48, lag: int = 1) -> Floats:
    """Correlation of the last n values with those `lag` bars before them, each with its own mean (as pandas).

    0 where either does not vary.
    """
    earlier = shifted(x, lag)
    spread = np.sqrt(rolling.moment(x, n, 2) * rolling.moment(earlier, n, 2))
    return np.clip(np.where(spread == 0.0, 0.0, divided(rolling.covariance(x, earlier, n), spread)), -1.0, 1.0)


@operator("statistical", lambda n: n - 1)
def rank(x: Floats, n: int = 100) -> Floats:
    """Percentile of the value among the last n values, in (0, 1]; ties count half."""
    return rolling.rank(x, n)


@operator("statistical", lambda n: n - 1, rule=Rule(lambda q: 0.0 <= q <= 1.0, "q has to lie between 0 and 1"))
def quantile(x: Floats, n: int = 100, q: float = 0.5) -> Floats:
    """Quantile q of the last n values, linear between neighbours (type 7, as NumPy); the median by default."""
    return rolling.quantile(x, n, q)


@operator("statistical", lambda n: n - 1, shortest=32)
def hurst(x: Floats, n: int = 256) -> Floats:
    """Generalised Hurst exponent (q = 2) of log values over n bars: 0.5 for a random walk, above for trends.

    Half the slope of ln mean (y[t] - y[t-k])^2 on ln k, lags k from 1 to min(19, n / 8). Chosen for its low bias on
    short windows; at n = 256 its error is still about 0.06. Unknown for a flat window.
    """
    return rolling.hurst(np.log(x), n, min(19, n // 8))


@operator("statistical", lambda n: n - 1, shortest=4)
def perm_entropy(x: Floats, n: int = 96) -> Floats:
    """Permutation entropy of order 3 (Bandt and Pompe 2002) of the last n values: 0 for a trend, 1 for noise."""
    return rolling.patterns(x, n)


@operator("statistical", lambda n: n - 1, shortest=2, rule=Rule(lambda bins: 2 <= bins <= 1000, "bins: 2 to 1000"))
def entropy(x: Floats, n: int = 96, bins: int = 10) -> Floats:
    """Shannon entropy of the last n values, 0 to 1: spread over equal bins from their lowest to their highest.

    0 for a flat window.
    """
    return rolling.bins(x, n, bins)


@operator("statistical", lambda n, m: n + m - 1)
def vol_regime(x: Floats, n: int = 24, m: int = 240) -> Floats:
    """Percentile of the realised volatility of n bars among its last m values: near 0 calm, near 1 wild."""
    return rolling.rank(rolling.mean(np.square(log_changes(x, 1)), n), m)


@operator("statistical", lambda n, m: n + m - 1)
def vol_state(x: Floats, n: int = 24, m: int = 240) -> Floats:
    """Volatility regime in three states: -1 low, 0 medium, 1 high (thirds of the last m realised volatilities)."""
    place = rolling.rank(rolling.mean(np.square(log_changes(x, 1)), n), m)
    return 1.0 * (place > 2.0 / 3.0) - 1.0 * (place <= 1.0 / 3.0) + 0.0 * place


def fracdiff_weights(d: float, n: int) -> Floats:
    """Return the first n weights of the fractional difference (1 - L)^d: w_0 = 1, w_k = -w_(k-1) (d - k + 1) / k."""
    k = np.arange(1, n, dtype=np.float64)
    return np.concatenate([[1.0], np.cumprod(-(d - k + 1.0) / k)])


def fracdiff_width(d: float, threshold: float) -> int:
    """Return how many weights of the fractional difference there are before the first below the threshold in size."""
    weight, width = 1.0, 0
    while abs(weight) >= threshold:
        width += 1
        weight *= -(d - width + 1.0) / width
    return width


@operator(
    "statistical",
    lambda d, threshold: fracdiff_width(d, threshold) - 1,
    rule=Rule(
        lambda d, threshold: 0.0 < d <= 2.0 and 1e-4 <= threshold < 1.0, "0 < d <= 2 and 0.0001 <= threshold < 1"
    ),
)
def fracdiff(x: Floats, d: float = 0.4, threshold: float = 0.001) -> Floats:
    """Fractional difference of order d over a fixed window: stationary, yet with the memory that returns lose.

    Weights (1 - L)^d down to the threshold; meant for log prices. Source: Lopez de Prado (2018), chapter 5, FFD.
    """
    weights = fracdiff_weights(d, fracdiff_width(d, threshold))
    made = x
    for back, weight in enumerate(weights[1:].tolist(), start=1):
        made = made + weight * shifted(x, back)
    return made
