"""Whether a column keeps its knowledge of the future by date or by number of the row, or knows more than any edge.

A table of answers by time, or an interpolation between them, does not ask for prices: other ones change nothing. And
one that counts times modulo a cycle of the calendar, or rows from the first bar, answers alike 28 years later. So all
bars are computed once more a year of whole weeks later, without the first fiftieth. What is computed from the past
keeps what it knows of later returns, and so does the time of day, the weekday and the season; what is looked up by date
or row answers for other bars.

An interpolation of prices cannot be told so: it answers wherever prices are near. It is told by knowing more than an
edge can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.features.probes import DATED, Decision, Source, later_by, moved
from crypto_team.features.python_frames import OHLCV
from crypto_team.features.recall import (
    HORIZONS,
    LEAST_ROWS,
    LEAST_T,
    close_of,
    gone,
    lost,
    other_prices,
    ranked,
    remembered,
    returns_ahead,
)
from crypto_team.features.verdicts import ColumnVerdict, dated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crypto_team.features.python_frames import Computed

Values = npt.NDArray[np.float64]
ANOTHER_YEAR: Final = "another year"
BEYOND: Final = "beyond any edge"
WEEKS: Final = pd.Timedelta(weeks=52)
"""Hours and weekdays are the same, and the season nearly."""
LEFT_OUT: Final = 50
LEAST_DATED: Final = 4.0
MOST_KNOWN: Final = {1: 0.35, 3: 0.4, 12: 0.45}
"""Rank correlations with later returns above which, beside that of the last returns, no edge is believed (LK006)."""
DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Elsewhere:
    """What was computed on other prices, a year of weeks later, and a cycle of the calendar later."""

    prices: Computed
    year: Computed
    cycle: Computed


@dataclass(frozen=True)
class Recalled:
    """Verdicts on columns that remember, by name, and what is worth a word of those that do not."""

    verdicts: dict[str, ColumnVerdict]
    notes: list[str]


def other_times(sources: Mapping[str, Source], rng: np.random.Generator) -> list[Mapping[str, pd.DataFrame]]:
    """Return the frames that :class:`Elsewhere` is computed on."""
    return [other_prices(sources, rng), another_year(sources), moved(sources).frames]


def recalled(
    columns: Mapping[str, Values], elsewhere: Elsewhere, sources: Mapping[str, Source], decision: Decision
) -> Recalled:
    """Judge columns that look later bars up, or know more of them than an edge can.

    Parameters
    ----------
    columns
        Values on the bars as they are.
    elsewhere
        What was computed on :func:`other_times`.
    sources, decision
        The frames as they are, and whether a row decides at its bar's close or already at its open.
    """
    own, start = sources[OHLCV], left_out(sources)
    found = unbelievable(columns, own, decision)
    for probe, result in ((ANOTHER_YEAR, elsewhere.year), (DATED, elsewhere.cycle)):
        if result.error:
            text = f"the function fails on the same bars at another time: {result.error}"
            found |= {name: ColumnVerdict(name, False, probe, -1, -1, np.nan, np.nan, text) for name in columns}
    told = [] if elsewhere.cycle.error else list(_dated(columns, elsewhere.cycle.columns, own, decision))
    found |= {item.column: item for item in told if not item.causal}
    found |= forgotten(columns, elsewhere.year.columns, own, start, decision)
    found |= remembered(columns, elsewhere.prices.columns, own, decision)
    notes = [f"{item.column}: {item.explanation}" for item in told if item.causal and item.column not in found]
    return Recalled(found, notes)


def _dated(
    columns: Mapping[str, Values], later: Mapping[str, Values], own: Source, decision: Decision
) -> Iterator[ColumnVerdict]:
    """Yield verdicts on columns with other values 28 years later: refused where what differs knows what comes.

    Dates that were announced long before are honest: meetings, expiries, halvings. What differs with them ranks no
    returns. Here four errors are enough: no other probe sees a table of dates that is weak.
    """
    targets = _targets_by_day(own, decision)
    for name, values in columns.items():
        other = later.get(name)
        if other is None or other.shape != values.shape:
            text = "the column is missing, or has another length, 28 years later"
            yield ColumnVerdict(name, False, DATED, -1, -1, np.nan, np.nan, text)
            continue
        changed = dated(name, OHLCV, (DATED, values.size - 1), values, other, np.zeros(values.size))
        if changed is None:
            continue
        told = gone(values, other, targets, LEAST_DATED)
        if told is not None:
            yield replace(changed, explanation=f"{changed.explanation}; {told}")
            continue
        text = (
            f"{changed.explanation}, but what differs knows nothing of the returns that follow. Dates that were "
            "announced before are told from a memory by handing them over: --aux NAME=FILE with the column known_at"
        )
        yield replace(changed, causal=True, explanation=text)


def left_out(sources: Mapping[str, Source]) -> int:
    """Return how many of the first bars are left out a year later."""
    return max(1, sources[OHLCV].opens.size // LEFT_OUT)


def another_year(sources: Mapping[str, Source]) -> dict[str, pd.DataFrame]:
    """Return all frames without the first bars, and without what others knew before those, a year of weeks later."""
    first = int(sources[OHLCV].opens[left_out(sources)])
    made = {}
    for name, item in sources.items():
        start = int(np.searchsorted(item.opens, first))
        kept = item.rows(start, item.opens.size) if item.opens.size - start >= LEAST_ROWS else item
        made[name] = later_by(kept.frame, WEEKS)
    return made


def forgotten(
    columns: Mapping[str, Values], later: Mapping[str, Values], own: Source, start: int, decision: Decision
) -> dict[str, ColumnVerdict]:
    """Refuse columns whose knowledge of later returns is lost a year later, by half or more.

    Parameters
    ----------
    columns
        Values on the bars as they are, shape (bars,).
    later
        Values on the bars of :func:`another_year`, shape (bars - start,).
    own, start
        The bars as they are, and how many of the first are left out.
    decision
        Whether a row decides at its bar's close or already at its open.

    Notes
    -----
    The size of returns is asked for within each UTC day only: volatile times last for days, so that any day of the
    month seems to know it.
    """
    part = own.rows(start, own.opens.size)
    targets = _targets_by_day(part, decision)
    found = {}
    for name, values in columns.items():
        if name not in later or later[name].size != values.size - start:
            continue
        told = lost(values[start:], later[name], targets)
        if told is None:
            weak = gone(values[start:], later[name], targets, LEAST_T)
            if weak is None:
                continue
            told = int(np.argmax(later[name] != values[start:])), weak
        row, knows = told
        text = (
            f"{knows} on the same bars of another year, without the first {start}: hours, weekdays and seasons are "
            "the same, so what it knows of later bars was looked up by date or by number of the row"
        )
        place = start + row
        found[name] = ColumnVerdict(
            name, False, ANOTHER_YEAR, place, place, float(values[place]), float(later[name][row]), text
        )
    return found


def _targets_by_day(own: Source, decision: Decision) -> dict[tuple[int, str], Values]:
    """Return what comes after each row; sizes of returns as ranks within the UTC day, whose middle is 0."""
    return {
        key: ahead if key[1] == "return" else _within_days(ahead, own.opens)
        for key, ahead in returns_ahead(close_of(own), decision).items()
    }


def _within_days(values: Values, opens: npt.NDArray[np.int64]) -> Values:
    # Less a mean only, sizes of wild days would still have the lower middle: they lean further to one side.
    ranks = pd.Series(values).groupby(opens // DAY_MS).rank()
    return np.asarray((ranks - ranks.groupby(opens // DAY_MS).transform("mean")).to_numpy(dtype=np.float64))


def unbelievable(columns: Mapping[str, Values], own: Source, decision: Decision) -> dict[str, ColumnVerdict]:
    """Refuse columns whose rank correlation with later returns is above all that an edge has, less three errors.

    What the last return alone ranks is granted on top: where bars only bounce between bid and ask, that is much.
    """
    close = close_of(own)
    # The last return that is known: at an open, that of the bar before.
    last = pd.Series(close).pct_change(fill_method=None).shift(int(decision == "open")).to_numpy(dtype=np.float64)
    targets = returns_ahead(close, decision)
    found = {}
    for name, values in columns.items():
        for horizon in (each for each in HORIZONS if (each, "return") in targets):
            ahead = targets[horizon, "return"]
            rows = np.isfinite(values) & np.isfinite(ahead) & np.isfinite(last)
            if rows.sum() < LEAST_ROWS:
                continue
            knows, errors = ranked(values[rows], ahead[rows]), 3.0 * np.sqrt(horizon / rows.sum())
            usual = MOST_KNOWN[horizon] + abs(ranked(last[rows], ahead[rows]))
            if abs(knows) - errors <= usual or abs(knows) < LEAST_T * errors / 3.0:
                continue
            text = (
                f"it ranks the return over the next {horizon} bar(s) with {knows:.3f} on {int(rows.sum())} bars; more "
                f"than {usual:.2f} is no edge but a memory of these bars, or one of prices near them"
            )
            row = int(np.flatnonzero(rows)[0])
            found[name] = ColumnVerdict(name, False, BEYOND, row, row, float(values[row]), float("nan"), text)
            break
    return found
