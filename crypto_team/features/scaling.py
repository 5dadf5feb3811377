"""Mean and deviation of training rows, which fitted parts begin with, and the reading of stored numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crypto_team.errors import EvidenceError

Floats = npt.NDArray[np.float64]
ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Scaling:
    """Mean and deviation of each input over training rows."""

    mean: Floats
    std: Floats

    def standardised(self, values: Floats) -> Floats:
        """Return (x - mean) / deviation, shape (n, d)."""
        return np.asarray((values - self.mean) / self.std)


@dataclass(frozen=True)
class Projection:
    """A sum of standardised inputs, each times its loading; kinds of it differ in how the loadings are learnt."""

    scaling: Scaling
    loadings: Floats

    @classmethod
    def load(cls, found: Mapping[str, Any], settings: Sequence[float]) -> Self:
        """Take back stored numbers."""
        del settings
        return cls(Scaling(finite_array(found["mean"]), finite_array(found["std"])), finite_array(found["loadings"]))

    def apply(self, values: Floats) -> Floats:
        """Project; unknown where any input is."""
        # Not a matrix product: that rounds by the number of rows, and one row has to give the same value as many.
        return np.asarray((self.scaling.standardised(values) * self.loadings).sum(axis=1))

    def parameters(self) -> dict[str, Any]:
        """Return scaling and loadings."""
        return {
            "mean": self.scaling.mean.tolist(),
            "std": self.scaling.std.tolist(),
            "loadings": self.loadings.tolist(),
        }


def scaling_of(rows: Floats) -> Scaling:
    """Measure mean and population deviation of each input; one that does not vary has the deviation 1.

    The mean of equal numbers may miss them by a rounding, which is no deviation, as is nothing below 1e-12 of the mean.
    """
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    mean = np.where(rows.min(axis=0) == rows.max(axis=0), rows[0], mean)
    return Scaling(mean, np.where(std > ROUNDING * np.abs(mean), std, 1.0))


def finite_array(values: Any) -> Floats:
    """Return stored numbers as an array; anything that is not finite is refused."""
    made = np.array(values, dtype=np.float64)
    if not np.isfinite(made).all():
        raise EvidenceError("a fitted feature has numbers that are not finite")
    return made
