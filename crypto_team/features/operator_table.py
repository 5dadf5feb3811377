"""The complete table of operators: importing the families fills it."""

from __future__ import annotations

from crypto_team.features import (
    operators_bands,
    operators_cross_asset,
    operators_derived,
    operators_flow,
    operators_microstructure,
    operators_momentum,
    operators_price,
    operators_statistical,
    operators_temporal,
    operators_trend,
    operators_volume,
)
from crypto_team.features.operators import OPERATORS

FAMILIES = (
    operators_price,
    operators_momentum,
    operators_trend,
    operators_bands,
    operators_volume,
    operators_statistical,
    operators_derived,
    operators_temporal,
    operators_cross_asset,
    operators_flow,
    operators_microstructure,
)

__all__ = ["FAMILIES", "OPERATORS"]
