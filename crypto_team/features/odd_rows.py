"""Rows at which a column does something unusual: a leak that waits for rare rows mostly shows there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

Values = npt.NDArray[np.float64]
MOST: Final = 48
EACH: Final = 8
SPIKES, JUMPS = 8, 4
USUAL_SHARE: Final = 0.6


def odd_rows(columns: Mapping[str, Values], rng: np.random.Generator) -> list[int]:
    """Choose rows from all columns in turn, at most 48 together and 8 of each."""
    each = max(1, min(EACH, MOST // max(1, len(columns))))
    chosen: list[int] = []
    for name in rng.permutation(sorted(columns)).tolist():
        rows = _odd(columns[name])
        chosen += rng.choice(rows, size=min(each, rows.size), replace=False).tolist()
    return sorted(set(chosen[:MOST]))


def _odd(values: Values) -> npt.NDArray[np.int64]:
    """Return rows where a column is not what it mostly is, stands out most, or begins or ceases to be known."""
    known = np.isfinite(values)
    rows = [np.flatnonzero(known[1:] != known[:-1])]
    found, count = np.unique(values[known], return_counts=True)
    if found.size and count.max() >= USUAL_SHARE * known.sum():
        rows.append(np.flatnonzero(known & (values != found[np.argmax(count)])))
    else:
        jumps = np.nan_to_num(np.abs(np.diff(values)), nan=0.0, posinf=0.0)
        top = np.argsort(-jumps, kind="stable")[:JUMPS]
        # A value that is unlike the one before and the one after it.
        spikes = np.argsort(-np.minimum(jumps[:-1], jumps[1:]), kind="stable")[:SPIKES] + 1
        rows += [spikes, top, top + 1]
    return np.unique(np.concatenate(rows))
