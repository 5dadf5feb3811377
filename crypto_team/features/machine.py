"""The machine: it runs a list of steps over blocks of bars. A whole history or one bar more is the same to it.

Every step writes its block into a register, a stretch of one array of memory; registers that are read further back keep
as many bars before the block. Blocks are small enough to stay in the processor's cache, so a step costs little more
than its arithmetic, and nothing the size of the history exists besides its inputs and outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import carray

from crypto_team.features import opcodes as op
from crypto_team.features.blocks_elementwise import INF, NAN, chosen, finite, paired, single
from crypto_team.features.blocks_merging import merged
from crypto_team.features.blocks_recursive import remembered
from crypto_team.features.blocks_window import windowed
from crypto_team.features.compiled import inner, kernel, pointer

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]
    Matrix = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

BLOCK: Final = 512
MOST_INPUTS: Final = 8
CODE, OUT, MEMORY, MEMORY_SIZE, FIRST_INPUT = range(5)
COLUMNS: Final = FIRST_INPUT + 3 * MOST_INPUTS
BASE, HISTORY, END = range(3)


@inner
def view(cells: Floats, place: Codes, step: Codes, number: int, size: int) -> Floats:
    """Return one input of a step: its block, and as much before it as the step reads."""
    at = FIRST_INPUT + 3 * number
    start = place[step[at]] - step[at + 1] - step[at + 2]
    return cells[start : start + step[at + 2] + size]


@inner
def make_room(cells: Floats, place: Codes, register: Codes, number: int, size: int) -> None:
    """Where the block does not fit behind the last one, take the history back to the beginning of the register."""
    if place[number] + size > register[END]:
        history, base = register[HISTORY], register[BASE]
        start = place[number] - history
        for i in range(history):
            cells[base + i] = cells[start + i]
        place[number] = base + history


@inner
def load(y: Floats, column: Floats) -> None:
    """Take a block of an input column; an infinite value is an unknown one."""
    for i in range(y.size):
        y[i] = finite(column[i])


@inner
def store(a: Floats, rows: int, single_out: Singles, double_out: Floats) -> None:
    """Write a result, unknown for the first rows and where it is not finite."""
    for i in range(single_out.size):
        x = np.float32(a[i])
        single_out[i] = x if abs(x) < INF else np.float32(NAN)
    for i in range(double_out.size):
        double_out[i] = finite(a[i])
    for i in range(min(rows, single_out.size)):
        single_out[i] = NAN
    for i in range(min(rows, double_out.size)):
        double_out[i] = NAN


@inner
def many(step: Codes, y: Floats, numbers: Floats, cells: Floats, place: Codes, memory: Floats) -> None:
    """Run a step with more than two inputs or with a memory."""
    code, size = step[CODE], y.size
    a, b = view(cells, place, step, 0, size), view(cells, place, step, 1, size)
    own = memory[step[MEMORY] : step[MEMORY] + step[MEMORY_SIZE]]
    if code < op.MEAN:
        chosen(code, y, a, b, view(cells, place, step, 2, size), numbers[0])
        return
    if code >= op.SMOOTHED and code < op.RANK:
        remembered(code, y, a, b, numbers, own)
        return
    c, d = view(cells, place, step, 2, size), view(cells, place, step, 3, size)
    if code >= op.RANK:
        windowed(code, y, (a, b, c, d), numbers, own)
        return
    e, f = view(cells, place, step, 4, size), view(cells, place, step, 5, size)
    g, h = view(cells, place, step, 6, size), view(cells, place, step, 7, size)
    merged(code, y, (a, b, c, d, e, f, g, h), numbers)


@inner
def one(step: Codes, y: Floats, numbers: Floats, cells: Floats, place: Codes, memory: Floats) -> None:
    """Run a step."""
    code, size = step[CODE], y.size
    if code < op.COPY:
        paired(code, y, view(cells, place, step, 0, size), view(cells, place, step, 1, size))
    elif code < op.SELECT:
        single(code, y, view(cells, place, step, 0, size), numbers[0], numbers[1])
    else:
        many(step, y, numbers, cells, place, memory)


@inner
def over_blocks(
    steps: Codes,
    numbers: Matrix,
    registers: Codes,
    place: Codes,
    cells: Floats,
    memory: Floats,
    inputs: Matrix,
    extent: Codes,
    singles: Singles,
    doubles: Matrix,
) -> None:
    """Run all steps block by block, see `run`."""
    total, done, at = extent[0], extent[1], extent[2]
    for start in range(0, total, BLOCK):
        size = min(BLOCK, total - start)
        for k in range(steps.shape[0]):
            step = steps[k]
            if step[CODE] == op.STORE:
                a, row = view(cells, place, step, 0, size), step[OUT]
                masked = int(numbers[k, 0]) - done - start
                first = at + start
                store(a, masked, singles[row, first : first + size], doubles[row, first : first + size])
                continue
            out = step[OUT]
            make_room(cells, place, registers[out], out, size)
            y = cells[place[out] : place[out] + size]
            if step[CODE] == op.LOAD:
                load(y, inputs[int(numbers[k, 0]), start : start + size])
            else:
                one(step, y, numbers[k], cells, place, memory)
        for number in range(registers.shape[0]):
            if registers[number, HISTORY] > 0:
                place[number] += size


@kernel
def run(
    steps: Codes,
    numbers: Matrix,
    registers: Codes,
    place: Codes,
    cells: Floats,
    memory: Floats,
    inputs: Matrix,
    extent: Codes,
    singles: Singles,
    doubles: Matrix,
) -> None:
    """Run all steps over the rows of the inputs, block by block.

    Parameters
    ----------
    steps, numbers
        The program: one row per step.
    registers, place, cells, memory
        The state: where registers lie and how far they are written, their contents, and what steps remember.
    inputs
        Shape (columns, bars or more).
    extent
        How many bars the inputs hold, how many were computed before them, and where in the outputs they begin.
    singles, doubles
        Outputs of shape (features, bars); one of them may be empty.
    """
    over_blocks(
        carray(pointer(steps), steps.shape),
        carray(pointer(numbers), numbers.shape),
        carray(pointer(registers), registers.shape),
        carray(pointer(place), place.shape),
        carray(pointer(cells), cells.shape),
        carray(pointer(memory), memory.shape),
        carray(pointer(inputs), inputs.shape),
        carray(pointer(extent), extent.shape),
        carray(pointer(singles), singles.shape),
        carray(pointer(doubles), doubles.shape),
    )
