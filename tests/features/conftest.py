from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """Candles as the plan takes them."""

    columns: dict[str, Floats]
    times: npt.NDArray[np.int64]

    def part(self, first: int, last: int) -> Market:
        """Return the bars from first up to, not including, last."""
        return Market({name: values[first:last] for name, values in self.columns.items()}, self.times[first:last])


def random_market(bars: int, seed: int) -> Market:
    """Make candles with fat tails, changing volatility, and some stretches without trade."""
    rng = np.random.default_rng(seed)
    scale = 0.004 * np.exp(0.5 * np.sin(np.arange(bars) / 300.0))
    close = 100.0 * np.exp(np.cumsum(scale * rng.standard_t(4, bars)))
    volume = rng.lognormal(3.0, 1.0, bars)
    for start in rng.integers(bars // 4, bars - 10, 3):
        close[start : start + 4] = close[start]
        volume[start : start + 4] = 0.0
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.002, bars)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.002, bars)))
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return Market(columns, 1_600_000_000_000 + 3_600_000 * np.arange(bars, dtype=np.int64))


@pytest.fixture(scope="session")
def market() -> Market:
    return random_market(2500, 7)
