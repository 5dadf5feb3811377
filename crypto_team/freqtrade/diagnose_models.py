"""Files that a strategy reads besides candles: what they were trained on, and what they remember."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.freqtrade.diagnose_judge import GIVEN, SIGNALS

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES: Final = 20_000_000
HORIZONS: Final = (1, 3, 12)
LEAST_SKILL: Final = {1: 0.15, 3: 0.2, 12: 0.25}
LEAST_GAIN, LEAST_ENTRIES = 0.6, 30
LEAST_T, LEAST_ROWS = 6.0, 200
_SUFFIXES: Final = frozenset(
    (
        *(".json", ".csv", ".pkl", ".pickle", ".joblib", ".skops", ".onnx", ".pt", ".pth", ".h5", ".hdf5", ".keras"),
        *(".tflite", ".safetensors", ".npy", ".npz", ".cbm", ".ubj", ".lgb", ".xgb", ".bin", ".model", ".parquet"),
        *(".arrow", ".zip", ".gz", ".zst", ".db", ".sqlite", ".sqlite3"),
    )
)
_BEGINS: Final = (b"tree\n", b"CBM1", b"\x80", b"PK\x03\x04", b"\x89HDF", b"\x93NUMPY", b"{L\x00\x00", b"binf")
"""How stored models begin: LightGBM's text, CatBoost, pickles, archives of torch and numpy, HDF5, XGBoost."""
_DATE = rb"(20[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9])?)?)"
_TRAINED = re.compile(
    rb"(?i)(?:train|fit)[a-z]*[_ -]*(?:data[_ -]*)?(?:end|stop|until|to|last|through|on|range|period|span)[a-z_]*"
    rb"[^0-9]{0,40}" + _DATE + rb"(?:[^0-9]{1,12}" + _DATE + rb")?"
)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that the strategy read: its hash, and the last moment of its training data where it says so."""

    name: str
    sha256: str
    trained_until: pd.Timestamp | None


def is_model(path: Path) -> bool:
    """Tell whether a file may hold a model or a table, by the end of its name or the beginning of its content."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(8).startswith(_BEGINS)


def model_files(folder: Path, names: Sequence[str]) -> list[ModelFile]:
    """Read hash and training dates of files, from themselves or from a file beside them with the same stem."""
    found = []
    for name in names:
        path = folder / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        beside = [item for item in path.parent.glob(f"{path.stem}*") if item != path and item.is_file()]
        dates = [_trained(item.read_bytes()[:MOST_BYTES]) for item in (path, *beside) if item.suffix != ".py"]
        last = max((item for item in dates if item is not None), default=None)
        found.append(ModelFile(name, hashlib.sha256(content).hexdigest(), last))
    return found


def _trained(content: bytes) -> pd.Timestamp | None:
    dates = [item for found in _TRAINED.findall(content) for item in found if item]
    times = [pd.Timestamp(item.decode()).tz_localize("UTC") for item in dates]
    return max(times, default=None)


def predicted_before(frames: Mapping[str, pd.DataFrame], moment: pd.Timestamp) -> tuple[str, str, int] | None:
    """Return pair and candle of the last entry before a moment, and how many there are; None without any."""
    for pair, frame in frames.items():
        early = frame[frame["date"] < moment]
        entries = np.zeros(len(early), dtype=bool)
        for name in ("enter_long", "enter_short"):
            if name in early:
                entries |= early[name].to_numpy(np.float64) == 1
        rows = np.flatnonzero(entries)
        if rows.size:
            return pair, early["date"].iloc[rows[-1]].isoformat(), int(rows.size)
    return None


def implausible(
    frames: Mapping[str, pd.DataFrame], but: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str, int, float, float]]:
    """Yield column, pair, horizon, rank correlation with the later return and its t value, where no edge is so strong.

    Returns over h candles overlap, so n / h of n candles count. Hourly edges that pay for years have correlations of a
    few per cent; a model that remembers what it is asked for has tens. Signals are judged by the mean return after them
    in deviations of the return, 0.6 and more being implausible. Columns in `but` are known to look ahead for nothing.
    """
    for pair, frame in frames.items():
        close = frame["close"].to_numpy(np.float64)
        columns = [name for name in frame.columns if name not in GIVEN and name not in but]
        for name in columns:
            if not pd.api.types.is_numeric_dtype(frame[name]):
                continue
            values = frame[name].fillna(0.0) if name in SIGNALS else frame[name]
            for horizon in HORIZONS:
                ahead = np.full(close.size, np.nan)
                ahead[:-horizon] = np.log(close[horizon:] / close[:-horizon])
                if name in SIGNALS:
                    skill, rows, least = *_gain(values.to_numpy(np.float64) == 1, ahead), LEAST_GAIN
                else:
                    skill, rows = _rank_correlation(values.to_numpy(np.float64), ahead)
                    least = LEAST_SKILL[horizon]
                t_value = skill * np.sqrt(rows / horizon)
                if abs(skill) >= least and abs(t_value) >= LEAST_T:
                    yield str(name), pair, horizon, skill, float(t_value)


def _gain(signal: npt.NDArray[np.bool_], ahead: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Return the mean return after a signal less that of other candles, in deviations, and the number of signals."""
    known = np.isfinite(ahead)
    after, rest = ahead[known & signal], ahead[known & ~signal]
    if after.size < LEAST_ENTRIES or rest.size < LEAST_ENTRIES:
        return 0.0, 0
    return float((after.mean() - rest.mean()) / ahead[known].std()), int(min(after.size, rest.size))


def _rank_correlation(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> tuple[float, int]:
    both = np.isfinite(one) & np.isfinite(two)
    if both.sum() < LEAST_ROWS:
        return 0.0, 0
    ranks = pd.DataFrame({"one": one[both], "two": two[both]}).rank()
    if ranks["one"].nunique() < 2 or ranks["two"].nunique() < 2:
        return 0.0, int(both.sum())
    return float(np.corrcoef(ranks["one"], ranks["two"])[0, 1]), int(both.sum())
