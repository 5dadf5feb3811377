"""Operators on flows that come in bursts: liquidations, large transfers."""

from __future__ import annotations

import numpy as np

from crypto_team.features import kernels_bursts as bursts
from crypto_team.features import rolling
from crypto_team.features.operators import Floats, divided, operator


@operator("flow", lambda m: m - 1)
def cluster(x: Floats, n: int = 4, m: int = 96) -> Floats:
    """How concentrated a flow is now: share of the last m bars' total that fell into the last n, times m / n.

    1 where it comes evenly, m / n where all of it came just now, 0 where there was none.
    """
    size, last = np.abs(x), min(n, m)
    total = rolling.total(size, m)
    return np.where(total == 0.0, 0.0, divided(rolling.total(size, last), total)) * (m / last)


@operator("flow", lambda n, m: n + m - 1, shortest=1)
def cascade_prob(x: Floats, n: int = 4, m: int = 480) -> Floats:
    """Empirical probability that a bar as busy as this one is followed within n bars by a cluster.

    Frequency over the last m bars whose n following bars are over; a cluster is a bar above their mean plus three
    deviations. 1 where none was ever as busy and this bar is a cluster itself; unknown where nothing compares, or
    where a bar after one that compares is unknown.
    """
    return bursts.likelihood_of_cluster(x, n, m)
