"""Running `features(ohlcv)` or `features(ohlcv, aux)` on many variants of its frames, each in a guarded process.

Frames arrive as they lie in their files: same columns, same index, same order. What comes back is one number per row
and column; text and times become numbers that are equal when they are.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import random
import secrets
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import InputError, WorkerError
from crypto_team.executors import run_limited
from crypto_team.features.python_source import CODE, compiled, imported_libraries, keep_compiled
from crypto_team.sandbox import attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OHLCV = "ohlcv"
_REQUEST, _ERROR = "request.json", "error.txt"
_NAMES, _VALUES = "names.json", "values.npy"


@dataclass(frozen=True)
class Computed:
    """What one variant gave: values by column, or why it gave nothing; and what the guard refused it on the way."""

    columns: Mapping[str, npt.NDArray[np.float64]]
    error: str = ""
    refused: tuple[str, ...] = ()


def compute_frames(
    path: Path,
    function: str,
    variants: Sequence[Mapping[str, pd.DataFrame]],
    *,
    seconds: float,
    memory_mb: int,
    strict: bool = False,
) -> list[Computed]:
    """Compute the function on every variant; `ohlcv` is its first frame, all others are handed over as `aux`.

    Strict is how strategies are computed: one row for each bar, in their order, and numbers only. Otherwise rows may be
    missing where an index says which, and words count as numbers that are equal when they are.

    Raises
    ------
    WorkerError
        A process was killed, or the limits were reached. An error that the function raises is part of the answer.
    """
    source = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A number would say which of them holds all bars; and they run in the order of their names, which is chance.
        jobs = [secrets.token_hex(8) for _ in variants]
        code = compiled(source)
        for job, frames in zip(jobs, variants, strict=True):
            _write(folder / job, source, {"function": function, "strict": strict}, frames)
            keep_compiled(folder / job / CODE, code)
        try:
            run_limited(
                "crypto_team.features.python_frames:child",
                folder,
                jobs=sorted(jobs),
                modules=imported_libraries(source),
                seconds=seconds,
                memory_mb=memory_mb,
            )
        except WorkerError as problem:
            where = (problem.where or path.name).replace(CODE, path.name)
            raise type(problem)(problem.what, where=where, hint="run the function on your own data first") from None
        return [_read(folder / job, len(frames[OHLCV])) for job, frames in zip(jobs, variants, strict=True)]


def _write(folder: Path, source: str, asked: dict[str, Any], frames: Mapping[str, pd.DataFrame]) -> None:
    folder.mkdir()
    (folder / CODE).write_text(source, encoding="utf-8")
    described = {}
    for number, (name, frame) in enumerate(frames.items()):
        described[name] = _packed(frame, folder / f"frame_{number}.npz")
    (folder / _REQUEST).write_text(json.dumps({**asked, "frames": described}), encoding="utf-8")


def _packed(frame: pd.DataFrame, path: Path | IO[bytes]) -> list[dict[str, str]]:
    """Write a frame as plain arrays and return what its columns are; an index of times comes first."""
    parts = [("", frame.index.to_series())] if isinstance(frame.index, pd.DatetimeIndex) else []
    parts += [(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    described: list[dict[str, str]] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, (name, values) in enumerate(parts):
        zone = str(getattr(values.dt, "tz", None) or "") if pd.api.types.is_datetime64_any_dtype(values) else None
        if zone is not None:
            naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if zone else values
            arrays[f"c{number}"] = naive.to_numpy("datetime64[ns]").astype(np.int64)
        elif pd.api.types.is_numeric_dtype(values):
            arrays[f"c{number}"] = values.to_numpy()
        else:
            raise InputError(f"the column {name} holds neither numbers nor times", hint="leave it out")
        kind = "number" if zone is None else "time"
        described.append(
            {"name": name, "kind": kind, "zone": zone or "", "unit": _unit(values), "index": "" if name else "yes"}
        )
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return described


def _unit(values: pd.Series[Any]) -> str:
    return str(values.dtype).partition("[")[2].partition(",")[0].rstrip("]") or "ns"


def _unpacked(path: Path | IO[bytes], described: list[dict[str, str]]) -> pd.DataFrame:
    found = np.load(path, allow_pickle=False)
    columns: dict[str, Any] = {}
    index = None
    for number, item in enumerate(described):
        values = found[f"c{number}"]
        if item["kind"] == "number":
            columns[item["name"]] = values
            continue
        times = pd.DatetimeIndex(values.astype("datetime64[ns]")).as_unit(item["unit"])  # type: ignore[arg-type]
        times = times.tz_localize("UTC").tz_convert(item["zone"]) if item["zone"] else times
        if item["index"]:
            index = times
        else:
            columns[item["name"]] = pd.Series(times)
    made = pd.DataFrame(columns)
    return made if index is None else made.set_axis(index, axis=0)


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


def _announced(module: Any, names: Sequence[str]) -> None:
    """Let readers that open files outside of Python tell the guard first; the kernel refuses them without a word."""
    for name in names:
        reader = getattr(module, name)

        def told(path: Any, *rest: Any, _reader: Any = reader, **options: Any) -> Any:
            if isinstance(path, str | os.PathLike):
                sys.audit("open", os.fspath(path), "rb", os.O_RDONLY)
            return _reader(path, *rest, **options)

        setattr(module, name, functools.wraps(reader)(told))


def prepare() -> None:
    """Load what pandas and NumPy load when it is first used, once for all jobs: each would spend 10 ms on it."""
    size = 64
    times = pd.date_range("2024-01-01", periods=size, freq="h", tz="UTC").as_unit("ms")
    first = pd.DataFrame({"timestamp": times, "close": np.arange(1.0, size + 1.0)})
    with tempfile.TemporaryFile(dir=Path.cwd()) as file:
        described = _packed(first, file)
        file.seek(0)
        frame = _unpacked(file, described)
    close, window = frame["close"], frame["close"].rolling(8)
    for made in (window.mean(), window.std(), window.max(), window.skew(), window.rank(), window.corr(close)):
        frame["made"] = made.shift(1) / close.pct_change().ewm(span=8).mean()
    days = frame.groupby(frame["timestamp"].dt.floor("D"))["close"]
    frame["day"] = days.cumsum() + days.transform("max")
    pd.merge_asof(frame, first.rename(columns={"close": "other"}), on="timestamp")
    _called(lambda ohlcv: ohlcv.drop(columns="timestamp"), {OHLCV: frame}, strict=False)


def child(folder: Path) -> None:
    """Compute one variant; runs in the guarded child process."""
    _announced(pd, ("read_parquet", "read_feather", "read_orc", "read_hdf"))
    if "pyarrow.parquet" in sys.modules:
        _announced(sys.modules["pyarrow.parquet"], ("read_table", "read_pandas"))
    random.seed()
    np.random.seed()  # noqa: NPY002, TID251 - chance has to show, so every process gets its own
    request = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
    frames = {
        name: _unpacked(folder / f"frame_{number}.npz", described)
        for number, (name, described) in enumerate(request["frames"].items())
    }
    try:
        made = _called(load_function(folder / CODE, request["function"]), frames, strict=request["strict"])
    except Exception as problem:  # noqa: BLE001 - whatever the function raises is told, and other variants go on
        (folder / _ERROR).write_text(f"{type(problem).__name__}: {problem}"[:500], encoding="utf-8")
        return
    (folder / _NAMES).write_text(json.dumps(list(made)), encoding="utf-8")
    np.save(folder / _VALUES, np.array(list(made.values())))


def _called(
    function: Callable[..., Any], frames: dict[str, pd.DataFrame], *, strict: bool
) -> dict[str, npt.NDArray[np.float64]]:
    """Call the function as its signature asks, and return its columns as numbers, one per bar."""
    ohlcv = frames.pop(OHLCV)
    index = ohlcv.index.copy()
    wanted = [item for item in inspect.signature(function).parameters.values() if item.default is item.empty]
    takes_aux = len(wanted) > 1 or "aux" in inspect.signature(function).parameters
    result = function(ohlcv, frames) if takes_aux else function(ohlcv)
    table = _table(result)
    if len(table) != len(index):
        labelled = isinstance(result, pd.DataFrame | pd.Series) and not strict
        # Few rows numbered from 0 are not said to be the first bars: they belong to no bars at all.
        counted = isinstance(table.index, pd.RangeIndex) and table.index.start == 0
        labelled &= not (counted and 2 * len(table) < len(index))
        if not (labelled and table.index.is_unique and table.index.isin(index).all() and index.is_unique):
            raise ValueError(f"the function returned {len(table)} rows for {len(index)} bars")
        table = table.reindex(index)
    read = _only_numbers if strict else _as_numbers
    return {str(name): read(table.iloc[:, place]) for place, name in enumerate(table.columns)}


def _table(result: Any) -> pd.DataFrame:
    if isinstance(result, pd.DataFrame):
        return result
    if isinstance(result, pd.Series):
        return result.to_frame(result.name if result.name is not None else "value")
    values = np.asarray(result)
    if not values.ndim:
        raise ValueError(f"the function returned {str(result)[:80]}, which is no frame")
    return pd.DataFrame(values.reshape(len(values), -1))


def _only_numbers(values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _as_numbers(values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(values):
        return np.asarray(values.astype("int64").to_numpy(), dtype=np.float64)
    words = [np.nan if pd.isna(item) else float(zlib.crc32(str(item).encode())) for item in values]
    return np.array(words, dtype=np.float64)


def _read(folder: Path, rows: int) -> Computed:
    refused = attempts(folder)
    if (folder / _ERROR).is_file():
        return Computed({}, (folder / _ERROR).read_text(encoding="utf-8"), refused)
    for place in (folder / _NAMES, folder / _VALUES):
        if place.is_symlink() or not place.is_file() or place.stat().st_nlink != 1:
            raise WorkerError("the code ended its process instead of returning values")
    try:
        names = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        with (folder / _VALUES).open("rb") as file:
            found = np.lib.format.read_array(file, allow_pickle=False)
        columns = {str(name): values for name, values in zip(names, found, strict=True)}
    except (ValueError, OSError, KeyError, EOFError, TypeError) as problem:
        raise WorkerError("the code left something else than values") from problem
    if any(values.shape != (rows,) or values.dtype != np.float64 for values in columns.values()):
        raise WorkerError(f"the code left something else than a value for each of {rows} bars")
    return Computed(columns, refused=refused)
