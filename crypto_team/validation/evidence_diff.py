"""Where two evidence sets part: table, column, row, value; in the order in which evidence is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from crypto_team.validation.evidence_io import Evidence
from crypto_team.validation.evidence_tables import EvidenceTables

MOST_COLUMNS = 5
# Candles make features, these the selection and the fitted values, these the model, and it the predictions.
ORDER = ("market", "features", "preprocessing", "importances", "predictions")
KEYS = ("time", "pair", "fold", "part", "stage", "feature", "kind")


def differences(stored: Evidence, rebuilt: Evidence) -> list[str]:
    """Say how rebuilt evidence differs from the stored one.

    Returns
    -------
    list of str
        One line for each part that differs: fields of meta.yaml, columns of tables with the first row that differs,
        parts of fold models. Empty where both say the same.
    """
    return [*_fields(stored, rebuilt), *_tables(stored.tables, rebuilt.tables), *_models(stored.models, rebuilt.models)]


def _fields(stored: Evidence, rebuilt: Evidence) -> Iterator[str]:
    before, after = stored.meta.model_dump(mode="json"), rebuilt.meta.model_dump(mode="json")
    for name in before:
        if before[name] == after[name]:
            continue
        if name == "folds":
            yield from _folds(before[name], after[name])
        else:
            yield f"meta.yaml {name}: stored {_short(before[name])}, rebuilt {_short(after[name])}"


def _folds(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[str]:
    if len(before) != len(after):
        yield f"meta.yaml folds: stored {len(before)}, rebuilt {len(after)}"
    for old, new in zip(before, after, strict=False):
        names = [name for name in old if old[name] != new[name] and name != "model_hash"]
        if names:
            pairs = ", ".join(f"{name} {_short(old[name])} -> {_short(new[name])}" for name in names)
            yield f"meta.yaml fold {old['fold']}: {pairs}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _tables(stored: EvidenceTables, rebuilt: EvidenceTables) -> Iterator[str]:
    names = [field.name for field in fields(EvidenceTables)]
    for name in sorted(names, key=lambda item: ORDER.index(item) if item in ORDER else len(ORDER)):
        yield from _table(name, getattr(stored, name), getattr(rebuilt, name))


def _table(name: str, before: pd.DataFrame, after: pd.DataFrame) -> Iterator[str]:
    """Compare two tables by position: the same run writes the same rows in the same order."""
    file = f"{name}.parquet"
    if list(before.columns) != list(after.columns):
        gone, new = [c for c in before if c not in after], [c for c in after if c not in before]
        yield f"{file}: columns only stored: {_listed(gone)}; only rebuilt: {_listed(new)}"
        return
    if len(before) != len(after):
        yield f"{file}: {len(before)} rows stored, {len(after)} rebuilt"
        return
    parted = [(column, _unequal(before[column], after[column])) for column in before]
    different = [(column, rows) for column, rows in parted if rows.any()]
    for column, rows in different[:MOST_COLUMNS]:
        yield f"{file}, column {column}: {_first(before, after, str(column), rows)}"
    if len(different) > MOST_COLUMNS:
        yield f"{file}: {len(different) - MOST_COLUMNS} more columns differ"


def _listed(names: Sequence[object]) -> str:
    return ", ".join(map(str, names[:MOST_COLUMNS])) or "none"


def _unequal(before: pd.Series, after: pd.Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return ((before != after) & ~(before.isna() & after.isna())).to_numpy(dtype=bool)


def _first(before: pd.DataFrame, after: pd.DataFrame, column: str, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    at = int(np.argmax(rows))
    place = ", ".join(f"{key} {before[key].iloc[at]}" for key in KEYS if key in before and key != column)
    text = (
        f"{int(rows.sum())} of {len(rows)} rows differ, the first at row {at}{f' ({place})' if place else ''}: "
        f"stored {before[column].iloc[at]}, rebuilt {after[column].iloc[at]}"
    )
    if pd.api.types.is_float_dtype(before[column]):
        text += f"; largest difference {float((before[column] - after[column]).abs().max()):.3g}"
    return text


def _models(stored: Mapping[str, bytes], rebuilt: Mapping[str, bytes]) -> Iterator[str]:
    for name in sorted(stored.keys() | rebuilt.keys()):
        if name not in stored or name not in rebuilt:
            yield f"models/{name}: only {'stored' if name in stored else 'rebuilt'}"
        elif stored[name] != rebuilt[name]:
            yield f"models/{name}: {_model_parts(stored[name], rebuilt[name])}"


def _model_parts(before: bytes, after: bytes) -> str:
    try:
        old, new = json.loads(before), json.loads(after)
        names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    except (ValueError, AttributeError):
        return "the bytes differ"
    return f"{', '.join(names)} differ" if names else "written differently, the same content"
