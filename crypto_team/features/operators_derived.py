"""Operators that derive one series from another: lags, differences, extremes, sums, and functions of one value."""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, Rule, operator, shifted


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
    return rolling.extreme(x, n, top=True)


@operator("derived", lambda n: n - 1)
def lowest(x: Floats, n: int = 20) -> Floats:
    """Lowest of the last n values, this one included."""
    return rolling.extreme(x, n, top=False)


@operator("derived", lambda n: n - 1)
def total(x: Floats, n: int = 20) -> Floats:
    """Sum of the last n values."""
    return rolling.total(x, n)


@operator("derived", lambda: 0)
def log(x: Floats) -> Floats:
    """Natural logarithm; unknown where the value is not positive."""
    return np.log(x)


@operator("derived", lambda: 0)
def exp(x: Floats) -> Floats:
    """Exponential function; unknown where it overflows."""
    return np.exp(x)


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
    return np.sqrt(x)


@operator("derived", lambda: 0, rule=Rule(lambda low, high: low <= high, "low has to be at most high"))
def clip(x: Floats, low: float, high: float) -> Floats:
    """Value limited to [low, high]."""
    return np.clip(x, low, high)
