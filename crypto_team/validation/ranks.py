"""Ranks of many parts of one column: it is sorted once, and each part is ranked by walking through that order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ranked:
    """A column whose parts are ranked: shape (n,), NaN where a value is not known."""

    values: Floats

    @cached_property
    def known(self) -> Rows:
        """Which rows have a finite value."""
        return np.isfinite(self.values)

    @cached_property
    def of_known(self) -> Floats:
        """Ranks of all rows with a finite value, in their order."""
        return self._ranks(self.known)

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.values, kind="stable")

    def of(self, rows: Rows) -> Floats:
        """Return the ranks of some rows among themselves, from 1, ties with their mean; all have to be known."""
        return self.of_known if rows.sum() == self.known.sum() else self._ranks(rows)

    def _ranks(self, rows: Rows) -> Floats:
        chosen = self._order[rows[self._order]]
        ordered = self.values[chosen]
        begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if ordered.size else chosen
        counts = np.diff(np.append(begins, ordered.size))
        made = np.empty(self.values.size)
        made[chosen] = np.repeat(begins + (counts + 1) / 2.0, counts)
        return made[rows]


def rank_correlation(a: Ranked, b: Ranked) -> float:
    """Return the Spearman correlation of the rows that both know, with average ranks; NaN without spread.

    The same as :func:`~crypto_team.validation.scores.rank_ic` of the two columns, for columns that are compared often.
    """
    rows = a.known & b.known
    first, second = a.of(rows), b.of(rows)
    if first.size < 3 or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
