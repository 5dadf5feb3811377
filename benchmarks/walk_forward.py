"""CPU and wall time of a walk-forward: 8 folds, 6,000 hourly training rows, 100 features, for each learner.

Run: ``python benchmarks/walk_forward.py [learner ...]``
"""

from __future__ import annotations

import sys
import time

import numpy as np
from drawn_panel import drawn_panel, plain_settings

from crypto_team.models.registry import MODELS
from crypto_team.validation import metrics
from crypto_team.validation.panel import Panel
from crypto_team.validation.walk_forward import run

FOLDS, WINDOW, TEST, COLUMNS = 8, 6_000, 1_500, 100


def panel(rng: np.random.Generator) -> Panel:
    rows = WINDOW + FOLDS * TEST + 100
    features = rng.standard_normal((rows, COLUMNS)).astype(np.float32)
    return drawn_panel(features, 0.01 * (0.1 * features[:, 0].astype(np.float64) + rng.standard_normal(rows)))


def main(names: list[str]) -> None:
    data = panel(np.random.default_rng(0))
    for name in names or list(MODELS):
        wall, cpu = time.perf_counter(), time.process_time()
        result = run(data, plain_settings(name, WINDOW, TEST))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        summary = metrics.summary(result.predictions)
        print(f"{name:10s} {len(result.folds)} folds  {cpu:5.1f} CPU-s  {wall:5.1f} s  auc {summary['auc']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
