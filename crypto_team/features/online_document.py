"""What a `features.yaml` says to an engine that goes bar by bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from crypto_team.errors import InputError
from crypto_team.schemas.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Sequence


def formulas_of(features: Path | str | Sequence[str], names: Sequence[str] | None) -> tuple[list[str], tuple[str, ...]]:
    """Return formulas and names: of a document, of one formula, or of a list of them, which are their own names."""
    if isinstance(features, str):
        features = Path(features) if features.endswith((".yaml", ".yml")) else [features]
    texts, own = _of_document(features) if isinstance(features, Path) else (list(features), list(features))
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InputError("these are no formulas", where="features", hint='a features.yaml, or ["rsi(close, 14)", ...]')
    given = tuple(own if names is None else names)
    if len(given) != len(texts):
        raise InputError(f"{len(given)} names for {len(texts)} formulas", where="names", hint="one for each, in order")
    return texts, given


def _of_document(path: Path) -> tuple[list[str], list[str]]:
    try:
        found = FeatureSet.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise InputError(f"this is no features.yaml: {problem}", where=str(path)) from None
    python = [item.name for item in found.features if item.formula is None]
    if python:
        raise InputError(
            f"{python[0]} is a Python function and cannot be computed bar by bar",
            where=str(path),
            hint="write it as a formula, or compute the matrix over the look-back",
        )
    return [str(item.formula) for item in found.features], [item.name for item in found.features]
