"""What comes in live beside bars of the order book: published values, and bars as mappings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError
from crypto_team.features.nodes import COLUMNS
from crypto_team.features.online_state import MOST
from crypto_team.features.surroundings import TRADED, Frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

K = TypeVar("K")


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


def milliseconds(value: Any, where: str = "timestamp") -> int:
    """Return a time in milliseconds since 1970: a whole number of them, or a datetime, in UTC where it has no zone."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[ms]").item()
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124 - NaT is not itself
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and -MOST <= value <= MOST:
        return int(value)
    raise InputError(f"this is no time: {value!r}", where=where, hint="milliseconds since 1970, or a datetime")


def checked(item: SeriesValue) -> SeriesValue:
    """Return a published value whose numbers are some, known when it was about or later, as an import asks for."""
    time, known_at = milliseconds(item.time, "time"), milliseconds(item.known_at, "known_at")
    value = number({"value": item.value}, "value")
    if not np.isfinite(value):
        raise InputError(f"{item.value!r} is not a finite number", where="value")
    if known_at < time:
        raise InputError(f"known at {known_at}, before its own time {time}", where="known_at")
    return replace(item, time=time, known_at=known_at, value=value)


def bars_of(bars: pd.DataFrame) -> tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.int64]]:
    """Return the columns of a history of bars that formulas may read, and the opens of the bars."""
    if "timestamp" not in getattr(bars, "columns", ()):
        raise InputError("the bars have no column timestamp", where="bars", hint="a DataFrame of timestamp and columns")
    if not len(bars):
        raise InputError("there are no bars to warm up with", where="bars")
    stamps = bars["timestamp"]
    if stamps.dtype.kind == "M" and not stamps.isna().any():
        times = epoch_ms(stamps)
    else:
        times = np.array([milliseconds(value) for value in stamps], dtype=np.int64)
    try:
        return {name: bars[name].to_numpy(np.float64) for name in COLUMNS if name in bars}, times
    except (TypeError, ValueError) as problem:
        raise InputError(f"a column of the bars holds no numbers: {problem}", where="bars") from None


def expect_kind(value: K, kind: type[K], where: str) -> K:
    """Return what is of a kind, or refuse it by name."""
    if not isinstance(value, kind):
        raise InputError(f"{value!r} is no {kind.__name__}", where=where)
    return value


def bar_of(bar: Mapping[str, Any], names: frozenset[str], time: int, step: int) -> Frame:
    """Return one bar with the columns that are read, and those that say whether it was traded where they are there."""
    values = {name: number(bar, name) for name in sorted(names)}
    with suppress(InputError, OverflowError):
        values |= {name: number(bar, name) for name in TRADED}
    columns = {name: np.array([value]) for name, value in values.items()}
    return Frame(columns, np.array([time], dtype=np.int64), step)


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
