"""Volume by price over a sliding window: all bars of a tile side by side, bin by bin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.features.compiled import cut, inner

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

TILE: Final = 64
SCALE, FOUR_BINS, FIRST_BIN = 0, 1, 5


def profile_memory(count: int) -> int:
    """Return how much room a profile of so many bins needs: tiles of a scale, of four bins, and of each bin's sum."""
    return TILE * (FIRST_BIN + count)


@inner
def profile(y: Floats, x: tuple[Floats, ...], n: int, count: int, share: float, which: float, memory: Floats) -> None:
    """Volume by price over the last n bars: the busiest price (0), or where its surroundings begin (-1) or end (1).

    Prices fall into equal bins from the lowest to the highest of the window. Around the busiest bin, the busier
    neighbour is added until the share of the volume is reached.

    Adding each volume to the bin of its price has to wait for the last addition to that bin. Asking of each bin which
    of four bars fall into it does not, and is done for eight windows at once.
    """
    prices, volumes, lows, highs = x
    for start in range(0, y.size, TILE):
        size = min(TILE, y.size - start)
        low = cut(lows, start, size)
        _scaled(cut(memory, SCALE, size), low, cut(highs, start, size), float(count))
        for b in range(count):
            sums = cut(memory, TILE * (FIRST_BIN + b), size)
            for i in range(size):
                sums[i] = 0.0
        for j in range(0, n, 4):
            _four_bars(memory, cut(prices, start, size + n - 1), cut(volumes, start, size + n - 1), low, (n, count, j))
        _published(cut(y, start, size), low, memory, (count, share, which))


@inner
def _scaled(scale: Floats, low: Floats, high: Floats, count: float) -> None:
    """Write the number of bins by unit of price; 0 where there is no range."""
    for i in range(scale.size):
        spread = high[i] - low[i]
        scale[i] = count / spread if spread > 0.0 else 0.0


@inner
def _four_bars(memory: Floats, prices: Floats, volumes: Floats, low: Floats, shape: tuple[int, int, int]) -> None:
    """Add four bars of each window; a bar behind the last one is in no bin."""
    n, count, j = shape
    scale, last = cut(memory, SCALE, low.size), count - 1.0
    for part in range(4):
        bins, bars = cut(memory, TILE * (FOUR_BINS + part), low.size), cut(prices, min(j + part, n - 1), low.size)
        if j + part < n:
            for i in range(bins.size):
                place = float(int((bars[i] - low[i]) * scale[i]))
                bins[i] = last if place > last else place  # noqa: FURB136
        else:
            for i in range(bins.size):
                bins[i] = -1.0
    for b in range(count):
        _added(memory, volumes, (n, b, j), low.size)


@inner
def _added(memory: Floats, volumes: Floats, shape: tuple[int, int, int], size: int) -> None:
    """Add the volumes of four bars to a bin."""
    n, b, j = shape
    first, second = cut(volumes, j, size), cut(volumes, min(j + 1, n - 1), size)
    third, fourth = cut(volumes, min(j + 2, n - 1), size), cut(volumes, min(j + 3, n - 1), size)
    k0, k1 = cut(memory, TILE * FOUR_BINS, size), cut(memory, TILE * (FOUR_BINS + 1), size)
    k2, k3 = cut(memory, TILE * (FOUR_BINS + 2), size), cut(memory, TILE * (FOUR_BINS + 3), size)
    sums, number = cut(memory, TILE * (FIRST_BIN + b), size), float(b)
    for i in range(size):
        one = (first[i] if k0[i] == number else 0.0) + (second[i] if k1[i] == number else 0.0)
        two = (third[i] if k2[i] == number else 0.0) + (fourth[i] if k3[i] == number else 0.0)
        sums[i] += one + two


@inner
def _published(y: Floats, low: Floats, memory: Floats, wanted: tuple[int, float, float]) -> None:
    """Write the price for each window; unknown where a bar is."""
    count, share, which = wanted
    scale = cut(memory, SCALE, y.size)
    for i in range(y.size):
        total = 0.0
        for b in range(count):
            total += memory[TILE * (FIRST_BIN + b) + i]
        if scale[i] == 0.0:
            y[i] = low[i]
        elif not total > 0.0:
            y[i] = low[i] + 0.5 * count / scale[i] + 0.0 * total
        else:
            y[i] = (
                low[i] + _edge(cut(memory, TILE * FIRST_BIN + i, TILE * count), count, share * total, which) / scale[i]
            )


@inner
def _edge(sums: Floats, count: int, wanted: float, which: float) -> float:
    best = 0
    for k in range(1, count):
        best = k if sums[TILE * k] > sums[TILE * best] else best
    if which == 0.0:
        return best + 0.5
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
