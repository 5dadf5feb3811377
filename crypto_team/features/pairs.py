"""One plan over many pairs, on several threads: the machine runs without the interpreter's lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from crypto_team.features.operators import Floats, Times
    from crypto_team.features.plan import Plan


def compute_pairs(
    plan: Plan,
    pairs: Mapping[str, tuple[Mapping[str, Floats], Times]],
    *,
    threads: int = 1,
    out: Mapping[str, npt.NDArray[np.float32]] | None = None,
) -> dict[str, npt.NDArray[np.float32]]:
    """Compute a plan for each pair.

    Parameters
    ----------
    plan
        The formulas.
    pairs
        Input columns and bar opens by pair, see `Plan.compute`.
    threads
        How many pairs are computed at once; the values do not depend on it.
    out
        Where to write, by pair: float32 of shape (features, bars).

    Returns
    -------
    dict
        By pair, float32 of shape (bars, features).
    """
    ready = plan.program.size >= 0  # traced once, before the threads share it

    def one(pair: str) -> npt.NDArray[np.float32]:
        columns, times = pairs[pair]
        return plan.compute(columns, times, out=None if out is None or not ready else out[pair])

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        return dict(zip(pairs, pool.map(one, pairs), strict=True))
