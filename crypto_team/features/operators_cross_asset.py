"""Operators on two columns, mostly of two pairs: `corr(ret(close, 1), of("BTC", ret(close, 1)), 24)`."""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, divided, operator, shifted


def _correlation(x: Floats, y: Floats, n: int) -> Floats:
    spread = np.sqrt(rolling.moment(x, n, 2)) * np.sqrt(rolling.moment(y, n, 2))
    return np.clip(divided(rolling.covariance(x, y, n), spread), -1.0, 1.0)


@operator("cross_asset", lambda n: n - 1, shortest=3)
def corr(x: Floats, y: Floats, n: int = 168) -> Floats:
    """Pearson correlation of two columns over the last n bars; unknown where one of them is flat."""
    return _correlation(x, y, n)


@operator("cross_asset", lambda n: n - 1, shortest=3)
def beta(x: Floats, y: Floats, n: int = 168) -> Floats:
    """Slope of x on y over the last n bars (least squares with intercept); unknown where y is flat."""
    return divided(rolling.covariance(x, y, n), rolling.moment(y, n, 2))


@operator("cross_asset", lambda n, lag: n + lag - 1, shortest=3)
def lead_lag(x: Floats, y: Floats, n: int = 168, lag: int = 1) -> Floats:
    """How much more y leads x than x leads y, -2 to 2.

    corr(x, y `lag` bars before) - corr(y, x `lag` bars before), each over the last n bars.
    """
    return _correlation(x, shifted(y, lag), n) - _correlation(y, shifted(x, lag), n)
