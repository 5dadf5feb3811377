"""What two runs of a strategy say about each other: which columns, candles and answers knew the future."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.freqtrade.diagnose_data import PROBES

SIGNALS: Final = ("enter_long", "exit_long", "enter_short", "exit_short", "enter_tag", "exit_tag", "buy", "sell")
GIVEN: Final = frozenset({"date", "open", "high", "low", "close", "volume"})
ROWS: Final = "the choice of candles"
WITHOUT_FUTURE: Final = (PROBES[0], PROBES[-1])
"""Probes after which nothing is known, so that a label is missing; after all others it only has another value."""
DUST: Final = 1e-10
RECURSIVE_SHARE: Final = 0.01
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One value that was another one when only what came later was another one.

    `kind` is leak, state (the same candles gave another value) or startup (the beginning of the history mattered).
    """

    kind: str
    what: str
    pair: str
    time: str
    value: str
    changed_to: str
    probe: str
    count: int = 1
    matters: bool = True


def differing(base: pd.Series[Any], other: pd.Series[Any]) -> Flags:
    """Tell which values differ by more than the dust of floating-point sums; NaN equals NaN."""
    if not (pd.api.types.is_numeric_dtype(base) and pd.api.types.is_numeric_dtype(other)):
        return np.asarray(_texts(base) != _texts(other))
    one, two = base.to_numpy(np.float64), other.to_numpy(np.float64)
    known = one[np.isfinite(one)]
    scale = float(np.percentile(np.abs(known), 75)) if known.size else 0.0
    with np.errstate(invalid="ignore"):
        near = np.abs(one - two) <= DUST * np.maximum(np.abs(one), scale)
    return np.asarray(~((one == two) | (np.isnan(one) & np.isnan(two)) | near))


def _texts(values: pd.Series[Any]) -> npt.NDArray[np.str_]:
    return values.astype(str).replace({"nan": "", "None": "", "NaT": ""}).to_numpy(dtype=str)


def compare(
    base: pd.DataFrame, other: pd.DataFrame, pair: str, *, until: pd.Timestamp, probe: str, kind: str = "leak"
) -> Iterator[Evidence]:
    """Yield one evidence for each column that differs on candles that opened before a moment."""
    one = base[base["date"] < until].reset_index(drop=True)
    two = other[other["date"] < until].reset_index(drop=True)
    if len(one) != len(two):
        both, text = min(len(one), len(two)), (f"{len(one)} candles", f"{len(two)} candles")
        # A label that is not known yet may leave out the last candles; any other choice is a filter.
        hidden = probe in WITHOUT_FUTURE and len(two) < len(one)
        tail = hidden and one["date"].iloc[:both].equals(two["date"].iloc[:both])
        yield Evidence(kind, "the last candles" if tail else ROWS, pair, str(until), *text, probe)
        if not tail:
            return
        one, two = one.iloc[:both], two.iloc[:both]
    names = [*one.columns, *(name for name in two.columns if name not in one)]
    for name in (item for item in names if item not in GIVEN):
        if name not in one or name not in two:
            present = ("there", "absent") if name in one else ("absent", "there")
            yield Evidence(kind, name, pair, "", *present, probe)
            continue
        wrong = np.flatnonzero(differing(one[name], two[name]))
        if wrong.size:
            row = int(wrong[-1])
            values = str(one[name].iloc[row]), str(two[name].iloc[row])
            yield Evidence(kind, name, pair, one["date"].iloc[row].isoformat(), *values, probe, int(wrong.size))


def compare_calls(base: Sequence[list[Any]], other: Sequence[list[Any]], *, moment: int, probe: str) -> Evidence | None:
    """Return the first answer of a callback that knew what came after a moment, in milliseconds.

    The engine is causal, so before the moment all calls are the same ones. At the moment itself calls may differ in
    what the engine tells of the forming candle; the same question has to get the same answer all the same.
    """
    for one, two in zip(base, other, strict=False):
        if one[2] > moment or two[2] > moment:
            return None
        if one == two:
            continue
        if one[:4] == two[:4]:
            values = str(one[4]), str(two[4])
        elif max(one[2], two[2]) == moment:
            return None
        else:
            values = f"{one[0]} called", f"{two[0]} called with {_difference(one[3], two[3])}"
        time = pd.Timestamp(max(one[2], 0), unit="ms", tz="UTC").isoformat()
        return Evidence("leak", f"{one[0]}()", str(one[1]), time, *values, probe)
    return None


def _difference(one: Sequence[str], two: Sequence[str]) -> str:
    return next((text for text in two if text not in one), "other arguments")[:120]


def compare_start(base: pd.DataFrame, late: pd.DataFrame, pair: str, *, since: pd.Timestamp) -> Iterator[Evidence]:
    """Yield columns that are another one per cent or more when the history begins as late as the strategy allows."""
    both = base.merge(late, on="date", suffixes=("", "\n"), how="inner")
    both = both[both["date"] >= since].head(100)
    for name in base.columns:
        if name in GIVEN or f"{name}\n" not in both or not len(both):
            continue
        one, two = both[name], both[f"{name}\n"]
        wrong = np.flatnonzero(_far(one, two, base[name]))
        if wrong.size:
            row = int(wrong[0])
            values = str(one.iloc[row]), str(two.iloc[row])
            time = both["date"].iloc[row].isoformat()
            yield Evidence("startup", name, pair, time, *values, "later start", int(wrong.size), name in SIGNALS)


def _far(one: pd.Series[Any], two: pd.Series[Any], whole: pd.Series[Any]) -> Flags:
    changed = differing(one, two)
    if not (pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two)):
        return changed
    gap = np.abs(one.to_numpy(np.float64) - two.to_numpy(np.float64))
    known = whole.to_numpy(np.float64)
    known = known[np.isfinite(known)]
    spread = float(np.subtract(*np.percentile(known, [95, 5]))) if known.size else 0.0
    return np.asarray(changed & ~(gap <= RECURSIVE_SHARE * spread))
