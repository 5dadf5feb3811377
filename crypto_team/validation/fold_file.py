"""One fitted fold as one file: JSON with tables as Arrow streams, arrays as their bytes. Nothing is run."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from crypto_team.models.packing import as_bytes, as_text, packed, unpacked
from crypto_team.schemas.evidence import FoldRange
from crypto_team.validation.fold_fit import FittedFold

TABLES = ("predictions", "importances", "preprocessing", "noise", "simple")


def encoded(fold: FittedFold) -> bytes:
    """Return a fold as bytes: the hash of the rest on the first line, so that a torn file is told from a whole one."""
    body = json.dumps(
        {
            "range": fold.range.model_dump(mode="json"),
            "data": as_text(fold.data),
            "test_rows": packed(fold.test_rows),
            "fitted": {name: packed(values) for name, values in fold.fitted.items()},
            "tables": {name: as_text(_written(getattr(fold, name))) for name in TABLES},
        },
        sort_keys=True,
    ).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decoded(content: bytes) -> FittedFold:
    """Return the fold that :func:`encoded` wrote; anything else is a ValueError."""
    told, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != told:
        raise ValueError("the file of a fold is not whole")
    try:
        found: dict[str, Any] = json.loads(body)
        return FittedFold(
            range=FoldRange.model_validate(found["range"]),
            data=as_bytes(found["data"]),
            test_rows=unpacked(found["test_rows"]),
            fitted={name: _array(item) for name, item in found["fitted"].items()},
            **{name: _read(as_bytes(found["tables"][name])) for name in TABLES},
        )
    except (KeyError, TypeError, ValidationError, pa.ArrowException) as error:
        raise ValueError(f"not the file of a fold: {error}") from error


def _array(item: dict[str, Any]) -> npt.NDArray[np.float32]:
    return unpacked(item)


def _written(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    made = pa.Table.from_pandas(table, preserve_index=False)
    with pa.ipc.new_stream(sink, made.schema) as stream:
        stream.write_table(made)
    return sink.getvalue()


def _read(content: bytes) -> pd.DataFrame:
    found: pd.DataFrame = pa.ipc.open_stream(content).read_all().to_pandas()
    return found
