"""What comes in live beside bars of the order book: published values, and bars as mappings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class SeriesValue:
    """A value of a series as it was published: open interest, funding, sentiment and the like.

    `kind` and `source` as formulas write them (`funding("bybit")`: kind funding, source bybit; without a source it is
    the strategy's own exchange); `pair` where it is another than the own one; times in milliseconds since 1970, `time`
    what the value is about and `known_at` when you got it.
    """

    kind: str
    value: float
    time: int
    known_at: int
    source: str = ""
    pair: str = ""


def milliseconds(value: Any) -> int:
    """Return a bar's opening in milliseconds since 1970."""
    if hasattr(value, "timestamp"):
        return int(round(value.timestamp() * 1000))  # noqa: RUF046 - a foreign type may round to a float
    if isinstance(value, int | np.integer):
        return int(value)
    raise InputError(f"the bar has no timestamp that is a time: {value!r}", where="timestamp")


def number(bar: Mapping[str, Any], name: str) -> float:
    """Return a column of a bar as a number."""
    if name not in bar:
        raise InputError(f"the bar has no column {name}", where=name)
    try:
        return float(bar[name])
    except (TypeError, ValueError):
        raise InputError(f"{bar[name]!r} is not a number", where=name) from None


def expect_next(last: Sequence[int], times: npt.NDArray[np.int64], step: int) -> None:
    """Refuse bars that do not follow each other without a hole.

    Parameters
    ----------
    last
        Open of the last bar before them, if there was one.
    times
        Opens of the bars that come.
    step
        Length of a bar in milliseconds; 0 where nobody has said so: then it is what lies between the first two.
    """
    opens = np.concatenate([np.asarray(last, dtype=np.int64), times])
    apart = np.diff(opens)
    wanted = step or (int(apart[0]) if apart.size else 0)
    odd = (apart != wanted) | (apart <= 0)
    if not odd.any():
        return
    row = int(np.argmax(odd))
    before, after = int(opens[row]), int(opens[row + 1])
    if after <= before:
        raise InputError(f"the bar of {after} does not come after that of {before}", where="timestamp")
    raise InputError(
        f"the bar of {after} is not the next one: {before + wanted} is",
        where="timestamp",
        hint="warm up again with a history without gaps",
    )
