"""A panel drawn at random, and plain settings of a walk-forward over it, for benchmarks of learners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.models.registry import resolve
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import TradingRules, WalkForwardSettings
from crypto_team.validation.splits import Geometry

HOUR = 3_600_000


def drawn_panel(features: npt.NDArray[np.float32], forward: npt.NDArray[np.float64]) -> Panel:
    """Return hourly bars of one pair with these features (n, k) and next returns (n,); the last one is unknown."""
    rows, columns = features.shape
    stamps = np.arange(rows, dtype=np.int64) * HOUR
    forward[-1] = np.nan
    label = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
    return Panel(
        time=stamps,
        pair_index=np.zeros(rows, dtype=np.int64),
        pairs=["BTC/USDT"],
        features=features,
        names=[f"f{column}" for column in range(columns)],
        label=label,
        forward_return=forward,
        label_end=stamps + HOUR,
        usable=np.isfinite(label),
        next_return=forward,
        timeframe_ms=HOUR,
    )


def plain_settings(model: str, window: int, test: int) -> WalkForwardSettings:
    """Return settings of a rolling walk-forward in bars, with the learner's own defaults."""
    return WalkForwardSettings(
        model=model,
        n_classes=2,
        hyperparameters=resolve(model, {}),
        geometry=Geometry(HOUR, window, test, test, 24, expanding=False),
        calibration="platt",
        correlation_limit=0.95,
        max_features=30,
        trading=TradingRules(0.52, 0.5, long_short=True, confidence_weighted=False, cost_bps_per_side=7.0),
        seed=42,
    )
