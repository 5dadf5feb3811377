"""What formulas may read beside the bars of their own pair: frames of other pairs and series of the catalog.

Everything counts from the time on at which it was known. A bar is known at its close; a value of a series at its
`known_at`, which its publication lag is part of.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from crypto_team.data.frame import epoch_ms
from crypto_team.data.series import arrays, stale_after
from crypto_team.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
STALE_BARS: Final = 3
"""A column of the order book counts for so many bars after its close; then the book is no longer known."""
_FIRST, _LAST, _HIGHEST, _LOWEST = frozenset({"open"}), frozenset({"close"}), frozenset({"high"}), frozenset({"low"})
TRADED: Final = ("open", "high", "low", "close", "volume")
_WEIGHTED = frozenset({"vwap"})


_WEEK: Final = 7 * 86_400_000
_MONDAY: Final = 4 * 86_400_000
"""1970 began on a Thursday, weekly bars open on Mondays at 00:00 UTC."""


def next_open(time: int, step: int) -> int:
    """Return when the first bar of a step opens that does not open before a time, both in milliseconds since 1970."""
    first = _MONDAY if step == _WEEK else 0
    return first - (first - time) // step * step


@dataclass(frozen=True, slots=True)
class Frame:
    """Bars on a complete grid: columns of shape (n,), opens in milliseconds since 1970, and the length of a bar."""

    columns: Mapping[str, Floats]
    times: Times
    step: int

    @property
    def closes(self) -> Times:
        """Return when each bar is known: its close."""
        return self.times + self.step

    def before(self, end: int) -> Frame:
        """Return the bars that had closed before a time."""
        kept = int(np.searchsorted(self.closes, end, side="left"))
        return Frame({name: values[:kept] for name, values in self.columns.items()}, self.times[:kept], self.step)

    def since(self, start: int) -> Frame:
        """Return the bars that open at a time or later."""
        first = int(np.searchsorted(self.times, start, side="left"))
        return Frame({name: values[first:] for name, values in self.columns.items()}, self.times[first:], self.step)

    def filled(self, first: int | None = None, until: int | None = None) -> Frame:
        """Return the bars with an unknown one wherever one is missing.

        Parameters
        ----------
        first
            Since when; without it since the first of them.
        until
            What should have closed by then is missing as well; without it nothing is after the last of them.

        Raises
        ------
        InputError
            A bar is there twice or out of order, or does not begin where a bar of this step does.
        """
        if not self.times.size and first is None:
            return self
        start = int(self.times[0]) if first is None else first
        places, rest = np.divmod(self.times - start, self.step)
        odd = (rest != 0) | (np.diff(places, prepend=-1) < 1)
        if odd.any():
            row = int(np.argmax(odd))
            raise InputError(
                f"bar {row} of {self.step // 1000} seconds opens at {int(self.times[row])}, not one or more bars after "
                f"{int(self.times[row - 1]) if row else start - self.step}",
                where="timestamp",
                hint="sort the bars, drop duplicates and what lies between",
            )
        count = max(int(places[-1]) + 1 if places.size else 0, 0 if until is None else (until - start) // self.step)
        if count == self.times.size:
            return self
        made = {name: np.full(count, np.nan) for name in self.columns}
        for name, values in self.columns.items():
            made[name][places] = values
        return Frame(made, start + self.step * np.arange(count, dtype=np.int64), self.step)

    def traded(self) -> Frame:
        """Return the bars with an unknown one wherever nothing was traded: no volume, and one price for all four.

        So candles look that Freqtrade, a catalog or an exchange puts where there are none. Bars that do not have all
        of these columns stay.
        """
        if any(name not in self.columns for name in TRADED):
            return self
        prices = [self.columns[name] for name in TRADED[:-1]]
        quiet = (self.columns["volume"] == 0.0) & np.all([price == prices[0] for price in prices], axis=0)
        if not quiet.any():
            return self
        columns = {name: np.where(quiet, np.nan, values) for name, values in self.columns.items()}
        return Frame(columns, self.times, self.step)

    def completes(self, step: int) -> bool:
        """Return whether a bar of a longer step ends with one of these."""
        return any(next_open(int(close), step) == int(close) for close in self.closes)

    def coarser(self, step: int) -> Frame:
        """Return bars of a longer step; one that begins before the data, or is still open at their end, is left out."""
        if step == self.step:
            return self
        if step % self.step:
            raise InputError(f"bars of {self.step // 1000} seconds do not add up to bars of {step // 1000} seconds")
        self._complete()
        each = step // self.step
        first = (next_open(int(self.times[0]), step) - int(self.times[0])) // self.step if self.times.size else 0
        count = max(0, (self.times.size - first) // each)
        rows = slice(first, first + count * each)
        made = {name: self._joined(name, rows, each) for name in self.columns}
        return Frame(made, self.times[rows].reshape(count, each)[:, 0].copy(), step)

    def _complete(self) -> None:
        """Refuse bars with a hole: counted off by place, all longer bars after it would be others."""
        odd = np.diff(self.times) != self.step
        if odd.any():
            row = int(np.argmax(odd))
            raise InputError(
                f"the bar after that of {int(self.times[row])} opens at {int(self.times[row + 1])}, "
                f"not {self.step // 1000} seconds later",
                where="timestamp",
                hint="longer bars are joined from bars without holes: give a row of NaN for each missing one",
            )

    def _joined(self, name: str, rows: slice, each: int) -> Floats:
        values = self.columns[name][rows].reshape(-1, each)
        if name in _FIRST:
            return values[:, 0].copy()
        if name in _LAST:
            return values[:, -1].copy()
        if name in _HIGHEST:
            return np.asarray(values.max(axis=1))
        if name in _LOWEST:
            return np.asarray(values.min(axis=1))
        if name in _WEIGHTED:
            weight = self.columns["volume"][rows].reshape(-1, each)
            total = weight.sum(axis=1)
            made = values[:, -1].copy()  # without any volume it is the close, as in each of the bars
            np.divide((values * weight).sum(axis=1), total, out=made, where=total > 0.0)
            return made
        return np.asarray(values.sum(axis=1))


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """Values with the time they are about and the time they were known; older than `stale_ms` they are unknown again.

    `stale_ms` is one number for all of them or one for each. Rows are in the order of `known_at`; a value may be
    published again for the same time: the later word counts.
    """

    time: Times
    known_at: Times
    value: Floats
    stale_ms: int | Times

    def before(self, end: int) -> KnownSeries:
        """Return what was known before a time."""
        kept = int(np.searchsorted(self.known_at, end, side="left"))
        stale = self.stale_ms[:kept] if isinstance(self.stale_ms, np.ndarray) else self.stale_ms
        return KnownSeries(self.time[:kept], self.known_at[:kept], self.value[:kept], stale)

    def last_known(self, decisions: Times) -> Floats:
        """Return at each decision time the value of the latest time that was known; NaN where there is none."""
        if not self.time.size:
            return np.full(decisions.size, np.nan)
        newest = np.maximum.accumulate(self.time)
        rows = np.where(self.time == newest, np.arange(self.time.size), 0)
        current = np.maximum.accumulate(rows)
        place = np.searchsorted(self.known_at, decisions, side="right") - 1
        row = current[np.maximum(place, 0)]
        fresh = (place >= 0) & (decisions - self.known_at[row] <= self._stale(row))
        return np.where(fresh, self.value[row], np.nan)

    def summed(self, closes: Times, step: int) -> Floats:
        """Return the sum of what became known in each bar; NaN before the first event and long after the last."""
        if not self.time.size:
            return np.full(closes.size, np.nan)
        last = np.searchsorted(self.known_at, closes, side="right")
        first = np.searchsorted(self.known_at, closes - step, side="right")
        row = np.maximum(last - 1, 0)
        covered = (closes - step >= self.known_at[0]) & (closes - self.known_at[row] <= self._stale(row))
        sums = np.zeros(closes.size)
        busy = np.flatnonzero(last > first)
        # One sum for each bar, not a difference of running sums: what came long before must not leave its rounding.
        if busy.size:
            sums[busy] = np.add.reduceat(self.value[: last[busy[-1]]], first[busy])
        return np.where(covered, sums, np.nan)

    def _stale(self, rows: npt.NDArray[np.int64]) -> int | Times:
        return self.stale_ms[rows] if isinstance(self.stale_ms, np.ndarray) else self.stale_ms


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """Which series: kind, source as the formula names it ("" for the strategy's own exchange), pair ("" for all).

    Series with many values at a time have the name of one of them as `column`.
    """

    kind: str
    source: str
    pair: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything around the bars of one pair."""

    pair: str
    frames: Mapping[str, Frame] = field(default_factory=dict)
    series: Mapping[SeriesKey, KnownSeries] = field(default_factory=dict)

    def before(self, end: int) -> Surroundings:
        """Return what was known before a time: bars that had closed, values that had been published."""
        frames = {pair: frame.before(end) for pair, frame in self.frames.items()}
        return replace(self, frames=frames, series={key: item.before(end) for key, item in self.series.items()})

    def seen_from(self, pair: str) -> Surroundings:
        """Return the same surroundings for another pair."""
        return replace(self, pair=pair)

    def frame(self, pair: str, step: int, until: int | None = None) -> Frame:
        """Return the bars of another pair, unknown where one is missing, be it in between or at the end before a time.

        Whether another comes later is not known when a bar does not come: a hole and an end are the same, and so is a
        bar in which nothing was traded.
        """
        if pair not in self.frames:
            raise InputError(
                f"there are no bars of {pair}",
                where="formula",
                hint=f"crypto-team data import FILE --pair {pair}, on the timeframe of the strategy",
            )
        return self.frames[pair].traded().filled(until=until).coarser(step)

    def known(self, key: SeriesKey) -> KnownSeries:
        """Return a series."""
        if key not in self.series:
            named = " of ".join(item for item in (key.column or key.kind, key.pair) if item)
            raise InputError(
                f"there is no series {named}{f' from {key.source}' if key.source else ''}",
                where="formula",
                hint="crypto-team data book-bars DS-000 ..."
                if key.column
                else "crypto-team data import-series FILE ...",
            )
        return self.series[key]


def known_before(values: Floats, closes: Times, decisions: Times) -> Floats:
    """Join as of: for each decision the value of the last bar that had closed by then; NaN where there is none."""
    if not closes.size:
        return np.full(decisions.size, np.nan)
    place = np.searchsorted(closes, decisions, side="right") - 1
    return np.where(place >= 0, values[np.maximum(place, 0)], np.nan)


def known_series(
    frame: pd.DataFrame, lag_seconds: int | None, stale_after_seconds: int | None, column: str = ""
) -> KnownSeries:
    """Return a stored series as formulas read it, or one column of values per bar; those count for three bars."""
    if not column:
        about, known_at, value = arrays(frame, lag_seconds)
        usual: int | Times = stale_after(about)
    elif column in frame:
        about, known_at = epoch_ms(frame["timestamp"]), epoch_ms(frame["known_at"])
        value = frame[column].to_numpy(np.float64)
        usual = STALE_BARS * int((known_at - about).max(initial=0))
    else:
        raise InputError(f"the stored series has no column {column}", where="formula", hint="data book-bars makes it")
    return KnownSeries(about, known_at, value, stale_after_seconds * 1000 if stale_after_seconds else usual)
