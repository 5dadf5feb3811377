"""Operators on two columns, mostly of two pairs: `corr(ret(close, 1), of("BTC", ret(close, 1)), 24)`."""

from __future__ import annotations

from crypto_team.features import kernels_pairwise as pairwise
from crypto_team.features.operators import Floats, operator, shifted


@operator("cross_asset", lambda n: n - 1, shortest=3)
def corr(x: Floats, y: Floats, n: int = 168) -> Floats:
    """Pearson correlation of two columns over the last n bars; unknown where one of them is flat."""
    return pairwise.rolling_pair(x, y, n, pairwise.CORRELATION)


@operator("cross_asset", lambda n: n - 1, shortest=3)
def beta(x: Floats, y: Floats, n: int = 168) -> Floats:
    """Slope of x on y over the last n bars (least squares with intercept); unknown where y is flat."""
    return pairwise.rolling_pair(x, y, n, pairwise.SLOPE)


@operator("cross_asset", lambda n, lag: n + lag - 1, shortest=3)
def lead_lag(x: Floats, y: Floats, n: int = 168, lag: int = 1) -> Floats:
    """How much more y leads x than x leads y, -2 to 2.

    corr(x, y `lag` bars before) - corr(y, x `lag` bars before), each over the last n bars.
    """
    ahead = pairwise.rolling_pair(x, shifted(y, lag), n, pairwise.CORRELATION)
    behind = pairwise.rolling_pair(y, shifted(x, lag), n, pairwise.CORRELATION)
    return ahead - behind
