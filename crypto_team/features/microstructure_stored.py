"""Whether a stored state of the order-book features is one that this program could have stored.

Its kernels find their way with whole numbers of the state: counts, keys in order, slots of the tables behind the
ladders. A digest says that nobody changed a file by accident, not that nobody made one up. So each of these numbers has
to lie where the kernels put it before one of them sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.data.market_events import MOST_UNITS
from crypto_team.features import microstructure_layout as at
from crypto_team.features.kernels_micro_far import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from crypto_team.features.microstructure_settings import MicroSettings

    Ints = npt.NDArray[np.int64]
    Place = tuple[int, int, int]

SMALLEST_BOOK: Final = 1024
MOST: Final = int(MOST_UNITS)
"""Milliseconds, ticks and lots beyond it are none: up to here they are exact as numbers of floating point, too."""
_FLAGS: Final[tuple[Place, ...]] = tuple((place, 0, 1) for place in (at.TOUCHED, at.TWO_SIDED, at.COMPARABLE))
_RANGES: Final[tuple[Place, ...]] = (
    *_FLAGS,
    (at.N_BIDS, 0, at.LADDER),
    (at.N_ASKS, 0, at.LADDER),
    (at.TICK_SIGN, -1, 1),
    (at.N_VOLUME, 0, MOST),
    (at.UNUSABLE, 0, MOST),
)


def bucket_lots(settings: MicroSettings) -> int:
    """Return how many lots fill a volume bucket."""
    return round(settings.vpin_volume / settings.lot)


def problem(state: Ints, settings: MicroSettings) -> str | None:
    """Return the first thing in a state that no kernel may see, None where there is nothing."""
    if state.dtype != np.int64 or state.ndim != 1 or state.size <= at.FAR:
        return "its parts do not fit together"
    room = int(state[at.CAPACITY])
    if room < SMALLEST_BOOK or room & (room - 1) or state.size != at.FAR + 4 * room:
        return "its parts do not fit together"
    for place, low, high in _RANGES:
        if not low <= state[place] <= high:
            return f"number {place} is {state[place]}, not from {low} to {high}"
    wrong = (*_clock(state), *_volume_buckets(state, bucket_lots(settings)), *_side(state, 1), *_side(state, -1))
    return wrong[0] if wrong else None


def _clock(state: Ints) -> Iterator[str]:
    """Look at times, and at the windows that hang on them: each begins with the totals of the bucket it left last."""
    now, bucket = int(state[at.TIME]), int(state[at.BUCKET])
    known = now != at.UNKNOWN
    if (known and abs(now) > MOST) or bucket != (now // at.BUCKET_MS if known else 0):
        yield "its clock is not at a time"
        return
    for start in (int(state[at.BOOK_START]), int(state[at.TRADE_START])):
        if start != at.UNKNOWN and not (known and -MOST <= start <= bucket):
            yield "something began after its clock"
    rows = state[at.ROWS : at.VOLUME_SIGNED].reshape(at.RING, at.N_TOTALS)
    left = rows[(bucket - np.array(at.WINDOW_BUCKETS)) % at.RING]
    if (state[at.BASES : at.ROWS].reshape(left.shape) != left).any():
        yield "a window does not begin where its ring says"


def _volume_buckets(state: Ints, size: int) -> Iterator[str]:
    """Look at the open bucket and at the closed ones: none holds more than there is room for."""
    filled, signed, unknown = (int(state[place]) for place in (at.FILLED, at.FILLED_SIGNED, at.FILLED_UNKNOWN))
    if state[at.BUCKET_LOTS] != size or not 0 <= filled < size:
        yield "a volume bucket has another size, or is fuller than full"
    if not (0 <= unknown <= filled and -(filled - unknown) <= signed <= filled - unknown):
        yield "a volume bucket holds more than was poured in"
    side, other = (
        state[first : first + at.VOLUME_BUCKETS].astype(np.float64) for first in (at.VOLUME_SIGNED, at.VOLUME_UNKNOWN)
    )
    if ((other < 0.0) | (np.abs(side) + other > size)).any():
        yield "a closed volume bucket holds more than its size"


def _side(state: Ints, side: int) -> Iterator[str]:
    """Look at one side of the book: the ladder in order, and behind it worse prices, each where a search finds it."""
    bid = side > 0
    n, behind = int(state[at.N_BIDS if bid else at.N_ASKS]), int(state[at.FAR_BIDS if bid else at.FAR_ASKS])
    start, room = at.BIDS if bid else at.ASKS, int(state[at.CAPACITY])
    keys, sizes = state[start : start + n], state[start + at.LADDER : start + at.LADDER + n]
    if not _levels(keys, sizes, side) or (keys[1:] <= keys[:-1]).any():
        yield "a ladder of the book is out of order"
    first = at.FAR + (0 if bid else 2 * room)
    table = state[first : first + room]
    slots = np.flatnonzero(table != at.UNKNOWN)
    far, held = table[slots], state[first + room : first + 2 * room][slots]
    if behind != far.size or 2 * behind >= room or (behind and n < at.LADDER // 8):
        yield "the number of levels behind a ladder is another"
    elif behind and (not _levels(far, held, side) or far.max() >= keys[0] or not _found(table, slots)):
        yield "a level behind a ladder is not in its place"


def _levels(keys: Ints, sizes: Ints, side: int) -> bool:
    """Say whether these are prices with the sign of their side, and sizes of levels that are there."""
    prices = side * keys
    return bool(((prices >= 1) & (prices <= MOST) & (sizes >= 1) & (sizes <= MOST)).all())


def _found(table: Ints, slots: Ints) -> bool:
    """Say whether a search that starts at the slot of each key comes to it, without a gap, and only once."""
    keys, mask = table[slots], table.size - 1
    home = ((keys * np.int64(GOLDEN)) >> 24) & mask
    empty = np.flatnonzero(table == at.UNKNOWN)
    last_empty = empty[np.searchsorted(empty, slots) - 1]  # before the first one it is the last of the table
    probed, free = (slots - home) & mask, (slots - last_empty) & mask
    return bool((probed < free).all()) and np.unique(keys).size == keys.size
