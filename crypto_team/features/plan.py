"""A plan computes many formulas at once, each common part once, on NumPy columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from crypto_team.errors import FormulaError, InputError
from crypto_team.features.formula import parse
from crypto_team.features.nodes import Node, canonical_text, column_name, lowered, reads
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.scopes import TIMEFRAMES, fitted_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crypto_team.features.operators import Floats

_Number = TypeVar("_Number", np.float32, np.float64)
_ARITHMETIC: dict[str, Callable[[Floats, Floats], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Formulas ready to compute.

    `lookback[k]` is the number of earlier bars that column k needs; `columns` are the input columns it reads. Composed
    parts (other timeframes, pairs, series) are columns too, named by their text; `formulas` are what was written.
    """

    nodes: tuple[Node, ...]
    lookback: tuple[int, ...]
    columns: tuple[str, ...]
    formulas: tuple[Node, ...]

    def compute(self, columns: Mapping[str, Floats], times: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Compute every formula.

        Parameters
        ----------
        columns
            Input columns by name, float64, shape (n,).
        times
            Bar opens in milliseconds since 1970, shape (n,).

        Returns
        -------
        ndarray
            float32, shape (n, k); rows before a column's look-back are NaN, infinities are NaN.
        """
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise InputError(f"the candles have no column {', '.join(missing)}")
        uneven = [name for name in self.columns if columns[name].shape != times.shape]
        if uneven:
            raise InputError(f"{', '.join(uneven)} and the times differ in length")
        known: dict[Node, Floats] = {}
        uses = self._uses()
        out = np.empty((times.size, len(self.nodes)), dtype=np.float32)
        with np.errstate(all="ignore"):
            for number, node in enumerate(self.nodes):
                values = _finite(_value(node, columns, times, known).astype(np.float32))
                values[: self.lookback[number]] = np.nan
                out[:, number] = values
                _release(node, known, uses)
        return out

    def _uses(self) -> dict[Node, int]:
        """Count in how many formulas each part occurs, so that it can be let go after the last."""
        counts: dict[Node, int] = {}
        for root in self.nodes:
            for part in set(reads(root)):
                counts[part] = counts.get(part, 0) + 1
        return counts

    def explain(self) -> list[dict[str, Any]]:
        """Return one row per formula: canonical form, name, look-back, and how many parts it shares with others."""
        uses = self._uses()
        return [
            {
                "formula": canonical_text(self.formulas[number]),
                "name": column_name(self.formulas[number]),
                "lookback": self.lookback[number],
                "steps": len(set(reads(node))),
                "shared_steps": sum(uses[part] > 1 and part.kind != "column" for part in set(reads(node))),
            }
            for number, node in enumerate(self.nodes)
        ]


def compile_formulas(texts: Sequence[str], timeframe: str | None = None) -> Plan:
    """Parse formulas (without sweeps) into one plan; `timeframe` is needed where one reads another timeframe."""
    formulas = tuple(parse(text, timeframe) for text in texts)
    nodes = tuple(lowered(node) for node in formulas)
    columns = sorted({part.name for node in nodes for part in reads(node) if part.kind == "column"})
    step = TIMEFRAMES[timeframe] if timeframe else None
    return Plan(nodes, tuple(lookback(node, step) for node in formulas), tuple(columns), formulas)


def evaluate(nodes: Sequence[Node], columns: Mapping[str, Floats], times: npt.NDArray[np.int64]) -> list[Floats]:
    """Compute formulas without composed parts in float64, each an array of its own."""
    known: dict[Node, Floats] = {}
    with np.errstate(all="ignore"):
        return [_finite(_value(node, columns, times, known)).copy() for node in nodes]


def lookback(node: Node, step: int | None = None) -> int:
    """Return how many earlier bars of `step` milliseconds a formula needs: its own plus the most of its inputs."""
    if node.kind == "scope" and node.name == "on":
        return _lookback_on(node, step)
    inputs = max((lookback(item, step) for item in node.inputs), default=0)
    if node.kind == "fitted":
        return inputs + fitted_memory(node)
    if node.kind != "call":
        return inputs
    found = OPERATORS[node.name]
    named = dict(zip((item.name for item in found.settings), _typed(node), strict=True))
    wanted = found.lookback.__code__.co_varnames[: found.lookback.__code__.co_argcount]
    return inputs + found.lookback(*(named[name] for name in wanted))


def _lookback_on(node: Node, step: int | None) -> int:
    """Count the bars under the longer ones, and those since the last of them closed."""
    if step is None:
        raise FormulaError(
            f"how far {canonical_text(node)} looks back depends on the bars it is computed on",
            hint="give the timeframe of the bars",
        )
    longer = TIMEFRAMES[node.texts[0]]
    each = longer // step
    return (lookback(node.inputs[0], longer) + 2) * each - 2 if each > 1 else lookback(node.inputs[0], longer)


def _typed(node: Node) -> list[int | float]:
    kinds = [item.kind for item in OPERATORS[node.name].settings]
    return [int(value) if kind == "int" else value for kind, value in zip(kinds, node.settings, strict=True)]


def _value(
    node: Node, columns: Mapping[str, Floats], times: npt.NDArray[np.int64], known: dict[Node, Floats]
) -> Floats:
    """Compute one part, or take it from what is known already."""
    if node in known:
        return known[node]
    if node.kind == "column":
        made = np.ascontiguousarray(columns[node.name], dtype=np.float64)
    elif node.kind == "number":
        made = np.full(times.size, float(node.name))
    else:
        inputs = [_value(item, columns, times, known) for item in node.inputs]
        made = _applied(node, inputs, times)
    made = known[node] = _finite(made)
    return made


def _finite(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Make infinities unknown at every step: carried along, one would spoil running sums for ever."""
    if np.isinf(values).any():
        return np.where(np.isinf(values), values.dtype.type(np.nan), values)
    return values


def _applied(node: Node, inputs: list[Floats], times: npt.NDArray[np.int64]) -> Floats:
    if node.kind == "negative":
        return -inputs[0]
    if node.kind == "call":
        found = OPERATORS[node.name]
        clock = [times] if any(item.kind == "times" for item in found.parameters) else []
        return found.function(*inputs, *clock, *_typed(node))
    left, right = inputs
    if node.name == "/":
        made = np.full(left.shape, np.nan)
        np.divide(left, right, out=made, where=right != 0.0)
        return made
    combined = np.asarray(_ARITHMETIC[node.name](left, right), dtype=np.float64)
    return np.where(np.isnan(left) | np.isnan(right), np.nan, combined)


def _release(root: Node, known: dict[Node, Floats], uses: dict[Node, int]) -> None:
    """Let go of parts that no later formula needs, so that memory stays near that of the inputs."""
    for part in set(reads(root)):
        uses[part] -= 1
        if not uses[part]:
            known.pop(part, None)
