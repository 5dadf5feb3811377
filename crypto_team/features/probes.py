"""Other futures for the causality audit: frames that agree on what was known at a decision, and on nothing later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import InputError
from crypto_team.features.python_frames import OHLCV

Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Decision = Literal["open", "close"]
TRUNCATED: Final = "truncated"
PROBES: Final = (TRUNCATED, "another path", "scaled x10", "scaled x0.1", "unknown (NaN)", "permuted")
TIME_NAMES: Final = ("timestamp", "date", "time", "datetime", "open_time")
PRICES: Final = frozenset({"open", "high", "low", "close", "vwap"})
TAIL_BARS: Final = 1_500
CLOCK_CUTS, RARE_CUTS_EACH, EDGE_CUTS_EACH = 24, 3, 3
EARLY_ROWS: Final = (40, 90, 150, 260)
WHOLE_CUTS, WHOLE_RARE = 12, 6
LEAST_PAST: Final = 20
CALENDAR_CYCLE, DATED = pd.Timedelta(days=28 * 365 + 7), "another date"


@dataclass(frozen=True)
class Source:
    """One frame with the time each of its rows is known: the bar's close, or what a column `known_at` says."""

    frame: pd.DataFrame
    opens: Times
    known: Times
    step: int

    def rows(self, first: int, end: int) -> Source:
        """Return some rows that follow each other, numbered from 0 where the frame has no index of times."""
        part = self.frame.iloc[first:end]
        if not isinstance(part.index, pd.DatetimeIndex):
            part = part.reset_index(drop=True)
        return Source(part, self.opens[first:end], self.known[first:end], self.step)

    def columns(self, names: frozenset[str]) -> list[int]:
        """Return the places of columns with one of these names, in any case."""
        return [place for place, name in enumerate(self.frame.columns) if str(name).lower() in names]

    def numbers(self) -> list[int]:
        """Return the places of columns that hold numbers."""
        kinds = self.frame.dtypes
        return [place for place, kind in enumerate(kinds) if pd.api.types.is_numeric_dtype(kind)]


def source(frame: pd.DataFrame, name: str) -> Source:
    """Read the times of a frame: a DatetimeIndex, or a column called timestamp, date, time; they are bar opens."""
    lower = {str(column).lower(): column for column in frame.columns}
    column = next((lower[item] for item in TIME_NAMES if item in lower), None)
    if column is None and not isinstance(frame.index, pd.DatetimeIndex):
        raise InputError("no column of times", where=name, hint=f"one of {', '.join(TIME_NAMES)}, or an index of times")
    opens = _milliseconds(frame.index if column is None else frame[column], name)
    if opens.size < 3:
        raise InputError(f"{opens.size} row(s), at least three are needed", where=name)
    if (np.diff(opens) <= 0).any():
        row = int(np.argmax(np.diff(opens) <= 0)) + 2
        raise InputError(
            f"times have to ascend, without duplicates: row {row} is not later than the row before it",
            where=name,
            hint="sort the rows and drop duplicates, as crypto-team data import FILE --repair does",
        )
    step = int(np.median(np.diff(opens)))
    known = _milliseconds(frame[lower["known_at"]], name) if "known_at" in lower else opens + step
    return Source(frame, opens, known, step)


def _milliseconds(times: Any, name: str) -> Times:
    if not pd.api.types.is_datetime64_any_dtype(times):
        raise InputError("times are no timestamps", where=name, hint="store them as datetime64")
    return np.asarray(pd.DatetimeIndex(times).as_unit("ms").asi8)


@dataclass(frozen=True)
class Variant:
    """Frames with another future; features of the rows of `ohlcv` up to `row` may not change."""

    probe: str
    row: int
    frames: Mapping[str, pd.DataFrame]


def variants(
    sources: Mapping[str, Source], decision: Decision, rng: np.random.Generator, odd: Sequence[int] = ()
) -> Iterator[Variant]:
    """Yield other futures at rare rows, at edges of other frames' bars, at every hour and weekday, and at odd rows."""
    own = sources[OHLCV]
    rare = [*_rare_rows(own, rng), *_edge_rows(sources, decision, rng)]
    for number, row in enumerate(dict.fromkeys(rare)):
        yield variant(sources, row, "truncated", decision, rng)
        yield variant(sources, row, PROBES[1 + number % (len(PROBES) - 1)], decision, rng)
    for number, row in enumerate(rng.permutation(_clock_rows(own, rng)).tolist()):
        yield variant(sources, row, PROBES[number % len(PROBES)], decision, rng)
    n = own.opens.size
    for number, row in enumerate(sorted({row for row in (*EARLY_ROWS, *odd) if 0 < row <= n - 2} - set(rare))):
        yield variant(sources, row, PROBES[number % 2], decision, rng)


def whole_variants(sources: Mapping[str, Source], decision: Decision, rng: np.random.Generator) -> Iterator[Variant]:
    """Yield all bars cut off at random rows and at some rare ones."""
    n = sources[OHLCV].opens.size
    rare = _some(np.array(_rare_rows(sources[OHLCV], rng), dtype=np.int64), WHOLE_RARE, rng)
    for row in sorted({*_some(usable(np.arange(n), n), WHOLE_CUTS, rng), *rare}):
        yield variant(sources, row, TRUNCATED, decision, rng)


def moved(sources: Mapping[str, Source]) -> Variant:
    """Return all frames a cycle of the calendar later: tables by date find other values, or none."""
    frames = {name: later_by(item.frame, CALENDAR_CYCLE) for name, item in sources.items()}
    return Variant(DATED, sources[OHLCV].opens.size - 1, frames)


def later_by(frame: pd.DataFrame, span: pd.Timedelta) -> pd.DataFrame:
    """Return a frame with all its times later by a span."""
    made = frame.copy()
    if isinstance(made.index, pd.DatetimeIndex):
        made.index = (made.index + span).as_unit(made.index.unit)
    for place, kind in enumerate(made.dtypes):
        if pd.api.types.is_datetime64_any_dtype(kind):
            made.isetitem(place, (made.iloc[:, place] + span).astype(kind).array)
    return made


def variant(
    sources: Mapping[str, Source], row: int, probe: str, decision: Decision, rng: np.random.Generator
) -> Variant:
    """Return frames with another future from a row on."""
    own = sources[OHLCV]
    moment = int(own.opens[row]) if decision == "open" else int(own.known[row])
    made = {}
    for name, item in sources.items():
        count = row + (decision == "close") if name == OHLCV else None
        made[name] = _changed(item, count, moment, probe, rng)
    if decision == "open":
        made[OHLCV] = _just_opened(own, made[OHLCV], row, probe)
    return Variant(probe, row, made)


def _just_opened(own: Source, made: pd.DataFrame, row: int, probe: str) -> pd.DataFrame:
    """Give the bar that opens at the decision its open price, the only thing of it that is known."""
    if probe == "truncated":
        made = own.frame.iloc[: row + 1].copy()
        known = own.columns(frozenset({"open"}))
        for place in own.numbers():
            price = str(made.columns[place]).lower() in PRICES and bool(known)
            made.isetitem(place, _with(made.iloc[:, place], row, made.iloc[row, known[0]] if price else 0.0))
        return made
    for place in own.columns(frozenset({"open"})):
        made.isetitem(place, _with(made.iloc[:, place], row, own.frame.iloc[row, place]))
    return made


def _with(values: pd.Series[Any], row: int, value: Any) -> Floats:
    changed = values.to_numpy(dtype=np.float64).copy()
    changed[row] = value
    return changed


def _changed(item: Source, count: int | None, moment: int, probe: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return a frame with all that was not known at a moment replaced as the probe says."""
    known = item.known <= moment if count is None else np.arange(item.known.size) < count
    if probe == "truncated":
        return item.frame[known]
    last = int(np.flatnonzero(known)[-1]) if known.any() else -1
    kept = known | (np.arange(known.size) <= last + TAIL_BARS)
    made, later = item.frame[kept].copy(), np.flatnonzero(~known[kept])
    if not later.size:
        return made
    prices = set(item.columns(PRICES))
    order = rng.permutation(later.size)
    bend = np.exp(np.cumsum(rng.normal(0.0, 0.01, later.size)))
    for place in item.numbers():
        values = made.iloc[:, place].to_numpy(dtype=np.float64).copy()
        values[later] = _future(values[later], probe, order, bend if place in prices else None)
        made.isetitem(place, values)
    return made


def _future(values: Floats, probe: str, order: npt.NDArray[np.int64], bend: Floats | None) -> Floats:
    """Return other values in place of those that lie ahead; prices of another path move together and without a jump."""
    if probe.startswith("scaled"):
        return values * (10.0 if probe.endswith("x10") else 0.1)
    if probe.startswith("unknown"):
        return np.full(values.size, np.nan)
    return values * bend if probe == "another path" and bend is not None else values[order]


def _rare_rows(own: Source, rng: np.random.Generator) -> list[int]:
    """Choose rows at the end and where leaks like to hide: month starts, no volume, extremes of move and volume."""
    n = own.opens.size
    times = pd.DatetimeIndex(own.opens.astype("datetime64[ms]"))
    kinds = [np.flatnonzero((times.day == 1) & (times.hour == 0) & (times.minute == 0))]
    for place in own.columns(frozenset({"volume"}))[:1]:
        volume = own.frame.iloc[:, place].to_numpy(np.float64)
        kinds += [np.flatnonzero(volume == 0.0), np.argsort(-volume, kind="stable")[:20]]
    for place in own.columns(frozenset({"close"}))[:1]:
        close = own.frame.iloc[:, place].to_numpy(np.float64)
        move = np.abs(np.diff(close, prepend=close[:1]) / close)
        kinds.append(np.argsort(-np.nan_to_num(move), kind="stable")[:20])
    chosen = [n - 2, n - 3]
    for rare in kinds:
        chosen += _some(usable(rare, n), RARE_CUTS_EACH, rng)
    return sorted({row for row in chosen if row >= 0})


def _edge_rows(sources: Mapping[str, Source], decision: Decision, rng: np.random.Generator) -> list[int]:
    """Choose rows whose decision comes one bar before a row of another frame is known, and just when it is."""
    own = sources[OHLCV]
    moments = own.opens if decision == "open" else own.known
    chosen: list[int] = []
    for name, item in sources.items():
        if name == OHLCV:
            continue
        at = np.searchsorted(moments, item.known)
        for rows in (at - 1, at, np.searchsorted(moments, item.opens)):
            chosen += _some(usable(np.unique(rows), own.opens.size), EDGE_CUTS_EACH, rng)
    return chosen


def _clock_rows(own: Source, rng: np.random.Generator) -> list[int]:
    """Choose rows at random, but at every hour of the day and all days of the week: leaks may wait for the clock."""
    n = own.opens.size
    times = pd.DatetimeIndex(own.opens.astype("datetime64[ms]"))
    chosen: set[int] = set()
    for number in range(CLOCK_CUTS):
        fits = usable(np.flatnonzero((times.hour == number % 24) & (times.day_of_week == number % 7)), n)
        chosen.update(_some(fits if fits.size else usable(np.arange(n), n), 1, rng))
    return sorted(chosen)


def _some(rows: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> list[int]:
    made: list[int] = rng.choice(rows, size=min(count, rows.size), replace=False).tolist()
    return made


def usable(rows: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Keep rows with some past, so that honest functions have bars to run on, and with a future."""
    return rows[(rows >= min(n - 2, max(1, n // LEAST_PAST))) & (rows <= n - 2)]
