"""One thread per learner and the same kernels in every process: folds run beside each other and keep their bits."""

from __future__ import annotations

import ctypes
import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from threadpoolctl import ThreadpoolController

# MKL's number for its mode COMPATIBLE (mkl_types.h).
COMPATIBLE = 3


def quiet_openmp() -> None:
    """Ask OpenMP to let idle workers sleep; it is read once, so call this before a learner's first import.

    With the default active wait two learners on two busy cores take four times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def products_on_one_thread() -> Iterator[None]:
    """Let matrix products take one thread, as a context or a decorator: on two they add up in another order.

    From a few thousand rows on OpenBLAS shares a product among as many threads as the machine or the shell allows, and
    the last bits, with them every hash, would depend on that. The number is one of the process, and only the thread
    that holds it may change it: take this around whatever starts threads of its own, not inside them.
    """
    with _products().limit(limits=1):
        yield


@cache
def _products() -> ThreadpoolController:
    importlib.import_module("scipy.linalg")  # SciPy brings a library of its own, which has to be there to be found
    return ThreadpoolController().select(user_api="blas")


@cache
def fixed_kernels() -> None:
    """Let PyTorch's matrix products have one result; warn where that comes too late for this process.

    MKL chooses its kernels by the alignment of memory, which no seed fixes, unless it is told otherwise before the
    process's first product. Whoever computed with PyTorch before coming here gets other last bits than elsewhere.
    """
    os.environ.setdefault("MKL_CBWR", "COMPATIBLE")
    torch = importlib.import_module("torch")
    library = Path(str(torch.__file__)).parent / "lib" / "libtorch_cpu.so"
    told = getattr(ctypes.CDLL(str(library)), "mkl_serv_cbwr_get", None) if library.exists() else None
    if told is not None and os.environ["MKL_CBWR"] == "COMPATIBLE" and told(-1) != COMPATIBLE:
        warnings.warn(
            "PyTorch computed in this process before crypto_team did: networks trained here can differ in their last "
            "bits from those of other processes; set MKL_CBWR=COMPATIBLE before Python starts",
            RuntimeWarning,
            stacklevel=3,
        )
