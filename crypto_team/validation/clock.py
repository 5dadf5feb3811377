"""Times as milliseconds since 1970, as UTC timestamps and as the text of documents."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd


def milliseconds(times: pd.Series[pd.Timestamp] | pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """Return UTC times as milliseconds since 1970."""
    return np.asarray(pd.DatetimeIndex(times).as_unit("ms").asi8, dtype=np.int64)


def utc_times(values: npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return times in milliseconds as datetime64[ms, UTC]."""
    return pd.DatetimeIndex(values.astype("datetime64[ms]")).tz_localize("UTC")


def utc_text(value: int) -> str:
    """Return a time in milliseconds as documents write it."""
    return datetime.fromtimestamp(value / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
