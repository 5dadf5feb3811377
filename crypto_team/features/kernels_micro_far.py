"""Kernels of the levels behind the ladder: a hash table with linear probing, at most half full, without tombstones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

GOLDEN = -7046029254386353131
"""2**64 over the golden ratio as a signed number (Fibonacci hashing)."""


@kernel
def far_keys(s: Ints, side: int) -> Ints:
    """Return the table of keys of a side; its length is a power of two."""
    room = s[at.CAPACITY]
    start = at.FAR if side > 0 else at.FAR + 2 * room
    return s[start : start + room]


@kernel
def far_sizes(s: Ints, side: int) -> Ints:
    """Return the sizes that belong to the table of keys of a side."""
    room = s[at.CAPACITY]
    start = at.FAR + room if side > 0 else at.FAR + 3 * room
    return s[start : start + room]


@kernel
def far_clear(keys: Ints) -> None:
    """Empty a table."""
    keys[:] = at.UNKNOWN


@kernel
def _home(key: int, room: int) -> int:
    return ((key * GOLDEN) >> 24) & (room - 1)


@kernel
def far_set(keys: Ints, sizes: Ints, key: int, size: int) -> int:
    """Set the size of one level, 0 removes it; returns by how much the number of levels changed."""
    room = keys.size
    slot = _home(key, room)
    while keys[slot] != at.UNKNOWN and keys[slot] != key:
        slot = (slot + 1) & (room - 1)
    if keys[slot] == at.UNKNOWN:
        if size == 0:
            return 0
        keys[slot] = key
        sizes[slot] = size
        return 1
    if size > 0:
        sizes[slot] = size
        return 0
    _remove(keys, sizes, slot)
    return -1


@kernel
def _remove(keys: Ints, sizes: Ints, hole: int) -> None:
    """Empty a slot and move back what was probed past it, so that no marker has to stay."""
    room = keys.size
    slot = (hole + 1) & (room - 1)
    while keys[slot] != at.UNKNOWN:
        home = _home(keys[slot], room)
        if ((slot - home) & (room - 1)) >= ((slot - hole) & (room - 1)):
            keys[hole] = keys[slot]
            sizes[hole] = sizes[slot]
            hole = slot
        slot = (slot + 1) & (room - 1)
    keys[hole] = at.UNKNOWN


@kernel
def far_best(keys: Ints, sizes: Ints, most: int) -> tuple[Ints, Ints]:
    """Return the highest keys, ascending, and their sizes."""
    found, found_sizes = np.empty(most, np.int64), np.empty(most, np.int64)
    n = 0
    for slot in range(keys.size):
        key = keys[slot]
        if key == at.UNKNOWN or (n == most and key < found[0]):
            continue
        if n < most:
            j = n
            while j > 0 and found[j - 1] > key:
                found[j], found_sizes[j] = found[j - 1], found_sizes[j - 1]
                j -= 1
            n += 1
        else:
            j = 0
            while j < most - 1 and found[j + 1] < key:
                found[j], found_sizes[j] = found[j + 1], found_sizes[j + 1]
                j += 1
        found[j], found_sizes[j] = key, sizes[slot]
    return found[:n], found_sizes[:n]


@kernel
def far_grow(before: Ints, after: Ints) -> None:
    """Fill the tables of a larger state from those of a smaller one."""
    for side in (1, -1):
        keys, sizes = far_keys(before, side), far_sizes(before, side)
        wide, wide_sizes = far_keys(after, side), far_sizes(after, side)
        far_clear(wide)
        for slot in range(keys.size):
            if keys[slot] != at.UNKNOWN:
                far_set(wide, wide_sizes, keys[slot], sizes[slot])
