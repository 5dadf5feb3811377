"""CPU and wall time of a walk-forward: 8 folds, 6,000 hourly training rows, 100 features, for each learner.

Run: ``python benchmarks/walk_forward.py [learner ...]``
"""

from __future__ import annotations

import sys
import time

import numpy as np

from crypto_team.models.registry import MODELS, resolve
from crypto_team.validation import metrics
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import TradingRules, WalkForwardSettings
from crypto_team.validation.splits import Geometry
from crypto_team.validation.walk_forward import run

HOUR = 3_600_000
FOLDS, WINDOW, TEST, COLUMNS = 8, 6_000, 1_500, 100


def panel(rng: np.random.Generator) -> Panel:
    rows = WINDOW + FOLDS * TEST + 100
    stamps = np.arange(rows, dtype=np.int64) * HOUR
    features = rng.standard_normal((rows, COLUMNS)).astype(np.float32)
    forward = 0.01 * (0.1 * features[:, 0].astype(np.float64) + rng.standard_normal(rows))
    forward[-1] = np.nan
    label = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
    return Panel(
        time=stamps,
        pair_index=np.zeros(rows, dtype=np.int64),
        pairs=["BTC/USDT"],
        features=features,
        names=[f"f{column}" for column in range(COLUMNS)],
        label=label,
        forward_return=forward,
        label_end=stamps + HOUR,
        usable=np.isfinite(label),
        next_return=forward,
        timeframe_ms=HOUR,
    )


def settings(model: str) -> WalkForwardSettings:
    return WalkForwardSettings(
        model=model,
        n_classes=2,
        hyperparameters=resolve(model, {}),
        geometry=Geometry(HOUR, WINDOW, TEST, TEST, 24, expanding=False),
        calibration="platt",
        correlation_limit=0.95,
        max_features=30,
        trading=TradingRules(0.52, 0.5, long_short=True, confidence_weighted=False, cost_bps_per_side=7.0),
        seed=42,
    )


def main(names: list[str]) -> None:
    data = panel(np.random.default_rng(0))
    for name in names or list(MODELS):
        wall, cpu = time.perf_counter(), time.process_time()
        result = run(data, settings(name))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        summary = metrics.summary(result.predictions)
        print(f"{name:10s} {len(result.folds)} folds  {cpu:5.1f} CPU-s  {wall:5.1f} s  auc {summary['auc']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
