"""Compiling the machine ahead of time, part by part, so that somebody can watch it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from numba import float64, int64, types

from crypto_team.features import machine
from crypto_team.features.blocks_elementwise import chosen, paired, single
from crypto_team.features.blocks_hurst import hurst
from crypto_team.features.blocks_merging import merged, merged_many
from crypto_team.features.blocks_recursive import smoothed
from crypto_team.features.blocks_window import windowed
from crypto_team.features.compiled import cache_folder
from crypto_team.features.watching import COMPILING

_ROW: Final = float64[::1]
_several: Final[Callable[[Any, int], Any]] = cast("Any", types).UniTuple
_PARTS: Final[tuple[tuple[str, Any, tuple[Any, ...]], ...]] = (
    ("arithmetic of two series", paired, (int64, _ROW, _ROW, _ROW)),
    ("functions of one series", single, (int64, _ROW, _ROW, float64, float64)),
    ("choices", chosen, (int64, _ROW, _ROW, _ROW, _ROW, _ROW)),
    ("means and extremes", merged, (int64, _ROW, _ROW, _ROW, _ROW, _ROW, _ROW)),
    ("moments", merged_many, (int64, _ROW, _several(_ROW, 8), _ROW)),
    ("averages", smoothed, (_ROW, _ROW, _ROW, _ROW)),
    ("Hurst exponents", hurst, (_ROW, _ROW, int64, int64, _ROW)),
    ("windows", windowed, (int64, _ROW, _several(_ROW, 4), _ROW, _ROW)),
)
_ONCE, _DONE = threading.Lock(), list[bool]()


def is_warm() -> bool:
    """Return whether the compiled machine lies in the cache."""
    return any(cache_folder().glob("**/machine.run-*.nbc"))


def ensure_warm() -> None:
    """Compile what is not compiled yet, once in a process, while whoever watches is told."""
    with _ONCE:
        if not _DONE and not is_warm():
            warm(COMPILING)
        _DONE[:] = [True]


def warm(progress: Callable[[float, str], None]) -> bool:
    """Compile what is not compiled yet; return whether anything had to be.

    Parameters
    ----------
    progress
        Takes the share done in [0, 1] and what is being compiled.
    """
    cold = not is_warm()
    if cold:
        for number, (name, part, signature) in enumerate(_PARTS):
            progress(0.6 * number / len(_PARTS), f"compiling {name} (once)")
            cast("Any", part).compile(signature)
        progress(0.6, "compiling the machine (once)")
    codes, numbers, singles = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.float32)
    extent = np.array([0, 0, 0, 1, 0], dtype=np.int64)
    machine.run((codes, numbers, codes), (codes, numbers, numbers), (codes, extent, singles, numbers))
    progress(1.0, "ready")
    return cold
