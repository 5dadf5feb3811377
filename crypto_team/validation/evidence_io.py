"""One folder for one evidence set: `meta.yaml`, a Parquet file for each table, the fold files under `models/`.

The same evidence gives the same bytes, so that files can be addressed by their content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError

from crypto_team.errors import EvidenceError
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.migrations import migrated
from crypto_team.validation.evidence_tables import (
    CONTRACTS,
    LATER,
    EvidenceTables,
    conform,
    features_sample,
    market_table,
    prediction_hash,
    tables_from,
)

__all__ = [
    "Evidence",
    "EvidenceTables",
    "features_sample",
    "market_table",
    "prediction_hash",
    "read",
    "read_table",
    "tables_from",
    "write",
]

META = "meta.yaml"
MODELS = "models"


@dataclass(frozen=True)
class Evidence:
    """A whole evidence set; `models` maps file names of folds to their bytes."""

    meta: EvidenceMeta
    tables: EvidenceTables
    models: Mapping[str, bytes]


def write(evidence: Evidence, folder: Path) -> list[str]:
    """Write all files and return their paths relative to `folder`, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [META]
    (folder / META).write_text(_meta_text(evidence.meta), encoding="utf-8")
    for field in fields(EvidenceTables):
        name = f"{field.name}.parquet"
        _write_table(field.name, getattr(evidence.tables, field.name), folder / name)
        names.append(name)
    if evidence.models:
        (folder / MODELS).mkdir(exist_ok=True)
    for name, data in evidence.models.items():
        (folder / MODELS / name).write_bytes(data)
        names.append(f"{MODELS}/{name}")
    return sorted(names)


def _meta_text(meta: EvidenceMeta) -> str:
    return yaml.safe_dump(meta.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _write_table(name: str, frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(conform(name, frame, where=str(path)), preserve_index=False)
    # pandas' metadata names library versions and index ranges; without it equal tables give equal files.
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd", version="2.6")


def read(folder: Path) -> Evidence:
    """Read an evidence set.

    Raises
    ------
    EvidenceError
        A file is missing or unreadable, a table breaks its contract, or a fold file does not match its hash.
    """
    meta = _read_meta(folder / META)
    tables = EvidenceTables(**{field.name: read_table(folder, field.name) for field in fields(EvidenceTables)})
    models = {}
    for fold in meta.folds:
        data = _bytes(folder / MODELS / fold.model_file)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != fold.model_hash:
            raise EvidenceError("fold file does not match its hash", where=str(folder / MODELS / fold.model_file))
        models[fold.model_file] = data
    return Evidence(meta, tables, models)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read one table by its name; the same errors as :func:`read`."""
    path = folder / f"{name}.parquet"
    if name in LATER and not path.exists():
        return conform(name, pd.DataFrame(columns=list(CONTRACTS[name])), where=str(path))
    if not path.is_file():
        raise EvidenceError("evidence file is missing", where=str(path), hint="run train again")
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise EvidenceError(f"evidence file cannot be read: {error}", where=str(path)) from error
    return conform(name, frame, where=str(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EvidenceError("evidence file is missing", where=str(path), hint="run train again") from error


def _read_meta(path: Path) -> EvidenceMeta:
    text = _bytes(path)
    try:
        data = yaml.safe_load(text)
        return EvidenceMeta.model_validate(migrated("evidence_meta", data) if isinstance(data, dict) else data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EvidenceError(f"not readable as YAML: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EvidenceError(f"{where}: {first['msg']}", where=str(path)) from error
