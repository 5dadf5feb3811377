"""Whether a column that no price changes knows more of later returns than time of day, weekday and season do.

A table of answers by week, weekday and hour is a season for every probe: other futures, other prices and another year
change nothing. But what only says what time it is knows little of single bars: mean returns by hour or weekday differ
by a small part of what a bar moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.features.recall import HORIZONS, LEAST_ROWS, close_of, ranked, returns_ahead
from crypto_team.features.verdicts import ColumnVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crypto_team.features.probes import Decision, Source, Variant
    from crypto_team.features.python_frames import Computed
    from crypto_team.features.verdicts import Values

TIMETABLE: Final = "time alone"
OTHER_PATH: Final = "another path"
LEAST_OTHER: Final = 500
"""Bars of another path; a column of prices has another value on some of them."""
MOST_BY_CLOCK: Final = 0.1
"""Rank correlation with later returns above which, less three errors, no season is believed."""

Look = tuple["Computed", "Sequence[Variant]", "Sequence[Computed]"]
"""Some bars as they are, their other futures, and what was computed on those."""


def by_time_alone(looks: Iterable[Look]) -> frozenset[str]:
    """Return the columns that stay what they are on many bars of another path; none where no path is long enough."""
    kept: frozenset[str] | None = None
    for base, tried, results in looks:
        for item, result in zip(tried, results, strict=True):
            shared = min((len(values) for each in (base, result) for values in each.columns.values()), default=0)
            if item.probe != OTHER_PATH or result.error or shared - item.row < LEAST_OTHER:
                continue
            same = frozenset(
                name
                for name, values in result.columns.items()
                if name in base.columns and _same(values, base.columns[name], item.row, shared)
            )
            kept = same if kept is None else kept & same
    return kept or frozenset()


def _same(values: Values, base: Values, row: int, end: int) -> bool:
    """Tell whether rows are equal; the row of the cut itself decides by what was known before."""
    return np.array_equal(values[row + 1 : end], base[row + 1 : end], equal_nan=True)


def timetables(
    columns: Mapping[str, Values], unmoved: frozenset[str], own: Source, decision: Decision
) -> dict[str, ColumnVerdict]:
    """Refuse columns that only tell the time, and rank later returns by more than any season does.

    Parameters
    ----------
    columns
        Values on the bars as they are, shape (bars,).
    unmoved
        Names of those that no price changes, of :func:`by_time_alone`.
    own, decision
        The bars as they are, and whether a row decides at its bar's close or already at its open.
    """
    targets = returns_ahead(close_of(own), decision)
    found = {}
    for name in sorted(unmoved & columns.keys()):
        values = columns[name]
        for horizon in (each for each in HORIZONS if (each, "return") in targets):
            ahead = targets[horizon, "return"]
            rows = np.isfinite(values) & np.isfinite(ahead)
            if rows.sum() < LEAST_ROWS:
                continue
            knows, error = ranked(values[rows], ahead[rows]), np.sqrt(horizon / rows.sum())
            if abs(knows) - 3.0 * error <= MOST_BY_CLOCK:
                continue
            text = (
                f"no price changes it, so it only tells what time it is, and yet ranks the return over the next "
                f"{horizon} bar(s) with {knows:.3f} on {int(rows.sum())} bars: hours, weekdays and seasons rank less "
                f"than {MOST_BY_CLOCK}, a table of answers by time ranks these bars only"
            )
            row = int(np.flatnonzero(rows)[0])
            found[name] = ColumnVerdict(name, False, TIMETABLE, row, row, float(values[row]), float("nan"), text)
            break
    return found
