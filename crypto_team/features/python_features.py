"""Features as Python functions: computed in a guarded child process, many variants of the candles in one call."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import InputError, WorkerError
from crypto_team.executors import run_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COLUMNS = ("open", "high", "low", "close", "volume")
SECONDS, MEMORY_MB = 180.0, 4096
_REQUEST, _RESULT = "request.json", "result_{number}.npy"


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
    """Compute a function on many frames, one after the other in one fresh process; arrays of shape (rows, columns)."""
    if not frames:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "feature_code.py").write_bytes(path.read_bytes())
        joined = pd.concat([frame[["timestamp", *COLUMNS]] for frame in frames], ignore_index=True)
        joined.to_parquet(folder / "frames.parquet", index=False)
        rows = [len(frame) for frame in frames]
        (folder / _REQUEST).write_text(json.dumps({"function": function, "rows": rows}), encoding="utf-8")
        try:
            run_limited("crypto_team.features.python_features:child", folder, seconds=SECONDS, memory_mb=MEMORY_MB)
        except WorkerError as problem:
            where = (problem.where or path.name).replace("feature_code.py", path.name)
            raise WorkerError(problem.what, where=where, hint="run the function on your own candles first") from None
        return [np.load(folder / _RESULT.format(number=number), allow_pickle=False) for number in range(len(rows))]


def child(folder: Path) -> None:
    """Compute all variants of a request; runs in the guarded child process."""
    request = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
    joined = pd.read_parquet(folder / "frames.parquet")
    function = _load(folder / "feature_code.py", request["function"])
    start = 0
    for number, rows in enumerate(request["rows"]):
        frame = joined.iloc[start : start + rows].reset_index(drop=True)
        start += rows
        np.save(folder / _RESULT.format(number=number), _numbers(function(frame), rows), allow_pickle=False)


def _load(path: Path, name: str) -> Callable[[pd.DataFrame], Any]:
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
