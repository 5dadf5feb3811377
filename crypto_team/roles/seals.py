"""Which bars of an imported market are sealed: what one dataset of it sealed, no other name of it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.data.frame import timeframe_seconds
from crypto_team.kb.yaml import load_record
from crypto_team.roles import candles
from crypto_team.schemas import Dataset, Policy

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from crypto_team.data.importing import ImportedSeries
    from crypto_team.tools.session import Session

ALIKE = 0.98
"""Correlation of returns from which two series are one market: quotes of one coin reach it, two coins do not."""
LEAST_SHARED = 100


def holdout_from(session: Session, series: ImportedSeries, exchange: str) -> str | None:
    """Return the first sealed bar: the last `holdout_fraction` of the rows are never served to training.

    Neither a longer file of a market nor the same market under another name, exchange or timeframe opens what an
    earlier dataset of it sealed, nor do other dates: the seal moves with them.
    """
    frame, fraction = series.frame, load_record(session.layout.policy, Policy).holdout_fraction
    first_sealed = int(len(frame) * (1 - fraction))
    begin = _text(frame["timestamp"].iloc[first_sealed]) if first_sealed < len(frame) else None
    market, first = (exchange, series.pair, series.timeframe), _text(frame["timestamp"].min())
    seals = [begin] if begin else []
    for item in _sealed(session, series.kind):
        here = str(item.holdout_from)
        if (item.exchange, item.pair, item.timeframe) == market and item.last >= first:
            seals.append(here)
        elif "close" in frame and (moved := _moved(session, item, frame, series.timeframe)) is not None:
            seals.append(_text(_time(here) + moved))
    return min(seals, default=None)


def _sealed(session: Session, kind: str) -> list[Dataset]:
    return [item for item in candles.catalog(session) if item.kind == kind and item.holdout_from is not None]


def sealed_from(session: Session, frame: pd.DataFrame, timeframe: str) -> str | None:
    """Return from when on a registered dataset seals the candles of a file; None where none does.

    `frame` has `timestamp` (opens) and `close`. Whoever looks at what a formula or a function knows of a file would
    else look at the holdout as often as he likes.
    """
    if session.workspace is None or not {"timestamp", "close"} <= set(frame.columns) or frame.empty:
        return None
    last = _text(frame["timestamp"].max())
    moved = [(item, _moved(session, item, frame, timeframe)) for item in _sealed(session, "ohlcv")]
    seals = [_text(_time(str(item.holdout_from)) + by) for item, by in moved if by is not None]
    return min((seal for seal in seals if seal <= last), default=None)


def _moved(session: Session, item: Dataset, frame: pd.DataFrame, timeframe: str | None) -> pd.Timedelta | None:
    """Return by how much the dates of a file are later than those of a dataset with the same candles; None: others.

    Dates that are those of the dataset are compared first: returns between the times at which bars of both close.
    """
    path: Path = session.layout.data_file(item.path)
    if not path.exists():
        return None
    import pandas as pd

    from crypto_team.data.shifts import shift_between

    known = _closes(pd.read_parquet(path, columns=["timestamp", "close"]), item.timeframe)
    own = _closes(frame, timeframe)
    both = pd.concat([known, own], axis=1, join="inner").sort_index()
    moves = np.diff(np.log(both.to_numpy(dtype=np.float64)), axis=0)
    moves = moves[np.isfinite(moves).all(axis=1)]
    enough = len(moves) >= LEAST_SHARED and (moves.std(axis=0) > 0.0).all()
    if enough and float(np.corrcoef(moves, rowvar=False)[0, 1]) >= ALIKE:
        return pd.Timedelta(0)
    return shift_between(known, own, (timeframe_seconds(str(item.timeframe)), timeframe_seconds(str(timeframe))))


def _closes(frame: pd.DataFrame, timeframe: str | None) -> pd.Series[float]:
    """Return closing prices above 0 by the time at which they are known."""
    import pandas as pd

    known_at = pd.DatetimeIndex(frame["timestamp"]) + pd.Timedelta(seconds=timeframe_seconds(str(timeframe)))
    closes = pd.Series(frame["close"].to_numpy(dtype=np.float64), index=known_at)
    return closes[closes > 0.0].groupby(level=0).last()


def _time(text: str) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(text)


def _text(stamp: pd.Timestamp) -> str:
    return str(stamp.strftime("%Y-%m-%dT%H:%M:%SZ"))
