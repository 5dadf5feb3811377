"""Prices on their grid: the decimals that hold them all, and rounding to them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from crypto_team.data.frame import PRICES

MOST_DECIMALS: Final = 12
DUST: Final = 1e-12


def price_decimals(frame: pd.DataFrame) -> int:
    """Return the least number of decimals (at most 12) that hold every price, but for floating-point dust."""
    values = np.unique(frame[list(PRICES)].to_numpy(np.float64))
    for decimals in range(MOST_DECIMALS):
        if bool((np.abs(np.round(values, decimals) - values) <= DUST * values).all()):
            return decimals
    return MOST_DECIMALS


def round_prices(frame: pd.DataFrame, decimals: int) -> pd.DataFrame:
    """Return the frame with prices rounded to the tick, so that float dust cannot keep an order from filling."""
    return frame.assign(**{name: np.round(frame[name].to_numpy(np.float64), decimals) for name in PRICES})
