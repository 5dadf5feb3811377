"""The machine: it runs a list of steps over blocks of bars. A whole history or one bar more is the same to it.

Every step writes its block into a register, a stretch of one array of memory; registers that are read further back keep
as many bars before the block, at home, because the stretch goes to another register once nobody reads it any more. So
what is under way stays in the processor's cache, a step costs little more than its arithmetic, and nothing the size of
the history exists besides its inputs and outputs.
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

LINE: Final = 8
MOST_INPUTS: Final = 8
MOST_NUMBERS: Final = 8
SHORT: Final = 64
CODE, OUT, MEMORY, MEMORY_SIZE, FIRST_INPUT = range(5)
COLUMNS: Final = FIRST_INPUT + 3 * MOST_INPUTS
BASE, HISTORY, END, SLOT, PLACES = range(5)
BARS, DONE, ROW, BLOCK, FETCHING = range(5)


@inner
def view(cells: Floats, here: Codes, step: Codes, number: int, size: int) -> Floats:
    """Return one input of a step: its block, and as much before it as the step reads."""
    at = FIRST_INPUT + 3 * number
    reach = step[at + 2]
    return cut(cells, here[step[at]] - step[at + 1] - reach, reach + size)


@inner
def room(cells: Floats, here: Codes, home: Codes, row: Codes, size: int) -> Floats:
    """Return where a register's next block is written, behind the register's history; `here` says so to who reads it.

    A long block is written to a slot, which registers share, and its history is fetched from home. A short one is
    written at home; where no room is left there, the history is taken back to the beginning.
    """
    history = row[HISTORY]
    if history and size > SHORT:
        start = home[0] - history
        for i in range(history):
            cells[row[SLOT] - history + i] = cells[start + i]
    elif history:
        if home[0] + size > row[END]:
            start = home[0] - history
            for i in range(history):
                cells[row[BASE] + i] = cells[start + i]
            home[0] = row[BASE] + history
        here[0] = home[0]
        home[0] += size
        return cut(cells, here[0], size)
    here[0] = row[SLOT]
    return cut(cells, here[0], size)


@inner
def keep(cells: Floats, home: Codes, row: Codes, size: int) -> None:
    """Take the end of a long block home, where the next one finds its history."""
    history = row[HISTORY]
    if history and size > SHORT:
        start, base = row[SLOT] + size - history, row[BASE]
        for i in range(history):
            cells[base + i] = cells[start + i]
        home[0] = base + history


@inner
def load(y: Floats, column: Floats, fetching: bool) -> None:
    """Take a block of an input column; an infinite value is an unknown one. A short next block is sent for.

    The processor follows long blocks by itself, and sending for all of one at once would keep the steps in between
    waiting for what they need.
    """
    if fetching:
        for i in range(0, y.size, LINE):
            fetch(column, y.size + i)
    for i in range(y.size):
        y[i] = finite(column[i])


@inner
def store(a: Floats, rows: int, first: int, ends: Ends) -> None:
    """Write a result, unknown for the first rows and where it is not finite."""
    _, extent, singles, doubles = ends
    hidden = min(rows, a.size)
    if singles.size:
        out = cut(singles, first, a.size)
        if extent[FETCHING]:
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
def remembering(step: Codes, y: Floats, numbers: Floats, cells: Floats, here: Codes, own: Floats) -> None:
    """Run a step with a memory."""
    code, size = step[CODE], y.size
    a = view(cells, here, step, 0, size)
    if code == op.SMOOTHED:
        smoothed(y, a, numbers, own)
        return
    if code in (op.LARGEST_OF_FEW, op.SMALLEST_OF_FEW):
        extremes(y, a, int(numbers[0]), own, code == op.LARGEST_OF_FEW)
        return
    b, c, d = view(cells, here, step, 1, size), view(cells, here, step, 2, size), view(cells, here, step, 3, size)
    if code == op.SESSION_SUM:
        session_sum(y, a, b, numbers[0], own)
    else:
        windowed(code, y, (a, b, c, d), numbers, own)


@inner
def merging(step: Codes, y: Floats, numbers: Floats, cells: Floats, here: Codes) -> None:
    """Run a step that merges parts of a window."""
    code, size = step[CODE], y.size
    a, b = view(cells, here, step, 0, size), view(cells, here, step, 1, size)
    if code == op.MEAN:
        means(y, a, b, numbers[1])
        return
    c, d = view(cells, here, step, 2, size), view(cells, here, step, 3, size)
    if code < op.SQUARES_OF_4:
        merged(code, y, a, b, c, d, numbers)
        return
    e, f = view(cells, here, step, 4, size), view(cells, here, step, 5, size)
    g, h = view(cells, here, step, 6, size), view(cells, here, step, 7, size)
    merged_many(code, y, (a, b, c, d, e, f, g, h), numbers)


@inner
def elementwise(step: Codes, y: Floats, numbers: Floats, cells: Floats, here: Codes) -> None:
    """Run a step element by element."""
    code, size = step[CODE], y.size
    a = view(cells, here, step, 0, size)
    if code < op.COPY:
        paired(code, y, a, view(cells, here, step, 1, size))
    elif code < op.SELECT:
        single(code, y, a, numbers[0], numbers[1])
    else:
        b, c = view(cells, here, step, 1, size), view(cells, here, step, 2, size)
        if code == op.PLACED:
            placed(y, a, b, (c, view(cells, here, step, 3, size)), numbers)
        else:
            chosen(code, y, a, b, c, numbers)


@inner
def block(program: Program, state: State, start: int, size: int, ends: Ends) -> None:
    """Run all steps over one block."""
    steps, numbers, registers = program
    place, cells, memory = state
    inputs, extent = ends[0], ends[1]
    count = place.size // 2
    here = cut(place, 0, count)
    for k in range(steps.size // COLUMNS):
        step, own_numbers = cut(steps, k * COLUMNS, COLUMNS), cut(numbers, k * MOST_NUMBERS, MOST_NUMBERS)
        code = step[CODE]
        if code == op.STORE:
            first, masked = step[OUT] * extent[ROW] + start, int(own_numbers[0]) - extent[DONE] - start
            store(view(cells, here, step, 0, size), masked, first, ends)
            continue
        row, home = cut(registers, PLACES * step[OUT], PLACES), cut(place, count + step[OUT], 1)
        y = room(cells, cut(here, step[OUT], 1), home, row, size)
        if code == op.LOAD:
            load(y, at_address(inputs[int(own_numbers[0])], start, size), extent[FETCHING] == 1)
        elif code < op.MEAN:
            elementwise(step, y, own_numbers, cells, here)
        elif code < op.SMOOTHED:
            merging(step, y, own_numbers, cells, here)
        else:
            own = cut(memory, step[MEMORY], step[MEMORY_SIZE])
            remembering(step, y, own_numbers, cells, here, own)
        keep(cells, home, row, size)


@kernel
def run(program: Program, state: State, ends: Ends) -> None:
    """Run all steps over the rows of the inputs, block by block.

    Parameters
    ----------
    program
        COLUMNS and MOST_NUMBERS of each step, one after the other, and PLACES of each register.
    state
        Where registers are in this block and where they go on at home, their contents, and what steps remember.
    ends
        Addresses of the input columns (float64 without gaps); how many bars they hold, how many were computed before
        them, the length of a row of the outputs, and of a block, and whether the next block is sent for (1); float32
        and float64 outputs, of which one is empty.
    """
    steps, numbers, registers = program
    place, cells, memory = state
    inputs, extent, singles, doubles = ends
    rows = (cut(steps, 0, steps.size), cut(numbers, 0, numbers.size), cut(registers, 0, registers.size))
    held = (cut(place, 0, place.size), cut(cells, 0, cells.size), cut(memory, 0, memory.size))
    outputs = (cut(singles, 0, singles.size), cut(doubles, 0, doubles.size))
    doors = (cut(inputs, 0, inputs.size), cut(extent, 0, extent.size), outputs[0], outputs[1])
    for start in range(0, extent[BARS], extent[BLOCK]):
        block(rows, held, start, min(extent[BLOCK], extent[BARS] - start), doors)
