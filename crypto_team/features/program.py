"""From a graph of steps to a program of the machine, and the running of it: over a history, or bar by bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from crypto_team.features import machine
from crypto_team.features import opcodes as op
from crypto_team.features.machine import BASE, BLOCK, END, FIRST_INPUT, HISTORY
from crypto_team.features.series import CONSTANT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.features.series import Graph, Series, Step

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
MOST_NUMBERS: Final = 4
_NONE: Final = np.empty((0, 0))


@dataclass(frozen=True, slots=True)
class Program:
    """Steps for the machine, the registers they use, what has to stand in them at the start, and their outputs."""

    inputs: tuple[str, ...]
    steps: Codes
    numbers: Floats
    registers: Codes
    constants: tuple[tuple[int, float], ...]
    cells: int
    memory: int
    outputs: int

    def start(self) -> Run:
        """Return the state before the first bar."""
        cells = np.full(self.cells, np.nan)
        for register, value in self.constants:
            base, _, end = self.registers[register]
            cells[base:end] = value
        place = self.registers[:, BASE] + self.registers[:, HISTORY]
        return Run(self, place, cells, np.zeros(self.memory), 0)


@dataclass(slots=True)
class Run:
    """A program under way: everything that the next bar depends on."""

    program: Program
    place: Codes
    cells: Floats
    memory: Floats
    done: int

    def singles(self, inputs: Floats, bars: int, out: npt.NDArray[np.float32], at: int) -> None:
        """Go on over more bars: of inputs (columns, bars or more), into out (outputs, bars) float32 from `at` on."""
        self._go(inputs, bars, out, np.empty((len(out), 0)), at)

    def doubles(self, inputs: Floats, bars: int, out: Floats, at: int) -> None:
        """Go on over more bars: of inputs (columns, bars or more), into out (outputs, bars) float64 from `at` on."""
        self._go(inputs, bars, np.empty((len(out), 0), dtype=np.float32), out, at)

    def _go(self, inputs: Floats, bars: int, singles: npt.NDArray[np.float32], doubles: Floats, at: int) -> None:
        found = self.program
        state = (found.registers, self.place, self.cells, self.memory)
        extent = np.array([bars, self.done, at], dtype=np.int64)
        machine.run(found.steps, found.numbers, *state, inputs, extent, singles, doubles)
        self.done += bars


def assemble(graph: Graph, outputs: Sequence[Series], masked: Sequence[int]) -> Program:
    """Make a program that computes some series of a graph.

    Parameters
    ----------
    graph
        The graph of all of them.
    outputs
        Series in the order of the outputs.
    masked
        For each output the number of first bars for which it is unknown.
    """
    order = _order(graph, outputs)
    history = _histories(graph, order, outputs)
    layout = _Layout()
    columns = {step: name for name, step in graph.columns.items()}
    names = tuple(columns[number] for number in order if number in columns)
    last = _last_uses(graph, order, outputs)
    rows: list[list[int]] = []
    numbers: list[tuple[float, ...]] = []
    memory = 0
    for position, number in enumerate(order):
        step = graph.steps[number]
        layout.give(number, history[number], kept=step.code == CONSTANT)
        if step.code != CONSTANT:
            rows.append([step.code, layout.where[number], memory, step.memory, *_places(step, layout)])
            numbers.append((float(names.index(columns[number])),) if number in columns else step.numbers)
            memory += step.memory
        for column, series in enumerate(outputs):
            if last[number] >= 0 and series.step == number:
                rows.append([op.STORE, column, 0, 0, layout.where[number], series.lag, 0])
                numbers.append((float(masked[column]),))
        layout.free([done for done in {item for item, _ in step.inputs} | {number} if last[done] == position])
    constants = tuple((layout.where[item], graph.constants[item]) for item in order if item in graph.constants)
    registers = np.array(layout.registers, dtype=np.int64).reshape(-1, 3)
    return Program(
        names, _padded(rows), _filled(numbers), registers, constants, layout.cells, max(memory, 1), len(outputs)
    )


def _order(graph: Graph, outputs: Sequence[Series]) -> list[int]:
    """Return the steps that the outputs need, each behind its inputs, close to where they are used."""
    order: list[int] = []
    seen: set[int] = set()

    def visit(number: int) -> None:
        if number in seen:
            return
        seen.add(number)
        for item, _ in graph.steps[number].inputs:
            visit(item)
        order.append(number)

    for series in outputs:
        visit(series.step)
    return order


def _histories(graph: Graph, order: Sequence[int], outputs: Sequence[Series]) -> dict[int, int]:
    """Return how many bars before the block somebody reads, per step."""
    made = dict.fromkeys(order, 0)
    for number in order:
        step = graph.steps[number]
        for place, (item, lag) in enumerate(step.inputs):
            reach = step.reach[place] if place < len(step.reach) else 0
            made[item] = max(made[item], lag + reach)
    for series in outputs:
        made[series.step] = max(made[series.step], series.lag)
    return made


def _last_uses(graph: Graph, order: Sequence[int], outputs: Sequence[Series]) -> dict[int, int]:
    """Return at which place in the order each step is read last."""
    made = {number: place for place, number in enumerate(order)}
    for place, number in enumerate(order):
        for item, _ in graph.steps[number].inputs:
            made[item] = max(made[item], place)
    return made


class _Layout:
    """Hands out registers; those without a history go to others once they are not read any more."""

    def __init__(self) -> None:
        self.registers: list[tuple[int, int, int]] = []
        self.where: dict[int, int] = {}
        self.spare: list[int] = []
        self.lasting: set[int] = set()
        self.cells = 0

    def give(self, number: int, history: int, *, kept: bool) -> None:
        """Find a register for a step."""
        if not history and not kept and self.spare:
            self.where[number] = self.spare.pop()
            return
        if history or kept:
            self.lasting.add(number)
        size = history + max(BLOCK, -(-history // BLOCK) * BLOCK)
        self.where[number] = len(self.registers)
        self.registers.append((self.cells, history, self.cells + size))
        self.cells += size + 8  # registers do not begin at the same place of a page

    def free(self, numbers: Sequence[int]) -> None:
        """Take registers back."""
        self.spare += [self.where[item] for item in sorted(numbers) if item not in self.lasting]


def _places(step: Step, layout: _Layout) -> list[int]:
    made = []
    for place, (item, lag) in enumerate(step.inputs):
        made += [layout.where[item], lag, step.reach[place] if place < len(step.reach) else 0]
    return made


def _padded(rows: list[list[int]]) -> Codes:
    made = np.zeros((len(rows), machine.COLUMNS), dtype=np.int64)
    for number, row in enumerate(rows):
        made[number, : len(row)] = row
        for place in range(len(row), machine.COLUMNS, 3):  # what a step does not have, it takes from its first input
            made[number, place : place + 3] = made[number, FIRST_INPUT : FIRST_INPUT + 3]
    return made


def _filled(numbers: list[tuple[float, ...]]) -> Floats:
    made = np.zeros((len(numbers), MOST_NUMBERS))
    for place, row in enumerate(numbers):
        made[place, : len(row)] = row
    return made


__all__ = ["END", "Program", "Run", "assemble"]
