"""Extremes of the last nine to sixteen values; longer windows are made of those of sixteen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.features.blocks_merging import larger, smaller
from crypto_team.features.compiled import cut, inner
from crypto_team.features.compiled_lanes import LANES, largest_of_few, smallest_of_few

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LEAST_WINDOW, WINDOW = 9, 16
EXTREME_MEMORY: Final = LANES


@inner
def extremes(y: Floats, a: Floats, n: int, memory: Floats, top: bool) -> None:
    """Largest or smallest of the last n values, unknown where one is; `a` begins sixteen values before `y`.

    First eight at once as if all were known; what is left over, or all where one was not, one by one.
    """
    whole = y.size // LANES * LANES
    if whole:
        if top:
            largest_of_few(cut(y, 0, whole), a, memory, n)
        else:
            smallest_of_few(cut(y, 0, whole), a, memory, n)
        odd = 0.0
        for j in range(LANES):
            odd += memory[j]
        if not odd == 0.0:  # noqa: SIM201 - unknown is no zero either
            whole = 0
    for i in range(whole, y.size):
        y[i] = _one(cut(a, i + 1 + WINDOW - n, n), top)


@inner
def _one(window: Floats, top: bool) -> float:
    made = float(window[0]) + 0.0
    for j in range(1, window.size):
        value = float(window[j]) + 0.0
        made = larger(made, value) if top else smaller(made, value)
    return made
