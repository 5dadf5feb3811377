"""Series as they come in live: what was known at a close, with the functions that read a history."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.data.series import LEAST_STALE_MS, stale_of
from crypto_team.errors import InputError
from crypto_team.features.online_state import expect, no_state, opens
from crypto_team.features.surroundings import KnownSeries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.features.online_bars import Floats, State

ROW: Final = np.dtype([("known_at", np.int64), ("time", np.int64), ("value", np.float64)])

MOST_TIMES: Final = 256
"""By so many times of the latest values a series is judged."""


class SeriesFeed:
    """One series for one cell. Values may come before they are known; they count from then on.

    Parameters
    ----------
    flow
        Whether values are events that are summed over each bar, or levels of which the last known one counts.
    stale_ms
        How long the last value counts; None judges it by the rule for stored series, from the times of the values that
        have come. A history brings its own.
    """

    def __init__(self, *, flow: bool, stale_ms: int | None) -> None:
        self.flow = flow
        self.stale_ms = LEAST_STALE_MS if stale_ms is None else stale_ms
        self._judged = stale_ms is None
        self._times: list[int] = []
        self.asked = np.iinfo(np.int64).min
        self._first = np.iinfo(np.int64).max
        self._rows: list[tuple[int, int, float]] = []

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
        self._rows.insert(bisect_right(self._rows, (known_at, time, np.inf)), (known_at, time, value))
        self._first = min(self._first, known_at)
        if self._judged:
            self._judge(time)

    def _judge(self, time: int) -> None:
        """Judge by one more time how often the series comes."""
        place = bisect_left(self._times, time)
        if self._times[place : place + 1] != [time]:
            self._times.insert(place, time)
            del self._times[:-MOST_TIMES]
            self.stale_ms = stale_of(np.array(self._times, dtype=np.int64))

    def learn_all(self, series: KnownSeries) -> None:
        """Take a history, and how long its last value counts."""
        self.stale_ms, self._judged, self._times = series.stale_ms, False, []
        for known_at, time, value in zip(series.known_at, series.time, series.value, strict=True):
            self.learn(int(known_at), int(time), float(value))

    def at(self, closes: npt.NDArray[np.int64], step: int) -> Floats:
        """Return what was known at the closes of bars, and forget what no later close can need."""
        rows = self._rows
        if self.flow and rows and rows[0][0] > self._first:
            rows = [(self._first, self._first, 0.0), *rows]
        series = KnownSeries(
            np.array([row[1] for row in rows], dtype=np.int64),
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[2] for row in rows], dtype=np.float64),
            self.stale_ms,
        )
        made = series.summed(closes, step) if self.flow else series.last_known(closes)
        self.asked = int(closes[-1])
        self._forget()
        return made

    def _forget(self) -> None:
        """Keep what is not known yet, and of the rest the last row that counts."""
        known = bisect_right(self._rows, (self.asked, np.inf, np.inf))
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
        table = np.array(self._rows, dtype=ROW)
        span = np.array([self._first, self.asked, self.stale_ms, self._judged], dtype=np.int64)
        return {"rows": table, "span": span, "times": np.array(self._times, dtype=np.int64)}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""
        table, span = expect(state["rows"], ROW, (None,), "values of a series"), state["span"]
        rows = [(int(row[0]), int(row[1]), float(row[2])) for row in table]
        times = opens(state["times"], "times of a series").tolist()
        first, asked, stale_ms, judged = (int(value) for value in expect(span, np.int64, (4,), "span of a series"))
        ordered = (np.diff(table["known_at"]) >= 0).all() and (not rows or rows[0][0] >= first)
        if not ordered or stale_ms <= 0 or judged not in {0, 1} or len(times) > MOST_TIMES * judged:
            raise no_state("values of a series are out of order")
        self._rows, self._first, self.asked, self.stale_ms = rows, first, asked, stale_ms
        self._judged, self._times = bool(judged), times
