"""One set of evidence in memory, in the imported form, and its folder on disk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml


@dataclass(frozen=True)
class EvidenceParts:
    """What an evidence folder holds: `meta.yaml`, `folds.yaml` and tables by name."""

    meta: dict[str, Any]
    folds: list[dict[str, Any]]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def with_table(self, name: str, frame: pd.DataFrame) -> EvidenceParts:
        """Return the same evidence with another table."""
        return replace(self, tables={**self.tables, name: frame})

    def without(self, *names: str) -> EvidenceParts:
        """Return the same evidence without some tables."""
        return replace(self, tables={name: table for name, table in self.tables.items() if name not in names})

    def with_meta(self, **values: Any) -> EvidenceParts:
        """Return the same evidence with other words about it."""
        return replace(self, meta={**self.meta, **values})

    def write(self, folder: Path) -> Path:
        """Write the folder in the form that `evidence import` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meta.yaml").write_text(yaml.safe_dump(self.meta, sort_keys=False), encoding="utf-8")
        (folder / "folds.yaml").write_text(yaml.safe_dump({"folds": self.folds}, sort_keys=False), encoding="utf-8")
        for name, table in self.tables.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
        return folder
