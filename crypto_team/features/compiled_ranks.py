"""Counting for 32 windows at once: how many of their values are below the newest, and how many up to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Singles = npt.NDArray[np.float32]
    Counts = npt.NDArray[np.int32]

WINDOWS: Final = 32
HALF: Final = WINDOWS // 2
HIGH: Final = 16
"""Counts up to the newest stand in the upper sixteen bits."""
_TYPES, _CGUTILS, _IR = cast("Any", types), cast("Any", cgutils), cast("Any", ir)  # not typed in numba
_SINGLES = _IR.VectorType(_IR.FloatType(), HALF)
_COUNTS = _IR.VectorType(_IR.IntType(32), HALF)


@intrinsic
def _ranked(_: Any, counts: Any, a: Any, n: Any) -> Any:
    """Count for each window of n values; `counts` has a multiple of 32 of them, `a` begins with the first window."""
    return _TYPES.void(counts, a, n), _code


def _code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    counts, a = (
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[:2], arguments[:2], strict=True)
    )
    n, nothing = arguments[2], _IR.Constant(_COUNTS, None)
    size = _CGUTILS.unpack_tuple(builder, counts.shape)[0]
    held = [_CGUTILS.alloca_once_value(builder, nothing) for _ in range(4)]
    last = builder.sub(n, n.type(1))
    with _CGUTILS.for_range_slice(builder, size.type(0), size, size.type(WINDOWS), size.type) as (at, _):
        starts = [at, builder.add(at, size.type(HALF))]
        newest = [_load(builder, a.data, builder.add(start, last)) for start in starts]
        for place in held:
            builder.store(nothing, place)
        with _CGUTILS.for_range(builder, n) as loop:
            for half, start in enumerate(starts):
                value = _load(builder, a.data, builder.add(start, loop.index))
                for which, sign in enumerate(("<", "<=")):
                    _count(builder, held[2 * half + which], builder.fcmp_ordered(sign, value, newest[half]))
        for half, start in enumerate(starts):
            below, up_to = builder.load(held[2 * half]), builder.load(held[2 * half + 1])
            packed = builder.add(below, builder.shl(up_to, _IR.Constant(_COUNTS, [HIGH] * HALF)))
            place = builder.bitcast(builder.gep(counts.data, [start]), _COUNTS.as_pointer())
            builder.store(packed, place, align=4)
    return context.get_dummy_value()


def _count(builder: Any, place: Any, holds: Any) -> None:
    total = builder.load(place)
    more = builder.add(total, _IR.Constant(_COUNTS, [1] * HALF))
    builder.store(builder.select(holds, more, total), place)


def _load(builder: Any, data: Any, at: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(data, [at]), _SINGLES.as_pointer()), align=4)


ranked: Callable[[Counts, Singles, int], None] = cast("Any", _ranked)
