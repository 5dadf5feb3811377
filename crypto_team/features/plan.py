"""A plan computes many formulas at once: traced into one program, each common part once, block by block.

What only exists as a function of whole arrays is computed before and handed to the program as one more column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from crypto_team.data.optional_columns import OPTIONAL
from crypto_team.errors import FormulaError, InputError
from crypto_team.features.formula import parse
from crypto_team.features.kernels_arrays import rising
from crypto_team.features.nodes import Node, canonical_text, column_name, lowered, reads
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import by_name, typed_settings
from crypto_team.features.program import assemble
from crypto_team.features.scopes import TIMEFRAMES, fitted_memory
from crypto_team.features.tracing import TIMES, Tracer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto_team.features.operators import Floats, Times
    from crypto_team.features.program import Program, Run


_IN_ORDER: WeakValueDictionary[int, Times] = WeakValueDictionary()


@dataclass(frozen=True)
class Plan:
    """Formulas ready to compute.

    `lookback[k]` is the number of earlier bars that column k needs; `columns` are the input columns it reads. Composed
    parts (other timeframes, pairs, series) are columns too, named by their text; `formulas` are what was written.
    """

    nodes: tuple[Node, ...]
    lookback: tuple[int, ...]
    columns: tuple[str, ...]
    formulas: tuple[Node, ...]

    @cached_property
    def _traced(self) -> tuple[Program, dict[str, Node]]:
        tracer = Tracer()
        roots = [tracer.root(node) for node in self.nodes]
        return assemble(tracer.graph, roots, self.lookback), tracer.opaque

    @property
    def program(self) -> Program:
        """Return the steps of all formulas."""
        return self._traced[0]

    @property
    def opaque(self) -> dict[str, Node]:
        """Return the parts that are functions of whole arrays, by the name of the column they become."""
        return self._traced[1]

    def compute(
        self, columns: Mapping[str, Floats], times: Times, *, out: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Compute every formula.

        Parameters
        ----------
        columns
            Input columns by name, float64, shape (n,).
        times
            Bar opens in milliseconds since 1970, shape (n,), each later than the one before.
        out
            Where to write, float32 of shape (k, n): a buffer used again, or a memory map.

        Returns
        -------
        ndarray
            float32, shape (n, k), column after column in memory; rows before a column's look-back are NaN, infinities
            are NaN.
        """
        found = self.checked(columns, times)
        made = np.empty((len(self.nodes), times.size), dtype=np.float32) if out is None else out
        if made.shape != (len(self.nodes), times.size) or made.dtype != np.float32 or not made.flags.c_contiguous:
            raise InputError(f"the output has to be float32, contiguous, of shape {(len(self.nodes), times.size)}")
        self.program.over([found[name] for name in self.program.inputs], made)
        return made.T

    def doubles(self, columns: Mapping[str, Floats], times: Times, run: Run | None = None) -> Floats:
        """Compute every formula in float64, shape (n, k); a run goes on from where it is."""
        found = self.checked(columns, times)
        made = np.empty((len(self.nodes), times.size))
        under_way = self.program.start() if run is None else run
        under_way.doubles([found[name] for name in self.program.inputs], made)
        return made.T

    def checked(self, columns: Mapping[str, Floats], times: Times) -> dict[str, Floats]:
        """Return everything that the program reads, checked and with the opaque parts computed."""
        missing = [name for name in self.columns if name not in columns]
        if missing:
            hint = "import candles that have it: crypto-team data import FILE" if set(missing) & set(OPTIONAL) else None
            raise InputError(f"the candles have no column {', '.join(missing)}", hint=hint)
        uneven = [name for name in self.columns if columns[name].shape != times.shape]
        if uneven:
            raise InputError(f"{', '.join(uneven)} and the times differ in length")
        _in_order(times)
        made = {name: np.ascontiguousarray(columns[name], dtype=np.float64) for name in self.columns}
        if TIMES in self.program.inputs:
            made[TIMES] = times.astype(np.float64)
        for name, node in self.opaque.items():
            made[name] = np.ascontiguousarray(_whole(node, columns, times))
            if made[name].shape != times.shape:
                raise InputError(f"{name} has {made[name].size} values for {times.size} bars")
        return made

    def whole(self, name: str, columns: Mapping[str, Floats], times: Times) -> float:
        """Return the newest value of an opaque part."""
        return float(_whole(self.opaque[name], columns, times)[-1])

    def explain(self) -> list[dict[str, Any]]:
        """Return one row per formula: canonical form, name, look-back, steps of the machine, and steps it shares."""
        per_formula = [_steps(node) for node in self.nodes]
        parts = [set(reads(node)) for node in self.nodes]
        uses: dict[Node, int] = {}
        for found in parts:
            for part in found:
                uses[part] = uses.get(part, 0) + 1
        return [
            {
                "formula": canonical_text(self.formulas[number]),
                "name": column_name(self.formulas[number]),
                "lookback": self.lookback[number],
                "steps": per_formula[number],
                "shared_steps": sum(uses[part] > 1 and part.kind != "column" for part in parts[number]),
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


def evaluate(nodes: Sequence[Node], columns: Mapping[str, Floats], times: Times) -> list[Floats]:
    """Compute formulas in float64 from their first bar on, each an array of its own."""
    names = sorted({part.name for node in nodes for part in reads(node) if part.kind == "column"})
    plan = Plan(tuple(nodes), (0,) * len(nodes), tuple(names), tuple(nodes))
    return list(np.ascontiguousarray(plan.doubles(columns, times).T))


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
    return inputs + int(by_name(found, found.lookback, node.settings))


def _steps(node: Node) -> int:
    tracer = Tracer()
    return assemble(tracer.graph, [tracer.root(node)], [0]).size


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


def _in_order(times: Times) -> None:
    """Refuse bars that are out of order or there twice; times that nobody can write to are looked at once."""
    if _IN_ORDER.get(id(times)) is times and not times.flags.writeable:
        return
    if rising(times):
        if not times.flags.writeable and times.flags.owndata:
            _IN_ORDER[id(times)] = times
        return
    row = int(np.argmax(times[1:] <= times[:-1])) + 1
    raise InputError(
        f"bar {row} opens at {int(times[row])}, not after the bar before it",
        where="timestamp",
        hint="sort the bars and drop duplicates",
    )


def _whole(node: Node, columns: Mapping[str, Floats], times: Times) -> Floats:
    """Compute a part that is a function of whole arrays."""
    inputs = evaluate(node.inputs, columns, times)
    found = OPERATORS[node.name]
    clock = [times] if any(item.kind == "times" for item in found.parameters) else []
    with np.errstate(all="ignore"):
        made = found.function(*inputs, *clock, *typed_settings(found, node.settings))
    return np.where(np.isfinite(made), made, np.nan)
