"""Series as they come in live: what was known at a close, with the functions that read a history."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.data.series import STEPS_JUDGED, StepsJudged
from crypto_team.errors import InputError
from crypto_team.features.online_state import expect, no_state
from crypto_team.features.surroundings import KnownSeries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.features.online_bars import Floats, State

ROW: Final = np.dtype([("known_at", np.int64), ("time", np.int64), ("value", np.float64), ("stale_ms", np.int64)])
"""A value, and how long it counts: 0 while it is not known yet."""
_Row = tuple[int, int, float, int]


class SeriesFeed:
    """One series for one cell. Values may come before they are known; they count from then on.

    Parameters
    ----------
    flow
        Whether values are events that are summed over each bar, or levels of which the last known one counts.
    stale_ms
        How long a value counts; None judges it by the rule for stored series, from the values known by then. A history
        may bring its own.
    """

    def __init__(self, *, flow: bool, stale_ms: int | None) -> None:
        self.flow = flow
        self.stale_ms = stale_ms
        self._judge = StepsJudged()
        self.asked = np.iinfo(np.int64).min
        self._first = np.iinfo(np.int64).max
        self._rows: list[_Row] = []

    def check(self, known_at: int) -> None:
        """Refuse a value that should have counted for a bar that is over.

        Raises
        ------
        InputError
            It was known before the last close that was asked for: with it, that bar would have been another.
        """
        if known_at <= self.asked:
            raise InputError(
                f"a value known at {known_at} comes after the bar that closed at {int(self.asked)}",
                where="known_at",
                hint="give the time at which you got it",
            )

    def learn(self, known_at: int, time: int, value: float) -> None:
        """Take a value that :meth:`check` lets pass."""
        self.check(known_at)
        # Of values known at the same time the later one in time counts, as in a stored series.
        self._rows.insert(bisect_right(self._rows, (known_at, time, np.inf, 0)), (known_at, time, value, 0))
        self._first = min(self._first, known_at)

    def learn_all(self, series: KnownSeries) -> None:
        """Take a history, and how long its last value counts."""
        if not isinstance(series.stale_ms, np.ndarray):
            self.stale_ms = int(series.stale_ms)
        for known_at, time, value in zip(series.known_at, series.time, series.value, strict=True):
            self.learn(int(known_at), int(time), float(value))

    def at(self, closes: npt.NDArray[np.int64], step: int) -> Floats:
        """Return what was known at the closes of bars, and forget what no later close can need."""
        self._rows = [self._judged(row) if row[0] <= closes[-1] else row for row in self._rows]
        rows = self._rows
        if self.flow and rows and rows[0][0] > self._first:
            rows = [(self._first, self._first, 0.0, rows[0][3]), *rows]
        table = np.array(rows, dtype=ROW)
        series = KnownSeries(table["time"], table["known_at"], table["value"], table["stale_ms"])
        made = series.summed(closes, step) if self.flow else series.last_known(closes)
        self.asked = int(closes[-1])
        self._forget()
        return made

    def _judged(self, row: _Row) -> _Row:
        """Return a value that is known now with how long it counts."""
        if row[3]:
            return row
        return (*row[:3], self._judge.stale_after(row[1]) if self.stale_ms is None else self.stale_ms)

    def _forget(self) -> None:
        """Keep what is not known yet, and of the rest the last row that counts."""
        known = bisect_right(self._rows, (self.asked, np.inf, np.inf, 0))
        if not known:
            return
        if self.flow:
            kept = self._rows[known - 1 : known]
        else:
            # The value of the latest time counts, of several for that time the last, however long ago it was known.
            newest = max(row[1] for row in self._rows[:known])
            kept = [row for row in self._rows[:known] if row[1] == newest][-1:]
        self._rows = kept + self._rows[known:]

    def state(self) -> State:
        """Return the values that still count."""
        latest = [] if self._judge.latest is None else [self._judge.latest]
        return {
            "rows": np.array(self._rows, dtype=ROW),
            "span": np.array([self._first, self.asked, self.stale_ms or 0], dtype=np.int64),
            "steps": np.array([*self._judge.steps, *latest], dtype=np.int64),
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""
        table = expect(state["rows"], ROW, (None,), "values of a series")
        first, asked, stale_ms = expect(state["span"], np.int64, (3,), "span of a series").tolist()
        *steps, latest = expect(state["steps"], np.int64, (None,), "steps of a series").tolist() or [None]
        late = (np.diff(table["known_at"]) < 0).any() or (table.size and table["known_at"][0] < first)
        if (
            late
            or stale_ms < 0
            or (table["stale_ms"] < 0).any()
            or len(steps) > STEPS_JUDGED
            or min(steps, default=1) < 1
        ):
            raise no_state("values of a series are out of order")
        self._rows = table.tolist()
        self._first, self.asked, self.stale_ms = first, asked, stale_ms or None
        self._judge = StepsJudged(latest, steps)
