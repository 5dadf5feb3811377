"""Standardisation fitted on training rows only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scaler:
    """Mean and population deviation of each column, shape (k,); a column without spread has deviation 1."""

    mean: Floats
    std: Floats

    def transform(self, x: npt.NDArray[np.float32], *, clip: float) -> Floats:
        """Return standardised values within +-`clip`; an unknown value takes the mean, that is 0."""
        z = (x.astype(np.float64) - self.mean) / self.std
        return np.clip(np.where(np.isfinite(z), z, 0.0), -clip, clip)


def fit_scaler(x: npt.NDArray[np.float32]) -> Scaler:
    """Measure the columns of `x` (n, k) in float64; non-finite values are left out."""
    values = np.where(np.isfinite(x), x, np.nan).astype(np.float64)
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    variance = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / count
    std = np.sqrt(variance)
    return Scaler(mean, np.where(std > 0.0, std, 1.0))
