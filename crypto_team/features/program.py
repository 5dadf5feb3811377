"""From a graph of steps to a program of the machine, and the running of it: over a history, or bar by bar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from crypto_team.features import machine
from crypto_team.features import opcodes as op
from crypto_team.features.machine import BASE, END, FIRST_INPUT, HISTORY, PLACES, SHORT, SLOT
from crypto_team.features.schedule import ordered
from crypto_team.features.series import CONSTANT
from crypto_team.features.warming import ensure_warm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.features.series import Graph, Series, Step

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
LEAST_BLOCK: Final = 2048
MOST_BLOCK: Final = 4096
MOST_SIMPLE: Final = 16_384
"""The longest block of a plan without windows: an average keeps the processor busy while longer streams come in."""
SIMPLE: Final = frozenset({*range(op.MEAN), op.SMOOTHED, op.LOAD, op.STORE})
ROOM: Final = 65_536
"""Values in slots up to which blocks are made longer: half of the usual second-level cache."""
FETCHED: Final = 2048
"""The longest block of which the next one is sent for."""
MOST_SPARE: Final = 8
APART: Final = 8
"""Slots do not begin at the same place of a page."""


@dataclass(frozen=True, slots=True)
class Program:
    """Steps for the machine, the registers they use, what has to stand in them at the start, and their outputs.

    Tables lie row after row in one-dimensional arrays, as the machine reads them.
    """

    inputs: tuple[str, ...]
    steps: Codes
    numbers: Floats
    registers: Codes
    constants: tuple[tuple[int, float], ...]
    cells: int
    memory: int
    outputs: int
    block: int
    begin: Codes = field(compare=False, repr=False)
    spare: list[Floats] = field(default_factory=list, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Return the number of steps."""
        return self.steps.size // machine.COLUMNS

    def start(self) -> Run:
        """Return the state before the first bar."""
        return self._begun(np.zeros(self.cells))

    def over(self, columns: Sequence[Floats], out: npt.NDArray[np.float32]) -> None:
        """Compute a whole history, in room that an earlier one may have used: new pages cost more than short plans."""
        try:
            run = self._begun(self.spare.pop())
        except IndexError:
            run = self.start()
        run.singles(columns, out)
        if len(self.spare) < MOST_SPARE:
            self.spare.append(run.cells)

    def _begun(self, cells: Floats) -> Run:
        cells[self.begin[-1] :] = np.nan
        for register, value in self.constants:
            row = self.registers[PLACES * register :]
            cells[row[BASE] : row[END]] = value
        return Run(self, self.begin[:-1].copy(), cells, np.zeros(self.memory), 0)


@dataclass(slots=True)
class Run:
    """A program under way: everything that the next bar depends on."""

    program: Program
    place: Codes
    cells: Floats
    memory: Floats
    done: int

    def singles(self, columns: Sequence[Floats], out: npt.NDArray[np.float32]) -> None:
        """Go on over more bars: input columns, float64 without gaps, into out (outputs, bars) float32."""
        self._go(columns, out.reshape(-1), np.empty(0), out.shape[1])

    def doubles(self, columns: Sequence[Floats], out: Floats) -> None:
        """Go on over more bars: input columns, float64 without gaps, into out (outputs, bars) float64."""
        self._go(columns, np.empty(0, dtype=np.float32), out.reshape(-1), out.shape[1])

    def _go(self, columns: Sequence[Floats], singles: npt.NDArray[np.float32], doubles: Floats, bars: int) -> None:
        ensure_warm()
        found = self.program
        addresses = np.array([item.__array_interface__["data"][0] for item in columns], dtype=np.int64)
        extent = np.array([bars, self.done, bars, found.block, found.block <= FETCHED], dtype=np.int64)
        state = (self.place, self.cells, self.memory)
        ends = (addresses, extent, singles, doubles)
        machine.run((found.steps, found.numbers, found.registers), state, ends)
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
    order = ordered(graph, outputs)
    history = _histories(graph, order, outputs)
    last = _last_uses(graph, order)
    layout = _Layout()
    columns = {step: name for name, step in graph.columns.items()}
    names = tuple(columns[number] for number in order if number in columns)
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
        for place, series in enumerate(outputs):
            if series.step == number:
                rows.append([op.STORE, place, 0, 0, layout.where[number], series.lag, 0])
                numbers.append((float(masked[place]),))
        read = {item for item, _ in step.inputs} | {number}
        layout.free([done for done in read if last[done] == position])
    constants = tuple((layout.where[item], graph.constants[item]) for item in order if item in graph.constants)
    registers, cells, block = layout.placed(MOST_SIMPLE if SIMPLE.issuperset(row[0] for row in rows) else MOST_BLOCK)
    table, begin = (_padded(rows), _filled(numbers), registers), _begin(registers, cells)
    return Program(names, *table, constants, cells, max(memory, 1), len(outputs), block, begin)


def _begin(registers: Codes, cells: int) -> Codes:
    """Return where registers are before the first bar, and last from which cell on there is nothing but histories."""
    table = registers.reshape(-1, PLACES)
    homes = int(table[:, BASE].min(initial=cells))
    return np.concatenate([table[:, SLOT], table[:, BASE] + table[:, HISTORY], [homes]])


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


def _last_uses(graph: Graph, order: Sequence[int]) -> dict[int, int]:
    """Return at which place in the order each step is read last."""
    made = {number: place for place, number in enumerate(order)}
    for place, number in enumerate(order):
        for item, _ in graph.steps[number].inputs:
            made[item] = max(made[item], place)
    return made


class _Layout:
    """Hands out registers, and the slots they are in while a block is under way, which go to others afterwards."""

    def __init__(self) -> None:
        self.where: dict[int, int] = {}
        self.registers: list[tuple[int, int]] = []
        self.slots: list[int] = []
        self.spare: list[int] = []

    def give(self, number: int, history: int, *, kept: bool) -> None:
        """Find a register for a step, in the slot that was left last, which is most likely still in the cache."""
        self.where[number] = len(self.registers)
        if kept:
            self.registers.append((history, -1))
            return
        if not self.spare:
            self.spare.append(len(self.slots))
            self.slots.append(0)
        slot = self.spare.pop()
        self.slots[slot] = max(self.slots[slot], history)
        self.registers.append((history, slot))

    def free(self, numbers: Sequence[int]) -> None:
        """Take slots back."""
        found = [self.registers[self.where[item]][1] for item in sorted(numbers)]
        self.spare += [slot for slot in found if slot >= 0]

    def placed(self, most: int) -> tuple[Codes, int, int]:
        """Return the table of registers, how many cells they take, and the block they are made for, at most `most`.

        Few slots have room for longer blocks, of which each costs as much to begin as a short one.
        """
        block = LEAST_BLOCK
        while block < most and 2 * block * len(self.slots) <= ROOM:
            block *= 2
        cells, begins = 0, []
        for history in self.slots:
            begins.append(cells + history)
            cells += history + block + APART
        made = []
        for history, slot in self.registers:
            size = history + (block if slot < 0 else max(SHORT, history) if history else 0)
            made.append(
                (cells, 0 if slot < 0 else history, cells + size, begins[slot] if slot >= 0 else cells + history)
            )
            cells += size
        return np.array(made, dtype=np.int64).reshape(-1), cells, block


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
    return made.reshape(-1)


def _filled(numbers: list[tuple[float, ...]]) -> Floats:
    made = np.zeros((len(numbers), machine.MOST_NUMBERS))
    for place, row in enumerate(numbers):
        made[place, : len(row)] = row
    return made.reshape(-1)
