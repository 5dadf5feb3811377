"""Kernels of the order book: near the best price a sorted ladder, its best level last; behind it a hash table.

Most updates are far from the best price or next to it. A sorted array of a whole book would spend its time moving
thousands of levels, so the ladder holds a few hundred; where it runs low the best of the others are fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel
from crypto_team.features.kernels_micro_far import far_best, far_clear, far_keys, far_set, far_sizes

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

LEVELS, ROOM, MOVED, FEW = at.LEVELS, at.LADDER, at.LADDER // 2, at.LADDER // 8


@kernel
def keys_of(s: Ints, side: int) -> Ints:
    """Return the keys of a side's ladder (1 bid, -1 ask): price in ticks times side, ascending."""
    start = at.BIDS if side > 0 else at.ASKS
    return s[start : start + ROOM]


@kernel
def sizes_of(s: Ints, side: int) -> Ints:
    """Return the sizes in lots of a side's ladder, in the order of its keys."""
    start = (at.BIDS if side > 0 else at.ASKS) + ROOM
    return s[start : start + ROOM]


@kernel
def place(keys: Ints, n: int, key: int) -> int:
    """Return how many of the first n keys are smaller; most searches end near the best level, so they start there."""
    high, step = n, 1
    while step <= n and keys[n - step] >= key:
        high = n - step
        step *= 2
    low = n - step + 1 if step <= n else 0
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def set_level(s: Ints, side: int, price: int, size: int) -> None:
    """Set the size of one level; 0 removes it. Marks the book as touched where one of the first levels changed."""
    near = at.N_BIDS if side > 0 else at.N_ASKS
    far = at.FAR_BIDS if side > 0 else at.FAR_ASKS
    keys, sizes, key = keys_of(s, side), sizes_of(s, side), side * price
    if s[near] == ROOM:
        _spill(s, side)
    if s[far] > 0 and key < keys[0]:
        s[far] += far_set(far_keys(s, side), far_sizes(s, side), key, size)
        return
    n = s[near]
    i = place(keys, n, key)
    there = i < n and keys[i] == key
    if (sizes[i] if there else 0) == size:
        return
    if n - i <= LEVELS - (0 if there else 1):
        s[at.TOUCHED] = 1
    if there and size > 0:
        sizes[i] = size
    elif there:
        _close(keys, sizes, i, n)
        s[near] = n - 1
        if n <= FEW and s[far] > 0:
            _fetch(s, side)
    else:
        _open(keys, sizes, i, n)
        keys[i], sizes[i] = key, size
        s[near] = n + 1


@kernel
def _close(keys: Ints, sizes: Ints, i: int, n: int) -> None:
    """Move what lies behind place i of n one place down."""
    for j in range(i, n - 1):
        keys[j] = keys[j + 1]
        sizes[j] = sizes[j + 1]


@kernel
def _open(keys: Ints, sizes: Ints, i: int, n: int) -> None:
    """Move what lies from place i of n on one place up."""
    for j in range(n, i, -1):
        keys[j] = keys[j - 1]
        sizes[j] = sizes[j - 1]


@kernel
def _spill(s: Ints, side: int) -> None:
    """Move the worse half of a full ladder behind it."""
    keys, sizes = keys_of(s, side), sizes_of(s, side)
    hashed, behind = far_keys(s, side), far_sizes(s, side)
    for j in range(MOVED):
        far_set(hashed, behind, keys[j], sizes[j])
    for j in range(MOVED, ROOM):
        keys[j - MOVED], sizes[j - MOVED] = keys[j], sizes[j]
    s[at.N_BIDS if side > 0 else at.N_ASKS] -= MOVED
    s[at.FAR_BIDS if side > 0 else at.FAR_ASKS] += MOVED


@kernel
def _fetch(s: Ints, side: int) -> None:
    """Move the best levels from behind a ladder that runs low into it."""
    near = at.N_BIDS if side > 0 else at.N_ASKS
    keys, sizes, n = keys_of(s, side), sizes_of(s, side), s[near]
    hashed, behind = far_keys(s, side), far_sizes(s, side)
    found, found_sizes = far_best(hashed, behind, MOVED)
    more = found.size
    for j in range(n - 1, -1, -1):
        keys[j + more], sizes[j + more] = keys[j], sizes[j]
    for j in range(more):
        keys[j], sizes[j] = found[j], found_sizes[j]
        far_set(hashed, behind, found[j], 0)
    s[near] = n + more
    s[at.FAR_BIDS if side > 0 else at.FAR_ASKS] -= more


@kernel
def empty(s: Ints, new_epoch: bool) -> None:
    """Empty the book; after a gap nothing that was before may be compared with what comes."""
    for place_of in (at.N_BIDS, at.N_ASKS, at.FAR_BIDS, at.FAR_ASKS):
        s[place_of] = 0
    far_clear(far_keys(s, 1))
    far_clear(far_keys(s, -1))
    s[at.TOUCHED] = 1
    if new_epoch:
        s[at.BOOK_START] = at.UNKNOWN
        s[at.COMPARABLE] = 0
        s[at.TWO_SIDED] = 0
        s[at.MID2] = at.UNKNOWN
        s[at.WIDE_SINCE] = at.UNKNOWN


@kernel
def full(s: Ints) -> bool:
    """Say whether the tables behind the ladders have to grow before the next level."""
    return bool(2 * (max(s[at.FAR_BIDS], s[at.FAR_ASKS]) + ROOM) > s[at.CAPACITY])
