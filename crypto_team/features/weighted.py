"""A fitted part that weighs its inputs by how much each has lately had to do with the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.features.dynamic_weights import TOGETHER, DynamicWeights
from crypto_team.features.scaling import Projection, scaling_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Weighted(Projection):
    """Mean of standardised inputs, each times its importance and the sign of its correlation with the label.

    The importance is the absolute correlation with the forward return over training rows in the order of time, older
    ones counting half every `half_life` rows, less what chance alone would give, over the mean of all inputs
    (:class:`DynamicWeights`). It follows time from fold to fold; inside a test part it stands, because none of its
    labels is known there.
    """

    @classmethod
    def learn(cls, rows: Floats, labels: Floats, settings: Sequence[float]) -> Weighted:
        """Learn from training rows in the order of time, shape (n, d), and their labels, shape (n,)."""
        scaling = scaling_of(rows)
        found = DynamicWeights.fit(scaling.standardised(rows), labels, half_life_rows=settings[0])
        return cls(scaling, found.weights * np.sign(found.moments[TOGETHER]) / rows.shape[1])
