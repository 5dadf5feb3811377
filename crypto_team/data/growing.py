"""Series that grow while a strategy trades: what is new is added, the past stays as it was."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError

LIVE_FOLDER: Final = "live"
"""Refreshed series lie there, in the data folder; what was registered keeps its file and its hash."""


def grown(before: pd.DataFrame, given: pd.DataFrame, *, where: str) -> tuple[pd.DataFrame, int]:
    """Add the rows of a file that were known later than everything before; return all rows and how many are new.

    Parameters
    ----------
    before
        What is there: a canonical series, in the order in which its rows were known.
    given
        A canonical series of the same kind; it may repeat what is there, wholly or in part.
    where
        Name of the source, for messages.

    Raises
    ------
    InputError
        A row that was known no later than the last one there, and that is not there or has another value: a decision
        was made without it, so it would rewrite the past. A value that was revised has a later `known_at`.
    """
    key = ["timestamp", "known_at"] if "known_at" in before else ["timestamp"]
    if list(given.columns) != list(before.columns):
        raise InputError(f"columns {', '.join(given.columns)}, not {', '.join(before.columns)}", where=where)
    last = int(epoch_ms(before[key[-1]]).max())
    late = epoch_ms(given[key[-1]]) > last
    known = {tuple(row) for row in before.itertuples(index=False)}
    changed = [
        row for row, new in zip(given.itertuples(index=False), late, strict=True) if not new and row not in known
    ]
    if changed:
        raise InputError(
            f"{len(changed)} row(s) would change what was known until {before[key[-1]].max()}, the first is of "
            f"{changed[0][0]}",
            where=where,
            hint="a value that was revised needs the later known_at at which the revision was out",
        )
    added = given[late]
    made = pd.concat([before, added], ignore_index=True) if len(added) else before
    return made, int(np.count_nonzero(late))
