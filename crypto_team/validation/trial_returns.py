"""Daily returns of trials as one small file: a row for each UTC day, a column for each configuration.

Returns are kept in single precision: a thousand configurations over five years are seven megabytes, and equal returns
stay equal.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_team.errors import EvidenceError
from crypto_team.validation.metrics import daily_returns

LEAST_SHARED = 0.9
"""Share of the days of the evidence that a trial has to have, to be compared on them."""


def daily_series(predictions: pd.DataFrame) -> pd.Series[float]:
    """Return the net return per UTC day of the test parts, in single precision."""
    days, values = daily_returns(predictions)
    index = pd.DatetimeIndex(days.astype("datetime64[ms]"), tz="UTC", name="time")
    return pd.Series(values.astype(np.float32), index=index)


def packed(series: Sequence[pd.Series[float]]) -> bytes:
    """Return the file of trials; equal returns give equal bytes."""
    table = pd.concat(list(series), axis=1, keys=[str(number) for number in range(len(series))], sort=True)
    file = io.BytesIO()
    arrow = pa.Table.from_pandas(table.copy().reset_index(), preserve_index=False).replace_schema_metadata(None)
    pq.write_table(arrow, file, compression="zstd", version="2.6")
    return file.getvalue()


def unpacked(content: bytes, *, where: str) -> pd.DataFrame:
    """Return what `packed` wrote; raise :class:`EvidenceError` where it is something else."""
    try:
        table = pq.read_table(io.BytesIO(content)).to_pandas()
        values: pd.DataFrame = table.drop(columns="time").astype(np.float32)
        return values.set_index(pd.DatetimeIndex(table["time"], name="time"))
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"the returns of a trial cannot be read: {error}", where=where) from error


def side_by_side(own: pd.Series[float], others: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all trials on the days of the evidence, its own first; a trial that lacks a tenth of them is left out.

    Days on which a trial has no return count as no position.
    """
    columns = [own]
    for table in others:
        shared = table.reindex(own.index)
        columns += [shared[name] for name in shared.columns if shared[name].notna().mean() >= LEAST_SHARED]
    made = pd.concat(columns, axis=1, keys=[str(number) for number in range(len(columns))])
    # One block of memory: a column is put in front of a thousand others.
    return made.fillna(0.0).astype(np.float64).copy().reset_index(names="time")
