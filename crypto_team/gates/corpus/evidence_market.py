"""Simulated markets of known truth: pairs, features that lead returns by a known strength, one pair delisted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds

Floats = npt.NDArray[np.float64]
START = pd.Timestamp("2022-01-03T00:00:00Z")


@dataclass(frozen=True)
class Design:
    """How one honest study is set up; `edge` is the correlation of the best forecast with the next bar's return."""

    timeframe: str = "1h"
    bars: int = 4800
    pairs: int = 3
    horizon: int = 4
    edge: float = 0.15
    features: int = 12
    informative: int = 5
    train: int = 1400
    inner: int = 300
    test: int = 500
    cost_bps: float = 2.0
    classes: int = 2
    calibration: str = "platt"
    delisted: bool = False
    expanding: bool = False
    trials: int = 4
    long_only: bool = False
    entry: float = 0.53
    volatility: float = 0.006
    heavy_tails: bool = False


@dataclass(frozen=True)
class PairData:
    """One pair: bar times in milliseconds, candles, and features known at the close of each bar."""

    pair: str
    time: npt.NDArray[np.int64]
    candles: pd.DataFrame
    features: Floats


def simulate(design: Design, seed: int) -> list[PairData]:
    """Draw every pair of a market; the last one stops trading at two thirds where the design says so."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.6, 1.4, design.informative) * rng.choice([-1.0, 1.0], design.informative)
    common = _shocks(design, rng)
    found = []
    for number in range(design.pairs):
        ends = design.delisted and number == design.pairs - 1
        found.append(_pair(design, number, weights, common, rng, design.bars * 2 // 3 if ends else design.bars))
    return found


def _shocks(design: Design, rng: np.random.Generator) -> Floats:
    drawn = rng.standard_t(4.0, design.bars) / np.sqrt(2.0) if design.heavy_tails else rng.standard_normal(design.bars)
    return np.asarray(drawn, dtype=np.float64)


def _pair(
    design: Design, number: int, weights: Floats, common: Floats, rng: np.random.Generator, length: int
) -> PairData:
    step = timeframe_seconds(design.timeframe) * 1000
    features = np.empty((design.bars, design.features))
    for column in range(design.features):
        memory = 0.6 if column < design.informative else rng.uniform(0.0, 0.9)
        shocks = rng.standard_normal(design.bars) * np.sqrt(1.0 - memory**2)
        values = np.empty(design.bars)
        values[0] = rng.standard_normal()
        for at in range(1, design.bars):
            values[at] = memory * values[at - 1] + shocks[at]
        features[:, column] = values
    lean = features[:, : design.informative] @ weights / np.linalg.norm(weights)
    noise = np.sqrt(0.5) * common + np.sqrt(0.5) * _shocks(design, rng)
    moves = np.sqrt(1.0 - design.edge**2) * noise
    moves[1:] += design.edge * lean[:-1]
    # Volatility comes in waves of about a week, so that every window has calm and wild days.
    waves = np.exp(0.35 * np.sin(np.arange(design.bars) * 2.0 * np.pi / 170.0 + number))
    close = 100.0 * (1 + number) * np.exp(np.cumsum(design.volatility * waves * moves))
    candles = _candles(close, design.volatility, rng)
    time = int(START.value) // 1_000_000 + np.arange(design.bars, dtype=np.int64) * step
    return PairData(f"COIN{number}/USDT", time[:length], candles.iloc[:length], features[:length])


def _candles(close: Floats, volatility: float, rng: np.random.Generator) -> pd.DataFrame:
    opened = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(rng.standard_normal((2, close.size))) * volatility / 2.0
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1.0 + reach[0]),
            "low": np.minimum(opened, close) * (1.0 - reach[1]),
            "close": close,
            "volume": 50_000.0 * np.exp(0.4 * rng.standard_normal(close.size)),
        }
    )
