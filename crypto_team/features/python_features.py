"""Features as Python functions: computed in a guarded child processes, many variants of the candles in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError, WorkerError
from crypto_team.features.python_frames import OHLCV, compute_frames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

COLUMNS = ("open", "high", "low", "close", "volume")
SECONDS, SECONDS_EACH, MEMORY_MB = 120.0, 4.0, 4096


def source_file(code_dir: Path, reference: str) -> Path:
    """Return the file of `code/x.py:name`; `code_dir` is the strategy's folder or its `code`."""
    relative = reference.split(":", maxsplit=1)[0]
    for folder in (code_dir, code_dir.parent):
        if (folder / relative).is_file():
            return folder / relative
    raise InputError("the file of the feature is missing", where=reference, hint="crypto-team ml-engineer add-code")


def compute_python(
    reference: str, code_dir: Path, bars: pd.DataFrame, aux: Mapping[str, pd.DataFrame] | None = None
) -> npt.NDArray[np.float64]:
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
    aux
        Other frames by name, for a function of two arguments.

    Returns
    -------
    ndarray
        float64, shape (n,).
    """
    found = compute_many(source_file(code_dir, reference), reference.split(":")[1], [bars], [aux or {}])[0]
    return found[:, 0]


def compute_many(
    path: Path, function: str, frames: Sequence[pd.DataFrame], aux: Sequence[Mapping[str, pd.DataFrame]] = ()
) -> list[npt.NDArray[np.float64]]:
    """Compute a function on many frames, each in a process that sees no other; arrays of shape (rows, columns).

    Raises
    ------
    WorkerError
        The code failed, reached out of its folder, took too long, or did not return a number for each bar.
    """
    others = aux or [{} for _ in frames]
    jobs = [{OHLCV: bars_of(frame), **other} for frame, other in zip(frames, others, strict=True)]
    limits = {"seconds": SECONDS + SECONDS_EACH * len(jobs), "memory_mb": MEMORY_MB}
    found = compute_frames(path, function, jobs, strict=True, **limits)  # type: ignore[arg-type]
    for item in found:
        if item.error:
            raise WorkerError(item.error, where=path.name, hint="run the function on your own candles first")
    return [
        np.column_stack(list(item.columns.values())) if item.columns else np.empty((len(frame), 0))
        for item, frame in zip(found, frames, strict=True)
    ]


def bars_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the bars as functions get them: timestamp, open, high, low, close, volume, rows counted from 0."""
    return frame[["timestamp", *COLUMNS]].reset_index(drop=True)
