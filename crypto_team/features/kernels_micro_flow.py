"""Kernels that keep the running totals: what a change of the book or a trade adds, and how time closes buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel
from crypto_team.features.kernels_micro_book import keys_of, sizes_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

NEAR, N_TOTALS, RING = at.NEAR, at.N_TOTALS, at.RING
WINDOW_BUCKETS = at.WINDOW_BUCKETS


@kernel
def advance(s: Ints, time: int) -> int:
    """Move to a time: 0 in the same bucket, 1 in a new one, 2 in a new bar. Time never runs backwards."""
    if s[at.TIME] == at.UNKNOWN:
        s[at.TIME] = time
        s[at.BUCKET] = time // at.BUCKET_MS
        return 2
    now = max(time, s[at.TIME])
    s[at.TIME] = now
    before, bucket = s[at.BUCKET], now // at.BUCKET_MS
    if bucket == before:
        return 0
    for closed in range(max(before, bucket - RING), bucket):
        s[at.TOTALS + at.STANDING] += s[at.TWO_SIDED]
        row = at.ROWS + (closed % RING) * N_TOTALS
        for k in range(N_TOTALS):
            s[row + k] = s[at.TOTALS + k]
    for w in range(at.N_WINDOWS):
        row = at.ROWS + ((bucket - WINDOW_BUCKETS[w]) % RING) * N_TOTALS
        base = at.BASES + w * N_TOTALS
        for k in range(N_TOTALS):
            s[base + k] = s[row + k]
    s[at.BUCKET] = bucket
    return 2 if bucket // at.BUCKETS_PER_BAR != before // at.BUCKETS_PER_BAR else 1


@kernel
def queue_flow(key: int, size: int, key_before: int, size_before: int) -> int:
    """Order flow of one queue (Cont, Kukanov, Stoikov 2014): what came minus what left, in lots."""
    came = size if key >= key_before else 0
    left = size_before if key <= key_before else 0
    return came - left


@kernel
def book_changed(s: Ints) -> None:
    """Add what a change of the first levels means to the totals, and remember the levels for the next."""
    total = at.TOTALS
    s[total + at.N_BOOK] += 1
    n_bids, n_asks = s[at.N_BIDS], s[at.N_ASKS]
    two_sided = n_bids > 0 and n_asks > 0
    bid = keys_of(s, 1)[n_bids - 1] if n_bids > 0 else at.UNKNOWN
    ask = -keys_of(s, -1)[n_asks - 1] if n_asks > 0 else at.UNKNOWN
    if not two_sided or bid >= ask:
        s[at.TWO_SIDED] = 0
        s[at.COMPARABLE] = 0
        s[at.UNUSABLE] += 1
        return
    s[at.TWO_SIDED] = 1
    if s[at.BOOK_START] == at.UNKNOWN:
        s[at.BOOK_START] = s[at.BUCKET]
        s[at.BID_SINCE] = s[at.TIME]
        s[at.ASK_SINCE] = s[at.TIME]
        s[at.BID] = bid
        s[at.ASK] = ask
    _levels(s)
    _quotes(s, bid, ask)
    _spread(s, ask - bid)
    s[at.COMPARABLE] = 1


@kernel
def _levels(s: Ints) -> None:
    """Add the order flow of each of the near levels, and their sizes."""
    total, comparable = at.TOTALS, s[at.COMPARABLE] == 1
    for side in (1, -1):
        n = s[at.N_BIDS] if side > 0 else s[at.N_ASKS]
        keys, sizes = keys_of(s, side), sizes_of(s, side)
        before = at.BEFORE if side > 0 else at.BEFORE + 2 * NEAR
        depth = 0
        for k in range(NEAR):
            key = keys[n - 1 - k] if k < n else at.UNKNOWN
            size = sizes[n - 1 - k] if k < n else 0
            if comparable:
                s[total + at.E1 + k] += side * queue_flow(key, size, s[before + k], s[before + NEAR + k])
            s[before + k] = key
            s[before + NEAR + k] = size
            depth += size
        s[total + (at.BID_NEAR if side > 0 else at.ASK_NEAR)] = depth
    s[total + at.TOP_SIZE] += s[at.BEFORE + NEAR] + s[at.BEFORE + 3 * NEAR]
    s[total + at.NEAR_SIZE] += s[total + at.BID_NEAR] + s[total + at.ASK_NEAR]
    s[total + at.N_TWO_SIDED] += 1


@kernel
def _quotes(s: Ints, bid: int, ask: int) -> None:
    """Count moves of the best prices and of the mid, which is kept as bid plus ask: a whole number of half ticks."""
    total = at.TOTALS
    if bid != s[at.BID]:
        s[total + at.BID_MOVES] += 1
        s[at.BID_SINCE] = s[at.TIME]
        s[at.BID] = bid
    if ask != s[at.ASK]:
        s[total + at.ASK_MOVES] += 1
        s[at.ASK_SINCE] = s[at.TIME]
        s[at.ASK] = ask
    if s[at.MID2] != at.UNKNOWN:
        move = bid + ask - s[at.MID2]
        s[total + at.MID_MOVES] += move != 0
        s[total + at.MID_CHANGE] += move
        s[total + at.MID_SQUARED] += move * move
    s[at.MID2] = bid + ask


@kernel
def _spread(s: Ints, spread: int) -> None:
    """Add moments of the spread, and how long it takes to come back after it has widened."""
    total = at.TOTALS
    s[total + at.SPREAD] += spread
    s[total + at.SPREAD_SQUARED] += spread * spread
    if s[at.WIDE_SINCE] != at.UNKNOWN:
        if spread <= s[at.NARROW]:
            s[total + at.RECOVERIES] += 1
            s[total + at.RECOVERY_MS] += s[at.TIME] - s[at.WIDE_SINCE]
            s[at.WIDE_SINCE] = at.UNKNOWN
            s[at.NARROW] = spread
    elif s[at.COMPARABLE] == 1 and spread > s[at.NARROW]:
        s[at.WIDE_SINCE] = s[at.TIME]
    else:
        s[at.NARROW] = spread
