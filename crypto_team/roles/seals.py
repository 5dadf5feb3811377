"""Which bars of an imported market are sealed: what one dataset of it sealed, no other name of it opens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import RefusedError
from crypto_team.kb import seals
from crypto_team.kb.paths import find_layout
from crypto_team.kb.yaml import load_record
from crypto_team.roles import candles
from crypto_team.schemas import Dataset, Policy

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from crypto_team.data.importing import ImportedSeries
    from crypto_team.gates.case import Case
    from crypto_team.tools.session import Session

ALIKE = 0.98
"""Correlation of returns from which two series are one market: quotes of one coin reach it, two coins do not."""
LEAST_SHARED = 100


def holdout_from(session: Session, series: ImportedSeries, exchange: str) -> str | None:
    """Return the first sealed bar: the last `holdout_fraction` of the rows are never served to training.

    Neither a longer file of a market nor the same market under another name, exchange or timeframe opens what an
    earlier dataset of it sealed, nor does taking the record of that one away, nor do other dates: the seal moves along.
    """
    frame, fraction = series.frame, load_record(session.layout.policy, Policy).holdout_fraction
    first_sealed = int(len(frame) * (1 - fraction))
    begin = _text(frame["timestamp"].iloc[first_sealed]) if first_sealed < len(frame) else None
    market, first = (exchange, series.pair, series.timeframe), _text(frame["timestamp"].min())
    found = [begin] if begin else []
    for item in _sealed(session, series.kind):
        here = str(item.holdout_from)
        if (item.exchange, item.pair, item.timeframe) == market and item.last >= first:
            found.append(here)
        elif "close" in frame and (moved := _moved(session, item, frame, series.timeframe)) is not None:
            found.append(_text(_time(here) + moved))
    return min(found, default=None)


def _sealed(session: Session, kind: str) -> list[Dataset]:
    """Return every dataset of a kind that is sealed, or was while it was registered."""
    ever = [*candles.catalog(session), *seals.removed(session.layout)]
    return [item for item in ever if item.kind == kind and item.holdout_from is not None]


def sealed_from(session: Session, file: Path, frame: pd.DataFrame, timeframe: str) -> str | None:
    """Return from when on a registered dataset seals the candles of a file; None where none does.

    `frame` has `timestamp` (opens) and `close`. Whoever looks at what a formula or a function knows of a file would
    else look at the holdout as often as he likes. Datasets are those of this workspace, and of the one that the file
    lies in, wherever one stands when looking.
    """
    if not {"timestamp", "close"} <= set(frame.columns) or frame.empty:
        return None
    around = {each.root: each for each in (session.workspace, find_layout(file.resolve())) if each is not None}
    last = _text(frame["timestamp"].max())
    desks = [replace(session, workspace=layout) for layout in around.values()]
    known = [(desk, item) for desk in desks for item in _sealed(desk, "ohlcv")]
    moved = [(item, _moved(desk, item, frame, timeframe)) for desk, item in known]
    found = [_text(_time(str(item.holdout_from)) + by) for item, by in moved if by is not None]
    return min((seal for seal in found if seal <= last), default=None)


def refuse_sealed(session: Session, folder: Path, case: Case) -> None:
    """Refuse evidence that predicts bars which a registered dataset of its market seals; raises RefusedError.

    Every number of a verdict would be a look at the holdout that nothing books.
    """
    if case.meta is None or case.predictions is None or not case.bars:
        return
    for pair, bars in case.bars.items():
        seal = sealed_from(session, folder, bars, case.meta.timeframe)
        times = case.predictions.loc[case.predictions["pair"] == pair, "time"]
        inside = 0 if seal is None else int((times >= seal).sum())
        if inside:
            raise RefusedError(
                f"{inside} rows of {pair} lie behind {seal}, where this workspace has sealed that market",
                where=str(folder / "predictions.parquet"),
                hint=f"leave out the rows from {seal} on; the gate quant_analyst->critic looks there, and books it",
            )


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
    # Turned around, quote for base, a market has the same returns with the other sign.
    if enough and abs(float(np.corrcoef(moves, rowvar=False)[0, 1])) >= ALIKE:
        return pd.Timedelta(0)
    lengths = timeframe_seconds(str(item.timeframe)), timeframe_seconds(str(timeframe))
    shifts = (shift_between(known, quoted, lengths) for quoted in (own, 1.0 / own))
    return next((shift for shift in shifts if shift is not None), None)


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
