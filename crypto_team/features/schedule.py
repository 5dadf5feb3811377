"""The order of the steps of a program: behind their inputs, close to their use, averages in groups of four."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.features import opcodes as op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.features.series import Graph, Series

TOGETHER: Final = 4


def ordered(graph: Graph, outputs: Sequence[Series]) -> list[tuple[int, ...]]:
    """Return the steps that the outputs need, each behind its inputs.

    An exponential average spends its time waiting for its own last value; four that do not depend on each other are
    computed side by side in little more time than one.
    """
    made: list[tuple[int, ...]] = []
    seen: set[int] = set()

    def visit(number: int) -> None:
        if number in seen:
            return
        seen.add(number)
        for item, _ in graph.steps[number].inputs:
            visit(item)
        made.append((number,))

    for group in _averages(graph, outputs):
        for number in group:
            for item, _ in graph.steps[number].inputs:
                visit(item)
        seen.update(group)
        made.append(group)
    for series in outputs:
        visit(series.step)
    return made


def _averages(graph: Graph, outputs: Sequence[Series]) -> list[tuple[int, ...]]:
    """Return the averages in groups of four, those that need other averages behind them."""
    depths: dict[int, int] = {}

    def depth(number: int) -> int:
        if number not in depths:
            step = graph.steps[number]
            inputs = max((depth(item) for item, _ in step.inputs), default=0)
            depths[number] = inputs + (step.code == op.SMOOTHED)
        return depths[number]

    for series in outputs:
        depth(series.step)
    averages = [number for number in depths if graph.steps[number].code == op.SMOOTHED]
    groups = []
    for level in sorted({depths[number] for number in averages}):
        same = [number for number in averages if depths[number] == level]
        groups += [tuple(same[at : at + TOGETHER]) for at in range(0, len(same), TOGETHER)]
    return groups
