"""A whole walk-forward of each network on a CPU: 3,000 hourly bars, 30 features, 5 folds, the small preset.

The sign of the next return follows a feature of two bars ago, so only windows find it. Told are CPU seconds, the area
under the curve out of sample, and the seconds in which a repeated run takes its folds from the store. Promised is less
than three CPU minutes each.

Run: ``python benchmarks/bench_networks.py [learner ...]``
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from crypto_team.models.registry import resolve
from crypto_team.validation import metrics, scores
from crypto_team.validation.fold_store import FoldStore
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import TradingRules, WalkForwardSettings
from crypto_team.validation.splits import Geometry
from crypto_team.validation.walk_forward import run

HOUR = 3_600_000
BARS, COLUMNS, WINDOW, TEST = 3_100, 30, 1_000, 400
MOST_SECONDS = 180.0


def panel(rng: np.random.Generator) -> Panel:
    stamps = np.arange(BARS, dtype=np.int64) * HOUR
    features = rng.standard_normal((BARS, COLUMNS)).astype(np.float32)
    forward = 0.01 * (1.5 * np.roll(features[:, 0], 2).astype(np.float64) + rng.standard_normal(BARS))
    forward[-1] = np.nan
    label = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
    return Panel(
        time=stamps,
        pair_index=np.zeros(BARS, dtype=np.int64),
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


def main(names: list[str]) -> int:
    """Print one line per network; 1 where one takes longer than promised."""
    market, slow = panel(np.random.default_rng(0)), []
    print(f"{'learner':<12}{'CPU s':>8}{'wall s':>8}{'area':>8}{'again s':>9}")
    for name in names or ["gru", "lstm", "transformer", "lstm_cnn"]:
        with tempfile.TemporaryDirectory() as folder:
            store, cpu, wall = FoldStore(Path(folder)), time.process_time(), time.perf_counter()
            made = run(market, settings(name), store=store)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            again = time.process_time()
            run(market, settings(name), store=store)
            again = time.process_time() - again
        area = scores.auc(*scores.events(metrics.out_of_sample_rows(made.predictions)))
        print(f"{name:<12}{cpu:>8.1f}{wall:>8.1f}{area:>8.3f}{again:>9.2f}", flush=True)
        slow += [name] if cpu > MOST_SECONDS else []
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
