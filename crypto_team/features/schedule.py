"""The order of the steps of a program: behind their inputs, close to their use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.features.series import Graph, Series


def ordered(graph: Graph, outputs: Sequence[Series]) -> list[int]:
    """Return the steps that the outputs need, each behind its inputs and close to what first reads it."""
    made: list[int] = []
    seen: set[int] = set()

    def visit(number: int) -> None:
        if number in seen:
            return
        seen.add(number)
        for item, _ in graph.steps[number].inputs:
            visit(item)
        made.append(number)

    for series in outputs:
        visit(series.step)
    return made
