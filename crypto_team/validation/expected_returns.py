"""Does what a regression expects come true: the line of realised on expected returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
BPS = 1e4
RAW, FINAL = "expected_raw_bps", "expected_bps"


@dataclass(frozen=True)
class Line:
    """Least squares of realised on expected returns: 1 and 0 where expectations come true.

    `design` holds the forecasts and a constant, shape (n, 2), `rest` what the line leaves, shape (n,): their products
    are the scores that errors of the slope are made of.
    """

    slope: float
    intercept: float
    design: Floats
    rest: Floats


def realised_on_expected(told: Floats, came: Floats) -> Line:
    """Fit the line through expected and realised returns (n,) of one unit.

    The slope is below one where forecasts are bolder than what follows, and NaN where they do not differ.
    """
    design = np.column_stack([told, np.ones(told.size)])
    if told.size < 3 or not float(np.ptp(told)) > 0.0:
        return Line(math.nan, math.nan, design, np.full(told.size, math.nan))
    found = np.linalg.lstsq(design, came, rcond=None)[0]
    return Line(float(found[0]), float(found[1]), design, came - design @ found)


def stated_returns(rows: pd.DataFrame, column: str = FINAL) -> tuple[Floats, Floats] | None:
    """Return expected and realised basis points of some rows, NaN where unknown; None without any expectation."""
    if column not in rows or not rows[column].notna().any():
        return None
    return rows[column].to_numpy(dtype=np.float64), rows["forward_return"].to_numpy(dtype=np.float64) * BPS
