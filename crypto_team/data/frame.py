"""The canonical bar frame: UTC open times, float64 columns, sorted and unique, on a regular grid where needed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from crypto_team.data.columns import digest_columns
from crypto_team.data.optional_columns import OPTIONAL, optional_columns, unfilled
from crypto_team.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

PRICES: Final = ("open", "high", "low", "close")
COLUMNS: Final = (*PRICES, "volume")
FUNDING_COLUMNS: Final = ("funding_rate",)
"""Relative: 0.017000499999999998 means 0.0170005, and Freqtrade would not fill at the latter without rounding."""
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
    "1w": 604_800,
}
TIME_NAMES: Final = ("timestamp", "date", "time", "datetime", "open_time", "unix", "ts")
_ALIASES: Final = {
    "timestamp": TIME_NAMES,
    "volume": ("volume", "vol", "base_volume", "volume_base"),
    "funding_rate": ("funding_rate", "fundingrate", "funding"),
}
LARGEST_FUNDING_RATE: Final = 0.2


def timeframe_seconds(timeframe: str) -> int:
    """Return the length of a bar in seconds."""
    if timeframe not in _SECONDS:
        raise UsageError(f"unknown timeframe {timeframe!r}", hint=f"one of {', '.join(_SECONDS)}")
    return _SECONDS[timeframe]


def timeframe_name(seconds: int) -> str | None:
    """Return the timeframe of a bar length, or None where there is none."""
    return next((name for name, length in _SECONDS.items() if length == seconds), None)


def canonical(frame: pd.DataFrame, *, timeframe: str, where: str, repair: bool = False) -> pd.DataFrame:
    """Return candles in canonical form or say exactly which row cannot be used.

    Parameters
    ----------
    frame
        Columns timestamp (or date, time, ...), open, high, low, close, volume in any case; times may be the index.
        quote_volume, trades, taker_buy_volume and vwap are kept where they are there.
    timeframe
        Length of a bar.
    where
        Name of the source, for messages.
    repair
        Sort the rows and drop exact duplicates instead of refusing them.

    Returns
    -------
    DataFrame
        timestamp (datetime64[ms, UTC], bar open) and float64 open, high, low, close, volume, then what there is of the
        optional columns; sorted, unique.

    Raises
    ------
    InputError
        Missing columns, unreadable times, duplicates, disorder, times off the grid, or impossible prices.
    """
    named = _rename(frame, ("timestamp", *COLUMNS), where)
    made = pd.DataFrame({"timestamp": times(named["timestamp"], where)})
    for name in COLUMNS:
        made[name] = numbers(named[name], name, where)
    candles = {name: made[name].to_numpy(np.float64) for name in ("close", "volume")}
    made = made.assign(**optional_columns(frame, candles, where))
    made = _ordered(made, where, repair=repair)
    _check_grid(made["timestamp"], timeframe, where)
    _check_prices(made, where)
    return made


def canonical_funding(frame: pd.DataFrame, *, where: str, repair: bool = False) -> pd.DataFrame:
    """Return funding rates in canonical form: timestamp on the whole hour, funding_rate as a fraction per event.

    Parameters
    ----------
    frame
        Columns timestamp (or date, time, ...) and funding_rate.
    where, repair
        As in `canonical`.

    Raises
    ------
    InputError
        As in `canonical`, or a rate beyond 20 %, which is a percentage, a price, or no funding rate at all.
    """
    named = _rename(frame, ("timestamp", *FUNDING_COLUMNS), where)
    hours = times(named["timestamp"], where).dt.round("1h").dt.as_unit("ms")
    rates = numbers(named["funding_rate"], "funding_rate", where)
    large = np.flatnonzero(np.abs(rates) > LARGEST_FUNDING_RATE)
    if large.size:
        raise InputError(
            f"row {large[0] + 1} has a funding rate of {rates[large[0]]:g}",
            where=where,
            hint="rates are fractions per event: 0.0001 is one basis point",
        )
    return _ordered(pd.DataFrame({"timestamp": hours, "funding_rate": rates}), where, repair=repair)


def _rename(frame: pd.DataFrame, wanted: tuple[str, ...], where: str) -> pd.DataFrame:
    """Find the wanted columns under their usual names."""
    if not len(frame):
        raise InputError("the file holds no rows", where=where)
    if isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.reset_index(names="timestamp") if "timestamp" not in frame else frame.reset_index(drop=True)
    there: dict[str, int] = {}
    for place, name in enumerate(map(str, frame.columns)):
        there.setdefault(name.strip().lower(), place)
    found = {}
    for name in wanted:
        match = next((there[alias] for alias in _ALIASES.get(name, (name,)) if alias in there), None)
        if match is not None:
            found[name] = frame.iloc[:, match]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise _missing(missing, list(map(str, frame.columns)), where)
    return pd.DataFrame(found).reset_index(drop=True)


def _missing(missing: list[str], there: list[str], where: str) -> InputError:
    accepted = "; ".join(" or ".join(_ALIASES.get(name, (name,))) for name in missing)
    headless = sum(name.replace(".", "", 1).isdigit() for name in there) > len(there) / 2
    return InputError(
        f"missing column(s) {', '.join(missing)}; the file has {', '.join(there[:20])}",
        where=where,
        hint="the file seems to have no header line: add one"
        if headless
        else f"accepted names, in any case: {accepted}",
    )


def times(values: pd.Series[Any], where: str) -> pd.Series[pd.Timestamp]:
    """Read times: aware, naive (taken as UTC), ISO text, or epoch seconds, milliseconds, micro- or nanoseconds."""
    bad = np.flatnonzero(values.isna().to_numpy())
    if bad.size:
        raise InputError(f"row {bad[0] + 1} has no time", where=where)
    try:
        if pd.api.types.is_numeric_dtype(values):
            largest = float(values.abs().max())
            unit = "s" if largest < 1e11 else "ms" if largest < 1e14 else "us" if largest < 1e17 else "ns"
            parsed = pd.to_datetime(values, unit=unit, utc=True)  # type: ignore[call-overload]
        elif pd.api.types.is_datetime64_any_dtype(values):
            parsed = pd.to_datetime(values, utc=True)
        else:
            # Only ISO 8601: 03/04/2021 is a different day in different places, and nothing is guessed.
            parsed = pd.to_datetime(values.astype(str), format="ISO8601", utc=True)
    except (ValueError, TypeError, OverflowError) as problem:
        raise InputError(f"cannot read the times: {problem}", where=where, hint="use ISO 8601 or epoch ms") from None
    return parsed.dt.as_unit("ms")  # type: ignore[no-any-return]


def numbers(values: pd.Series[float], name: str, where: str) -> npt.NDArray[np.float64]:
    """Read a column of finite numbers; the first row that is none is named."""
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
        row = int(back[0])
        raise InputError(
            f"rows are not sorted by time: row {row + 1} ({frame['timestamp'].iloc[row]}) is before row {row}",
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
    step = timeframe_seconds(timeframe) * 1000
    epoch = epoch_ms(times)
    usual = int(np.median(np.diff(epoch))) if len(epoch) > 2 else step
    if usual != step:
        fitting = timeframe_name(usual // 1000)
        raise InputError(
            f"bars are {usual / 1000:g} seconds apart, not {step // 1000}",
            where=where,
            hint=f"import with --timeframe {fitting}" if fitting else f"resample to one of {', '.join(_SECONDS)}",
        )
    off = np.flatnonzero(epoch % step)
    if off.size:
        raise InputError(
            f"{off.size} time(s) are no {timeframe} bar opens, the first is {times.iloc[off[0]]} (row {off[0] + 1})",
            where=where,
            hint="times have to be bar OPEN times in UTC on the grid of the timeframe",
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
    """Return a canonical frame on a complete grid: missing bars repeat the last close with zero volume.

    The bool column `filled` marks them; they are never trained on. Freqtrade fills in the same way. A frame that is
    regular already comes back equal.
    """
    if not len(frame):
        raise InputError("there are no bars", hint="crypto-team data list")
    epoch = epoch_ms(frame["timestamp"])
    step = timeframe_seconds(timeframe) * 1000
    slot = (epoch - epoch[0]) // step
    source = np.full(int(slot[-1]) + 1, -1, dtype=np.int64)
    source[slot] = np.arange(len(frame))
    filled = source < 0
    last = np.maximum.accumulate(source)
    grid = (epoch[0] + step * np.arange(len(source))).astype("datetime64[ms]")
    close = frame["close"].to_numpy(np.float64)[last]
    made: dict[str, Any] = {"timestamp": pd.Series(grid).dt.tz_localize("UTC")}
    for name in PRICES:
        made[name] = np.where(filled, close, frame[name].to_numpy(np.float64)[last])
    made["volume"] = np.where(filled, 0.0, frame["volume"].to_numpy(np.float64)[last])
    for name in OPTIONAL:
        if name in frame:
            made[name] = unfilled(name, frame[name].to_numpy(np.float64)[last], filled, close)
    if "filled" in frame:
        filled |= frame["filled"].to_numpy(bool)[last]
    return pd.DataFrame({**made, "filled": filled})


def research_part(frame: pd.DataFrame, holdout_from: str | None) -> pd.DataFrame:
    """Return the bars that open before the sealed part begins; all of them where nothing is sealed."""
    if holdout_from is None:
        return frame
    return frame[frame["timestamp"] < pd.Timestamp(holdout_from)].reset_index(drop=True)


def content_hash(frame: pd.DataFrame) -> str:
    """Return the hash of times and values, independent of the file format."""
    digest = hashlib.sha256(epoch_ms(frame["timestamp"]).tobytes())
    if "known_at" in frame:
        digest.update(epoch_ms(frame["known_at"]).tobytes())
    for name in (*COLUMNS, *FUNDING_COLUMNS, "value", *(OPTIONAL if "open" in frame else ())):
        if name in frame:
            digest.update(name.encode())
            # Adding zero makes -0.0 and 0.0 the same content.
            digest.update((np.ascontiguousarray(frame[name].to_numpy(np.float64)) + 0.0).tobytes())
    if "open" not in frame:
        digest_columns(digest, frame.drop(columns=["timestamp", *FUNDING_COLUMNS], errors="ignore"))
    return "sha256:" + digest.hexdigest()
