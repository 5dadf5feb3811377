"""What the default calibration does to probabilities on markets stronger than those that its priors were chosen on.

Planted markets of 6,000 hourly bars, six features, direction over 12 bars, rolling windows of 1,500 bars of which the
last fifth, 25 labels side by side, calibrates. Per learner, over all markets: log loss and Brier score of raw and of
calibrated probabilities, debiased calibration error, slope, and on how many markets calibration raised the log loss.

Run: ``python benchmarks/bench_strong.py [--oracle 6] [--first 7] [--markets 3] [learner ...]``
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import bench_alpha
import numpy as np
import numpy.typing as npt

from crypto_team.data.synthetic import planted_market
from crypto_team.features.matrix import build_matrix
from crypto_team.models.registry import resolve
from crypto_team.schemas.features import Feature
from crypto_team.schemas.ml_spec import Target
from crypto_team.validation.calibration_error import ece_debiased
from crypto_team.validation.panel import Panel, build_panel
from crypto_team.validation.scores import brier, calibration_slope, log_loss
from crypto_team.validation.splits import Geometry
from crypto_team.validation.walk_forward import run

Floats = npt.NDArray[np.float64]
HORIZON = 12
FORMULAS = (
    "zscore(close, 24)",
    "zscore(close, 48)",
    "zscore(close, 168)",
    "rsi(close, 14)",
    "roc(close, 24)",
    "hour_sin()",
)
LEARNERS = {
    "linear_trees": {}, "lightgbm": {"n_estimators": 50}, "xgboost": {"n_estimators": 50},
    "random_forest": {"n_estimators": 30}, "logistic": {},
}  # fmt: skip
GEOMETRY = Geometry(bench_alpha.HOUR, 1_500, 600, 600, 24, expanding=False, horizon_bars=HORIZON)


def made(seed: int, oracle: float) -> Panel:
    frame = planted_market(seed=seed, bars=6_000, oracle_sharpe=oracle).frame
    features = [
        Feature(name=f"f{number}", category="custom", formula=formula, lookback=1, leakage_safe=True)
        for number, formula in enumerate(FORMULAS)
    ]
    target = Target(
        type="classification", kind="direction", definition="up", horizon=f"{HORIZON}bars", horizon_bars=HORIZON
    )
    return build_panel({"X/USDT": frame}, {"X/USDT": build_matrix(features, frame)}, target, "1h")


def forecasts(panel: Panel, learner: str) -> tuple[Floats, Floats, Floats]:
    """Return raw and calibrated P(up) of the test rows, and what came."""
    asked = bench_alpha.settings(
        learner, geometry=GEOMETRY, hyperparameters=resolve(learner, LEARNERS.get(learner, {}))
    )
    table = run(panel, asked).predictions
    test = table[(table["part"] == "test") & table["label"].notna()]
    return test["p_raw_1"].to_numpy(), test["p_1"].to_numpy(), test["label"].to_numpy()


def line(learner: str, found: list[tuple[Floats, Floats, Floats]]) -> str:
    raw, calibrated, y = (np.concatenate([one[place] for one in found]) for place in range(3))
    losses = [[log_loss(p, one[2]) for p in one[:2]] for one in found]
    before, after = np.mean(losses, axis=0)
    worse = sum(one[1] > one[0] for one in losses)
    errors = [ece_debiased(p, y, independent=y.size / HORIZON) for p in (raw, calibrated)]
    slopes = [calibration_slope(p, y).slope for p in (raw, calibrated)]
    return (
        f"{learner:14s} log loss {before:.4f} -> {after:.4f} (worse on {worse} of {len(found)})  "
        f"Brier {brier(raw, y):.4f} -> {brier(calibrated, y):.4f}  debiased error {errors[0]:.3f} -> {errors[1]:.3f}  "
        f"slope {slopes[0]:.2f} -> {slopes[1]:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", type=float, default=6.0)
    parser.add_argument("--first", type=int, default=7)
    parser.add_argument("--markets", type=int, default=3)
    parser.add_argument("learners", nargs="*")
    given = parser.parse_args()
    found: dict[str, list[tuple[Floats, Floats, Floats]]] = defaultdict(list)
    for seed in range(given.first, given.first + given.markets):
        panel = made(seed, given.oracle)
        for learner in given.learners or LEARNERS:
            found[learner].append(forecasts(panel, learner))
    for learner, each in found.items():
        print(line(learner, each))


if __name__ == "__main__":
    main()
