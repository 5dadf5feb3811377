"""A fitted part that weighs its inputs by how much each has lately had to do with the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crypto_team.features.dynamic_weights import TOGETHER, DynamicWeights
from crypto_team.features.scaling import Scaling, finite_array, scaling_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Weighted:
    """Mean of standardised inputs, each times its importance and the sign of its correlation with the label.

    The importance is the absolute correlation with the forward return over training rows in the order of time, older
    ones counting half every `half_life` rows, less what chance alone would give, over the mean of all inputs
    (:class:`DynamicWeights`). It follows time from fold to fold; inside a test part it stands, because none of its
    labels is known there.
    """

    scaling: Scaling
    loadings: Floats

    @classmethod
    def learn(cls, rows: Floats, labels: Floats, settings: Sequence[float]) -> Weighted:
        """Learn from training rows in the order of time, shape (n, d), and their labels, shape (n,)."""
        scaling = scaling_of(rows)
        found = DynamicWeights.fit(scaling.standardised(rows), labels, half_life_rows=settings[0])
        return cls(scaling, found.weights * np.sign(found.moments[TOGETHER]) / rows.shape[1])

    @classmethod
    def load(cls, found: Mapping[str, Any], settings: Sequence[float]) -> Weighted:
        """Take back stored numbers."""
        del settings
        return cls(Scaling(finite_array(found["mean"]), finite_array(found["std"])), finite_array(found["loadings"]))

    def apply(self, values: Floats) -> Floats:
        """Weigh and add up; unknown where any input is."""
        return np.asarray((self.scaling.standardised(values) * self.loadings).sum(axis=1))

    def parameters(self) -> dict[str, Any]:
        """Return scaling and loadings."""
        return {
            "mean": self.scaling.mean.tolist(),
            "std": self.scaling.std.tolist(),
            "loadings": self.loadings.tolist(),
        }
