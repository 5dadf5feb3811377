"""Numba behind a typed door: kernels are compiled once, cached on disk, and release the GIL.

Numba looks at the file of a kernel to see whether what it has stored is still valid, but a kernel consists of others
from other files. So the cache has one folder for each state of all of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import caching, cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", np.float64, np.float32, np.int64, np.int32)
_TYPES, _CGUTILS, _ARRAYS = cast("Any", types), cast("Any", cgutils), cast("Any", arrayobj)  # not typed in numba
_IR = cast("Any", ir)
_SOURCES = ("blocks_*.py", "kernels_*.py", "machine.py", "opcodes.py", "compiled*.py", "microstructure_[cl]*.py")
"""What kernels are made of; the last are the layout and the columns of the order book, whose numbers they hold."""


def cache_folder() -> Path:
    """Return where compiled kernels lie: below NUMBA_CACHE_DIR, else beside the sources, else in the user's cache.

    Beside the sources, sandboxed children can read them too.
    """
    state = hashlib.sha256()
    here = Path(__file__).parent
    for pattern in _SOURCES:
        for path in sorted(here.glob(pattern)):
            state.update(path.name.encode() + path.read_bytes())
    name = f"kernels-{state.hexdigest()[:16]}"
    given, beside = os.environ.get("NUMBA_CACHE_DIR"), here / "__pycache__"
    if given:
        return Path(given) / name
    if (beside / name).is_dir() or os.access(beside if beside.is_dir() else here, os.W_OK):
        return beside / name
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crypto-team" / name


class _Locator(caching.UserProvidedCacheLocator):
    """Says to Numba where compiled kernels lie."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[no-untyped-call]
        self._cache_path = str(cache_folder())

    def ensure_cache_path(self) -> None:
        """Make the folder; a child that may only read does without."""
        with suppress(OSError):
            Path(self._cache_path).mkdir(parents=True, exist_ok=True)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator:
        """Serve every kernel."""
        return cls(py_func, py_file)


class _Storage(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]


class _Cache(caching.FunctionCache):
    _impl_class = _Storage

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a compiled kernel where that is allowed."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over float64 arrays; it keeps its types for the type checker."""
    made = cast("Any", njit(function, nogil=True, error_model="numpy"))
    made._cache = cast("Any", _Cache)(function)  # noqa: SLF001 - what `cache=True` does, with a cache of our own
    return cast("Callable[P, R]", made)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels call: it is stored as a part of them and needs no file of its own."""
    return cast("Callable[P, R]", njit(function, nogil=True, error_model="numpy"))


@intrinsic
def _cut(_: Any, array: Any, start: Any, size: Any) -> Any:  # noqa: ARG001 - numba asks for their names
    """Return array[start : start + size] of a one-dimensional array, without any check.

    Such a view is not counted: counting, which has to be safe between threads, and the checks of a slice would take
    longer than most steps of the machine. The caller keeps the array alive and within its bounds.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        return _view(context, builder, signature.return_type, source.data, arguments[1], arguments[2])

    return _TYPES.Array(array.dtype, 1, "C")(array, types.int64, types.int64), code


@intrinsic
def _at_address(_: Any, address: Any, start: Any, size: Any) -> Any:  # noqa: ARG001
    """Return float64 values from an address on, without any check."""
    made = _TYPES.Array(types.float64, 1, "C")

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        kind = context.get_value_type(_TYPES.CPointer(types.float64))
        data = builder.inttoptr(arguments[0], kind)
        return _view(context, builder, made, data, arguments[1], arguments[2])

    return made(types.int64, types.int64, types.int64), code


def _fetching(writing: int) -> Callable[[npt.NDArray[Any], int], None]:
    """Make a function that asks the processor for the cache line of array[at], be it behind the end."""

    def fetch(_: Any, array: Any, at: Any) -> Any:  # noqa: ARG001
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source = context.make_array(signature.args[0])(context, builder, arguments[0])
            number, byte = _IR.IntType(32), _IR.IntType(8).as_pointer()
            width = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
            place = _CGUTILS.pointer_add(builder, source.data, builder.mul(arguments[1], width), byte)
            kind = _IR.FunctionType(_IR.VoidType(), [byte, number, number, number])
            asked = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
            builder.call(asked, [place, number(writing), number(2), number(1)])
            return context.get_dummy_value()

        return _TYPES.void(array, types.int64), code

    return cast("Callable[[npt.NDArray[Any], int], None]", intrinsic(fetch))


fetch, fetch_to_write = _fetching(0), _fetching(1)
cut: Callable[[npt.NDArray[S], int, int], npt.NDArray[S]] = cast("Any", _cut)
at_address: Callable[[int, int, int], npt.NDArray[np.float64]] = cast("Any", _at_address)


def _view(context: Any, builder: Any, kind: Any, data: Any, start: Any, size: Any) -> Any:
    width = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    bytes_each = context.get_constant(types.intp, width)
    first = _CGUTILS.pointer_add(builder, data, builder.mul(start, bytes_each), data.type)
    made = _ARRAYS.make_array(kind)(context, builder)
    _ARRAYS.populate_array(made, data=first, shape=[size], strides=[bytes_each], itemsize=bytes_each, meminfo=None)
    return made._getvalue()  # noqa: SLF001 - how numba's own array functions return one
