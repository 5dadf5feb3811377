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
from drawn_panel import drawn_panel, plain_settings

from crypto_team.validation import metrics, scores
from crypto_team.validation.fold_store import FoldStore
from crypto_team.validation.panel import Panel
from crypto_team.validation.walk_forward import run

BARS, COLUMNS, WINDOW, TEST = 3_100, 30, 1_000, 400
MOST_SECONDS = 180.0


def panel(rng: np.random.Generator) -> Panel:
    features = rng.standard_normal((BARS, COLUMNS)).astype(np.float32)
    before = np.roll(features[:, 0], 2).astype(np.float64)
    return drawn_panel(features, 0.01 * (1.5 * before + rng.standard_normal(BARS)))


def main(names: list[str]) -> int:
    """Print one line per network; 1 where one takes longer than promised."""
    market, slow = panel(np.random.default_rng(0)), []
    print(f"{'learner':<12}{'CPU s':>8}{'wall s':>8}{'area':>8}{'again s':>9}")
    for name in names or ["gru", "lstm", "transformer", "lstm_cnn"]:
        with tempfile.TemporaryDirectory() as folder:
            store, cpu, wall = FoldStore(Path(folder)), time.process_time(), time.perf_counter()
            made = run(market, plain_settings(name, WINDOW, TEST), store=store)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            again = time.process_time()
            run(market, plain_settings(name, WINDOW, TEST), store=store)
            again = time.process_time() - again
        area = scores.auc(*scores.events(metrics.out_of_sample_rows(made.predictions)))
        print(f"{name:<12}{cpu:>8.1f}{wall:>8.1f}{area:>8.3f}{again:>9.2f}", flush=True)
        slow += [name] if cpu > MOST_SECONDS else []
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
