"""Does what a regression expects come true: the slope of realised on expected returns, with errors of groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import clustered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """Least squares of realised on expected returns; both slope and its errors are without a unit."""

    slope: float
    intercept: float
    design: Floats
    rest: Floats

    def error(self, groups: Ints) -> float:
        """Return the error of the slope when the rows of a group err alike (sandwich of Liang and Zeger 1986)."""
        bread = np.linalg.pinv(self.design.T @ self.design)
        return math.sqrt((bread @ clustered(self.design * self.rest[:, None], groups) @ bread)[0, 0])


def realised_on_expected(told: Floats, came: Floats) -> Line:
    """Fit the line through expected and realised returns (n,) of one unit: 1 and 0 where expectations come true.

    The slope is below one where forecasts are bolder than what follows, and NaN where they do not differ.
    """
    design = np.column_stack([told, np.ones(told.size)])
    if told.size < 3 or not float(told.std()) > 0.0:
        return Line(math.nan, math.nan, design, np.full(told.size, math.nan))
    found = np.linalg.lstsq(design, came, rcond=None)[0]
    return Line(float(found[0]), float(found[1]), design, came - design @ found)


def stated_returns(rows: pd.DataFrame) -> tuple[Floats, Floats] | None:
    """Return expected and realised basis points of some rows; None where no expectation is stated."""
    if "expected_bps" not in rows or not rows["expected_bps"].notna().any():
        return None
    return rows["expected_bps"].to_numpy(dtype=np.float64), rows["forward_return"].to_numpy(dtype=np.float64) * 1e4
