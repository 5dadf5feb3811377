"""What comes in live beside bars of the order book: published values, and bars as mappings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crypto_team.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


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
