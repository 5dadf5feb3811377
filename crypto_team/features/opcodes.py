"""Steps of the machine by number: the group says how many inputs a step reads, see `machine.py`."""

from __future__ import annotations

from typing import Final

GROUP: Final = 16
# Element by element: two inputs; one input and numbers; three inputs.
ADD, SUB, MUL, DIV, LARGER, SMALLER, BOTH, EITHER, LT, LE, EQ, FLOOR_DIV, MODULO, POWER_OF = range(14)
COPY, SCALE, OFFSET, OVER, EQUALS, ABS, ROOT, LOG, SIGN, FINITE, NOT, UNKNOWN, SINE, COSINE, EXP, CLIP = range(16, 32)
SELECT, KNOWN, PUT = range(32, 35)
# Two neighbouring parts of a window become one.
MEAN, SQUARES, CUBES, FOURTHS, PRODUCTS, LATEST = range(48, 54)
# One after the other, with a memory of their own.
SMOOTHED, WILDER_SUM, SESSION_SUM = range(64, 67)
# A whole window for each value.
RANK, DEVIATION, HURST, PATTERNS, QUANTILE, PROFILE, BINS = range(80, 87)
# Into the machine and out of it.
LOAD, STORE = range(96, 98)

NAMES: Final[dict[int, str]] = {
    value: name.lower() for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)
}
