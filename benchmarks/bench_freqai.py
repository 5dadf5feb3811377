"""A walk-forward beside FreqAI's on the same windows: CPU, wall, memory, log loss; FreqAI runs here, offline.

107 features (those of FreqAI's shipped example; as formulas they have the same values), ten windows of 6,900 training
rows, LightGBM. Ours includes what FreqAI does not do: calibration, the simplest model beside, noise tests, positions
and evidence written to disk. `raw` is the log loss before calibration, which is where an equal model is seen.
Each side is a process of its own and is counted from after the imports of its libraries; `CPU all` is the whole
process. `equal` holds the model equal (255 bins, no sampling, FreqAI's own parameters); `fast` keeps its trees and
leaves and takes our settings of speed; `default` is a strategy's learner, calibration and selection as they come,
`lightgbm` the same with LightGBM's own defaults.

    python benchmarks/bench_freqai.py [--markets 1] [--first 1] [--rounds 1] [--windows 10] [--json FILE] [WAY ...]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crypto_team.schemas.ml_spec import ModelSection

Floats = npt.NDArray[np.float64]
Row = dict[str, float]
HOUR_MS, DAY = 3_600_000, 24
WARM, TRAIN, TEST, WINDOWS, HORIZON = 40 * DAY, 360 * DAY, 84 * DAY, 10, 12
SHIFTS, PERIODS = 4, [10, 20]
PLANTED = (("zscore(close, 48)",), ("zscore(close, 168)", "roc(close, 336)"), ("rsi(close, 14)",), ("roc(close, 24)",))
BANDS = "(high + low + close) / 3"
BY_PERIOD = (
    "rsi(close, {n})", "mfi(high, low, close, volume, {n})", "adx(high, low, close, {n})", "sma(close, {n})",
    "ema(close, {n})", f"4.4 * std({BANDS}, {{n}}) / sma({BANDS}, {{n}})",
    f"close / (sma({BANDS}, {{n}}) - 2.2 * std({BANDS}, {{n}}))", "roc(close, {n})", "volume / sma(volume, {n})",
)  # fmt: skip
PLAIN = ("ret(close, 1)", "1.0 * volume", "1.0 * close")
CLOCK = ("hour_sin()", "weekday_sin()")
TREES: dict[str, int | float] = {"n_estimators": 200, "num_leaves": 31}
FREQAIS: dict[str, int | float] = {"learning_rate": 0.1, "min_child_samples": 20, "subsample": 1.0,
                                   "colsample_bytree": 1.0, "reg_lambda": 0.0, "max_bin": 255,
                                   "shared_bins": False}  # fmt: skip
PRODUCT = ModelSection()
DEFAULT: dict[str, object] = {"model": PRODUCT.primary, "calibration": PRODUCT.calibration, "given": {}}
WAYS: dict[str, dict[str, object]] = {
    "equal": {"given": TREES | FREQAIS, "selected": False},
    "equal-2": {"given": TREES | FREQAIS, "selected": False, "workers": 2},
    "fast": {"given": TREES | FREQAIS | {"max_bin": 63, "shared_bins": True}, "selected": False},
    "fast-own": {"given": TREES | FREQAIS | {"max_bin": 63}, "selected": False},
    "lightgbm": {"given": {}, "selected": True},
    "default": {"selected": True} | DEFAULT,
    "default-own": {"selected": True} | DEFAULT | {"given": {"shared_bins": False}},
    "default-2": {"selected": True, "workers": 2} | DEFAULT,
}


def formulas() -> list[str]:
    """Return FreqAI's 107 columns as formulas."""
    base = [text.format(n=n) for n in PERIODS for text in BY_PERIOD] + list(PLAIN)
    return base + [f"lag({text}, {n})" for n in range(1, SHIFTS + 1) for text in base] + list(CLOCK)


def prepare(seed: int, folder: Path, windows: int) -> None:
    """Write candles of a market with a planted alpha, and what FreqAI is asked."""
    import pandas as pd

    from crypto_team.data.synthetic import planted_market

    wanted = float(np.random.default_rng([seed, 11]).uniform(1.0, 3.0))
    market = planted_market(
        seed=seed, bars=WARM + TRAIN + windows * TEST, oracle_sharpe=wanted, formulas=PLANTED[seed % len(PLANTED)],
        cost_bps_per_side=0.0, start="2020-01-01T00:00:00Z",
    )  # fmt: skip
    market.frame.to_parquet(folder / "bars.parquet")
    start = market.frame["timestamp"].iloc[WARM + TRAIN]
    span = [int(one.timestamp()) for one in (start, start + pd.Timedelta(hours=windows * TEST))]
    (folder / "request.json").write_text(json.dumps({
        "timeframe": "1h", "timerange": f"{span[0]}-{span[1]}", "train_days": TRAIN // DAY, "test_days": TEST // DAY,
        "horizon": HORIZON, "shifts": SHIFTS, "periods": PERIODS, "model": TREES,
    }), encoding="utf-8")  # fmt: skip


def settings(given: dict[str, object]) -> object:
    """Return the settings of a way: everything that a strategy gets by default, except what the way says."""
    from crypto_team.models.registry import resolve
    from crypto_team.validation.settings import TradingRules, WalkForwardSettings
    from crypto_team.validation.splits import Geometry

    selected, model = bool(given["selected"]), str(given.get("model", "lightgbm"))
    return WalkForwardSettings(
        model=model,
        n_classes=2,
        hyperparameters=resolve(model, given["given"]),  # type: ignore[arg-type]
        geometry=Geometry(HOUR_MS, TRAIN, TEST, TEST, HORIZON, expanding=False, horizon_bars=HORIZON, n_splits=1),
        calibration=given.get("calibration", "platt"),  # type: ignore[arg-type]
        correlation_limit=0.95 if selected else 1.0,
        max_features=30 if selected else len(formulas()),
        trading=TradingRules(0.52, 0.5, long_short=True, confidence_weighted=False, cost_bps_per_side=7.0),
        seed=42,
        workers=int(given.get("workers", 1)),  # type: ignore[call-overload]
    )


def ours(folder: Path, way: str) -> None:
    """Compute features, run the walk-forward and write its evidence; say what that cost."""
    # FreqAI is counted once its learner's library is imported, and so are we; compiled kernels are loaded in the count.
    import lightgbm  # noqa: F401
    import pandas as pd
    import sklearn.linear_model  # noqa: F401

    from crypto_team.features.matrix import build_matrix
    from crypto_team.schemas.features import Feature
    from crypto_team.schemas.ml_spec import Target
    from crypto_team.validation import evidence_io
    from crypto_team.validation.panel import build_panel
    from crypto_team.validation.walk_forward import run

    bars, asked = pd.read_parquet(folder / "bars.parquet"), settings(WAYS[way])
    cpu, wall = time.process_time(), time.perf_counter()
    features = [
        Feature(name=f"f{number:03d}", category="price_action", formula=text, lookback=1, leakage_safe=True)
        for number, text in enumerate(formulas())
    ]
    matrix = build_matrix(features, bars)
    target = Target(
        type="classification", kind="direction", definition="up", horizon=f"{HORIZON}bars", horizon_bars=HORIZON
    )
    panel = build_panel({"X/USDT": bars}, {"X/USDT": matrix}, target, "1h")
    # FreqAI's windows: the training window ends one gap before the same test parts.
    panel = replace(panel, usable=panel.usable & (np.arange(panel.time.size) >= WARM - HORIZON))
    made = time.process_time() - cpu
    result = run(panel, asked)  # type: ignore[arg-type]
    tables = evidence_io.tables_from(
        result, market=evidence_io.market_table({"X/USDT": bars}), features=evidence_io.features_sample(panel, result)
    )
    evidence_io.write(evidence_io.Evidence(_meta(panel, asked, target, result), tables, result.models), folder / way)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    test = result.predictions[result.predictions["part"] == "test"]
    pd.DataFrame({"time": test["time"], "p": test["p_1"], "p_raw": test["p_raw_1"]}).to_parquet(
        folder / f"{way}.parquet"
    )
    used, times = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
    (folder / f"{way}.json").write_text(json.dumps({
        "cpu": cpu, "wall": wall, "cpu_process": times, "peak_mib": peak_mib(), "windows": len(result.folds),
        "cpu_features": made, "rows": result.folds[0].train_rows, "columns": len(matrix.names),
        "kept": len(result.folds[0].selected), "faults": used.ru_minflt,
    }), encoding="utf-8")  # fmt: skip


def _meta(panel: object, asked: object, target: object, result: object) -> object:
    from crypto_team.schemas.evidence import EvidenceMeta
    from crypto_team.schemas.ml_spec import Signal

    nothing = "sha256:" + "0" * 64
    return EvidenceMeta(
        strategy_id="STR-001", timeframe="1h", pairs=["X/USDT"], periods_per_year=8760.0, horizon_bars=HORIZON,
        gap_bars=HORIZON, cost_bps_per_side=7.0, target=target, signal=Signal(), model=asked.model,
        hyperparameters=asked.hyperparameters, calibration=asked.calibration, window=f"rolling_{TRAIN}bars",
        test=f"{TEST}bars", step=f"{TEST}bars", feature_names=panel.names, random_seed=42, versions={},
        dataset_ids=["DS-001"], dataset_hashes=[nothing], data_hash=nothing, declared_n_trials=1, folds=result.folds,
    )  # type: ignore[attr-defined, arg-type]  # fmt: skip


def peak_mib() -> float:
    """Return this process's own peak of resident memory; `ru_maxrss` would count its parent's too."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024.0


def child(arguments: list[str]) -> None:
    """Run one side in a process of its own, with one OpenMP thread that does not spin."""
    quiet = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    subprocess.run([sys.executable, *arguments], check=True, env=os.environ | quiet, stdout=subprocess.DEVNULL)


def measured(folder: Path, way: str) -> Row:
    """Run a side on the candles of a folder and return its numbers with the log loss of its forecasts."""
    if way == "freqai":
        shutil.rmtree(folder / "models", ignore_errors=True)
        child([str(Path(__file__).with_name("freqai_peer.py")), str(folder)])
    else:
        child([__file__, "--side", way, "--folder", str(folder)])
    return json.loads((folder / f"{way}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def losses(folder: Path, ways: list[str]) -> dict[str, Row]:
    """Return each side's mean log loss, calibrated and raw, over the labelled bars that all sides predicted."""
    import pandas as pd

    close = pd.read_parquet(folder / "bars.parquet").set_index("timestamp")["close"]
    ahead = close.shift(-HORIZON)
    label = (ahead > close).astype(float)[ahead.notna()].rename("label")
    stored = {way: pd.read_parquet(folder / f"{way}.parquet").set_index("time") for way in ways}
    columns = [table[name].rename(f"{way} {name}") for way, table in stored.items() for name in table.columns]
    table = pd.concat([label, *columns], axis=1, join="inner").dropna()
    y, found = table["label"].to_numpy(), {}
    for way, one in stored.items():
        p = {name: np.clip(table[f"{way} {name}"].to_numpy(), 1e-15, 1.0 - 1e-15) for name in one.columns}
        loss = {name: float(-np.mean(y * np.log(q) + (1.0 - y) * np.log(1.0 - q))) for name, q in p.items()}
        found[way] = {"log_loss": loss["p"], "log_loss_raw": loss.get("p_raw", loss["p"]), "bars": float(len(table))}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--markets", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--windows", type=int, default=WINDOWS)
    parser.add_argument("--json", default="")
    parser.add_argument("--side", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    parser.add_argument("ways", nargs="*")
    given = parser.parse_args()
    if given.side:
        ours(Path(given.folder), given.side)
        return
    ways, rows = ["freqai", *(given.ways or WAYS)], []
    for seed in range(given.first, given.first + given.markets):
        with tempfile.TemporaryDirectory() as name:
            prepare(seed, Path(name), given.windows)
            runs = [{way: measured(Path(name), way) for way in ways} for _ in range(given.rounds)]
            found = losses(Path(name), ways)
        rows += [{way: one[way] | found[way] | {"seed": float(seed)} for way in ways} for one in runs]
        told = (f"{way} {found[way]['log_loss']:.5f} {runs[-1][way]['cpu']:.1f} s" for way in ways)
        print(f"market {seed}: " + "  ".join(told), flush=True)
        if given.json:
            Path(given.json).write_text(json.dumps(rows), encoding="utf-8")
    report(rows, ways)


def report(rows: list[dict[str, Row]], ways: list[str]) -> None:
    """Print medians, ratios to FreqAI in the same run, and the paired difference of log losses by market."""

    def middle(way: str, key: str) -> float:
        return statistics.median(row[way][key] for row in rows)

    heads = ("CPU-s", "ratio", "wall s", "ratio", "peak MiB", "ratio", "CPU all", "log loss", "raw")
    print(f"{'':10s}" + "".join(f"{head:>9s}" for head in heads) + "  log loss less FreqAI's")
    for way in ways:
        cells = ""
        for key in ("cpu", "wall", "peak_mib"):
            cells += (
                f"{middle(way, key):9.2f}{statistics.median(row[way][key] / row['freqai'][key] for row in rows):9.2f}"
            )
        cells += f"{middle(way, 'cpu_process'):9.2f}{middle(way, 'log_loss'):9.4f}{middle(way, 'log_loss_raw'):9.4f}"
        by_market = {row[way]["seed"]: row[way]["log_loss"] - row["freqai"]["log_loss"] for row in rows}
        print(f"{way:10s} {cells}  {paired(list(by_market.values()))}")


def paired(differences: list[float]) -> str:
    """Return the mean difference with its 95 % interval (Student t over markets)."""
    from scipy.stats import t

    mean, count = statistics.fmean(differences), len(differences)
    if count < 2:
        return f"{mean:+.5f}"
    half = float(t.ppf(0.975, count - 1)) * statistics.stdev(differences) / count**0.5
    better = sum(one < 0 for one in differences)
    return f"{mean:+.5f} ({mean - half:+.5f} to {mean + half:+.5f}), lower on {better} of {count}"


if __name__ == "__main__":
    main()
