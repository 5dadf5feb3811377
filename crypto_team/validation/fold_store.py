"""Finished folds, kept by what they were made from: a training that was killed goes on where it stopped.

The key of a fold is a hash over the panel, the fold, the settings, the versions of all libraries and the source of the
packages that compute. A change of any of them gives another key, so nothing stale is ever taken; trading rules and the
number of workers do not count, because a fold knows nothing of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import crypto_team
from crypto_team.validation.fold_file import decoded, encoded
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import Fold

if TYPE_CHECKING:
    from crypto_team.validation.fold_fit import FittedFold
    from crypto_team.validation.panel import Panel

COMPUTING = ("data", "features", "labels", "models", "trading", "validation", "schemas")
LIBRARIES = (
    "numpy", "pandas", "scipy", "numba", "pyarrow", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost",
    "torch", "river", "shap", "optuna",
)  # fmt: skip
NOT_OF_A_FOLD = ("trading", "workers")
MOST_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class FoldStore:
    """A folder of finished folds, and of the checkpoints of trainings that have not finished."""

    folder: Path

    def keys(self, panel: Panel, folds: Sequence[Fold], settings: WalkForwardSettings) -> list[str]:
        """Return the key of each fold; the panel is hashed once."""
        shared = hashlib.sha256(environment().encode())
        _feed(shared, panel)
        for field in fields(settings):
            if field.name not in NOT_OF_A_FOLD:
                shared.update(field.name.encode())
                _feed(shared, getattr(settings, field.name))
        made = []
        for fold in folds:
            own = shared.copy()
            _feed(own, fold)
            made.append(own.hexdigest())
        return made

    def get(self, key: str) -> FittedFold | None:
        """Return a finished fold; None where there is none, or where its file is damaged (it is then fitted again)."""
        path = self._path(key)
        try:
            found = decoded(path.read_bytes())
            os.utime(path)
        except (OSError, ValueError):
            return None
        return found

    def put(self, key: str, fold: FittedFold) -> None:
        """Keep a finished fold; a crash in between leaves nothing under its name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(encoded(fold))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path(key))

    def checkpoints(self, key: str) -> Path:
        """Return the folder in which the trainings inside a fold keep their state."""
        return self.folder / "unfinished" / key

    def prune(self, most_bytes: int = MOST_BYTES) -> None:
        """Remove what was used least recently until the folder holds at most `most_bytes`."""
        stats = [(path, path.stat()) for path in self.folder.rglob("*") if path.is_file()]
        held = sum(stat.st_size for _, stat in stats)
        for path, stat in sorted(stats, key=lambda item: item[1].st_mtime):
            if held <= most_bytes:
                break
            path.unlink(missing_ok=True)
            held -= stat.st_size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.fold"


@cache
def environment() -> str:
    """Return what computes: platform, Python, libraries, and a hash of the package's own source."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    source = hashlib.sha256()
    root = Path(crypto_team.__file__).parent
    for package in COMPUTING:
        for path in sorted((root / package).rglob("*.py")):
            source.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return json.dumps(
        {
            "crypto-team": crypto_team.__version__,
            "platform": platform.platform(),
            "python": platform.python_version(),
            "source": source.hexdigest(),
            "versions": versions,
        },
        sort_keys=True,
    )


def _feed(digest: Any, value: Any) -> None:
    """Add a value to a hash, whatever it is made of; types and shapes keep different values apart."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif is_dataclass(value):
        for field in fields(value):
            digest.update(f".{field.name}=".encode())
            _feed(digest, getattr(value, field.name))
    elif isinstance(value, Mapping):
        for name in sorted(value):
            digest.update(f"[{name!r}]".encode())
            _feed(digest, value[name])
    elif isinstance(value, tuple | list):
        digest.update(f"({len(value)}".encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())
