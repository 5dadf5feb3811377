"""Panels with known truth: the first feature moves the next return, or nothing does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from crypto_team.models.registry import resolve
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import TradingRules, WalkForwardSettings
from crypto_team.validation.splits import Geometry

HOUR = 3_600_000
START = 1_600_041_600_000 // 86_400_000 * 86_400_000
DAY_BARS = 24


def make_panel(
    *, edge: float, seed: int = 0, days: int = 90, columns: int = 8, pairs: tuple[str, ...] = ("BTC/USDT", "ETH/USDT")
) -> Panel:
    """Draw hourly bars whose next return loads with `edge` on the first feature; some features are missing."""
    rng = np.random.default_rng(seed)
    n = days * DAY_BARS
    time = START + np.arange(n, dtype=np.int64) * HOUR
    features, following = [], []
    for _ in pairs:
        x = rng.standard_normal((n, columns)).astype(np.float32)
        returns = 0.01 * (edge * x[:, 0].astype(np.float64) + rng.standard_normal(n))
        returns[-1] = np.nan
        x[rng.random((n, columns)) < 0.02] = np.nan
        features.append(x)
        following.append(returns)
    forward = np.concatenate(following)
    label = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
    stamps = np.tile(time, len(pairs))
    return Panel(
        time=stamps,
        pair_index=np.repeat(np.arange(len(pairs), dtype=np.int64), n),
        pairs=list(pairs),
        features=np.concatenate(features),
        names=[f"f{column}" for column in range(columns)],
        label=label,
        forward_return=forward.copy(),
        label_end=stamps + HOUR,
        usable=np.isfinite(label),
        next_return=forward,
        timeframe_ms=HOUR,
    )


def make_settings(model: str = "lightgbm", *, n_classes: int = 2, workers: int = 1) -> WalkForwardSettings:
    """Return settings of five or more folds of ten test days over a rolling month."""
    return WalkForwardSettings(
        model=model,
        n_classes=n_classes,
        hyperparameters=resolve(model, {"n_estimators": 40} if model in {"lightgbm", "xgboost"} else {}),
        geometry=Geometry(
            timeframe_ms=HOUR,
            window_bars=30 * DAY_BARS,
            test_bars=10 * DAY_BARS,
            step_bars=10 * DAY_BARS,
            gap_bars=DAY_BARS,
            expanding=False,
        ),
        calibration="ordered_platt" if n_classes else "shrunk",
        correlation_limit=0.95,
        max_features=30,
        trading=TradingRules(0.52, 0.5, long_short=True, confidence_weighted=False, cost_bps_per_side=7.0),
        seed=42,
        workers=workers,
    )


@pytest.fixture(scope="session")
def panel_of() -> Callable[..., Panel]:
    return make_panel


@pytest.fixture(scope="session")
def settings_of() -> Callable[..., WalkForwardSettings]:
    return make_settings
