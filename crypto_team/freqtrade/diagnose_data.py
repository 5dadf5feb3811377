"""A data directory of Freqtrade with another future: every file cut by the close of its own candles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import InputError

FORMATS: Final = ("feather", "parquet", "json")
PRICES: Final = ("open", "high", "low", "close")
NUMBERS: Final = (*PRICES, "volume", "funding_rate")
PROBES: Final = ("truncated", "another path", "scaled x10", "scaled x0.1", "permuted", "unknown (NaN)")
_NAME = re.compile(r"(?P<pair>[A-Za-z0-9_]+)-(?P<timeframe>[1-9][0-9]*[mhdw])(-(?P<kind>[a-z_]+))?")
_JSON_COLUMNS: Final = ("date", *PRICES, "volume")
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candles:
    """One file: candles, mark prices or funding of a pair; `name` is its path inside the data directory."""

    name: str
    pair: str
    timeframe: str
    kind: str
    frame: pd.DataFrame

    @property
    def opens(self) -> Times:
        """Return the times of its rows in milliseconds."""
        return np.asarray(pd.DatetimeIndex(self.frame["date"]).as_unit("ms").asi8)

    @property
    def known(self) -> Times:
        """Return when each row is known: at the close of its candle; a rate of funding when it is paid."""
        return self.opens if self.kind == "funding_rate" else self.opens + timeframe_seconds(self.timeframe) * 1000


@dataclass(frozen=True)
class Market:
    """All files of a data directory, and the pairs whose candles of the strategy's timeframe are there."""

    files: tuple[Candles, ...]
    pairs: tuple[str, ...]
    timeframe: str
    futures: bool

    def own(self, pair: str) -> Candles:
        """Return the candles that a pair is traded on."""
        kinds = ("futures",) if self.futures else ("",)
        return next(
            item for item in self.files if item.pair == pair and item.timeframe == self.timeframe and item.kind in kinds
        )

    @property
    def step_ms(self) -> int:
        """Return the length of a candle."""
        return timeframe_seconds(self.timeframe) * 1000


def read_market(folder: Path, timeframe: str, pairs: Sequence[str] = ()) -> Market:
    """Read a data directory in Freqtrade's format: feather, parquet or JSON.

    Raises
    ------
    InputError
        No candles of the timeframe, or not of the pairs asked for.
    """
    files = []
    for path in sorted(folder.rglob("*")):
        found = _NAME.fullmatch(path.stem)
        if path.suffix[1:] not in FORMATS or found is None or found["kind"] == "trades":
            continue
        kind = found["kind"] or ""
        pair = _pair(found["pair"], futures=bool(kind))
        frame = _read(path)
        if "date" in frame and len(frame):
            name = ("futures/" if kind else "") + path.stem
            files.append(Candles(name, pair, found["timeframe"], kind, frame))
    spot = [item.pair for item in files if item.timeframe == timeframe and item.kind == ""]
    traded = spot or [item.pair for item in files if item.timeframe == timeframe and item.kind == "futures"]
    absent = [item for item in pairs if item not in traded]
    if not traded or absent:
        there = ", ".join(sorted({f"{item.pair} {item.timeframe}" for item in files})[:10]) or "none"
        what = f"no {timeframe} candles of {', '.join(absent) or 'any pair'}"
        raise InputError(what, where=str(folder), hint=f"candles that are there: {there}")
    return Market(tuple(files), tuple(pairs or dict.fromkeys(traded)), timeframe, not spot)


def _pair(name: str, *, futures: bool) -> str:
    parts = name.split("_")
    if futures and len(parts) >= 3:
        return f"{'_'.join(parts[:-2])}/{parts[-2]}:{parts[-1]}"
    return f"{'_'.join(parts[:-1])}/{parts[-1]}"


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".feather":
            frame = pd.read_feather(path)
        elif path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.DataFrame(pd.read_json(path, orient="values").to_numpy(), columns=list(_JSON_COLUMNS))
            frame["date"] = pd.to_datetime(frame["date"], unit="ms", utc=True)
    except (OSError, ValueError) as problem:
        raise InputError(f"the candles cannot be read: {problem}", where=str(path)) from None
    if "date" in frame:
        frame["date"] = pd.DatetimeIndex(pd.to_datetime(frame["date"], utc=True)).as_unit("ms")
    return frame


def trimmed(market: Market, most: int) -> Market:
    """Keep the last candles that are traded on, and of larger candles their history before as well."""
    last = max(int(market.own(pair).opens[-1]) for pair in market.pairs)
    start = last - (most - 1) * market.step_ms
    files = []
    for item in market.files:
        step = timeframe_seconds(item.timeframe) * 1000
        first = start if step <= market.step_ms else start - 400 * step
        frame = item.frame[item.opens >= first].reset_index(drop=True)
        if len(frame):
            files.append(Candles(item.name, item.pair, item.timeframe, item.kind, frame))
    there = {item.pair for item in files if item.timeframe == market.timeframe}
    return Market(tuple(files), tuple(pair for pair in market.pairs if pair in there), market.timeframe, market.futures)


def replaced(market: Market, moment: int, probe: str, rng: np.random.Generator, *, opened: bool = False) -> Market:
    """Return the market with everything that was not known at a moment replaced.

    `opened` keeps the open price of the candle that opens at the moment: the engine has told it by then.
    """
    length = max(len(item.frame) for item in market.files)
    bend = np.exp(np.cumsum(rng.normal(0.0, 0.01, length)))
    files = []
    for item in market.files:
        known = item.known <= moment
        if probe == "truncated":
            frame = item.frame[known]
        else:
            frame = _other(item.frame, np.flatnonzero(~known), probe, bend, rng)
        if opened:
            frame = _with_open(item, frame, moment)
        if len(frame):
            files.append(Candles(item.name, item.pair, item.timeframe, item.kind, frame.reset_index(drop=True)))
    there = {item.pair for item in files if item.timeframe == market.timeframe}
    return Market(tuple(files), tuple(pair for pair in market.pairs if pair in there), market.timeframe, market.futures)


def _other(
    frame: pd.DataFrame,
    later: npt.NDArray[np.int64],
    probe: str,
    bend: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> pd.DataFrame:
    made = frame.copy()
    order = rng.permutation(later.size)
    for name in NUMBERS:
        if name not in made or not later.size:
            continue
        values = made[name].to_numpy(dtype=np.float64, copy=True)
        part = values[later]
        if probe.startswith("scaled"):
            part = part * (10.0 if probe.endswith("x10") else 0.1)
        elif probe.startswith("unknown"):
            part = np.full(later.size, np.nan)
        elif probe == "another path" and name in PRICES:
            part = part * bend[: later.size]
        else:
            part = part[order]
        # The engine fills orders at exact ticks: prices off the tick would change fills and nothing else.
        values[later] = np.round(part, 8)
        made[name] = values
    return made


def _with_open(item: Candles, frame: pd.DataFrame, moment: int) -> pd.DataFrame:
    at = np.flatnonzero(item.opens == moment)
    if not at.size or "open" not in frame or at[0] >= len(frame):
        return frame
    opening = float(item.frame["open"].iloc[at[0]])
    row = frame.index[at[0]]
    frame.loc[row, "open"] = opening
    frame.loc[row, "high"] = max(opening, float(frame.loc[row, "high"]))
    frame.loc[row, "low"] = min(opening, float(frame.loc[row, "low"]))
    return frame


def write_market(market: Market, folder: Path) -> None:
    """Write the files of a market under Freqtrade's names, as feather."""
    for item in market.files:
        path = folder / f"{item.name}.feather"
        path.parent.mkdir(parents=True, exist_ok=True)
        item.frame.to_feather(path)


def cuts(
    market: Market,
    signals: Mapping[str, Sequence[int]],
    count: int,
    rng: np.random.Generator,
    odd: Mapping[str, Sequence[int]] | None = None,
) -> list[int]:
    """Choose moments: where signals change, at rare and `odd` rows, before closes of larger candles, and evenly."""
    chosen: list[int] = []
    for pair in market.pairs:
        item = market.own(pair)
        n, known = len(item.frame), item.known
        close, volume = item.frame["close"].to_numpy(float), item.frame["volume"].to_numpy(float)
        move = np.abs(np.diff(close, prepend=close[:1]) / close)
        times = pd.DatetimeIndex(item.frame["date"])
        month = np.flatnonzero((times.day == 1) & (times.hour == 0) & (times.minute == 0))
        for rows, most in (
            (np.asarray(signals.get(pair, ()), dtype=np.int64), 4),
            (np.asarray((odd or {}).get(pair, ()), dtype=np.int64), 4),
            (np.argsort(-np.nan_to_num(move), kind="stable")[:10], 1),
            (np.argsort(-volume, kind="stable")[:10], 1),
            (np.flatnonzero(volume == 0.0), 1),
            (month, 1),
            (np.array([n - 2, n - 3]), 1),
        ):
            fits = rows[(rows >= n // 4) & (rows <= n - 2)]
            chosen += known[rng.choice(fits, size=min(most, fits.size), replace=False)].tolist()
    first = market.own(market.pairs[0])
    unique = list(dict.fromkeys(chosen))
    picked = rng.choice(len(unique), size=min(count // 2, len(unique)), replace=False)
    edges = _edges(market, first.known, rng)
    made = {*(unique[place] for place in picked), *edges[: count // 4]}
    return sorted({*made, *_clock(first, count - len(made), rng)})


def _clock(item: Candles, count: int, rng: np.random.Generator) -> list[int]:
    """Return moments at every hour of the day: a leak may wait for one."""
    rows = np.arange(len(item.frame) // 4, len(item.frame) - 1)
    hours = pd.DatetimeIndex(item.frame["date"]).hour.to_numpy()[rows]
    order = rng.permutation(24)
    found = [rows[hours == order[number % 24]] for number in range(count)]
    return [int(item.known[rng.choice(part if part.size else rows)]) for part in found]


def _edges(market: Market, known: Times, rng: np.random.Generator) -> list[int]:
    """Return moments one candle before a larger candle closes: its file must not be read yet."""
    found: list[int] = []
    for step in sorted({timeframe_seconds(item.timeframe) * 1000 for item in market.files}):
        if step > market.step_ms:
            inside = known[known.size // 4 : -1]
            early = inside[(inside + market.step_ms) % step == 0]
            found += rng.choice(early, size=min(3, early.size), replace=False).tolist()
    return found
