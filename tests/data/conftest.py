"""Small frames that tests change, and the folder with real market data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = {"5m": 300, "1h": 3_600, "1d": 86_400}

MakeBars = Callable[..., pd.DataFrame]


@pytest.fixture
def make_bars() -> MakeBars:
    """Return a maker of canonical frames: a rising and falling price in ticks of 0.01."""

    def make(rows: int = 50, timeframe: str = "1h", start: str = "2024-03-01T00:00:00Z") -> pd.DataFrame:
        close = np.round(100 + 5 * np.sin(np.arange(rows) / 7) + 0.01 * np.arange(rows), 2)
        opened = np.concatenate([[100.0], close[:-1]])
        first = pd.Timestamp(start).as_unit("ms")
        return pd.DataFrame(
            {
                "timestamp": first + pd.to_timedelta(np.arange(rows) * STEPS[timeframe], unit="s").as_unit("ms"),
                "open": opened,
                "high": np.round(np.maximum(opened, close) + 0.05, 2),
                "low": np.round(np.minimum(opened, close) - 0.05, 2),
                "close": close,
                "volume": 10.0 + np.arange(rows) % 5,
            }
        )

    return make


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Return the folder with real market data, or skip."""
    folder = Path(os.environ.get("MARKET_DATA_DIR", ROOT.parent / "shared" / "market-data"))
    if not folder.is_dir():
        pytest.skip("no market data on this machine; set MARKET_DATA_DIR")
    return folder
