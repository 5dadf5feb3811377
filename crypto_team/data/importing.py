"""Reading market data from files: one reader per kind of file, one line in the table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from crypto_team.data.frame import canonical, canonical_funding, epoch_ms, price_decimals, round_prices
from crypto_team.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crypto_team.schemas.data import SeriesKind

_FREQTRADE_SPOT = re.compile(r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)-(?P<timeframe>\d+[mhd])$")
_FREQTRADE_FUTURES = re.compile(
    r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)_(?P<settle>[A-Z0-9]+)-(?P<timeframe>\d+[mhd])-(?P<kind>futures|funding_rate)$"
)
_JOINED = re.compile(
    r"(?P<base>[A-Z0-9]{2,10}?)(?P<quote>USDT|USDC|USD|EUR|BTC)-(?P<timeframe>\d+[mhd])-(?P<venue>[a-z_]+)"
)


@dataclass(frozen=True, slots=True)
class ImportedSeries:
    """One series as read: canonical frame, what it is of, and the decimals that hold its prices."""

    pair: str
    timeframe: str
    kind: SeriesKind
    trading_mode: Literal["spot", "futures"]
    frame: pd.DataFrame
    decimals: int


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
    path: Path,
    *,
    pair: str | None,
    timeframe: str | None,
    kind: SeriesKind = "ohlcv",
    repair: bool = False,
) -> list[ImportedSeries]:
    """Read a file, or every series of a directory in Freqtrade's layout.

    Parameters
    ----------
    path
        File or directory.
    pair, timeframe
        What the file holds; for names in Freqtrade's layout they follow from the name.
    kind
        Candles or funding rates.
    repair
        Sort rows and drop exact duplicates.

    Raises
    ------
    InputError
        Unreadable file, or content that is no market data.
    UsageError
        Pair or timeframe is missing; the hint guesses from the name.
    """
    if not path.exists():
        raise InputError("there is no such file", where=str(path))
    if path.is_dir():
        return _directory(path, pair=pair, timeframe=timeframe, repair=repair)
    named = _from_name(path)
    if named and pair is None:
        return [_one(path, named["pair"], timeframe or named["timeframe"], _kind(named, kind), repair=repair)]
    missing = [name for name, value in (("--pair", pair), ("--timeframe", timeframe)) if value is None]
    if kind == "funding" and timeframe is None:
        missing = [name for name in missing if name != "--timeframe"]
    if missing or pair is None:
        raise UsageError(f"{' and '.join(missing)} missing for {path.name}", hint=_guess(path.name))
    return [_one(path, pair, timeframe or "8h", kind, repair=repair)]


def _directory(path: Path, *, pair: str | None, timeframe: str | None, repair: bool) -> list[ImportedSeries]:
    """Read what a Freqtrade data directory holds, filtered by pair and timeframe where given."""
    files = sorted(item for item in [*path.glob("*"), *path.glob("futures/*")] if _suffix(item) in READERS)
    found = []
    for item in files:
        named = _from_name(item)
        if named is None or (pair or named["pair"]) != named["pair"]:
            continue
        if (timeframe or named["timeframe"]) == named["timeframe"]:
            found.append(_one(item, named["pair"], named["timeframe"], _kind(named, "ohlcv"), repair=repair))
    if not found:
        raise InputError(
            "no series in Freqtrade's layout here",
            where=str(path),
            hint="names look like BTC_USDT-1h.feather or futures/BTC_USDT_USDT-1h-futures.feather",
        )
    return found


def _kind(named: dict[str, str], given: SeriesKind) -> SeriesKind:
    return "funding" if named.get("kind") == "funding_rate" else given


def _suffix(path: Path) -> str:
    return ".csv.gz" if path.name.endswith(".csv.gz") else path.suffix


def _stem(path: Path) -> str:
    return path.name.removesuffix(_suffix(path))


def _from_name(path: Path) -> dict[str, str] | None:
    """Return pair, timeframe and kind of a file in Freqtrade's layout."""
    futures = _FREQTRADE_FUTURES.fullmatch(_stem(path))
    if futures:
        return {"pair": f"{futures['base']}/{futures['quote']}:{futures['settle']}", **futures.groupdict()}
    spot = _FREQTRADE_SPOT.fullmatch(_stem(path))
    return {"pair": f"{spot['base']}/{spot['quote']}", **spot.groupdict()} if spot else None


def _guess(name: str) -> str:
    """Suggest options from a joined name such as BTCUSDT-5m-binance_perp."""
    found = _JOINED.match(name)
    if not found:
        return "for example --pair BTC/USD --timeframe 1h"
    perpetual = f":{found['quote']}" if "perp" in found["venue"] else ""
    return f"by its name: --pair {found['base']}/{found['quote']}{perpetual} --timeframe {found['timeframe']}"


def _one(path: Path, pair: str, timeframe: str, kind: SeriesKind, *, repair: bool) -> ImportedSeries:
    reader = READERS.get(_suffix(path))
    if reader is None:
        raise InputError(
            f"cannot read files ending in {path.suffix or 'nothing'}",
            where=str(path),
            hint=f"one of {', '.join(READERS)}",
        )
    try:
        raw = reader(path)
    except (OSError, ValueError, UnicodeDecodeError, ImportError) as problem:
        words = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise InputError(f"the file cannot be read: {words}", where=str(path), hint="is it complete?") from None
    mode: Literal["spot", "futures"] = "futures" if ":" in pair else "spot"
    if kind == "funding":
        if mode == "spot":
            raise UsageError("only perpetuals pay funding", where="--pair", hint=f"for example --pair {pair}:USDT")
        frame = canonical_funding(raw, where=path.name, repair=repair)
        return ImportedSeries(pair, timeframe, kind, mode, frame, 8)
    frame = canonical(raw, timeframe=timeframe, where=path.name, repair=repair)
    decimals = price_decimals(frame)
    return ImportedSeries(pair, timeframe, kind, mode, round_prices(frame, decimals), decimals)


def write_canonical(frame: pd.DataFrame, path: Path) -> None:
    """Write a canonical frame as Parquet; the same frame gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    frame.to_parquet(temporary, index=False, compression="zstd")
    temporary.replace(path)


def to_freqtrade(frame: pd.DataFrame) -> pd.DataFrame:
    """Return candles as Freqtrade names them: date instead of timestamp, nothing else."""
    columns = ["open", "high", "low", "close", "volume"]
    made = frame[columns].astype(np.float64)
    made.insert(0, "date", pd.to_datetime(epoch_ms(frame["timestamp"]), unit="ms", utc=True))
    return made
