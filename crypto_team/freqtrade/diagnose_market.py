"""Candles for strategies that come without data: random walks of the timeframes and pairs that the strategy names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.data.importing import to_freqtrade
from crypto_team.data.synthetic import planted_market
from crypto_team.errors import UsageError
from crypto_team.freqtrade.diagnose_data import PRICES, Candles, Market

if TYPE_CHECKING:
    from crypto_team.freqtrade.diagnose_source import Source

BARS, SLOW_BARS, HISTORY = 3_000, 1_200, 700
TRADED: Final = ("BTC/USDT", "ETH/USDT")
START, EARLY_START = "2024-01-24T00:00:00Z", "2019-01-24T00:00:00Z"
DAY = 86_400
MOST_BARS, MOST_TRADED = 15_000, 5
BEHIND_COUNT, BEFORE_DATE = 1.4, 0.6
"""A number of candles lies at 70 % of those that are made, a date at 60 %."""


def synthetic(source: Source, seed: int) -> Market:
    """Return random candles without any edge: of two pairs and those that the strategy names, traded together.

    They are as many as it takes to come to a number of candles that the strategy compares with, and lie around the last
    date that it names: what waits for one of these happens here too.
    """
    own = timeframe_seconds(source.timeframe)
    settle = ":USDT" if source.can_short else ""
    named = [item for item in source.pairs if (":" in item) == source.can_short]
    usual = [f"{pair}{settle}" for pair in TRADED]
    coins = [f"{coin}/USDT{settle}" for coin in source.coins]
    like = [item for item in (*named, *coins) if item.endswith(f"/USDT{settle}")]
    traded = tuple(dict.fromkeys((*usual, *like)))[:MOST_TRADED]
    larger = [item for item in _known(source.timeframes) if timeframe_seconds(item) > own]
    bars = _bars(source, BARS if own < DAY // 4 else SLOW_BARS)
    start = _start(source, bars)
    files = []
    for number, pair in enumerate(dict.fromkeys((*traded, *named))):
        base = planted_market(
            seed=seed + number, bars=bars, timeframe=source.timeframe, oracle_sharpe=0.0, start=start
        ).frame
        rng = np.random.default_rng(seed + 100 + number)
        # Candles without trades occur on every market, and are where some leaks hide.
        base.loc[rng.choice(bars, size=8, replace=False), "volume"] = 0.0
        for timeframe in dict.fromkeys((source.timeframe, *larger, *(["1h"] if source.can_short else []))):
            frame = to_freqtrade(base) if timeframe == source.timeframe else _larger(base, timeframe, seed + number)
            kind = "futures" if source.can_short else ""
            files.append(_file(pair, timeframe, kind, frame))
            if source.can_short and timeframe == "1h":
                files.append(_file(pair, timeframe, "mark", frame))
                rates = pd.DataFrame({"date": frame["date"], "funding_rate": rng.normal(0.0, 1e-5, len(frame))})
                files.append(_file(pair, timeframe, "funding_rate", rates))
    return Market(tuple(files), traded, source.timeframe, source.can_short)


def _bars(source: Source, usual: int) -> int:
    reached = [item for item in source.counts if BEHIND_COUNT * item <= MOST_BARS]
    return max(usual, int(BEHIND_COUNT * max(reached, default=0)))


def _start(source: Source, bars: int) -> str:
    own = timeframe_seconds(source.timeframe)
    if not source.dates:
        return START if own < DAY // 4 else EARLY_START
    before = pd.Timedelta(seconds=int(BEFORE_DATE * bars) * own)
    return (max(source.dates) - before).floor("D").isoformat()


def _known(names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        try:
            timeframe_seconds(name)
        except UsageError:
            continue
        found.append(name)
    return found


def _larger(base: pd.DataFrame, timeframe: str, seed: int) -> pd.DataFrame:
    """Return larger candles of the same walk, with a history before it."""
    seconds = timeframe_seconds(timeframe)
    plain = to_freqtrade(base).set_index("date")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    made = plain.resample(f"{seconds}s", origin="epoch").agg(rules).dropna()
    start = made.index[0] - pd.Timedelta(seconds=seconds * HISTORY)
    before = to_freqtrade(
        planted_market(
            seed=seed + 1_000, bars=HISTORY, timeframe=timeframe, oracle_sharpe=0.0, start=start.isoformat()
        ).frame
    ).set_index("date")
    scale = float(made["open"].iloc[0]) / float(before["close"].iloc[-1])
    before[list(PRICES)] = (before[list(PRICES)] * scale).round(8)
    return pd.concat([before, made]).reset_index()


def _file(pair: str, timeframe: str, kind: str, frame: pd.DataFrame) -> Candles:
    stem = pair.replace("/", "_").replace(":", "_")
    name = f"futures/{stem}-{timeframe}-{kind}" if kind else f"{stem}-{timeframe}"
    made = frame.assign(date=pd.DatetimeIndex(frame["date"]).as_unit("ms"))
    return Candles(name, pair, timeframe, kind, made.reset_index(drop=True))
