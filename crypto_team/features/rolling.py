"""Windows as graphs of steps: each function writes down how the last n values of a series become one.

Sums, means, moments, co-moments and extremes are merged from parts whose lengths are powers of two; windows of the same
series share their parts. A window that holds an unknown value, or begins before the series does, has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.blocks_extremes import EXTREME_MEMORY, LEAST_WINDOW, WINDOW
from crypto_team.features.blocks_profile import profile_memory
from crypto_team.features.blocks_recursive import REACH, SMOOTHED_MEMORY
from crypto_team.features.series import Series, UntraceableError, apply

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def traced(x: Floats) -> Series:
    """Return the series behind a column; operators are typed over arrays and are handed series."""
    made: object = x
    if not isinstance(made, Series):
        raise UntraceableError("this window is a step of the machine: call the operator through its table")
    return made


def column(x: Series) -> Floats:
    """Return a series as what operators are typed over."""
    return cast("Floats", x)


def step(code: int, *inputs: Any, numbers: tuple[float, ...] = (), reach: tuple[int, ...] = (), memory: int = 0) -> Any:
    """Write down one step of the machine."""
    return apply(code, *inputs, numbers=numbers, reach=reach, memory=memory)


def _parts(n: int) -> Iterator[tuple[int, int]]:
    """Yield (length, bars before the newest) of the parts of a window, the newest and longest first."""
    at = 0
    while at < n:
        length = 1 << ((n - at).bit_length() - 1)
        yield length, at
        at += length


def before(x: Floats, n: int) -> Floats:
    """Return the value n bars before."""
    return column(traced(x).before(n))


def true_range(high: Floats, low: Floats, last: Floats) -> Floats:
    """Range of a bar together with the close before it."""
    return column(step(op.TRUE_RANGE, high, low, last))


def total(x: Floats, n: int) -> Floats:
    """Sum of the last n values."""
    made = None
    for length, at in _parts(n):
        part = _doubled(traced(x), length).before(at)
        made = part if made is None else made + part
    return column(cast("Series", made))


def _doubled(x: Series, n: int) -> Series:
    if n == 1:
        return x
    if n.bit_length() % 2:
        return _of_four(_doubled(x, n // 4), n // 4, op.SUM_OF_4)
    half = _doubled(x, n // 2)
    return half + half.before(n // 2)


def _of_four(part: Series, n: int, code: int) -> Series:
    """Merge four neighbouring parts of n values."""
    return apply(code, *(part.before(k * n) for k in range(4)))


def extreme(x: Floats, n: int, *, top: bool) -> Floats:
    """Highest or lowest of the last n values."""
    return column(_extreme(traced(x), n, op.LARGER if top else op.SMALLER))


def _extreme(x: Series, n: int, code: int) -> Series:
    if n == 1:
        return x
    if LEAST_WINDOW <= n <= WINDOW:
        few = op.LARGEST_OF_FEW if code == op.LARGER else op.SMALLEST_OF_FEW
        return apply(few, x, numbers=(n,), reach=(WINDOW,), memory=EXTREME_MEMORY)
    length = 1 << ((n - 1).bit_length() - 1)
    if length == 1:
        return apply(code, x, x.before(1))
    quarter = 1 << (2 * (((n - 1).bit_length() - 1) // 2))
    part, rest = _extreme(x, quarter, code), n - quarter
    if rest <= quarter:
        return apply(code, part, part.before(rest))
    four = op.LARGEST_OF_4 if code == op.LARGER else op.SMALLEST_OF_4
    return apply(four, *(part.before(lag) for lag in (0, min(quarter, rest), min(2 * quarter, rest), rest)))


def age(x: Floats, n: int, *, top: bool) -> Floats:
    """Bars since the highest or lowest of the last n values; the latest of equals counts."""
    return column(_age(traced(x), n, op.LARGER if top else op.SMALLER))


def _age(x: Series, n: int, code: int) -> Series:
    if n == 1:
        return x * 0.0
    length = 1 << ((n - 1).bit_length() - 1)
    best, half, further = _extreme(x, length, code), _age(x, length, code), n - length
    sign = 1.0 if code == op.LARGER else -1.0
    return apply(op.LATEST, best, best.before(further), half, half.before(further), numbers=(further, sign))


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a series: its length, mean, and sums of powers of deviations from the mean (orders 2, 3, 4)."""

    size: int
    mean: Series
    sums: tuple[Series, ...]

    def before(self, n: int) -> Part:
        """Return the same stretch n bars earlier."""
        return Part(self.size, self.mean.before(n), tuple(item.before(n) for item in self.sums))


_CODES = (op.SQUARES, op.CUBES, op.FOURTHS)


def _merged(new: Part, old: Part) -> Part:
    size = new.size + old.size
    numbers = (new.size / size, old.size / size, float(size))
    pairs = [new.mean, old.mean]
    mean = apply(op.MEAN, *pairs, numbers=numbers)
    sums = []
    for code, one, other in zip(_CODES, new.sums, old.sums, strict=False):
        pairs += [one, other]
        sums.append(apply(code, *pairs, numbers=numbers))
    return Part(size, mean, tuple(sums))


def _doubled_part(x: Series, n: int, order: int) -> Part:
    if n == 1:
        return Part(1, x, tuple(x.graph.constant(0.0) for _ in range(order - 1)))
    if order <= 2 and n.bit_length() % 2:
        return _merged_four(_doubled_part(x, n // 4, order))
    half = _doubled_part(x, n // 2, order)
    return _merged(half, half.before(n // 2))


def _merged_four(part: Part) -> Part:
    """Merge four neighbouring stretches of one length; as two mergers of two, so that the values are the same."""
    parts = [part.before(k * part.size) for k in range(4)]
    mean = apply(op.MEAN_OF_4, *(item.mean for item in parts))
    if not part.sums:
        return Part(4 * part.size, mean, ())
    inputs = [*(item.mean for item in parts), *(item.sums[0] for item in parts)]
    return Part(4 * part.size, mean, (apply(op.SQUARES_OF_4, *inputs, numbers=(part.size / 2,)),))


def _window(x: Series, n: int, order: int) -> Part:
    made = None
    for length, at in _parts(n):
        part = _doubled_part(x, length, order).before(at)
        made = part if made is None else _merged(made, part)
    return cast("Part", made)


def mean(x: Floats, n: int) -> Floats:
    """Mean of the last n values, exactly their value where they are equal."""
    return column(_window(traced(x), n, 1).mean)


def moment(x: Floats, n: int, order: int) -> Floats:
    """Central moment of the last n values, order 2 (population variance), 3 or 4; exactly 0 where they are equal."""
    return column(_window(traced(x), n, order).sums[order - 2] / n)


def covariance(x: Floats, y: Floats, n: int) -> Floats:
    """Mean product of the deviations of two series over the last n values."""
    first, second = traced(x), traced(y)
    made = None
    for length, at in _parts(n):
        part = _doubled_products(first, second, length)
        made = _joined(made, (length, *(item.before(at) for item in part)))
    return column(cast("Any", made)[3] / n)


def _doubled_products(x: Series, y: Series, n: int) -> tuple[Series, Series, Series]:
    if n == 1:
        return x, y, x.graph.constant(0.0)
    half = _doubled_products(x, y, n // 2)
    older = (n // 2, *(item.before(n // 2) for item in half))
    joined: tuple[int, Series, Series, Series] = _joined((n // 2, *half), older)
    return joined[1:]


def _joined(new: Any, old: Any) -> Any:
    """Merge two stretches (length, mean of x, mean of y, sum of products)."""
    if new is None:
        return old
    size = new[0] + old[0]
    numbers = (new[0] / size, old[0] / size, float(size))
    means = [apply(op.MEAN, new[place], old[place], numbers=numbers) for place in (1, 2)]
    pairs = [part[place] for place in (1, 2, 3) for part in (new, old)]
    return size, *means, apply(op.PRODUCTS, *pairs, numbers=numbers)


def smoothed(x: Floats, n: int, alpha: float, skip: int = 0) -> Floats:
    """Exponential average: after `skip` known values the mean of the next n, then out += alpha (x - out)."""
    return column(
        step(op.SMOOTHED, x, numbers=(n, alpha, 1.0 - alpha, skip, n, 1.0, 1.0), reach=(REACH,), memory=SMOOTHED_MEMORY)
    )


def wilder_sum(x: Floats, n: int) -> Floats:
    """Wilder's running sum as TA-Lib starts it: the first n - 1 values, then out = out - out / n + x."""
    return column(
        step(
            op.SMOOTHED,
            x,
            numbers=(n - 1, 1.0, 1.0 - 1.0 / n, 0.0, 1.0, 0.0, n),
            reach=(REACH,),
            memory=SMOOTHED_MEMORY,
        )
    )


def session_sum(x: Floats, times: Any, n: int) -> Floats:
    """Sum since midnight (UTC), of n values at most."""
    return column(step(op.SESSION_SUM, x, times, numbers=(n,), memory=3))


def rank(x: Floats, n: int) -> Floats:
    """Share of the last n values that are at most the newest one; ties count half; in (0, 1]."""
    return column(step(op.RANK, x, numbers=(n,), reach=(n - 1,)))


def deviation(x: Floats, n: int) -> Floats:
    """Mean absolute deviation of the last n values from their mean."""
    return column(step(op.DEVIATION, x, mean(x, n), numbers=(n,), reach=(n - 1,)))


def quantile(x: Floats, n: int, q: float) -> Floats:
    """Quantile of the last n values, linear between neighbours."""
    return column(step(op.QUANTILE, x, numbers=(n, q), reach=(n - 1,), memory=n + 1))


def hurst(x: Floats, n: int, lags: int) -> Floats:
    """Generalised Hurst exponent, q = 2: half the slope of log mean square difference on log lag."""
    return column(step(op.HURST, x, numbers=(n, lags), reach=(n,), memory=1 + lags * (1 + n - lags)))


def patterns(x: Floats, n: int) -> Floats:
    """Permutation entropy of order 3, 0 to 1."""
    return column(step(op.PATTERNS, x, numbers=(n,), reach=(n - 1,), memory=n + 1 + 6))


def bins(x: Floats, n: int, count: int) -> Floats:
    """Shannon entropy of the values in equal bins between their extremes, 0 to 1."""
    edges = extreme(x, n, top=False), extreme(x, n, top=True)
    return column(step(op.BINS, x, *edges, numbers=(n, count), reach=(n - 1,), memory=count))


def profile(prices: Floats, volumes: Floats, n: int, count: int, which: float) -> Floats:
    """Volume by price: the busiest price (0), the lower (-1) or upper (1) end of 70 % of the volume around it."""
    edges = extreme(prices, n, top=False), extreme(prices, n, top=True)
    reach = (n - 1, n - 1)
    numbers = (n, count, 0.7, which)
    return column(step(op.PROFILE, prices, volumes, *edges, numbers=numbers, reach=reach, memory=profile_memory(count)))
