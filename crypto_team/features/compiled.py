"""Numba behind a typed door: kernels are compiled once, cached on disk, and release the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over float64 arrays; it keeps its types for the type checker."""
    return cast("Callable[P, R]", njit(function, cache=True, nogil=True, error_model="numpy"))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels call: it is stored as a part of them and needs no file of its own."""
    return cast("Callable[P, R]", njit(function, nogil=True, error_model="numpy"))

