"""How much of a planted alpha is found again: mean out-of-sample Sharpe ratio before costs as a share of the oracle's.

Markets of known truth (3 years of hourly bars, oracle worth an annual Sharpe ratio of 1 to 3 before costs, planted in
formulas that `standard` holds), all candidates of `standard`, expanding walk-forward. Every way of learning holds a
long where its signal is above the middle of its own signals on the rows held out before the test part, else a short.
`share` divides what is earned in expectation (the known mean, the realised deviation) by what the oracle earns on the
same bars; `realised` repeats it with the returns that came.

Defaults were chosen on seeds from 1000 on; the twenty markets of the report are seeds 1 to 20.

Run: ``python benchmarks/bench_alpha.py [--first 1] [--markets 20] [--workers 1] [--json file] [way ...]``; with a file,
a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crypto_team.data.synthetic import SyntheticMarket, planted_market
from crypto_team.features.matrix import build_matrix
from crypto_team.features.sets import feature_set
from crypto_team.models.registry import resolve
from crypto_team.schemas.features import Feature
from crypto_team.schemas.ml_spec import ModelSection, Target
from crypto_team.validation.calibration_error import ece_debiased
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.panel import Panel, build_panel
from crypto_team.validation.scores import calibration_slope, ece, log_loss
from crypto_team.validation.settings import TradingRules, WalkForwardSettings
from crypto_team.validation.splits import Geometry, walk_forward
from crypto_team.validation.walk_forward import run

Floats = npt.NDArray[np.float64]
Signals = tuple[Floats, Floats, Floats]
HOUR, BARS, HORIZON = 3_600_000, 26_280, 24
PLANTED = (
    ("zscore(close, 48)", "roc(close, 336)"),
    ("zscore(close, 168)", "roc(close, 336)"),
    ("zscore(close, 168)",),
    ("rsi(close, 28)", "zscore(close, 336)"),
    ("roc(close, 336)",),
)
GEOMETRY = Geometry(HOUR, 365 * 24, 91 * 24, 91 * 24, HORIZON, expanding=True, horizon_bars=HORIZON)
RULES = TradingRules(0.5, 0.5, long_short=True, confidence_weighted=False, cost_bps_per_side=0.0)
PLAIN = {"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20, "max_bin": 255,
         "subsample": 1.0, "colsample_bytree": 1.0, "reg_lambda": 0.0}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A market with the panel that is learnt from."""

    market: SyntheticMarket
    panel: Panel


def made(seed: int) -> Made:
    rng = np.random.default_rng([seed, 7])
    wanted = float(rng.uniform(1.0, 3.0))
    market = planted_market(
        seed=seed, bars=BARS, oracle_sharpe=wanted, formulas=PLANTED[seed % len(PLANTED)], cost_bps_per_side=0.0
    )
    features = [
        Feature(name=one.name, category=one.category, formula=one.formula, lookback=1, leakage_safe=True)
        for one in feature_set("standard")
    ]
    matrix = build_matrix(features, market.frame)
    target = Target(
        type="classification", kind="direction", definition="up", horizon=f"{HORIZON}bars", horizon_bars=HORIZON
    )
    return Made(market, build_panel({"X/USDT": market.frame}, {"X/USDT": matrix}, target, "1h"))


def settings(model: str, **changes: object) -> WalkForwardSettings:
    hyperparameters = changes.pop("hyperparameters", {})
    base: dict[str, object] = {
        "model": model, "n_classes": 2, "hyperparameters": resolve(model, hyperparameters),  # type: ignore[arg-type]
        "geometry": GEOMETRY, "calibration": PRODUCT.calibration, "correlation_limit": 0.95, "max_features": 30,
        "trading": RULES, "seed": 42, "noise_repeats": 0, "workers": 1,
    }  # fmt: skip
    return WalkForwardSettings(**(base | changes))  # type: ignore[arg-type]


PRODUCT = ModelSection()
WAYS = {
    "default": lambda: settings(PRODUCT.primary),
    "chain": lambda: settings(PRODUCT.primary, ranking="chain"),
    "refitted": lambda: settings(PRODUCT.primary, refit=True),
    "lightgbm": lambda: settings("lightgbm"),
    "logistic": lambda: settings("logistic"),
    "logistic, all": lambda: settings("logistic", correlation_limit=1.0, max_features=500),
    "plain lightgbm": lambda: settings(
        "lightgbm", hyperparameters=PLAIN, correlation_limit=1.0, max_features=500, calibration="none"
    ),
}


def freqai(data: Panel) -> Signals:
    """Learn with FreqAI's own LightGBMClassifier in everybody's windows; nothing is selected or calibrated."""
    import freqai_learner

    raw, middle = np.full(data.time.size, np.nan), np.full(data.time.size, np.nan)
    times = np.unique(data.time)
    with freqai_learner.learner() as (model, kitchen):
        for fold in walk_forward(times[times >= data.time[data.usable].min()], GEOMETRY):
            rows = np.flatnonzero(
                data.usable & (data.time >= fold.train_start) & (data.label_end <= fold.test_start - HORIZON * HOUR)
            )
            test = np.flatnonzero((data.time >= fold.test_start) & (data.time < fold.test_end))
            train = data.features[rows], data.label[rows], data.time[rows].astype(np.float64)
            raw[test], held = freqai_learner.fit_and_predict(model, kitchen, train, data.features[test])
            middle[test] = np.median(held)
    return raw, raw, middle


def ours(data: Panel, way: WalkForwardSettings) -> Signals:
    table = run(data, way).predictions
    test, inner = table[table["part"] == "test"], table[table["part"] == "inner"]
    at = np.searchsorted(data.time, milliseconds(test["time"]))
    signal, raw, middle = (np.full(data.time.size, np.nan) for _ in range(3))
    signal[at], raw[at] = test["signal"].to_numpy(), test["p_raw_1"].to_numpy()
    middle[at] = test["fold"].map(inner.groupby("fold")["signal"].median()).to_numpy()
    return signal, raw, middle


def yearly(position: Floats, mean: Floats, returns: Floats) -> tuple[float, float]:
    """Return the Sharpe ratio in expectation and as it came, from days of 24 bars."""
    days = position.size // 24 * 24
    daily = [(position * one)[:days].reshape(-1, 24).sum(axis=1) for one in (mean, returns)]
    spread = float(np.std(daily[1], ddof=1))
    return tuple(float(np.mean(one)) / spread * math.sqrt(365.0) if spread else 0.0 for one in daily)  # type: ignore[return-value]


def measured(seed: int, ways: list[str]) -> list[dict[str, object]]:
    one = made(seed)
    data, market, rows = one.panel, one.market, []
    for name in ways:
        begun = time.process_time()
        signal, raw, middle = freqai(data) if name == "freqai" else ours(data, WAYS[name]())
        spent = time.process_time() - begun
        known = np.flatnonzero(np.isfinite(signal) & np.isfinite(data.next_return))
        best = yearly(market.oracle_position[known], market.oracle_mean[known], data.next_return[known])
        got = yearly(np.sign(signal[known] - middle[known]), market.oracle_mean[known], data.next_return[known])
        scored = known[np.isfinite(data.label[known])]
        y = data.label[scored]
        rows.append({
            "seed": seed, "planted": " + ".join(market.alpha_formulas), "way": name, "oracle": best[0], "got": got[0],
            "oracle_realised": best[1], "got_realised": got[1], "cpu": spent, "bars": int(known.size),
            "log_loss": log_loss(signal[scored], y), "ece": ece(signal[scored], y), "ece_raw": ece(raw[scored], y),
            "slope": calibration_slope(signal[scored], y).slope, "p": signal[scored].round(4).tolist(),
            "raw": raw[scored].round(4).tolist(), "y": y.astype(int).tolist(),
        })  # fmt: skip
    return rows


def pooled(rows: list[dict[str, object]]) -> str:
    """Return a line: shares, and calibration over every bar of all markets together.

    Labels overlap, so errors are those of a 24th of the bars; the debiased error takes the noise of that many out.
    """
    total = {key: sum(float(row[key]) for row in rows) for key in rows[0] if isinstance(rows[0][key], float)}  # type: ignore[arg-type]
    p, raw, y = (np.concatenate([np.asarray(row[key], dtype=np.float64) for row in rows]) for key in ("p", "raw", "y"))
    worth = y.size / HORIZON
    debiased = [ece_debiased(one, y, independent=worth) for one in (raw, p)]
    slopes = [calibration_slope(one, y).slope for one in (raw, p)]
    return (
        f"{rows[0]['way']!s:16s} share {total['got'] / total['oracle']:6.3f}  realised "
        f"{total['got_realised'] / total['oracle_realised']:6.3f}  mean Sharpe {total['got'] / len(rows):5.2f} of "
        f"{total['oracle'] / len(rows):4.2f}  log loss {total['log_loss'] / len(rows):.5f}  "
        f"ECE {ece(raw, y):.4f} -> {ece(p, y):.4f} (debiased {debiased[0]:.4f} -> {debiased[1]:.4f})  "
        f"slope {slopes[0]:.2f} -> {slopes[1]:.2f}  {total['cpu'] / len(rows):5.1f} CPU-s"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--markets", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", default="")
    parser.add_argument("ways", nargs="*")
    given = parser.parse_args()
    ways = given.ways or [*WAYS, "freqai"]
    seeds = range(given.first, given.first + given.markets)
    rows = [row for row in _known(given.json) if row["seed"] in seeds and row["way"] in ways]
    known = {(row["seed"], row["way"]) for row in rows}
    todo = [(seed, [way for way in ways if (seed, way) not in known]) for seed in seeds]
    todo = [one for one in todo if one[1]]
    with ProcessPoolExecutor(given.workers) as pool:
        for found in pool.map(measured, *zip(*todo, strict=True)) if todo else ():
            rows += found
            if given.json:
                with Path(given.json).open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in found)
            best = found[0]
            shares = "  ".join(f"{row['way']} {row['got']:5.2f} ({row['got_realised']:5.2f})" for row in found)
            print(f"{best['seed']:5d} {best['planted']:36s} oracle {best['oracle']:4.2f} "
                  f"({best['oracle_realised']:5.2f})  {shares}", flush=True)  # fmt: skip
    for name in ways:
        if chosen := [row for row in rows if row["way"] == name]:
            print(f"{len(chosen):3d} markets", pooled(chosen))


def _known(file: str) -> list[dict[str, object]]:
    """Return what an earlier, interrupted run has measured."""
    if not file or not Path(file).exists():
        return []
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
