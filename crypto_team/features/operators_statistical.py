"""Statistical operators over a window, and those that derive one series from another."""

from __future__ import annotations

import numpy as np

from crypto_team.features import kernels_window as window
from crypto_team.features.operators import Floats, divided, operator, shifted


@operator("statistical", lambda n: n - 1, shortest=2)
def std(x: Floats, n: int = 24) -> Floats:
    """Sample deviation of the last n values (n - 1 in the denominator)."""
    return np.sqrt(window.rolling_moments(x, n, 2) * (n / (n - 1)))


@operator("statistical", lambda n: n - 1)
def zscore(x: Floats, n: int = 24) -> Floats:
    """Value from the mean of the last n values in population standard deviations; 0 for a flat window."""
    deviation = np.sqrt(window.rolling_moments(x, n, 2))
    return np.where(deviation == 0.0, 0.0, divided(x - window.rolling_sum(x, n) / n, deviation))


@operator("statistical", lambda n: n - 1, shortest=3)
def skew(x: Floats, n: int = 48) -> Floats:
    """Skewness of the last n values, bias-corrected (G1, as pandas); 0 for a flat window."""
    second, third = window.rolling_moments(x, n, 2), window.rolling_moments(x, n, 3)
    factor = np.sqrt(n * (n - 1)) / (n - 2)
    return np.where(second == 0.0, 0.0, factor * divided(third, second**1.5))


@operator("statistical", lambda n: n - 1, shortest=4)
def kurt(x: Floats, n: int = 48) -> Floats:
    """Excess kurtosis of the last n values, bias-corrected (G2, as pandas); 0 for a flat window."""
    second, fourth = window.rolling_moments(x, n, 2), window.rolling_moments(x, n, 4)
    excess = divided(fourth, np.square(second)) - 3.0
    made = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6.0)
    return np.where(second == 0.0, 0.0, made)


@operator("statistical", lambda n: n - 1)
def autocorr(x: Floats, n: int = 48, lag: int = 1) -> Floats:
    """Autocorrelation at a lag over the last n values (window mean, divided by n); unknown for a flat window."""
    return window.rolling_autocorrelation(x, n, lag)


@operator("statistical", lambda n: n - 1)
def rank(x: Floats, n: int = 100) -> Floats:
    """Percentile of the value among the last n values, in (0, 1]; ties count half."""
    return window.rolling_rank(x, n)


@operator("statistical", lambda n: n - 1, shortest=32)
def hurst(x: Floats, n: int = 256) -> Floats:
    """Generalised Hurst exponent (q = 2) of log values over n bars: 0.5 for a random walk, above for trends.

    Lags 1 to min(19, n / 8). Chosen for its low bias on short windows; unknown for a flat window.
    """
    return window.rolling_hurst(np.log(np.where(x > 0, x, np.nan)), n, min(19, n // 8))


@operator("statistical", lambda n, m: n + m)
def vol_regime(x: Floats, n: int = 24, m: int = 240) -> Floats:
    """Percentile of the realised volatility of n bars among its last m values: near 0 calm, near 1 wild."""
    move = np.square(np.log(divided(x, shifted(x, 1))))
    return window.rolling_rank(np.sqrt(np.maximum(window.rolling_sum(move, n), 0.0)), m)


@operator("derived", lambda n: n)
def lag(x: Floats, n: int = 1) -> Floats:
    """Value n bars before; there is no negative lag."""
    return shifted(x, n)


@operator("derived", lambda n: n)
def diff(x: Floats, n: int = 1) -> Floats:
    """Change over n bars."""
    return x - shifted(x, n)


@operator("derived", lambda n: n - 1)
def highest(x: Floats, n: int = 20) -> Floats:
    """Highest of the last n values, this one included."""
    return window.rolling_extreme(x, n, 1.0)


@operator("derived", lambda n: n - 1)
def lowest(x: Floats, n: int = 20) -> Floats:
    """Lowest of the last n values, this one included."""
    return window.rolling_extreme(x, n, -1.0)


@operator("derived", lambda n: n - 1)
def total(x: Floats, n: int = 20) -> Floats:
    """Sum of the last n values."""
    return window.rolling_sum(x, n)


@operator("derived", lambda: 0)
def log(x: Floats) -> Floats:
    """Natural logarithm; unknown where the value is not positive."""
    return np.log(np.where(x > 0, x, np.nan))


@operator("derived", lambda: 0)
def abs_(x: Floats) -> Floats:
    """Absolute value."""
    return np.abs(x)


@operator("derived", lambda: 0)
def sign(x: Floats) -> Floats:
    """-1, 0 or 1."""
    return np.sign(x)


@operator("derived", lambda: 0)
def sqrt(x: Floats) -> Floats:
    """Square root; unknown below zero."""
    return np.sqrt(np.where(x >= 0, x, np.nan))


@operator("derived", lambda: 0)
def clip(x: Floats, low: float, high: float) -> Floats:
    """Value limited to [low, high]."""
    return np.clip(x, low, high)
