"""The file that a live engine's state lies in: refused unless this program wrote it for the same formulas.

The machine addresses memory without checks. So what comes from a file has to have the shapes, and its counters the
ranges, that this program gives them; and a digest tells whether anything was changed on the way.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features import machine
from crypto_team.features import opcodes as op
from crypto_team.features.machine import BASE, END, HISTORY, PLACES

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.features.program import Program

Arrays = Mapping[str, npt.NDArray[Any]]
MOST: Final = 1 << 53
"""Bars and milliseconds beyond it are none: up to here they are exact as numbers of floating point, too."""
MOST_BYTES: Final = 1 << 30
UNREADABLE: Final = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    BadZipFile,
    zlib.error,
    struct.error,
)
"""What reading an archive that somebody damaged or made up ends in; RuntimeError is one under a password."""
_COUNTING: Final = (op.SMOOTHED, op.HURST)
"""Steps whose first number in memory is a count that they find their way with."""


def digest(arrays: Arrays) -> str:
    """Return what changes when any name, type, shape or value does."""
    made = hashlib.sha256()
    for name in sorted(arrays):
        item = np.ascontiguousarray(arrays[name])
        made.update(repr((name, item.dtype.str, item.shape)).encode() + item.tobytes())
    return made.hexdigest()


def pack(file: IO[bytes], arrays: Arrays) -> None:
    """Write arrays and their digest (NumPy archive, nothing executable)."""
    np.savez_compressed(file, digest=np.array(digest(arrays)), **arrays)  # type: ignore[arg-type]


def unpack(file: IO[bytes]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that :func:`pack` wrote; whatever is wrong with the file is one of UNREADABLE."""
    with ZipFile(file) as packed:
        if sum(item.file_size for item in packed.infolist()) > MOST_BYTES:
            raise ValueError("it unpacks to more than any state holds")
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    if str(arrays.pop("digest")) != digest(arrays):
        raise ValueError("something in it was changed")
    return arrays


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays to a file."""
    try:
        with path.open("wb") as file:
            pack(file, arrays)
    except OSError as problem:
        raise InputError(f"the state cannot be written: {problem.strerror}", where=str(path)) from None


def read(path: Path, key: str, version: int) -> dict[str, npt.NDArray[Any]]:
    """Return the state in a file, if it is one of the formulas with this key."""
    try:
        with path.open("rb") as file:
            state = unpack(file)
        own = str(state["key"]) == key and int(state["format"]) == version
    except UNREADABLE as problem:
        raise no_state(str(problem), str(path)) from None
    if not own:
        raise InputError(
            "the state was saved by other formulas or by another version of them",
            where=str(path),
            hint="warm up from history instead",
        )
    return state


def no_state(problem: str, where: str | None = None) -> InputError:
    """Return the refusal of something that is no state."""
    return InputError(f"this is not a saved state: {problem}", where=where, hint="warm up from history instead")


def expect(item: npt.NDArray[Any], kind: Any, shape: tuple[int | None, ...], what: str) -> npt.NDArray[Any]:
    """Return an array if it has a type and a shape (None: of any length), else refuse it as what it should be."""
    sizes = item.ndim == len(shape) and all(want in (None, has) for want, has in zip(shape, item.shape, strict=True))
    if item.dtype != kind or not sizes:
        wanted = " x ".join("any" if size is None else str(size) for size in shape) or "one"
        raise no_state(f"{what}: an array of {item.dtype} {item.shape} is where {wanted} values should be")
    return item


def opens(item: npt.NDArray[Any], what: str, step: int = 0) -> npt.NDArray[np.int64]:
    """Return times of bars if they follow each other: `step` milliseconds apart, or where it is 0 just one by one."""
    found = expect(item, np.int64, (None,), what)
    apart = np.diff(found)
    odd = apart != step if step else apart <= 0
    if odd.any() or ((found < -MOST) | (found > MOST)).any():
        raise no_state(f"{what}: times of bars that do not follow each other")
    return found


def check_run(program: Program, state: Arrays) -> None:
    """Refuse parts of a run that do not fit its program.

    Raises
    ------
    InputError
        An array has another type or length, a register goes on outside its own room, or a count is none.
    """
    table = program.registers.reshape(-1, PLACES)
    place = expect(state["place"], np.int64, (2 * len(table),), "places")
    cells = expect(state["cells"], np.float64, (program.cells,), "cells")
    memory = expect(state["memory"], np.float64, (program.memory,), "memory")
    done = int(expect(state["done"], np.int64, (), "count of bars"))
    here, home, begin = place[: len(table)], place[len(table) :], program.begin[: len(table)]
    first, constant = table[:, BASE] + table[:, HISTORY], [register for register, _ in program.constants]
    if ((home < first) | (home > np.maximum(first, table[:, END]))).any() or ((here < 0) | (here > cells.size)).any():
        raise no_state("a register lies outside of its room")
    # No step writes a constant: where it lies is read as it stands.
    if (here[constant] != begin[constant]).any() or not 0 <= done <= MOST or not _counts(program, memory, done):
        raise no_state("a count is none")


def _counts(program: Program, memory: npt.NDArray[Any], done: int) -> bool:
    """Return whether each count in memory is one: not above the bars seen, or the place in the step's own cycle."""
    for row, step in enumerate(program.steps.reshape(-1, machine.COLUMNS)):
        if step[machine.CODE] not in _COUNTING:
            continue
        count = float(memory[step[machine.MEMORY]])
        if step[machine.CODE] == op.HURST:
            n, lags = program.numbers[row * machine.MOST_NUMBERS : row * machine.MOST_NUMBERS + 2]
            right = count == done % int(n - lags)
        else:
            right = 0.0 <= count <= done and count.is_integer()
        if not right:
            return False
    return True
