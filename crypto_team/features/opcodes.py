"""Steps of the machine by number: the group says how many inputs a step reads, see `machine.py`."""

from __future__ import annotations

from typing import Final

GROUP: Final = 16
# Element by element: two inputs; one input and numbers; three inputs, or two and numbers.
ADD, SUB, MUL, DIV, LARGER, SMALLER, BOTH, EITHER, LT, LE, EQ, FLOOR_DIV, MODULO, POWER_OF = range(14)
COPY, SCALE, OFFSET, OVER, EQUALS, ABS, ROOT, LOG, SIGN, FINITE, NOT, UNKNOWN, SINE, COSINE, EXP, CLIP = range(16, 32)
SELECT, KNOWN, PUT, RATIO, TRUE_RANGE, RATIO_OR, RATIO_ABOVE, ERF, PLACED = range(32, 41)
# Two or four neighbouring parts of a window become one.
MEAN, MEAN_OF_4, SUM_OF_4, LARGEST_OF_4, SMALLEST_OF_4, SQUARES, LATEST = range(48, 55)
SQUARES_OF_4, CUBES, FOURTHS, PRODUCTS = range(56, 60)
# One after the other, with a memory of their own.
SMOOTHED, SESSION_SUM, LARGEST_OF_FEW, SMALLEST_OF_FEW = range(64, 68)
# A whole window for each value.
RANK, DEVIATION, HURST, PATTERNS, QUANTILE, PROFILE, BINS = range(80, 87)
# Into the machine and out of it.
LOAD, STORE = range(96, 98)

NAMES: Final[dict[int, str]] = {
    value: name.lower() for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)
}
