"""What is asked of whole arrays before the block machine runs over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Times = npt.NDArray[np.int64]


@kernel
def rising(times: Times) -> bool:
    """Return whether every time is later than the one before it."""
    odd = 0
    for i in range(1, times.size):
        odd += times[i] <= times[i - 1]
    return odd == 0
