"""From formulas to a graph of steps, and from an operator over series to one over arrays."""

from __future__ import annotations

from typing import Any

from crypto_team.features import opcodes as op
from crypto_team.features.arrays import UNTRACED
from crypto_team.features.nodes import Node, canonical_text
from crypto_team.features.operators import OPERATORS, typed_settings
from crypto_team.features.series import Graph, Series, UntraceableError, apply

TIMES = "times"
_COMPARISON = {"<": op.LT, "<=": op.LE}
_REVERSED = {">": op.LT, ">=": op.LE}
_ARITHMETIC = {"+": op.ADD, "-": op.SUB, "*": op.MUL, "/": op.DIV}


class Tracer:
    """Writes formulas into one graph.

    `opaque` holds the parts that only exist as functions of whole arrays: the graph takes their values as columns.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.made: dict[Node, Any] = {}
        self.opaque: dict[str, Node] = {}

    def root(self, node: Node) -> Series:
        """Return the series of a formula."""
        made = self.value(node)
        return made if isinstance(made, Series) else self.graph.constant(made)

    def value(self, node: Node) -> Any:
        """Return the series of a part, a number for a number."""
        if node not in self.made:
            self.made[node] = self._value(node)
        return self.made[node]

    def _value(self, node: Node) -> Any:
        if node.kind == "number":
            return float(node.name)
        if node.kind == "column":
            return self.graph.column(node.name)
        if node.kind in {"binary", "negative"}:
            return self._arithmetic(node, [self.value(item) for item in node.inputs])
        known = dict(self.opaque)
        try:
            return self._call(node)
        except UNTRACED:
            self.opaque = known  # what its inputs need is computed with them
            return self._whole(node)

    def _whole(self, node: Node) -> Series:
        name = canonical_text(node)
        self.opaque[name] = node
        return self.graph.column(name)

    def _call(self, node: Node) -> Series:
        found = OPERATORS[node.name]
        inputs = [self.root(item) for item in node.inputs]
        clock = [self.graph.column(TIMES)] if any(item.kind == "times" for item in found.parameters) else []
        made: Any = found.function(*inputs, *clock, *typed_settings(found, node.settings))
        if not isinstance(made, Series):
            raise UntraceableError(node.name)
        return made

    def _arithmetic(self, node: Node, inputs: list[Any]) -> Any:
        if not any(isinstance(item, Series) for item in inputs):
            inputs = [self.graph.constant(item) for item in inputs]
        if node.kind == "negative":
            return apply(op.FINITE, -inputs[0])
        left, right = inputs
        if node.name in _ARITHMETIC:
            return apply(op.FINITE, apply(_ARITHMETIC[node.name], left, right))
        pair = (left, right) if node.name in _COMPARISON else (right, left)
        answer = apply({**_COMPARISON, **_REVERSED}[node.name], *pair)
        return apply(op.KNOWN, left, right, answer)
