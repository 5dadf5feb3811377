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
MOST_TEXT, AROUND = 80, 30
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
            for place, old, new in parted(name, before[name], after[name]):
                one, other = _apart(old, new)
                yield f"meta.yaml {place}: stored {one}, rebuilt {other}"


def parted(place: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    """Walk down to the innermost places at which two values differ: keys of mappings, also of those written as JSON."""
    one, other = _mapping(old), _mapping(new)
    if one is None or other is None:
        yield place, old, new
        return
    for key in [*one, *(key for key in other if key not in one)]:
        if key not in other or key not in one or one[key] != other[key]:
            yield from parted(f"{place}: {key}", one.get(key, "nothing"), other.get(key, "nothing"))


def _mapping(value: object) -> dict[str, object] | None:
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _apart(old: object, new: object) -> tuple[str, str]:
    """Return both values as text; long ones around the first character that differs."""
    one, other = str(old), str(new)
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return _around(one, same), _around(other, same)


def _around(text: str, at: int) -> str:
    begin = max(0, at - AROUND) if len(text) > MOST_TEXT else 0
    shown = text[begin : begin + MOST_TEXT]
    return f"{'...' if begin else ''}{shown}{'...' if begin + MOST_TEXT < len(text) else ''}"


def _folds(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[str]:
    if len(before) != len(after):
        yield f"meta.yaml folds: stored {len(before)}, rebuilt {len(after)}"
    alike: dict[tuple[str, ...], list[str]] = {}
    for old, new in zip(before, after, strict=False):
        names = tuple(name for name in old if old[name] != new[name] and name != "model_hash")
        if names:
            pairs = ", ".join(f"{name} {' -> '.join(_apart(old[name], new[name]))}" for name in names)
            alike.setdefault(names, []).append(f"fold {old['fold']}: {pairs}")
    # Folds that shift differ in the same fields: the first says how, the others only that they do.
    for lines in alike.values():
        more = f"; the same fields of {len(lines) - 1} more folds" if len(lines) > 1 else ""
        yield f"meta.yaml {lines[0]}{more}"


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
