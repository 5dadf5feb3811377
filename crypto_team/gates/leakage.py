"""Checks that nothing from the future reached the model: folds, disguised labels, model files (LK004, LK006, LK008)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.imported.provenance import trained_before
from crypto_team.gates.recompute import Returns, milliseconds, stamp
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge, passed, refused
from crypto_team.gates.streams import learnt_otherwise
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.validation.prediction import FoldModel, fold_signal
from crypto_team.validation.scores import rank_ic

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer train STR",)


@check(
    "LK004",
    "Folds are ordered, with gap and purge",
    unit="violations",
    source="ML engineer card, critical rules 2 and 3",
    remedy=RETRAIN,
    stricter={"gap": "higher"},
    limit=Limit("at_most", 0.0),
)
def folds_ordered(
    meta: EvidenceMeta, predictions: pd.DataFrame, imported: ImportedFacts | None = None, *, gap: float = 1
) -> Verdict:
    """Test parts follow their training by at least max(1, horizon) bars, do not overlap, and labels end before them."""
    step = timeframe_seconds(meta.timeframe) * 1000
    needed = max(1, meta.horizon_bars, int(gap))
    problems: list[str] = []
    last_end = 0
    for fold in sorted(meta.folds, key=lambda each: each.fold):
        problems += [f"fold {fold.fold}: {text}" for text in _fold_problems(fold, predictions, step, needed)]
        if stamp(fold.test_start) < last_end:
            problems.append(f"fold {fold.fold}: its test part overlaps the one before")
        last_end = stamp(fold.test_end)
    stored = set(predictions["fold"].unique().tolist())
    if stored - {fold.fold for fold in meta.folds}:
        problems.append("predictions of folds that meta.yaml does not describe")
    if not meta.folds:
        return insufficient("meta.yaml describes no fold")
    if imported is not None:
        problems += sealed_rows(predictions, imported)
        unknown = [fold.fold for fold in meta.folds if fold.fold not in imported.train_known]
        if unknown and not problems:
            return insufficient(
                f"nothing says which rows folds {', '.join(map(str, unknown[:5]))} were trained on",
                evidence=("folds.yaml: train_start, train_end", "predictions.parquet: rows of part train"),
            )
    text = "; ".join(problems[:5]) or f"{len(meta.folds)} folds in order, at least {needed} bars between train and test"
    return judge(not problems, text, len(problems), evidence=tuple(problems))


def _fold_problems(fold: FoldRange, predictions: pd.DataFrame, step: int, needed: int) -> list[str]:
    train, inner, test = (
        (stamp(begin), stamp(end))
        for begin, end in (
            (fold.train_start, fold.train_end),
            (fold.inner_start, fold.inner_end),
            (fold.test_start, fold.test_end),
        )
    )
    rows = predictions[predictions["fold"] == fold.fold]
    outside = rows[rows["part"] == "test"]
    inside = rows[rows["part"] == "inner"]
    told, heard = milliseconds(outside["time"]), milliseconds(inside["time"])
    fitted = rows[rows["part"] != "test"]
    ends = milliseconds(fitted.loc[fitted["label"].notna() & fitted["label_end"].notna(), "label_end"])
    trained = milliseconds(rows.loc[rows["part"] == "train", "time"])
    latest = max(train[1], inner[1])
    rules = (
        (
            train[0] < train[1] <= test[0] < test[1],
            "train and test are not in order: a later model predicts earlier rows",
        ),
        (
            (test[0] - latest) // step >= needed,
            f"{(test[0] - latest) // step} bars between train and test, not {needed}",
        ),
        (fold.gap_bars >= needed, f"gap of {fold.gap_bars} bars is recorded, {needed} are needed"),
        (bool(((told >= test[0]) & (told < test[1])).all()), "test predictions lie outside the test part"),
        (bool(((heard >= inner[0]) & (heard < inner[1])).all()), "inner predictions lie outside the inner part"),
        (
            bool((ends <= test[0] - step).all()),
            f"labels of {int((ends > test[0] - step).sum())} training or inner rows end inside the test part",
        ),
        (
            bool(((trained >= train[0]) & (trained < max(train[1], inner[1]))).all()),
            f"{int((trained >= max(train[1], inner[1])).sum())} training rows lie behind the training window",
        ),
    )
    return [text for holds, text in rules if not holds]


def sealed_rows(predictions: pd.DataFrame, imported: ImportedFacts) -> list[str]:
    """Name rows of training or test that lie in the sealed holdout."""
    if imported.holdout_ms is None:
        return []
    used = predictions[predictions["part"] != "holdout"]
    inside = int((milliseconds(used["time"]) >= imported.holdout_ms).sum())
    return [f"{inside} rows lie in the sealed holdout"] if inside else []


@dataclass(frozen=True)
class _Strongest:
    name: str
    against: str
    value: float
    low: float


@check(
    "LK006",
    "No feature is the label in disguise",
    unit="rank correlation with the future",
    source="plausible size of an edge: an AUC of 0.6 is a rank correlation of about 0.2",
    remedy=("crypto-team ml-engineer remove-feature STR NAME", *RETRAIN),
    stricter={"plausible": "lower"},
)
def no_disguised_label(
    features_sample: pd.DataFrame,
    market: pd.DataFrame,
    meta: EvidenceMeta,
    returns: Returns,
    *,
    plausible: float = 0.35,
) -> Verdict:
    """No feature, nor the signal itself, knows more about coming returns than any past-only series plausibly could.

    Each feature, and its ratio to the last close (for price levels), is ranked against the returns over the next
    1, 2, ... bars up to the horizon. Refused when the lower limit of the largest rank correlation, with its error for
    overlapping labels and for the number of comparisons, is above the bound.
    """
    ahead = _future(market, meta)
    names = [name for name in features_sample.columns if name not in {"time", "pair"}]
    rows = _join(features_sample, ahead)
    columns = {name: rows[name].to_numpy(dtype=np.float64) for name in names}
    close = rows["close"].to_numpy(dtype=np.float64)
    columns |= {f"{name} / close": values / close for name, values in list(columns.items())}
    comparisons = len(columns) * sum(name.startswith("next_") for name in ahead.columns)
    spacing = _bars_between(rows, timeframe_seconds(meta.timeframe) * 1000)
    found = [_strongest(name, values, rows, comparisons, spacing) for name, values in columns.items()]
    signals = _join(returns.test[["time", "pair", "signal", "position"]], ahead)
    found += [
        _strongest(name, signals[name].to_numpy(dtype=np.float64), signals, comparisons, 1.0)
        for name in ("signal", "position")
    ]
    judged = [each for each in found if math.isfinite(each.low)]
    if not judged:
        return insufficient(f"{len(rows)} sampled rows are too few to judge")
    worst = max(judged, key=lambda each: each.low)
    text = f"{worst.name} has rank correlation {worst.value:.3f} with {worst.against}, at least {worst.low:.3f}"
    caught = tuple(f"{each.name}: {each.value:.3f} with {each.against}" for each in judged if each.low > plausible)
    return judge(not caught, text, worst.low, interval=(worst.low, 1.0), evidence=caught)


def _future(market: pd.DataFrame, meta: EvidenceMeta) -> pd.DataFrame:
    """Return time, pair, close and the returns of the next 1, 2, ... bars up to the horizon."""
    ordered = market.sort_values(["pair", "time"], kind="stable")
    result = ordered[["time", "pair", "close"]].copy()
    close = result.groupby("pair", sort=False)["close"]
    spans = sorted({1, 2, 3, *(int(meta.horizon_bars * share) for share in (0.25, 0.5, 1.0))} - {0})
    for span in spans:
        if span <= meta.horizon_bars:
            result[f"next_{span}"] = close.shift(-span) / result["close"] - 1.0
    return result


def _join(rows: pd.DataFrame, ahead: pd.DataFrame) -> pd.DataFrame:
    left, right = rows.copy(), ahead.copy()
    left["time"], right["time"] = milliseconds(left["time"]), milliseconds(right["time"])
    return left.merge(right, on=["time", "pair"], how="inner")


def _strongest(name: str, values: Floats, rows: pd.DataFrame, comparisons: int, spacing: float) -> _Strongest:
    """Return the target that `values` rank best with; the error counts only rows whose labels do not overlap."""
    quantile = float(stats.norm.ppf(1.0 - 0.01 / max(1, comparisons)))
    best = _Strongest(name, "", 0.0, math.nan)
    for target in (column for column in rows.columns if column.startswith("next_")):
        future = rows[target].to_numpy(dtype=np.float64)
        known = int((np.isfinite(values) & np.isfinite(future)).sum())
        # Neighbouring rows share the future bars that both labels span.
        independent = known / max(1.0, int(target.removeprefix("next_")) / spacing)
        if independent < 30:
            continue
        value = rank_ic(values, future)
        if not math.isfinite(value):
            continue
        error = 1.03 * quantile / math.sqrt(independent - 3.0)
        low = math.tanh(math.atanh(min(abs(value), 1.0 - 1e-12)) - error)
        if not low <= best.low:
            best = _Strongest(name, f"the return over the next {target.removeprefix('next_')} bars", value, low)
    return best


def _bars_between(rows: pd.DataFrame, step_ms: int) -> float:
    """Return how many bars lie between neighbouring sampled rows of a pair, at least 1."""
    distance = float(rows.groupby("pair")["time"].diff().median())
    return max(1.0, distance / step_ms) if math.isfinite(distance) else 1.0


@check(
    "LK008",
    "Models were trained before what they predict",
    unit="problems",
    source="provenance of models: hash, training range, and the predictions themselves",
    remedy=RETRAIN,
    stricter={},
)
def models_have_provenance(
    meta: EvidenceMeta,
    predictions: pd.DataFrame,
    model_dir: Path | None = None,
    features_sample: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
) -> Verdict:
    """Every fold's model file has the recorded hash and training range, and gives the stored predictions when asked.

    Foreign evidence has no model files; there each model's last training row lies before what it predicts, and it does
    not predict the test rows far better than its own validation rows, which only a model that had seen them does.
    """
    if imported is not None:
        return trained_before(meta, predictions, imported)
    if model_dir is None or features_sample is None:
        return insufficient("missing: fold model files or evidence: features.parquet")
    return _asked_again(meta, predictions, model_dir, features_sample)


def _asked_again(
    meta: EvidenceMeta, predictions: pd.DataFrame, model_dir: Path, features_sample: pd.DataFrame
) -> Verdict:
    problems: list[str] = []
    asked = 0
    for fold in meta.folds:
        path = model_dir / Path(fold.model_file).name
        if not path.is_file():
            return insufficient(f"fold {fold.fold}: model file {fold.model_file} is missing")
        data = path.read_bytes()
        if "sha256:" + hashlib.sha256(data).hexdigest() != fold.model_hash:
            problems.append(f"fold {fold.fold}: {fold.model_file} does not have the recorded hash")
            continue
        model = FoldModel.load(data)
        late = [name for name, span in model.ranges.items() if name != "test" and span[1] > stamp(fold.test_start)]
        if late or max(stamp(fold.train_end), stamp(fold.inner_end)) > stamp(fold.test_start):
            problems.append(f"fold {fold.fold}: the model was fitted on rows that it predicts")
        problems += [f"fold {fold.fold}: {text}" for text in learnt_otherwise(model.model, fold, predictions, meta)]
        wrong, rows = _predicts_otherwise(model, fold, features_sample, predictions, meta.timeframe)
        asked += rows
        if wrong:
            problems.append(f"fold {fold.fold}: the model gives other signals on {wrong} of {rows} sampled rows")
    if problems:
        return refused("; ".join(problems[:4]), len(problems), evidence=tuple(problems))
    return passed(f"{len(meta.folds)} models with their recorded hash give the stored signals on {asked} rows", 0)


def _predicts_otherwise(
    model: FoldModel, fold: FoldRange, sample: pd.DataFrame, predictions: pd.DataFrame, timeframe: str
) -> tuple[int, int]:
    """Return on how many sampled rows of the fold the model's signal is not the stored one, and how many were asked."""
    stored = predictions[(predictions["part"] == "test") & (predictions["fold"] == fold.fold)]
    rows = sample.merge(stored[["time", "pair", "signal"]], on=["time", "pair"], how="inner")
    if rows.empty:
        return 0, 0
    if model.history:
        return _windows_predict_otherwise(model, rows, timeframe_seconds(timeframe) * 1000)
    columns = {name: rows[name].to_numpy(dtype=np.float32) for name in model.inputs}
    told = fold_signal(model, columns, milliseconds(rows["time"])).signal
    same = np.isclose(told, rows["signal"].to_numpy(dtype=np.float64), rtol=1e-6, atol=1e-9, equal_nan=True)
    return int((~same).sum()), len(rows)


def _windows_predict_otherwise(model: FoldModel, rows: pd.DataFrame, unit: int) -> tuple[int, int]:
    """Do the same for a model that reads the bars before a row, where the sample holds all of them."""
    wrong = asked = 0
    for _, own in rows.sort_values(["pair", "time"]).groupby("pair", sort=True):
        runs = (np.diff(milliseconds(own["time"]), prepend=-unit) != unit).cumsum()
        for _, run in own.groupby(runs, sort=True):
            columns = {name: run[name].to_numpy(dtype=np.float32) for name in model.inputs}
            told = fold_signal(model, columns).signal[model.history :]
            stored = run["signal"].to_numpy(dtype=np.float64)[model.history :]
            same = np.isclose(told, stored, rtol=1e-6, atol=1e-9, equal_nan=True)
            wrong, asked = wrong + int((~same).sum()), asked + len(same)
    return wrong, asked
