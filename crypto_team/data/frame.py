"""The canonical bar frame: UTC open times, float64 columns, sorted and unique, on a regular grid where needed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from crypto_team.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

PRICES: Final = ("open", "high", "low", "close")
COLUMNS: Final = (*PRICES, "volume")
FUNDING_COLUMNS: Final = ("funding_rate",)
MOST_DECIMALS: Final = 12
_SECONDS: Final = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": 86_400,
}
_ALIASES: Final = {
    "timestamp": ("timestamp", "date", "time", "datetime", "open_time", "unix", "ts"),
    "volume": ("volume", "vol", "base_volume", "volume_base"),
    "funding_rate": ("funding_rate", "fundingrate", "funding", "open"),
}


def timeframe_seconds(timeframe: str) -> int:
    """Return the length of a bar in seconds."""
    if timeframe not in _SECONDS:
        raise UsageError(f"unknown timeframe {timeframe!r}", hint=f"one of {', '.join(_SECONDS)}")
    return _SECONDS[timeframe]


def canonical(frame: pd.DataFrame, *, timeframe: str, where: str, repair: bool = False) -> pd.DataFrame:
    """Return candles in canonical form or say exactly which row cannot be used.

    Parameters
    ----------
    frame
        Columns timestamp (or date, time, ...), open, high, low, close, volume in any case.
    timeframe
        Length of a bar.
    where
        Name of the source, for messages.
    repair
        Sort the rows and drop exact duplicates instead of refusing them.

    Returns
    -------
    DataFrame
        timestamp (datetime64[ms, UTC], bar open) and float64 open, high, low, close, volume; sorted, unique.

    Raises
    ------
    InputError
        Missing columns, unreadable times, duplicates, disorder, times off the grid, or impossible prices.
    """
    named = _rename(frame, ("timestamp", *COLUMNS), where)
    made = pd.DataFrame({"timestamp": _times(named["timestamp"], where)})
    for name in COLUMNS:
        made[name] = _numbers(named[name], name, where)
    made = _ordered(made, where, repair=repair)
    _check_grid(made["timestamp"], timeframe, where)
    _check_prices(made, where)
    return made


def canonical_funding(frame: pd.DataFrame, *, where: str, repair: bool = False) -> pd.DataFrame:
    """Return funding rates in canonical form: timestamp on the whole hour, funding_rate as a fraction per event."""
    named = _rename(frame, ("timestamp", *FUNDING_COLUMNS), where)
    times = _times(named["timestamp"], where).dt.round("1h").dt.as_unit("ms")
    made = pd.DataFrame({"timestamp": times, "funding_rate": _numbers(named["funding_rate"], "funding_rate", where)})
    return _ordered(made, where, repair=repair)


def _rename(frame: pd.DataFrame, wanted: tuple[str, ...], where: str) -> pd.DataFrame:
    """Find the wanted columns under their usual names."""
    if frame.empty:
        raise InputError("the file holds no rows", where=where)
    there = {str(name).strip().lower(): name for name in frame.columns}
    found = {}
    for name in wanted:
        match = next((there[alias] for alias in _ALIASES.get(name, (name,)) if alias in there), None)
        if match is not None:
            found[name] = frame[match]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(
            f"missing column(s) {', '.join(missing)}; the file has {', '.join(map(str, frame.columns))}",
            where=where,
            hint=f"columns have to be called {', '.join(wanted)}",
        )
    return pd.DataFrame(found).reset_index(drop=True)


def _times(values: pd.Series[float], where: str) -> pd.Series[pd.Timestamp]:
    """Read times: aware, naive (taken as UTC), ISO text, or epoch seconds, milliseconds, micro- or nanoseconds."""
    try:
        if pd.api.types.is_numeric_dtype(values):
            largest = float(np.nanmax(np.abs(values.to_numpy(np.float64))))
            unit = "s" if largest < 1e11 else "ms" if largest < 1e14 else "us" if largest < 1e17 else "ns"
            parsed = pd.to_datetime(values, unit=unit, utc=True)  # type: ignore[call-overload]
        else:
            parsed = pd.to_datetime(values, utc=True)
    except (ValueError, TypeError, OverflowError) as problem:
        raise InputError(f"cannot read the times: {problem}", where=where, hint="use ISO 8601 or epoch ms") from None
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if bad.size:
        raise InputError(f"row {bad[0] + 1} has no time", where=where)
    return parsed.dt.as_unit("ms")  # type: ignore[no-any-return]


def _numbers(values: pd.Series[float], name: str, where: str) -> npt.NDArray[np.float64]:
    parsed = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(parsed))
    if bad.size:
        raise InputError(
            f"{bad.size} value(s) of {name} are not finite numbers, the first in row {bad[0] + 1}",
            where=where,
            hint="remove those rows or fetch the data again; nothing is filled in silently",
        )
    return parsed


def _ordered(frame: pd.DataFrame, where: str, *, repair: bool) -> pd.DataFrame:
    """Refuse, or with `repair` mend, disorder and exact duplicates; contradicting duplicates are always refused."""
    if repair:
        frame = frame.drop_duplicates().sort_values("timestamp", kind="stable").reset_index(drop=True)
    step = frame["timestamp"].diff().dt.total_seconds().to_numpy()
    back, same = np.flatnonzero(step < 0), np.flatnonzero(step == 0)
    if back.size:
        raise InputError(
            f"rows are not sorted by time: row {back[0] + 1} ({frame['timestamp'].iloc[back[0]]}) is before the one above",
            where=where,
            hint="import with --repair to sort",
        )
    if same.size:
        raise InputError(
            f"{same.size} time(s) stand twice, the first is {frame['timestamp'].iloc[same[0]]} (row {same[0] + 1})",
            where=where,
            hint="the rows differ: keep the right one" if repair else "import with --repair to drop exact duplicates",
        )
    return frame


def _check_grid(times: pd.Series[pd.Timestamp], timeframe: str, where: str) -> None:
    """Refuse times that are not bar opens of this timeframe."""
    seconds = timeframe_seconds(timeframe)
    epoch = epoch_ms(times) // 1000
    off = np.flatnonzero(epoch % seconds)
    if off.size:
        raise InputError(
            f"{off.size} time(s) are no {timeframe} bar opens, the first is {times.iloc[off[0]]} (row {off[0] + 1})",
            where=where,
            hint="is --timeframe right? times have to be bar OPEN times in UTC",
        )
    if len(epoch) > 2 and int(np.median(np.diff(epoch))) != seconds:
        raise InputError(
            f"bars are {int(np.median(np.diff(epoch)))} seconds apart, not {seconds}",
            where=where,
            hint="give the --timeframe of the file",
        )


def _check_prices(frame: pd.DataFrame, where: str) -> None:
    values = frame[list(PRICES)].to_numpy(np.float64)
    bad = np.flatnonzero((values <= 0).any(axis=1) | (frame["volume"].to_numpy(np.float64) < 0))
    if bad.size:
        raise InputError(
            f"{bad.size} row(s) have a price that is not positive or a negative volume, the first is row {bad[0] + 1}"
            f" ({frame['timestamp'].iloc[bad[0]]})",
            where=where,
        )


def epoch_ms(times: pd.Series[pd.Timestamp]) -> npt.NDArray[np.int64]:
    """Return times as int64 milliseconds since 1970, whatever their unit."""
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)


def regularise(frame: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Return the frame on a complete grid: missing bars repeat the last close with zero volume, as Freqtrade does.

    The bool column `filled` marks them; they are never trained on.
    """
    epoch = epoch_ms(frame["timestamp"])
    step = timeframe_seconds(timeframe) * 1000
    slot = (epoch - epoch[0]) // step
    source = np.full(int(slot[-1]) + 1, -1, dtype=np.int64)
    source[slot] = np.arange(len(frame))
    filled = source < 0
    last = np.maximum.accumulate(source)
    grid = (epoch[0] + step * np.arange(len(source))).astype("datetime64[ms]")
    close = frame["close"].to_numpy(np.float64)[last]
    made: dict[str, pd.Series[Any]] = {"timestamp": pd.Series(grid).dt.tz_localize("UTC")}
    for name in PRICES:
        made[name] = pd.Series(np.where(filled, close, frame[name].to_numpy(np.float64)[last]))
    made["volume"] = pd.Series(np.where(filled, 0.0, frame["volume"].to_numpy(np.float64)[last]))
    return pd.DataFrame({**made, "filled": filled})


def content_hash(frame: pd.DataFrame) -> str:
    """Return the hash of times and values, independent of the file format."""
    digest = hashlib.sha256(epoch_ms(frame["timestamp"]).tobytes())
    for name in (*COLUMNS, *FUNDING_COLUMNS):
        if name in frame:
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(frame[name].to_numpy(np.float64)).tobytes())
    return "sha256:" + digest.hexdigest()


def price_decimals(frame: pd.DataFrame) -> int:
    """Return the least number of decimals (at most 12) that hold every price to 1e-9 relative."""
    values = frame[list(PRICES)].to_numpy(np.float64).ravel()
    for decimals in range(MOST_DECIMALS):
        if bool((np.abs(np.round(values, decimals) - values) <= 1e-9 * values).all()):
            return decimals
    return MOST_DECIMALS


def round_prices(frame: pd.DataFrame, decimals: int) -> pd.DataFrame:
    """Return the frame with prices rounded to the tick, so that float dust cannot keep an order from filling."""
    return frame.assign(**{name: np.round(frame[name].to_numpy(np.float64), decimals) for name in PRICES})
