"""Times of foreign evidence: in UTC, of this and the last century, and named by row where they are not."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

EARLIEST, LATEST = pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
"""Nothing traded before or can be known after; arithmetic in nanoseconds ends in 1677 and in 2262."""
UNITS: Final = (("s", 1e11, 1e3), ("ms", 1e14, 1.0), ("us", 1e17, 1e-3), ("ns", np.inf, 1e-6))
_FIRST, _LAST = int(EARLIEST.timestamp() * 1000), int(LATEST.timestamp() * 1000)


def utc(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return times as UTC; naive ones are taken as UTC, numbers as seconds to nanoseconds since 1970 by their size.

    Raises
    ------
    ValueError
        A value is no time, or lies before 1900 or after 2199; the message names the first row, counted from 1.
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return _from_numbers(values)
    if pd.api.types.is_datetime64_any_dtype(values):
        made = values if values.dt.tz is not None else values.dt.tz_localize("UTC")
        stamps = pd.Series(made.dt.tz_convert("UTC"), index=values.index)
    else:
        stamps = _from_text(values)
        _refuse(values, (stamps.isna() & values.notna()).to_numpy(), "is no time, or lies outside 1900 to 2199")
    # Times of any unit compare; only those in the range are counted in milliseconds.
    _refuse(values, ((stamps < EARLIEST) | (stamps >= LATEST)).to_numpy(), "lies outside 1900 to 2199")
    return stamps.dt.as_unit("ms")


def _from_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return ISO times, however exact each is; else times in the form of the first one. NaT where it is none."""
    text = values.astype(object).where(values.isna(), values.map(str))
    made = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    if (made.isna() & values.notna()).any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas tells that it found no common form; the row is named here
            other = pd.to_datetime(text, utc=True, errors="coerce")
        made = other if other.notna().sum() > made.notna().sum() else made
    return pd.Series(made, index=values.index)


def _from_numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    largest = float(np.abs(known).max()) if known.size else 0.0
    scale = next(scale for _, most, scale in UNITS if largest < most)
    with np.errstate(over="ignore"):
        moments = numbers * scale
    out = np.isinf(numbers) | (moments < _FIRST) | (moments >= _LAST)
    _refuse(values, out, "lies outside 1900 to 2199")
    whole = np.where(np.isfinite(moments), moments, 0.0).astype(np.int64).astype("datetime64[ms]")
    whole[~np.isfinite(moments)] = np.datetime64("NaT")
    return pd.Series(pd.DatetimeIndex(whole).tz_localize("UTC"), index=values.index)


def _refuse(values: pd.Series[Any], wrong: npt.NDArray[np.bool_], why: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        others = int(wrong.sum()) - 1
        told = f" (and {others} more rows)" if others else ""
        raise ValueError(f"row {row + 1} has {str(values.iloc[row])[:60]!r}, which {why}{told}")


def moment(text: str) -> int:
    """Return an ISO time as milliseconds since 1970; naive ones are UTC. Raises :class:`ValueError` as `utc`."""
    try:
        stamp = pd.Timestamp(text)
        aware = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
        if EARLIEST <= aware < LATEST:
            return int(aware.as_unit("ms").value) if aware.unit == "ms" else round(aware.timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise ValueError(f"{text[:60]!r} is no time") from error
    raise ValueError(f"{text[:60]!r} lies outside 1900 to 2199")
