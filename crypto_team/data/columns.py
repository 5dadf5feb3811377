"""Columns of tables from outside: found under their usual names, their values read or refused with the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crypto_team.errors import InputError

if TYPE_CHECKING:
    import hashlib

    import numpy.typing as npt

_HUGE = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (np.inf, "ns"))


def find_columns(
    frame: pd.DataFrame,
    wanted: tuple[str, ...],
    welcome: tuple[str, ...],
    aliases: Mapping[str, tuple[str, ...]],
    where: str,
) -> pd.DataFrame:
    """Return the wanted columns, and those of the welcome ones that are there, under their own names.

    Raises
    ------
    InputError
        No rows, or a wanted column is missing.
    """
    if not len(frame):
        raise InputError("the file holds no rows", where=where)
    there: dict[str, int] = {}
    for place, name in enumerate(map(str, frame.columns)):
        there.setdefault(name.strip().lower(), place)
    found = {}
    for name in (*wanted, *welcome):
        match = next((there[alias] for alias in aliases.get(name, (name,)) if alias in there), None)
        if match is not None:
            found[name] = frame.iloc[:, match]
    missing = [name for name in wanted if name not in found]
    if missing:
        accepted = "; ".join(" or ".join(aliases.get(name, (name,))) for name in missing)
        raise InputError(
            f"missing column(s) {', '.join(missing)}; the file has {', '.join(map(str, frame.columns[:20]))}",
            where=where,
            hint=f"accepted names, in any case: {accepted}",
        )
    return pd.DataFrame(found).reset_index(drop=True)


def refuse(bad: npt.NDArray[np.bool_], problem: str, where: str, *, hint: str | None = None, rows: bool = True) -> None:
    """Refuse a table of which some rows have a problem; the first such row is named where `rows` says so."""
    found = np.flatnonzero(bad)
    if found.size:
        place = f", first in row {found[0] + 1}" if rows else ""
        raise InputError(f"{problem} ({found.size} row(s){place})", where=where, hint=hint)


def finite(values: pd.Series[Any], name: str, where: str) -> npt.NDArray[np.float64]:
    """Return numbers as float64, all of them finite."""
    made = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    refuse(~np.isfinite(made), f"{name} is not a finite number", where, hint="nothing is filled in silently")
    return made


def utc_times(values: pd.Series[Any], where: str) -> pd.Series[pd.Timestamp]:
    """Return times as datetime64[ms, UTC]: aware, naive (taken as UTC), ISO text, or epoch numbers of any unit."""
    refuse(values.isna().to_numpy(), "there is no time", where)
    try:
        if pd.api.types.is_numeric_dtype(values):
            largest = float(values.abs().max())
            unit = next(name for most, name in _HUGE if largest < most)
            parsed = pd.to_datetime(values, unit=unit, utc=True)  # type: ignore[call-overload]
        elif pd.api.types.is_datetime64_any_dtype(values):
            parsed = pd.to_datetime(values, utc=True)
        else:
            parsed = pd.to_datetime(values.astype(str), format="ISO8601", utc=True)
    except (ValueError, TypeError, OverflowError, StopIteration) as problem:
        raise InputError(f"cannot read the times: {problem}", where=where, hint="use ISO 8601 or epoch ms") from None
    return parsed.dt.as_unit("ms")  # type: ignore[no-any-return]


def digest_columns(digest: hashlib._Hash, frame: pd.DataFrame) -> None:
    """Add names and values of all columns, in the order of their names; times count in milliseconds."""
    for name in sorted(map(str, frame.columns)):
        values = frame[name]
        digest.update(name.encode())
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            whole = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
            digest.update(whole.tobytes())
        elif pd.api.types.is_float_dtype(values):
            # Adding zero makes -0.0 and 0.0 the same content.
            digest.update((np.ascontiguousarray(values.to_numpy(np.float64)) + 0.0).tobytes())
        else:
            digest.update(np.ascontiguousarray(values.to_numpy(np.int64)).tobytes())
