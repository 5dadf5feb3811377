"""Series that are written down instead of computed: operators applied to them leave a graph of steps behind.

A series is a step and a lag. Steps are the same when their operation, inputs and settings are, so that whatever two
formulas share, down to the sums inside a window, is computed once. A lag costs nothing: it is read further back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.ufuncs import UFUNCS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


CONSTANT: Final = -1


class UntraceableError(TypeError):
    """An operator does something to its columns that only works on whole arrays."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: inputs as (step, lag), numbers, how far back each input is read, how much it remembers."""

    code: int
    inputs: tuple[tuple[int, int], ...]
    numbers: tuple[float, ...] = ()
    reach: tuple[int, ...] = ()
    memory: int = 0


@dataclass(slots=True)
class Graph:
    """Steps in the order in which they were first needed; inputs are steps without inputs of their own."""

    steps: list[Step] = field(default_factory=list)
    known: dict[Step, int] = field(default_factory=dict)
    constants: dict[int, float] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)

    def column(self, name: str) -> Series:
        """Return an input column."""
        if name not in self.columns:
            self.columns[name] = self._add(Step(op.LOAD, (), (float(len(self.columns)),)))
        return Series(self, self.columns[name], 0)

    def constant(self, value: float) -> Series:
        """Return a number as a series."""
        number = self._add(Step(CONSTANT, (), (float(value),)))
        self.constants[number] = float(value)
        return Series(self, number, 0)

    def apply(
        self,
        code: int,
        inputs: Sequence[Series],
        numbers: Sequence[float] = (),
        *,
        reach: tuple[int, ...] = (),
        memory: int = 0,
    ) -> Series:
        """Return the series that an operation makes; what is common to the lags of its inputs becomes its own lag."""
        moving = [item.lag for item in inputs if item.step not in self.constants]
        shared = min(moving, default=0)
        places = tuple((item.step, 0 if item.step in self.constants else item.lag - shared) for item in inputs)
        made = Step(code, places, tuple(float(value) for value in numbers), reach, memory)
        return Series(self, self._add(made), shared)

    def _add(self, step: Step) -> int:
        if step not in self.known:
            self.known[step] = len(self.steps)
            self.steps.append(step)
        return self.known[step]


class Series:  # noqa: PLW1641 - equality is a column too, so a series is no key
    """A column in the making; arithmetic, comparison and the usual NumPy functions apply to it."""

    __slots__ = ("graph", "lag", "step")

    def __init__(self, graph: Graph, step: int, lag: int) -> None:
        self.graph = graph
        self.step = step
        self.lag = lag

    def before(self, n: int) -> Series:
        """Return the values n bars earlier."""
        return Series(self.graph, self.step, 0 if self.step in self.graph.constants else self.lag + n)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **more: Any) -> Series:
        name = function.__name__
        if method != "__call__" or more or name not in {**UFUNCS, **_SPELLED}:
            raise UntraceableError(f"{name} of a whole array")
        return _SPELLED[name](*inputs) if name in _SPELLED else apply(UFUNCS[name], *inputs)

    def __array_function__(self, function: Any, types: Any, inputs: Any, more: Any) -> Series:
        if more or function.__name__ not in _FUNCTIONS:
            raise UntraceableError(f"{function.__name__} of a whole array")
        return _FUNCTIONS[function.__name__](*inputs)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError("the values of a column that is not computed yet")

    def __bool__(self) -> bool:
        raise UntraceableError("a decision on the values of a column that is not computed yet")

    def __add__(self, other: Any) -> Series:
        return apply(op.ADD, self, other)

    def __sub__(self, other: Any) -> Series:
        return apply(op.SUB, self, other)

    def __mul__(self, other: Any) -> Series:
        return apply(op.MUL, self, other)

    def __truediv__(self, other: Any) -> Series:
        return apply(op.DIV, self, other)

    def __floordiv__(self, other: Any) -> Series:
        return apply(op.FLOOR_DIV, self, other)

    def __mod__(self, other: Any) -> Series:
        return apply(op.MODULO, self, other)

    def __pow__(self, other: Any) -> Series:
        return apply(op.POWER_OF, self, other)

    def __radd__(self, other: Any) -> Series:
        return apply(op.ADD, other, self)

    def __rsub__(self, other: Any) -> Series:
        return apply(op.SUB, other, self)

    def __rmul__(self, other: Any) -> Series:
        return apply(op.MUL, other, self)

    def __rtruediv__(self, other: Any) -> Series:
        return apply(op.DIV, other, self)

    def __neg__(self) -> Series:
        return apply(op.MUL, self, -1.0)

    def __lt__(self, other: Any) -> Series:
        return apply(op.LT, self, other)

    def __le__(self, other: Any) -> Series:
        return apply(op.LE, self, other)

    def __gt__(self, other: Any) -> Series:
        return apply(op.LT, other, self)

    def __ge__(self, other: Any) -> Series:
        return apply(op.LE, other, self)

    def __eq__(self, other: object) -> Any:
        return apply(op.EQ, self, other)

    def __and__(self, other: Any) -> Series:
        return apply(op.BOTH, self, other)

    def __or__(self, other: Any) -> Series:
        return apply(op.EITHER, self, other)

    def __invert__(self) -> Series:
        return apply(op.NOT, self)

    def astype(self, _: Any) -> Series:
        """Return the series itself: truth is 1 or 0 already."""
        return self


def apply(
    code: int, *inputs: Any, numbers: Sequence[float] = (), reach: tuple[int, ...] = (), memory: int = 0
) -> Series:
    """Apply an operation to series and plain numbers, of which at least one is a series."""
    graph = next(item.graph for item in inputs if isinstance(item, Series))
    if code in _BY_NUMBER:
        quick = _BY_NUMBER[code](graph, *inputs)
        if quick is not None:
            return quick
    return graph.apply(code, [_series(graph, item) for item in inputs], numbers, reach=reach, memory=memory)


def _series(graph: Graph, item: Any) -> Series:
    if isinstance(item, Series):
        return item
    if isinstance(item, int | float | np.number):
        return graph.constant(float(item))
    raise UntraceableError(f"a {type(item).__name__} beside a column that is not computed yet")


def _plain(item: Any) -> bool:
    return isinstance(item, int | float | np.number)


def _sum(graph: Graph, left: Any, right: Any) -> Series | None:
    series, number = (right, left) if _plain(left) else (left, right)
    if not _plain(number):
        return None
    made = _ratio(graph, series, 1.0, float(number))
    return graph.apply(op.OFFSET, [series], [float(number)]) if made is None else made


def _difference(graph: Graph, left: Any, right: Any) -> Series | None:
    return _sum(graph, left, -float(right)) if _plain(right) else None


def _product(graph: Graph, left: Any, right: Any) -> Series | None:
    series, number = (right, left) if _plain(left) else (left, right)
    if not _plain(number):
        return None
    made = _ratio(graph, series, float(number), 0.0)
    return graph.apply(op.SCALE, [series], [float(number)]) if made is None else made


def _ratio(graph: Graph, series: Series, factor: float, more: float) -> Series | None:
    """Return factor x / y + more as one step, where the series is such a quotient."""
    step = graph.steps[series.step]
    if step.code != op.DIV:
        return None
    x, y = _inputs(graph, series)
    return graph.apply(op.RATIO, [x, y], [factor, more])


def _quotient(graph: Graph, left: Any, right: Any) -> Series | None:
    return graph.apply(op.OVER, [left], [float(right)]) if _plain(right) and right != 0 else None


def _equality(graph: Graph, left: Any, right: Any) -> Series | None:
    return graph.apply(op.EQUALS, [left], [float(right)]) if _plain(right) else None


def _choice(graph: Graph, condition: Any, one: Any, other: Any) -> Series | None:
    if not (_plain(one) and isinstance(condition, Series) and isinstance(other, Series)):
        return None
    made = _guarded(graph, condition, float(one), other)
    return graph.apply(op.PUT, [condition, other], [float(one)]) if made is None else made


def _guarded(graph: Graph, condition: Series, fill: float, other: Series) -> Series | None:
    """Return a quotient, and what it is where its divisor is zero, or not above zero, as one step."""
    test, step = graph.steps[condition.step], graph.steps[other.step]
    code = op.RATIO_OR if test.code == op.EQUALS else op.RATIO_ABOVE
    zero = test.numbers if test.code == op.EQUALS else tuple(graph.constants.get(item) for item, _ in test.inputs[1:])
    if test.code not in {op.EQUALS, op.LE} or zero != (0.0,) or step.code not in {op.DIV, op.RATIO}:
        return None
    x, y = _inputs(graph, other)
    if (y.step, y.lag) != (test.inputs[0][0], test.inputs[0][1] + condition.lag):
        return None
    numbers = [*(step.numbers or (1.0, 0.0)), fill]
    if code == op.RATIO_OR and graph.steps[x.step].code == graph.steps[y.step].code == op.SUB:
        return graph.apply(op.PLACED, [*_inputs(graph, x), *_inputs(graph, y)], numbers)
    return graph.apply(code, [x, y], numbers)


def _inputs(graph: Graph, series: Series) -> list[Series]:
    return [Series(graph, number, 0).before(lag + series.lag) for number, lag in graph.steps[series.step].inputs]


_BY_NUMBER: Final[dict[int, Callable[..., Series | None]]] = {
    op.ADD: _sum,
    op.SUB: _difference,
    op.MUL: _product,
    op.DIV: _quotient,
    op.EQ: _equality,
    op.SELECT: _choice,
}


def where(condition: Any, one: Any, other: Any) -> Series:
    """Return one where the condition is 1, the other elsewhere."""
    return apply(op.SELECT, condition, one, other)


_SPELLED: Final[dict[str, Callable[..., Series]]] = {
    "square": lambda x: apply(op.MUL, x, x),
    "negative": lambda x: -x,
    "greater": lambda x, y: apply(op.LT, y, x),
    "greater_equal": lambda x, y: apply(op.LE, y, x),
}
_FUNCTIONS: Final[dict[str, Callable[..., Series]]] = {
    "where": where,
    "clip": lambda x, low, high: apply(op.CLIP, x, numbers=(low, high)),
}
