"""Features as Python functions: computed in a guarded child processes, many variants of the candles in one call."""

from __future__ import annotations

import ast
import json
import random
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError, WorkerError
from crypto_team.executors import run_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COLUMNS = ("open", "high", "low", "close", "volume")
SECONDS, SECONDS_EACH, MEMORY_MB = 120.0, 4.0, 4096
_CODE, _REQUEST, _BARS, _RESULT = "feature_code.py", "request.json", "bars.npy", "result.npy"


def source_file(code_dir: Path, reference: str) -> Path:
    """Return the file of `code/x.py:name`; `code_dir` is the strategy's folder or its `code`."""
    relative = reference.split(":", maxsplit=1)[0]
    for folder in (code_dir, code_dir.parent):
        if (folder / relative).is_file():
            return folder / relative
    raise InputError("the file of the feature is missing", where=reference, hint="crypto-team ml-engineer add-code")


def compute_python(reference: str, code_dir: Path, bars: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Compute one Python feature on the bars of one pair.

    Parameters
    ----------
    reference
        code/FILE.py:FUNCTION. The function takes a frame with timestamp, open, high, low, close, volume and returns one
        number per row: a Series, an array, or a frame with one column.
    code_dir
        Folder that the reference is relative to.
    bars
        Regular bars, n rows.

    Returns
    -------
    ndarray
        float64, shape (n,).
    """
    return compute_many(source_file(code_dir, reference), reference.split(":")[1], [bars])[0][:, 0]


def compute_many(path: Path, function: str, frames: Sequence[pd.DataFrame]) -> list[npt.NDArray[np.float64]]:
    """Compute a function on many frames, each in a process that sees no other; arrays of shape (rows, columns)."""
    source = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = [secrets.token_hex(8) for _ in frames]  # a number would say which of them holds all bars
        for job, frame in zip(jobs, frames, strict=True):
            _write_job(folder / job, source, function, frame)
        try:
            run_limited(
                "crypto_team.features.python_features:child",
                folder,
                jobs=jobs,
                modules=imported_libraries(source),
                seconds=SECONDS + SECONDS_EACH * len(frames),
                memory_mb=MEMORY_MB,
            )
            return [_read_result(folder / job, len(frame)) for job, frame in zip(jobs, frames, strict=True)]
        except WorkerError as problem:
            where = (problem.where or path.name).replace(_CODE, path.name)
            raise WorkerError(problem.what, where=where, hint="run the function on your own candles first") from None


def _write_job(folder: Path, source: str, function: str, frame: pd.DataFrame) -> None:
    folder.mkdir()
    (folder / _CODE).write_text(source, encoding="utf-8")
    (folder / _REQUEST).write_text(json.dumps({"function": function}), encoding="utf-8")
    rows = np.empty(len(frame), dtype=[("timestamp", np.int64), *((name, np.float64) for name in COLUMNS)])
    rows["timestamp"] = epoch_ms(frame["timestamp"])
    for name in COLUMNS:
        rows[name] = frame[name].to_numpy(np.float64)
    np.save(folder / _BARS, rows, allow_pickle=False)


def _read_result(folder: Path, rows: int) -> npt.NDArray[np.float64]:
    """Read what a job left: a file of its own, no link to anybody else's, with one row per bar."""
    place = folder / _RESULT
    if place.is_symlink() or not place.is_file() or place.stat().st_nlink != 1:
        raise WorkerError("the code ended its process instead of returning values")
    try:
        made = np.asarray(np.load(place, allow_pickle=False), dtype=np.float64)
    except (ValueError, OSError, EOFError) as problem:
        raise WorkerError("the code left something else than values") from problem
    if made.ndim != 2 or len(made) != rows:
        raise WorkerError(f"the function returned {len(made)} rows for {rows} bars")
    return made


def imported_libraries(source: str) -> list[str]:
    """Return the libraries that a file imports, to be loaded once and not for every frame."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    # Our own kernels choose the folder of their cache when they are loaded: that has to be the job's.
    known = {*sys.stdlib_module_names, "crypto_team"}
    return [name for name in dict.fromkeys(found) if name.partition(".")[0] not in known]


def child(folder: Path) -> None:
    """Compute one job; runs in the guarded child process."""
    # Forks share the state of random generators: without entropy of its own in each, chance would not show.
    random.seed()
    np.random.seed()  # noqa: NPY002, TID251
    request = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
    rows = np.load(folder / _BARS, allow_pickle=False)
    times = pd.to_datetime(rows["timestamp"], unit="ms", utc=True).as_unit("ms")
    frame = pd.DataFrame({"timestamp": times, **{name: rows[name].copy() for name in COLUMNS}})
    result = load_function(folder / _CODE, request["function"])(frame)
    np.save(folder / _RESULT, _numbers(result, len(rows)), allow_pickle=False)


def load_function(path: Path, name: str) -> Callable[[pd.DataFrame], Any]:
    """Import the user's file as a module of its own and return the function."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("feature_code", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path.name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        raise TypeError(f"there is no function {name!r} in the file")
    made: Callable[[pd.DataFrame], Any] = found
    return made


def _numbers(result: Any, rows: int) -> npt.NDArray[np.float64]:
    """Check what a function returned: one row per bar, numbers only."""
    values = result.to_numpy() if isinstance(result, pd.Series | pd.DataFrame) else np.asarray(result)
    values = np.asarray(values, dtype=np.float64)
    table = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    if len(table) != rows:
        raise ValueError(f"the function returned {len(table)} rows for {rows} bars")
    return table
