"""Volumes by bins of prices for eight windows at once: twelve sums stay in the processor's registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from crypto_team.features.compiled_lanes import EIGHT, LANES, load_eight, place_of_eight, spread_eight

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

TILE: Final = 64
BINS: Final = 12
_TYPES, _CGUTILS, _IR = cast("Any", types), cast("Any", cgutils), cast("Any", ir)  # not typed in numba


@intrinsic
def _binned(_: Any, sums: Any, prices: Any, volumes: Any, low: Any, scale: Any, n: Any, first: Any, last: Any) -> Any:
    """Write the volumes of the bins from `first` on, TILE apart, of eight windows of n bars that begin one by one.

    The bin of a price is the whole part of scale (price - low), at most `last`; an unknown price is in none.
    """
    return _TYPES.void(sums, prices, volumes, low, scale, n, first, last), _code


def _code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    sums, prices, volumes, low, scale = (
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[:5], arguments[:5], strict=True)
    )
    lows, scales = load_eight(builder, low.data, None), load_eight(builder, scale.data, None)
    n, last = arguments[5], spread_eight(builder, arguments[7])
    first = spread_eight(builder, arguments[6])
    numbers = [builder.fadd(first, _IR.Constant(EIGHT, [float(b)] * LANES)) for b in range(BINS)]
    held = [_CGUTILS.alloca_once_value(builder, _IR.Constant(EIGHT, None)) for _ in numbers]
    for place in held:  # anew for each call; an alloca is written once in a function
        builder.store(_IR.Constant(EIGHT, None), place)
    whole = builder.module.declare_intrinsic("llvm.trunc.v8f64", (), _IR.FunctionType(EIGHT, [EIGHT]))
    with _CGUTILS.for_range(builder, n) as loop:
        away = builder.fsub(load_eight(builder, prices.data, loop.index), lows)
        found = builder.call(whole, [builder.fmul(away, scales)])
        found = builder.select(builder.fcmp_ordered(">", found, last), last, found)
        volume = load_eight(builder, volumes.data, loop.index)
        for number, place in zip(numbers, held, strict=True):
            total = builder.load(place)
            more = builder.fadd(total, volume)
            builder.store(builder.select(builder.fcmp_ordered("==", found, number), more, total), place)
    for b, place in enumerate(held):
        builder.store(builder.load(place), place_of_eight(builder, sums.data, n.type(TILE * b)), align=8)
    return context.get_dummy_value()


binned: Callable[[Floats, Floats, Floats, Floats, Floats, int, float, float], None] = cast("Any", _binned)
