"""Kernels of the order book: two sorted ladders in one flat array, the best level of each at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

LEVELS = at.LEVELS


@kernel
def keys_of(s: Ints, side: int) -> Ints:
    """Return the keys of a side (1 bid, -1 ask): price in ticks times side, ascending."""
    start = at.BOOK if side > 0 else at.BOOK + 2 * s[at.CAPACITY]
    return s[start : start + s[at.CAPACITY]]


@kernel
def sizes_of(s: Ints, side: int) -> Ints:
    """Return the sizes in lots of a side, in the order of its keys."""
    start = at.BOOK + s[at.CAPACITY] if side > 0 else at.BOOK + 3 * s[at.CAPACITY]
    return s[start : start + s[at.CAPACITY]]


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
    count = at.N_BIDS if side > 0 else at.N_ASKS
    n, key = s[count], side * price
    keys, sizes = keys_of(s, side), sizes_of(s, side)
    i = place(keys, n, key)
    there = i < n and keys[i] == key
    if not there and size == 0:
        return
    if there and sizes[i] == size:
        return
    if n - i <= LEVELS - (0 if there else 1):
        s[at.TOUCHED] = 1
    if there and size > 0:
        sizes[i] = size
    elif there:
        for j in range(i, n - 1):
            keys[j] = keys[j + 1]
            sizes[j] = sizes[j + 1]
        s[count] = n - 1
    else:
        for j in range(n, i, -1):
            keys[j] = keys[j - 1]
            sizes[j] = sizes[j - 1]
        keys[i] = key
        sizes[i] = size
        s[count] = n + 1


@kernel
def empty(s: Ints, new_epoch: bool) -> None:
    """Empty the book; after a gap nothing that was before may be compared with what comes."""
    s[at.N_BIDS] = 0
    s[at.N_ASKS] = 0
    s[at.TOUCHED] = 1
    if new_epoch:
        s[at.BOOK_START] = at.UNKNOWN
        s[at.COMPARABLE] = 0
        s[at.TWO_SIDED] = 0
        s[at.MID2] = at.UNKNOWN
        s[at.WIDE_SINCE] = at.UNKNOWN


@kernel
def full(s: Ints) -> bool:
    """Say whether a side has no room for one more level."""
    return bool(max(s[at.N_BIDS], s[at.N_ASKS]) >= s[at.CAPACITY])
