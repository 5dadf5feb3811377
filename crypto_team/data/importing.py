"""Reading market data from files: one reader per kind of file, one line in the table."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow

from crypto_team.data.file_names import SeriesName, suffix, suggestion
from crypto_team.data.frame import COLUMNS, canonical, canonical_funding, epoch_ms, timeframe_name
from crypto_team.data.ticks import price_decimals, round_prices
from crypto_team.errors import InputError, UsageError
from crypto_team.schemas.base import TradingMode
from crypto_team.schemas.data import Quality, SeriesKind

FUNDING_DECIMALS: Final = 8
_UNREADABLE: Final = (OSError, ValueError, EOFError, zlib.error, pyarrow.ArrowException)


@dataclass(frozen=True, slots=True)
class ImportedSeries:
    """One series as read: canonical frame, what it is of, and the decimals that hold its prices."""

    pair: str | None
    timeframe: str | None
    kind: SeriesKind
    trading_mode: TradingMode
    frame: pd.DataFrame
    decimals: int
    name: str | None = None
    lag_seconds: int | None = None
    quality: Quality | None = None


def _parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, comment="#")


def _feather(path: Path) -> pd.DataFrame:
    return pd.read_feather(path)


READERS: Final[dict[str, Callable[[Path], pd.DataFrame]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".csv.gz": _csv,
    ".feather": _feather,
}


def read_series(
    path: Path, *, pair: str | None, timeframe: str | None, kind: SeriesKind = "ohlcv", repair: bool = False
) -> list[ImportedSeries]:
    """Read a file, or every series of a directory in Freqtrade's layout.

    Parameters
    ----------
    path
        File or directory. A directory gives candles and funding rates; marks and trades are left out.
    pair, timeframe
        What the file holds. Names in Freqtrade's layout say it; what is given here wins. For a directory they select.
    kind
        Candles, funding rates, an order book (l2) or trades; for funding the timeframe is measured where it is not
        given, books and trades have none.
    repair
        Sort rows and drop exact duplicates instead of refusing them.

    Raises
    ------
    InputError
        Unreadable file, or content that is no market data.
    UsageError
        Pair or timeframe is missing; the hint guesses from the name.
    """
    if not path.exists():
        raise InputError("there is no such file", where=str(path))
    if kind in {"l2", "trades"}:
        return [_events(path, pair, kind, repair=repair)]
    if path.is_dir():
        return _directory(path, pair=pair, timeframe=timeframe, repair=repair)
    named = SeriesName.parse(path)
    if named:
        pair, kind = pair or named.pair, named.kind if named.kind == "funding" else kind
        timeframe = timeframe or (named.timeframe if kind == "ohlcv" else None)
    if pair is None or (timeframe is None and kind == "ohlcv"):
        missing = [name for name, value in (("--pair", pair), ("--timeframe", timeframe)) if value is None]
        raise UsageError(f"{' and '.join(missing)} missing for {path.name}", hint=suggestion(path.name))
    return [_one(path, pair, timeframe, kind, repair=repair)]


def _directory(path: Path, *, pair: str | None, timeframe: str | None, repair: bool) -> list[ImportedSeries]:
    """Read what a Freqtrade data directory holds, filtered by pair and timeframe where given."""
    files = sorted(item for item in [*path.glob("*"), *path.glob("futures/*")] if suffix(item) in READERS)
    named = [(item, found) for item in files if (found := SeriesName.parse(item)) is not None]
    if not named:
        raise InputError(
            "no series in Freqtrade's layout here",
            where=str(path),
            hint="names look like BTC_USDT-1h.feather or futures/BTC_USDT_USDT-1h-futures.feather",
        )
    chosen = [
        (item, one)
        for item, one in named
        if one.pair == (pair or one.pair) and (one.kind == "funding" or one.timeframe == (timeframe or one.timeframe))
    ]
    if not chosen:
        there = ", ".join(sorted({f"{one.pair} {one.timeframe}" for _, one in named}))
        raise InputError("no series of that pair and timeframe here", where=str(path), hint=f"there is {there}")
    return [
        _one(item, one.pair, None if one.kind == "funding" else one.timeframe, one.kind, repair=repair)
        for item, one in chosen
    ]


def _one(path: Path, pair: str, timeframe: str | None, kind: SeriesKind, *, repair: bool) -> ImportedSeries:
    raw = raw_table(path)
    mode: TradingMode = "futures" if ":" in pair else "spot"
    if kind == "funding":
        return _funding(raw, path, pair, timeframe, mode, repair=repair)
    if timeframe is None:
        raise UsageError(f"--timeframe missing for {path.name}", hint=suggestion(path.name))
    frame = canonical(raw, timeframe=timeframe, where=path.name, repair=repair)
    decimals = price_decimals(frame)
    return ImportedSeries(pair, timeframe, kind, mode, round_prices(frame, decimals), decimals)


def _events(path: Path, pair: str | None, kind: SeriesKind, *, repair: bool) -> ImportedSeries:
    """Read an order book or trades; of a book the sequence of messages is checked as well."""
    from crypto_team.data.market_events import decimals_unit
    from crypto_team.data.order_book import book_events, canonical_book
    from crypto_team.data.trades import canonical_trades

    if pair is None:
        raise UsageError(f"--pair missing for {path.name}", hint=suggestion(path.name))
    if path.is_dir():
        raise UsageError("books and trades are imported file by file", where=str(path))
    raw, quality = raw_table(path), None
    if kind == "trades":
        frame = canonical_trades(raw, where=path.name, repair=repair)
    else:
        frame = canonical_book(raw, where=path.name, repair=repair)
    tick = decimals_unit(frame["price"].to_numpy(np.float64))
    if kind == "l2":
        lot = decimals_unit(frame["qty"].to_numpy(np.float64))
        quality = book_events(frame, tick=tick, lot=lot, where=path.name)[1].quality
    decimals = round(-np.log10(tick))
    mode: TradingMode = "futures" if ":" in pair else "spot"
    return ImportedSeries(pair, None, kind, mode, frame, decimals, quality=quality)


def _funding(
    raw: pd.DataFrame, path: Path, pair: str, timeframe: str | None, mode: TradingMode, *, repair: bool
) -> ImportedSeries:
    if mode == "spot":
        raise UsageError("only perpetuals pay funding", where="--pair", hint=f"for example --pair {pair}:USDT")
    if SeriesName.parse(path) is not None and "funding_rate" not in raw and "open" in raw:
        # Older Freqtrade keeps the rate in the open column of its funding files.
        raw = raw.rename(columns={"open": "funding_rate"})
    frame = canonical_funding(raw, where=path.name, repair=repair)
    steps = np.diff(epoch_ms(frame["timestamp"]))
    measured = timeframe_name(int(np.median(steps)) // 1000) if steps.size else None
    return ImportedSeries(pair, timeframe or measured or "8h", "funding", mode, frame, FUNDING_DECIMALS)


def raw_table(path: Path) -> pd.DataFrame:
    """Read a file as it is, by the ending of its name."""
    reader = READERS.get(suffix(path))
    if reader is None:
        raise InputError(
            f"cannot read files ending in {path.suffix or 'nothing'}",
            where=str(path),
            hint=f"one of {', '.join(READERS)}",
        )
    try:
        return reader(path)
    except _UNREADABLE as problem:
        words = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise InputError(f"the file cannot be read: {words}", where=str(path), hint="is it complete?") from None


def write_canonical(frame: pd.DataFrame, path: Path) -> None:
    """Write a canonical frame as Parquet; the same frame gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    try:
        frame.to_parquet(temporary, index=False, compression="zstd")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def to_freqtrade(frame: pd.DataFrame) -> pd.DataFrame:
    """Return candles as Freqtrade names them: date instead of timestamp, nothing else."""
    made = frame[list(COLUMNS)].astype(np.float64)
    made.insert(0, "date", pd.to_datetime(epoch_ms(frame["timestamp"]), unit="ms", utc=True))
    return made
