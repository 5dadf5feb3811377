"""Standardisation fitted on training rows only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Scaler:
    """Mean and population deviation of each column, shape (k,); a column without spread has deviation 1."""

    mean: Floats
    std: Floats

    def transform(self, x: npt.NDArray[np.float32], *, clip: float) -> Floats:
        """Return standardised values within +-`clip`; an unknown value takes the mean, that is 0."""
        z = x.astype(np.float64)
        z -= self.mean
        z /= self.std
        z[~np.isfinite(z)] = 0.0
        return np.asarray(np.clip(z, -clip, clip, out=z))


def fit_scaler(x: npt.NDArray[np.float32]) -> Scaler:
    """Measure the columns of `x` (n, k) in float64; non-finite values are left out."""
    known = np.isfinite(x)
    count = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, x, np.float32(0.0)).astype(np.float64)
    mean = values.sum(axis=0) / count
    values -= mean
    values *= known
    np.square(values, out=values)
    std = np.sqrt(values.sum(axis=0) / count)
    # The mean of equal numbers may miss them by a rounding, which is no deviation.
    return Scaler(mean, np.where(std > ROUNDING * np.abs(mean), std, 1.0))
