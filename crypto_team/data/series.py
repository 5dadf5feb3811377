"""Series beside the candles: what each value is about, when it was known, and the value.

Open interest, liquidations, sentiment, dominance and the like. Nothing is assumed about how late a source publishes:
the file says it (`known_at`), or whoever imports it does (a publication lag).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from crypto_team.data.frame import TIME_NAMES, epoch_ms, numbers, timeframe_name, times
from crypto_team.data.importing import FUNDING_DECIMALS, ImportedSeries, raw_table
from crypto_team.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from crypto_team.schemas.data import SeriesKind

FUNDING_LAG_SECONDS: Final = 60
"""A settled rate is out within the minute; it is taken as known one minute after the settlement."""
LEAST_STALE_MS: Final = 86_400_000
STALE_STEPS: Final = 3
STEPS_JUDGED: Final = 64
EVENTS: Final = frozenset({"long_liquidations", "short_liquidations", "whale_flow"})
PER_PAIR: Final = frozenset({"funding", "open_interest", "long_liquidations", "short_liquidations"})
KNOWN_AT: Final = ("known_at", "published", "published_at", "available_at", "release_time")
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "open_interest": ("value", "open_interest", "sum_open_interest", "oi"),
    "long_liquidations": ("value", "long_liquidations", "amount"),
    "short_liquidations": ("value", "short_liquidations", "amount"),
    "whale_flow": ("value", "whale_flow", "net_flow", "amount"),
    "sentiment": ("value", "sentiment", "score"),
    "dominance": ("value", "dominance"),
    "custom": ("value",),
}


def read_known(
    path: Path, kind: SeriesKind, *, pair: str | None, name: str | None, lag_seconds: int | None, repair: bool
) -> ImportedSeries:
    """Read one series from a file.

    Parameters
    ----------
    path
        Parquet, CSV, gzipped CSV or Feather with a time, a value, and where there is one, the time it was known.
    kind
        What the values are.
    pair
        For series of one market: open interest and liquidations.
    name
        For series of the whole market, as formulas call it: sentiment("fear_greed").
    lag_seconds
        How long after its time a value was published, where the file does not say when it was known.
    repair
        Sort the rows and drop exact duplicates instead of refusing them.

    Raises
    ------
    UsageError
        Neither the file nor the call says when values were known, or the pair or name is missing.
    InputError
        Content that cannot be used, with its row.
    """
    if (kind in PER_PAIR) != (pair is not None) or (kind in PER_PAIR) == (name is not None):
        wanted = "--pair, and no --name" if kind in PER_PAIR else "--name, and no --pair"
        raise UsageError(f"a series of {kind} needs {wanted}", where=path.name, hint=f"--kind {kind} {wanted[:6]} ...")
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    frame = canonical_known(raw_table(path), kind, where=path.name, lag_seconds=lag_seconds, repair=repair)
    steps = np.diff(epoch_ms(frame["timestamp"]))
    usual = timeframe_name(int(np.median(steps)) // 1000) if steps.size else None
    return ImportedSeries(
        pair=pair,
        timeframe=usual,
        kind=kind,
        trading_mode="futures" if pair and ":" in pair else "spot",
        frame=frame,
        decimals=FUNDING_DECIMALS,
        name=name,
        lag_seconds=lag_seconds,
    )


def canonical_known(
    frame: pd.DataFrame, kind: SeriesKind, *, where: str, lag_seconds: int | None, repair: bool
) -> pd.DataFrame:
    """Return timestamp, known_at (both datetime64[ms, UTC]) and value (float64), in the order of known_at."""
    found = _found(frame, kind, where)
    about = times(found["timestamp"], where)
    made = pd.DataFrame({"timestamp": about, "value": numbers(found["value"], "value", where)})
    made.insert(1, "known_at", _known_at(found, about, lag_seconds, where))
    early = np.flatnonzero((made["known_at"] < made["timestamp"]).to_numpy())
    if early.size:
        raise InputError(
            f"row {early[0] + 1} was known at {made['known_at'].iloc[early[0]]}, before its own time",
            where=where,
            hint="time is what the value is about, known_at when it could be read",
        )
    return _in_order(made, kind, where, repair=repair)


def _found(frame: pd.DataFrame, kind: SeriesKind, where: str) -> pd.DataFrame:
    """Return the columns timestamp, value and, where there is one, known_at under these names."""
    if not len(frame):
        raise InputError("the file holds no rows", where=where)
    if isinstance(frame.index, pd.DatetimeIndex) and "timestamp" not in frame:
        frame = frame.reset_index(names="timestamp")
    there = {str(name).strip().lower(): place for place, name in reversed(list(enumerate(frame.columns)))}
    made = {}
    for name, usual in (("timestamp", TIME_NAMES), ("value", VALUES[kind]), ("known_at", KNOWN_AT)):
        match = next((there[item] for item in usual if item in there), None)
        if match is not None:
            made[name] = frame.iloc[:, match].reset_index(drop=True)
        elif name != "known_at":
            names = ", ".join(map(str, frame.columns[:20]))
            raise InputError(
                f"missing column {name}; the file has {names}",
                where=where,
                hint=f"accepted names, in any case: {' or '.join(usual)}",
            )
    return pd.DataFrame(made)


def _known_at(found: pd.DataFrame, about: pd.Series[Any], lag_seconds: int | None, where: str) -> pd.Series[Any]:
    if "known_at" in found:
        known = times(found["known_at"], where)
        return known + pd.Timedelta(seconds=lag_seconds or 0)
    if lag_seconds is None:
        raise UsageError(
            "nothing says when these values were known",
            where=where,
            hint="add a column known_at, or give --lag-seconds: how long after its time a value is published",
        )
    return about + pd.Timedelta(seconds=lag_seconds)


def _in_order(made: pd.DataFrame, kind: SeriesKind, where: str, *, repair: bool) -> pd.DataFrame:
    """Put rows into the order in which they were known; of a level one value counts at a time, events add up."""
    if repair:
        made = made.drop_duplicates()
    twice = np.flatnonzero(made.duplicated(["timestamp", "known_at"]).to_numpy())
    if twice.size and kind not in EVENTS:
        row = int(twice[0])
        raise InputError(
            f"the time {made['timestamp'].iloc[row]} stands twice (row {row + 1})",
            where=where,
            hint="a revised value needs its own known_at; import with --repair to drop exact duplicates",
        )
    order = np.lexsort((epoch_ms(made["timestamp"]), epoch_ms(made["known_at"])))
    for column in ("timestamp", "known_at"):
        made[column] = made[column].dt.as_unit("ms")
    return made.iloc[order].reset_index(drop=True)


def stale_after(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for how many milliseconds each value counts, from the times that values are about, as they became known.

    Three usual steps of the series, at least a day. The usual step is the median of the last STEPS_JUDGED steps from a
    latest time to a later one by then: how often a series comes later on says nothing about what was known before.
    """
    latest = np.maximum.accumulate(times)
    steps = np.diff(latest)
    later = steps > 0
    medians = pd.Series(steps[later].astype(np.float64)).rolling(STEPS_JUDGED, min_periods=1).median().to_numpy()
    usual = np.concatenate([[0.0], np.floor(medians)]).astype(np.int64)
    so_far = np.concatenate([[0], np.cumsum(later)]) if times.size else np.empty(0, dtype=np.int64)
    return np.asarray(np.maximum(LEAST_STALE_MS, STALE_STEPS * usual[so_far]))


class StepsJudged:
    """The rule of :func:`stale_after`, one value after the other."""

    def __init__(self, latest: int | None = None, steps: Sequence[int] = ()) -> None:
        self.latest = latest
        self.steps = list(steps)

    def stale_after(self, time: int) -> int:
        """Take the time of one more value and return for how many milliseconds it counts."""
        if self.latest is None:
            self.latest = time
        elif time > self.latest:
            self.steps = [*self.steps[1 - STEPS_JUDGED :], time - self.latest]
            self.latest = time
        ordered, n = sorted(self.steps), len(self.steps)
        usual = (ordered[(n - 1) // 2] + ordered[n // 2]) // 2 if n else 0
        return max(LEAST_STALE_MS, STALE_STEPS * usual)


def arrays(
    frame: pd.DataFrame, lag_seconds: int | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return time, known-at and value of a stored series; funding is known its publication lag after the settlement."""
    about = epoch_ms(frame["timestamp"])
    if "known_at" in frame:
        return about, epoch_ms(frame["known_at"]), frame["value"].to_numpy(np.float64)
    lag = FUNDING_LAG_SECONDS if lag_seconds is None else lag_seconds
    return about, about + 1000 * lag, frame["funding_rate"].to_numpy(np.float64)
