"""Work on eight values at once that the compiler does not find by itself: a recursion, and extremes of windows."""

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

    Floats = npt.NDArray[np.float64]

LANES: Final = 8
_TYPES, _CGUTILS, _IR = cast("Any", types), cast("Any", cgutils), cast("Any", ir)  # not typed in numba
EIGHT = _IR.VectorType(_IR.DoubleType(), LANES)
_LANE = _IR.IntType(32)


@intrinsic
def _followed(_: Any, y: Any, a: Any, last: Any, keep: Any, gain: Any) -> Any:
    """Follow an average over whole eights of known values, see `blocks_recursive.smoothed`.

    Everything stays in the processor's registers: values of earlier bars are moved in from the eight before.
    """
    return _TYPES.void(y, a, last, keep, gain), _code


def _code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    y, a, last = (
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
    )
    gain = spread_eight(builder, arguments[4])
    powers = _powers(builder, arguments[3])
    factor = builder.fmul(powers[0], gain)
    nothing = [_IR.Constant(EIGHT, None)] * 4
    first = _weighted(builder, load_eight(builder, a.data, None), nothing, factor, powers)
    held = [_CGUTILS.alloca_once_value(builder, item) for item in first[:4]]
    here = _CGUTILS.alloca_once_value(builder, load_eight(builder, last.data, None))
    size = _CGUTILS.unpack_tuple(builder, y.shape)[0]
    eight = size.type(LANES)
    with _CGUTILS.for_range_slice(builder, size.type(0), size, eight, size.type) as (at, _):
        x = load_eight(builder, a.data, builder.add(at, eight))
        made = _weighted(builder, x, [builder.load(item) for item in held], factor, powers)
        for place, item in zip(held, made, strict=False):
            builder.store(item, place)
        away = builder.fadd(made[4], builder.fmul(powers[3], builder.load(here)))
        builder.store(away, here)
        builder.store(builder.fsub(builder.fmul(gain, x), away), place_of_eight(builder, y.data, at), align=8)
    builder.store(builder.load(here), place_of_eight(builder, last.data, None), align=8)
    return context.get_dummy_value()


def _weighted(builder: Any, x: Any, before: list[Any], factor: Any, powers: list[Any]) -> list[Any]:
    """Return eight values, their changes, and the weighted sums of the last 2, 4 and 8 changes.

    `before` is what was returned for the eight values before them.
    """
    made = [x, builder.fmul(factor, builder.fsub(x, _earlier(builder, before[0], x, 1)))]
    for place, distance in ((1, 1), (2, 2), (3, 4)):
        older = _earlier(builder, before[place], made[place], distance)
        made.append(builder.fadd(made[place], builder.fmul(powers[place - 1], older)))
    return made


def _powers(builder: Any, keep: Any) -> list[Any]:
    """Return keep to the powers 1, 2, 4 and 8."""
    made = [spread_eight(builder, keep)]
    for _ in range(3):
        made.append(builder.fmul(made[-1], made[-1]))
    return made


def _earlier(builder: Any, old: Any, new: Any, distance: int) -> Any:
    """Return the values `distance` places before the new ones."""
    places = range(LANES - distance, 2 * LANES - distance)
    return builder.shuffle_vector(old, new, _IR.Constant(_IR.VectorType(_LANE, LANES), list(places)))


def spread_eight(builder: Any, value: Any) -> Any:
    """Return eight times a value."""
    made = _IR.Constant(EIGHT, _IR.Undefined)
    for lane in range(LANES):
        made = builder.insert_element(made, value, _IR.Constant(_LANE, lane))
    return made


def place_of_eight(builder: Any, data: Any, at: Any) -> Any:
    """Return where eight values begin, from the first or another one on."""
    place = data if at is None else builder.gep(data, [at])
    return builder.bitcast(place, EIGHT.as_pointer())


def load_eight(builder: Any, data: Any, at: Any) -> Any:
    """Return eight values, from the first or another one on."""
    return builder.load(place_of_eight(builder, data, at), align=8)


def _sliding(sign: str) -> Callable[[Floats, Floats, Floats, int], None]:
    """Make a function that takes extremes of the last 9 to 16 values; `sign` says which of two values stays."""

    def slide(_: Any, y: Any, a: Any, odd: Any, n: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
            ]
            size = arguments[3]
            for distance in range(1, LANES + 1):  # what is moved by how far is a part of the instruction
                with builder.if_then(builder.icmp_signed("==", size, size.type(LANES + distance))):
                    _slide(builder, arrays, sign, distance)
            return context.get_dummy_value()

        return _TYPES.void(y, a, odd, n), code

    return cast("Callable[[Floats, Floats, Floats, int], None]", intrinsic(slide))


def _slide(builder: Any, arrays: list[Any], sign: str, distance: int) -> None:
    """Write y, whose size is a multiple of eight, from a, which begins sixteen values before it.

    Windows of 2, 4 and 8 values come from the eight values and those before them, in registers; two of 8 that begin
    `distance` apart make the window. `odd` becomes something else than zeros where a value is not a known number.
    """
    y, a, odd = arrays
    nothing = [_IR.Constant(EIGHT, None)] * 4
    first = _doubled(builder, load_eight(builder, a.data, None), nothing, sign)
    size = _CGUTILS.unpack_tuple(builder, y.shape)[0]
    eight = size.type(LANES)
    second = _doubled(builder, load_eight(builder, a.data, eight), first, sign)
    held = [_CGUTILS.alloca_once_value(builder, item) for item in second]
    start = builder.fadd(_zeroed(builder, first[0]), _zeroed(builder, second[0]))
    seen = _CGUTILS.alloca_once_value(builder, start)
    with _CGUTILS.for_range_slice(builder, size.type(0), size, eight, size.type) as (at, _):
        x = load_eight(builder, a.data, builder.add(at, size.type(2 * LANES)))
        before = [builder.load(item) for item in held]
        made = _doubled(builder, x, before, sign)
        for place, item in zip(held, made, strict=True):
            builder.store(item, place)
        builder.store(builder.fadd(builder.load(seen), _zeroed(builder, x)), seen)
        older = _earlier(builder, before[3], made[3], distance)
        builder.store(_kept(builder, made[3], older, sign), place_of_eight(builder, y.data, at), align=8)
    builder.store(builder.load(seen), place_of_eight(builder, odd.data, None), align=8)


def _doubled(builder: Any, x: Any, before: list[Any], sign: str) -> list[Any]:
    """Return eight values and the extremes of the last 2, 4 and 8 of them; adding zero makes -0.0 and 0.0 the same."""
    made = [builder.fadd(x, _IR.Constant(EIGHT, [0.0] * LANES))]
    for distance in (1, 2, 4):
        place = len(made) - 1
        made.append(_kept(builder, made[place], _earlier(builder, before[place], made[place], distance), sign))
    return made


def _kept(builder: Any, one: Any, other: Any, sign: str) -> Any:
    return builder.select(builder.fcmp_ordered(sign, one, other), one, other)


def _zeroed(builder: Any, x: Any) -> Any:
    return builder.fmul(x, _IR.Constant(EIGHT, [0.0] * LANES))


followed: Callable[[Floats, Floats, Floats, float, float], None] = cast("Any", _followed)
largest_of_few, smallest_of_few = _sliding(">"), _sliding("<")
