"""Whether a column knows more of later returns by the time alone than time of day, weekday and season can.

A table of answers by week, weekday and hour is a season for every probe: other futures, other prices and another year
change nothing of it. But what only says what time it is knows little of single bars: mean returns by hour or weekday
differ by a small part of what a bar moves. So what a column says where all later bars came in another order is held to
the returns that truly came: only the clock can still know them.
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
OTHER_ORDER: Final = "permuted"
MOST_BY_CLOCK: Final = 0.1
"""Rank correlation with later returns above which, less three errors, no season is believed."""

Look = tuple[int, "Sequence[Variant]", "Sequence[Computed]"]
"""Where some bars begin, their other futures, and what was computed on those."""


def in_another_order(looks: Iterable[Look], bars: int) -> dict[str, Values]:
    """Return by name what columns say behind cuts where all bars came in another order; NaN elsewhere, shape (bars,).

    Where several cuts reach a bar, the last one counts.
    """
    found: dict[str, Values] = {}
    for first, tried, results in looks:
        for item, result in zip(tried, results, strict=True):
            if item.probe != OTHER_ORDER or result.error:
                continue
            for name, values in result.columns.items():
                made = found.setdefault(name, np.full(bars, np.nan))
                # The row of the cut decides by what was known before.
                start = item.row + 1
                made[first + start : first + len(values)] = values[start : start + max(0, bars - first - start)]
    return found


def timetables(ordered: Mapping[str, Values], own: Source, decision: Decision) -> dict[str, ColumnVerdict]:
    """Refuse columns that rank later returns by the time alone, and by more than any season does.

    Parameters
    ----------
    ordered
        What columns say of :func:`in_another_order`, shape (bars,).
    own, decision
        The bars as they are, and whether a row decides at its bar's close or already at its open.
    """
    targets = returns_ahead(close_of(own), decision)
    found = {}
    for name, values in ordered.items():
        for horizon in (each for each in HORIZONS if (each, "return") in targets):
            ahead = targets[horizon, "return"]
            rows = np.isfinite(values) & np.isfinite(ahead)
            if rows.sum() < LEAST_ROWS:
                continue
            knows, error = ranked(values[rows], ahead[rows]), np.sqrt(horizon / rows.sum())
            if abs(knows) - 3.0 * error <= MOST_BY_CLOCK:
                continue
            text = (
                f"on {int(rows.sum())} bars in another order it still ranks the return that truly came over the next "
                f"{horizon} bar(s) with {knows:.3f}: only the clock can know it, and hours, weekdays and seasons rank "
                f"less than {MOST_BY_CLOCK}; a table of answers by time ranks these bars only"
            )
            row = int(np.flatnonzero(rows)[0])
            found[name] = ColumnVerdict(name, False, TIMETABLE, row, row, float("nan"), float(values[row]), text)
            break
    return found
