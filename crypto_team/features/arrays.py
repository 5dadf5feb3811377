"""Operators over arrays: what is written for series is traced and run, what works on whole arrays is called as is."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numba.core.errors import NumbaError

from crypto_team.features.program import assemble
from crypto_team.features.series import Graph, Series, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

UNTRACED: Final = (UntraceableError, TypeError, NumbaError)
"""What an operator over whole arrays does when it is handed a series."""


def on_arrays(function: Callable[..., Floats]) -> Callable[..., Floats]:
    """Let an operator be called with arrays too: it is traced, and its steps are run."""

    @wraps(function)
    def call(*inputs: Any) -> Floats:
        columns = [item for item in inputs if isinstance(item, np.ndarray)]
        if not columns:
            return function(*inputs)
        graph = Graph()
        names = iter(range(len(columns)))
        handed = [graph.column(f"{next(names):03d}") if isinstance(item, np.ndarray) else item for item in inputs]
        try:
            made = function(*handed)
        except UNTRACED:
            return function(*inputs)
        return computed(graph, made, columns)

    return call


def computed(graph: Graph, series: Any, columns: list[Floats]) -> Floats:
    """Compute one series of a graph in float64."""
    if not isinstance(series, Series):
        raise UntraceableError("an operator has to return a column")
    program = assemble(graph, [series], [0])
    out = np.empty((1, columns[0].size))
    program.start().doubles(
        [np.ascontiguousarray(columns[int(name)], dtype=np.float64) for name in program.inputs], out
    )
    made: Floats = out[0]
    return made
