"""What the name of a data file says: pair, timeframe and kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto_team.schemas.data import SeriesKind

_SPOT: Final = re.compile(r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)-(?P<timeframe>\d+[mhd])")
_FUTURES: Final = re.compile(
    r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)_(?P<settle>[A-Z0-9]+)-(?P<timeframe>\d+[mhd])-"
    r"(?P<kind>futures|funding_rate)"
)
_JOINED: Final = re.compile(
    r"(?P<base>[A-Z0-9]{2,12}?)(?P<quote>USDT|USDC|USD|EUR|BTC)-(?:[a-z]+_)?(?P<timeframe>\d+[mhd])-(?P<venue>[a-z_]+)"
)


@dataclass(frozen=True, slots=True)
class SeriesName:
    """What a file name in Freqtrade's layout says, such as BTC_USDT-1h or BTC_USDT_USDT-1h-futures."""

    pair: str
    timeframe: str
    kind: SeriesKind

    @classmethod
    def parse(cls, path: Path) -> SeriesName | None:
        """Return what the name says, or None where it is not in Freqtrade's layout."""
        stem = path.name.removesuffix(suffix(path))
        if futures := _FUTURES.fullmatch(stem):
            pair = f"{futures['base']}/{futures['quote']}:{futures['settle']}"
            return cls(pair, futures["timeframe"], "funding" if futures["kind"] == "funding_rate" else "ohlcv")
        spot = _SPOT.fullmatch(stem)
        return cls(f"{spot['base']}/{spot['quote']}", spot["timeframe"], "ohlcv") if spot else None


def suffix(path: Path) -> str:
    """Return the ending that decides how a file is read."""
    return ".csv.gz" if path.name.endswith(".csv.gz") else path.suffix


def suggestion(name: str) -> str:
    """Suggest options from a joined name such as BTCUSDT-5m-binance_perp; the caller decides."""
    found = _JOINED.match(name)
    if not found:
        return "for example --pair BTC/USD --timeframe 1h"
    perpetual = f":{found['quote']}" if "perp" in found["venue"] else ""
    return f"by its name: --pair {found['base']}/{found['quote']}{perpetual} --timeframe {found['timeframe']}"
