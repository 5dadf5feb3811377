"""Blocks element by element: one value out for each value in, the same whatever the length of the block.

What divides by zero, overflows or has no real value is NaN, never infinite. Truth is 1 or 0; a comparison with an
unknown value is 0. Logarithm, sine and cosine are written out here (Sun's fdlibm, below one unit in the last place),
because the compiler can then compute several at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.blocks_merging import larger, smaller, true_ranges
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

INF, NAN = np.inf, np.nan
LN2_HI, LN2_LO = 6.93147180369123816490e-01, 1.90821492927058770002e-10
L1, L2, L3, L4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
L5, L6, L7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01
S1, S2, S3 = -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04
S4, S5, S6 = 2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10
C1, C2, C3 = 4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05
C4, C5, C6 = -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11
PIO2_HI, PIO2_LO = 1.57079632673412561417e00, 6.07710050650619224932e-11
MANTISSA, HALF_ROOT, ONE = 0x000FFFFFFFFFFFFF, 0x95F6400000000, 0x3FF0000000000000


@inner
def finite(x: float) -> float:
    """Return x, NaN for an infinite one."""
    return x if abs(x) < INF else NAN


@inner
def natural_log(x: float) -> float:
    """Return the natural logarithm; NaN unless x is positive and finite."""
    bits = np.float64(x).view(np.int64)
    carry = ((bits & MANTISSA) + HALF_ROOT) & 0x10000000000000
    k = float((bits >> 52) - 1023 + (carry >> 52))
    f = np.int64((bits & MANTISSA) | (carry ^ ONE)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * (L6 + z * L7))))))
    half = 0.5 * f * f
    made = k * LN2_HI - ((half - (s * (half + r) + k * LN2_LO)) - f)
    return made if (x >= 2.2250738585072014e-308) & (x < INF) else NAN


@inner
def turned(x: float, quarter: float) -> float:
    """Return the sine of x + quarter turns, for |x| up to some thousands."""
    k = math.floor(x * 0.6366197723675814 + 0.5)
    y = (x - k * PIO2_HI) - k * PIO2_LO
    z = y * y
    sine = y + y * z * (S1 + z * (S2 + z * (S3 + z * (S4 + z * (S5 + z * S6)))))
    cosine = 1.0 - 0.5 * z + z * z * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6)))))
    turn = k + quarter
    turn -= 4.0 * math.floor(0.25 * turn)
    made = cosine if (turn == 1.0) | (turn == 3.0) else sine
    return -made if turn >= 2.0 else made


@inner
def paired(code: int, y: Floats, a: Floats, b: Floats) -> None:
    """Run a step with two inputs."""
    if code < op.LARGER:
        _arithmetic(code, y, a, b)
    elif code < op.LT:
        _choices(code, y, a, b)
    elif code < op.FLOOR_DIV:
        _comparisons(code, y, a, b)
    else:
        _remainders(code, y, a, b)


@inner
def _arithmetic(code: int, y: Floats, a: Floats, b: Floats) -> None:
    if code == op.ADD:
        for i in range(y.size):
            y[i] = a[i] + b[i]
    elif code == op.SUB:
        for i in range(y.size):
            y[i] = a[i] - b[i]
    elif code == op.MUL:
        for i in range(y.size):
            y[i] = a[i] * b[i]
    else:
        for i in range(y.size):
            y[i] = finite(a[i] / b[i])


@inner
def _choices(code: int, y: Floats, a: Floats, b: Floats) -> None:
    if code == op.LARGER:
        for i in range(y.size):
            y[i] = larger(a[i], b[i])
    elif code == op.SMALLER:
        for i in range(y.size):
            y[i] = smaller(a[i], b[i])
    elif code == op.BOTH:
        for i in range(y.size):
            y[i] = a[i] * b[i]
    else:
        for i in range(y.size):
            y[i] = a[i] + b[i] - a[i] * b[i]


@inner
def _comparisons(code: int, y: Floats, a: Floats, b: Floats) -> None:
    if code == op.LT:
        for i in range(y.size):
            y[i] = 1.0 if a[i] < b[i] else 0.0
    elif code == op.LE:
        for i in range(y.size):
            y[i] = 1.0 if a[i] <= b[i] else 0.0
    else:
        for i in range(y.size):
            y[i] = 1.0 if a[i] == b[i] else 0.0


@inner
def _remainders(code: int, y: Floats, a: Floats, b: Floats) -> None:
    if code == op.FLOOR_DIV:
        for i in range(y.size):
            y[i] = finite(math.floor(a[i] / b[i]))
    elif code == op.MODULO:
        for i in range(y.size):
            y[i] = finite(a[i] - b[i] * math.floor(a[i] / b[i]))
    else:
        for i in range(y.size):
            y[i] = finite(a[i] ** b[i])


@inner
def single(code: int, y: Floats, a: Floats, number: float, high: float) -> None:
    """Run a step with one input and numbers."""
    if code < op.EQUALS:
        _shifted_and_scaled(code, y, a, number)
    elif code < op.SIGN:
        _measured(code, y, a, number)
    elif code < op.SINE:
        _judged(code, y, a)
    else:
        _transformed(code, y, a, number, high)


@inner
def _shifted_and_scaled(code: int, y: Floats, a: Floats, number: float) -> None:
    if code == op.COPY:
        for i in range(y.size):
            y[i] = a[i]
    elif code == op.SCALE:
        for i in range(y.size):
            y[i] = a[i] * number
    elif code == op.OFFSET:
        for i in range(y.size):
            y[i] = a[i] + number
    else:
        for i in range(y.size):
            y[i] = a[i] / number


@inner
def _measured(code: int, y: Floats, a: Floats, number: float) -> None:
    if code == op.EQUALS:
        for i in range(y.size):
            y[i] = 1.0 if a[i] == number else 0.0
    elif code == op.ABS:
        for i in range(y.size):
            y[i] = abs(a[i])
    elif code == op.ROOT:
        for i in range(y.size):
            y[i] = math.sqrt(a[i])
    else:
        for i in range(y.size):
            y[i] = natural_log(a[i])


@inner
def _judged(code: int, y: Floats, a: Floats) -> None:
    if code == op.SIGN:
        for i in range(y.size):
            y[i] = (1.0 if a[i] > 0.0 else 0.0) - (1.0 if a[i] < 0.0 else 0.0) + 0.0 * a[i]
    elif code == op.FINITE:
        for i in range(y.size):
            y[i] = finite(a[i])
    elif code == op.NOT:
        for i in range(y.size):
            y[i] = 1.0 if a[i] == 0.0 else 0.0
    else:
        for i in range(y.size):
            y[i] = 1.0 if a[i] != a[i] else 0.0


@inner
def _transformed(code: int, y: Floats, a: Floats, low: float, high: float) -> None:
    if code == op.SINE:
        for i in range(y.size):
            y[i] = turned(a[i], 0.0)
    elif code == op.COSINE:
        for i in range(y.size):
            y[i] = turned(a[i], 1.0)
    elif code == op.EXP:
        for i in range(y.size):
            y[i] = finite(math.exp(a[i]))
    else:
        for i in range(y.size):
            y[i] = low if a[i] < low else (min(a[i], high))


@inner
def chosen(code: int, y: Floats, a: Floats, b: Floats, c: Floats, numbers: Floats) -> None:
    """Run a step that chooses between its inputs, or does to them at once what often comes together."""
    if code >= op.RATIO:
        _at_once(code, y, a, b, c, numbers)
    elif code == op.SELECT:
        for i in range(y.size):
            y[i] = b[i] if a[i] == 1.0 else c[i]
    elif code == op.KNOWN:
        for i in range(y.size):
            y[i] = c[i] if abs(a[i]) + abs(b[i]) < INF else NAN
    else:
        number = numbers[0]
        for i in range(y.size):
            y[i] = number if a[i] == 1.0 else b[i]


@inner
def placed(y: Floats, a: Floats, b: Floats, span: tuple[Floats, Floats], numbers: Floats) -> None:
    """Return where a difference lies in a span, factor (a - b) / (c - d) + more; `fill` where there is no span."""
    c, d = span
    factor, more, fill = numbers[0], numbers[1], numbers[2]
    for i in range(y.size):
        width = c[i] - d[i]
        y[i] = fill if width == 0.0 else factor * finite((a[i] - b[i]) / width) + more


@inner
def _at_once(code: int, y: Floats, a: Floats, b: Floats, c: Floats, numbers: Floats) -> None:
    factor, more, fill = numbers[0], numbers[1], numbers[2]
    if code == op.TRUE_RANGE:
        true_ranges(y, a, b, c)
    elif code == op.ERF:
        for i in range(y.size):
            y[i] = math.erf(a[i])
    elif code == op.RATIO:
        for i in range(y.size):
            y[i] = factor * finite(a[i] / b[i]) + more
    else:
        _guarded(y, a, b, (factor, more, fill), code == op.RATIO_ABOVE)


@inner
def _guarded(y: Floats, a: Floats, b: Floats, numbers: tuple[float, float, float], strictly: bool) -> None:
    """Divide; give `fill` where the divisor is zero or, `strictly`, where it is not above zero."""
    factor, more, fill = numbers
    if strictly:
        for i in range(y.size):
            y[i] = fill if b[i] <= 0.0 else factor * finite(a[i] / b[i]) + more
    else:
        for i in range(y.size):
            y[i] = fill if b[i] == 0.0 else factor * finite(a[i] / b[i]) + more
