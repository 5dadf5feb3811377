"""Volume by price over a sliding window: eight windows side by side, twelve bins at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.features.blocks_merging import above
from crypto_team.features.compiled import cut, inner
from crypto_team.features.compiled_bins import BINS, TILE, binned
from crypto_team.features.compiled_lanes import LANES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SCALE, TOTAL, BUSIEST, MOST, FIRST_BIN = range(5)


def profile_memory(count: int) -> int:
    """Return how much room a profile of so many bins needs: tiles of four numbers and of each bin's sum."""
    return TILE * (FIRST_BIN + -(-count // BINS) * BINS)


@inner
def profile(y: Floats, x: tuple[Floats, ...], n: int, count: int, share: float, which: float, memory: Floats) -> None:
    """Volume by price over the last n bars: the busiest price (0), or where its surroundings begin (-1) or end (1).

    Prices fall into equal bins from the lowest to the highest of the window. Around the busiest bin, the busier
    neighbour is added until the share of the volume is reached.

    Adding each volume to the bin of its price has to wait for the last addition to that bin. Asking of each bin
    whether a bar falls into it does not, and is done for eight windows at once; what is left over goes bar by bar.
    """
    prices, volumes, lows, highs = x
    for start in range(0, y.size, TILE):
        size = min(TILE, y.size - start)
        low, scale = cut(lows, start, size), cut(memory, TILE * SCALE, size)
        _scaled(scale, low, cut(highs, start, size), float(count))
        near, traded = cut(prices, start, size + n - 1), cut(volumes, start, size + n - 1)
        whole = size // LANES * LANES
        for i in range(0, whole, LANES):
            for b in range(0, count, BINS):
                sums = cut(memory, TILE * (FIRST_BIN + b) + i, LANES)
                bars, amounts = cut(near, i, n + LANES - 1), cut(traded, i, n + LANES - 1)
                binned(sums, bars, amounts, cut(low, i, LANES), cut(scale, i, LANES), n, float(b), count - 1.0)
        for i in range(whole, size):
            _one(cut(memory, TILE * FIRST_BIN + i, TILE * count), cut(near, i, n), cut(traded, i, n), low[i], scale[i])
        _busiest(memory, count, size)
        _published(cut(y, start, size), low, memory, (count, share, which))


@inner
def _scaled(scale: Floats, low: Floats, high: Floats, count: float) -> None:
    """Write the number of bins by unit of price; 0 where there is no range."""
    for i in range(scale.size):
        spread = high[i] - low[i]
        scale[i] = count / spread if spread > 0.0 else 0.0


@inner
def _one(sums: Floats, prices: Floats, volumes: Floats, low: float, scale: float) -> None:
    """Add up the bins of one window; an unknown price is in none."""
    last = sums.size // TILE - 1
    for b in range(last + 1):
        sums[TILE * b] = 0.0
    for j in range(prices.size):
        place = (prices[j] - low) * scale
        if place >= 0.0:
            sums[TILE * (int(place) if place < last else last)] += volumes[j]


@inner
def _busiest(memory: Floats, count: int, size: int) -> None:
    """Write the total of each window, and its first busiest bin."""
    total, busiest = cut(memory, TILE * TOTAL, size), cut(memory, TILE * BUSIEST, size)
    most, lowest = cut(memory, TILE * MOST, size), cut(memory, TILE * FIRST_BIN, size)
    for i in range(size):
        total[i], most[i], busiest[i] = lowest[i], lowest[i], 0.0
    for b in range(1, count):
        sums, number = cut(memory, TILE * (FIRST_BIN + b), size), float(b)
        for i in range(size):
            total[i] += sums[i]
            busiest[i] = number if sums[i] > most[i] else busiest[i]
            most[i] = above(sums[i], most[i])


@inner
def _published(y: Floats, low: Floats, memory: Floats, wanted: tuple[int, float, float]) -> None:
    """Write the price for each window; unknown where a bar is."""
    count, share, which = wanted
    scale, total = cut(memory, TILE * SCALE, y.size), cut(memory, TILE * TOTAL, y.size)
    busiest = cut(memory, TILE * BUSIEST, y.size)
    for i in range(y.size):
        edge = busiest[i] + 0.5
        if which != 0.0:
            edge = _edge(cut(memory, TILE * FIRST_BIN + i, TILE * count), int(busiest[i]), share * total[i], which)
        if not total[i] > 0.0:
            edge = 0.5 * count + 0.0 * total[i]
        y[i] = low[i] if scale[i] == 0.0 else low[i] + edge / scale[i]


@inner
def _edge(sums: Floats, best: int, wanted: float, which: float) -> float:
    """Return where the surroundings of the busiest bin begin or end, in bins."""
    count = sums.size // TILE
    first, last, held = best, best, sums[TILE * best]
    while held < wanted and (first > 0 or last < count - 1):
        below = sums[TILE * (first - 1)] if first > 0 else -1.0
        above = sums[TILE * (last + 1)] if last < count - 1 else -1.0
        if above >= below:
            last += 1
            held += above
        else:
            first -= 1
            held += below
    return float(first) if which < 0.0 else last + 1.0
