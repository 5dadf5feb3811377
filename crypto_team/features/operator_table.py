"""The complete table of operators: importing the families fills it."""

from __future__ import annotations

from crypto_team.features import (
    operators_microstructure,
    operators_price,
    operators_statistical,
    operators_temporal,
    operators_trend,
    operators_volume,
)
from crypto_team.features.operators import OPERATORS

FAMILIES = (
    operators_price,
    operators_trend,
    operators_volume,
    operators_statistical,
    operators_temporal,
    operators_microstructure,
)

__all__ = ["FAMILIES", "OPERATORS"]
