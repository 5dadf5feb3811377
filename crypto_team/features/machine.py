"""The machine: it runs a list of steps over blocks of bars. A whole history or one bar more is the same to it.

Every step writes its block into a register, a stretch of one array of memory; registers that are read further back keep
as many bars before the block. Blocks are small enough to stay in the processor's cache, so a step costs little more
than its arithmetic, and nothing the size of the history exists besides its inputs and outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.blocks_elementwise import INF, NAN, chosen, finite, paired, placed, single
from crypto_team.features.blocks_extremes import extremes
from crypto_team.features.blocks_merging import means, merged, merged_many
from crypto_team.features.blocks_recursive import session_sum, smoothed
from crypto_team.features.blocks_window import windowed
from crypto_team.features.compiled import at_address, cut, fetch, fetch_to_write, inner, kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Singles = npt.NDArray[np.float32]
    Codes = npt.NDArray[np.int64]
    Program = tuple[Codes, Floats, Codes]
    State = tuple[Codes, Floats, Floats]
    Ends = tuple[Codes, Codes, Singles, Floats]

BLOCK: Final = 1024
LINE: Final = 8
MOST_INPUTS: Final = 8
MOST_NUMBERS: Final = 8
CODE, OUT, MEMORY, MEMORY_SIZE, FIRST_INPUT = range(5)
COLUMNS: Final = FIRST_INPUT + 3 * MOST_INPUTS
BASE, HISTORY, END = range(3)


@inner
def view(cells: Floats, place: Codes, step: Codes, number: int, size: int) -> Floats:
    """Return one input of a step: its block, and as much before it as the step reads."""
    at = FIRST_INPUT + 3 * number
    reach = step[at + 2]
    return cut(cells, place[step[at]] - step[at + 1] - reach, reach + size)


@inner
def room(cells: Floats, place: Codes, registers: Codes, number: int, size: int) -> Floats:
    """Return the next block of a register; where none is left, its history is taken back to the beginning."""
    at = 3 * number
    if place[number] + size > registers[at + END]:
        history, base = registers[at + HISTORY], registers[at + BASE]
        start = place[number] - history
        for i in range(history):
            cells[base + i] = cells[start + i]
        place[number] = base + history
    return cut(cells, place[number], size)


@inner
def load(y: Floats, column: Floats) -> None:
    """Take a block of an input column; an infinite value is an unknown one. The next block is sent for."""
    for i in range(0, y.size, LINE):
        fetch(column, y.size + i)
    for i in range(y.size):
        y[i] = finite(column[i])


@inner
def store(a: Floats, rows: int, first: int, singles: Singles, doubles: Floats) -> None:
    """Write a result, unknown for the first rows and where it is not finite."""
    hidden = min(rows, a.size)
    if singles.size:
        out = cut(singles, first, a.size)
        for i in range(0, a.size, 2 * LINE):
            fetch_to_write(out, a.size + i)
        for i in range(a.size):
            x = np.float32(a[i])
            out[i] = x if abs(x) < INF else np.float32(NAN)
        for i in range(hidden):
            out[i] = NAN
        return
    exact = cut(doubles, first, a.size)
    for i in range(a.size):
        exact[i] = finite(a[i])
    for i in range(hidden):
        exact[i] = NAN


@inner
def remembering(step: Codes, y: Floats, numbers: Floats, cells: Floats, place: Codes, own: Floats) -> None:
    """Run a step with a memory."""
    code, size = step[CODE], y.size
    a = view(cells, place, step, 0, size)
    if code == op.SMOOTHED:
        smoothed(y, a, numbers, own)
        return
    if code in (op.LARGEST_OF_16, op.SMALLEST_OF_16):
        extremes(y, a, own, code == op.LARGEST_OF_16)
        return
    b, c, d = view(cells, place, step, 1, size), view(cells, place, step, 2, size), view(cells, place, step, 3, size)
    if code == op.SESSION_SUM:
        session_sum(y, a, b, numbers[0], own)
    else:
        windowed(code, y, (a, b, c, d), numbers, own)


@inner
def merging(step: Codes, y: Floats, numbers: Floats, cells: Floats, place: Codes) -> None:
    """Run a step that merges parts of a window."""
    code, size = step[CODE], y.size
    a, b = view(cells, place, step, 0, size), view(cells, place, step, 1, size)
    if code == op.MEAN:
        means(y, a, b, numbers[1])
        return
    c, d = view(cells, place, step, 2, size), view(cells, place, step, 3, size)
    if code < op.SQUARES_OF_4:
        merged(code, y, a, b, c, d, numbers)
        return
    e, f = view(cells, place, step, 4, size), view(cells, place, step, 5, size)
    g, h = view(cells, place, step, 6, size), view(cells, place, step, 7, size)
    merged_many(code, y, (a, b, c, d, e, f, g, h), numbers)


@inner
def elementwise(step: Codes, y: Floats, numbers: Floats, cells: Floats, place: Codes) -> None:
    """Run a step element by element."""
    code, size = step[CODE], y.size
    a = view(cells, place, step, 0, size)
    if code < op.COPY:
        paired(code, y, a, view(cells, place, step, 1, size))
    elif code < op.SELECT:
        single(code, y, a, numbers[0], numbers[1])
    else:
        b, c = view(cells, place, step, 1, size), view(cells, place, step, 2, size)
        if code == op.PLACED:
            placed(y, a, b, (c, view(cells, place, step, 3, size)), numbers)
        else:
            chosen(code, y, a, b, c, numbers)


@inner
def block(program: Program, state: State, start: int, size: int, ends: Ends) -> None:
    """Run all steps over one block."""
    steps, numbers, registers = program
    place, cells, memory = state
    inputs, extent, singles, doubles = ends
    for k in range(steps.size // COLUMNS):
        step, own_numbers = cut(steps, k * COLUMNS, COLUMNS), cut(numbers, k * MOST_NUMBERS, MOST_NUMBERS)
        code = step[CODE]
        if code == op.STORE:
            first, masked = step[OUT] * extent[2] + start, int(own_numbers[0]) - extent[1] - start
            store(view(cells, place, step, 0, size), masked, first, singles, doubles)
            continue
        y = room(cells, place, registers, step[OUT], size)
        if code == op.LOAD:
            load(y, at_address(inputs[int(own_numbers[0])], start, size))
        elif code < op.MEAN:
            elementwise(step, y, own_numbers, cells, place)
        elif code < op.SMOOTHED:
            merging(step, y, own_numbers, cells, place)
        else:
            own = cut(memory, step[MEMORY], step[MEMORY_SIZE])
            remembering(step, y, own_numbers, cells, place, own)
    for number in range(place.size):
        place[number] += size if registers[3 * number + HISTORY] > 0 else 0


@kernel
def run(program: Program, state: State, ends: Ends) -> None:
    """Run all steps over the rows of the inputs, block by block.

    Parameters
    ----------
    program
        COLUMNS and MOST_NUMBERS of each step, one after the other, and three numbers of each register.
    state
        How far registers are written, their contents, and what steps remember.
    ends
        Addresses of the input columns (float64 without gaps); how many bars they hold, how many were computed before
        them, and the length of a row of the outputs; float32 and float64 outputs, of which one is empty.
    """
    steps, numbers, registers = program
    place, cells, memory = state
    inputs, extent, singles, doubles = ends
    rows = (cut(steps, 0, steps.size), cut(numbers, 0, numbers.size), cut(registers, 0, registers.size))
    held = (cut(place, 0, place.size), cut(cells, 0, cells.size), cut(memory, 0, memory.size))
    outputs = (cut(singles, 0, singles.size), cut(doubles, 0, doubles.size))
    doors = (cut(inputs, 0, inputs.size), cut(extent, 0, extent.size), outputs[0], outputs[1])
    for start in range(0, extent[0], BLOCK):
        block(rows, held, start, min(BLOCK, extent[0] - start), doors)
