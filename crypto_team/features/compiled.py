"""Numba behind a typed door: kernels are compiled once, cached on disk, and release the GIL.

Numba looks at the file of a kernel to see whether what it has stored is still valid, but a kernel consists of others
from other files. So the cache has one folder for each state of all of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from numba import config, njit, types
from numba.extending import intrinsic

P = ParamSpec("P")
R = TypeVar("R")
_SOURCES = ("blocks_*.py", "kernels_*.py", "machine.py", "opcodes.py", "compiled.py")


def cache_folder() -> Path:
    """Return where compiled kernels lie: below NUMBA_CACHE_DIR, or else the user's cache folder."""
    state = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(Path(__file__).parent.glob(pattern)):
            state.update(path.name.encode() + path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = os.environ.get("NUMBA_CACHE_DIR") or Path(home) / "crypto-team" / "kernels"
    return Path(base) / state.hexdigest()[:16]


config.CACHE_DIR = str(cache_folder())


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over float64 arrays; it keeps its types for the type checker."""
    return cast("Callable[P, R]", njit(function, cache=True, nogil=True, error_model="numpy"))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels call: it is stored as a part of them and needs no file of its own."""
    return cast("Callable[P, R]", njit(function, nogil=True, error_model="numpy"))



@intrinsic  # type: ignore[untyped-decorator]
def pointer(_: Any, array: Any) -> Any:
    """Return the address of an array's first element.

    Views of what `carray` makes of it are not counted: counting, which has to be safe between threads, would take
    longer than most steps of the machine. The caller keeps the array alive.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        return made.data

    return types.CPointer(array.dtype)(array), code
