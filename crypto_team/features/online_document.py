"""What a `features.yaml` says to an engine that goes bar by bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from crypto_team.errors import InputError
from crypto_team.schemas.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def formulas_of(features: Path | Sequence[str]) -> tuple[list[str], list[str]]:
    """Return formulas and names; a list of formulas is its own names."""
    if not hasattr(features, "read_text"):
        return list(features), list(features)
    try:
        found = FeatureSet.model_validate(yaml.safe_load(features.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise InputError(f"this is no features.yaml: {problem}", where=str(features)) from None
    python = [item.name for item in found.features if item.formula is None]
    if python:
        raise InputError(
            f"{python[0]} is a Python function and cannot be computed bar by bar",
            where=str(features),
            hint="write it as a formula, or compute the matrix over the look-back",
        )
    return [str(item.formula) for item in found.features], [item.name for item in found.features]
