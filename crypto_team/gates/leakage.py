"""Checks that nothing from the future reached the model: folds and model files (LK004, LK008)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.imported.provenance import trained_before
from crypto_team.gates.recompute import milliseconds, stamp
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge, passed, refused, several, within
from crypto_team.gates.streams import learnt_otherwise
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.validation.prediction import FoldModel, fold_signal

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

RETRAIN = ("crypto-team ml-engineer train STR",)


@check(
    "LK004",
    "Folds are ordered, with gap and purge",
    unit="violations",
    source="ML engineer card, critical rules 2 and 3",
    mend="train on earlier rows only, a horizon away from the test part, without rows whose label reaches into it",
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
        known = imported is None or fold.fold in imported.train_known
        found = _fold_problems(fold, predictions, step, needed, known=known)
        problems += [f"fold {fold.fold}: {text}" for text in found]
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
    text = several(problems) or f"{len(meta.folds)} folds in order, at least {needed} bars between train and test"
    return judge(not problems, text, len(problems), evidence=within("predictions.parquet", problems))


def _fold_problems(fold: FoldRange, predictions: pd.DataFrame, step: int, needed: int, *, known: bool) -> list[str]:
    """Say what is out of order in a fold; where the training rows are not `known`, nothing is said about them."""
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
            not known or train[0] < train[1] <= test[0] < test[1],
            "train and test are not in order: a later model predicts earlier rows",
        ),
        (
            not latest or (test[0] - latest) // step >= needed,
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


@check(
    "LK008",
    "Models were trained before what they predict",
    unit="problems",
    source="provenance of models: hash, training range, and the predictions themselves",
    mend="train a model for each fold on rows before its test part, and predict later rows only",
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
    not predict the test rows far better than its own validation rows, or than models that are fitted anew on earlier
    rows of the same features can (`gates/imported/refit`): only a model that had seen them does.
    """
    if imported is not None:
        return trained_before(meta, predictions, imported, features_sample)
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
        return refused(several(problems), len(problems), evidence=within("models", problems))
    return passed(f"{len(meta.folds)} models with their recorded hash give the stored signals on {asked} rows", 0)


def _predicts_otherwise(
    model: FoldModel, fold: FoldRange, sample: pd.DataFrame, predictions: pd.DataFrame, timeframe: str
) -> tuple[int, int]:
    """Return on how many sampled rows of the fold the model's signal is not the stored one, and how many were asked."""
    stored = predictions[(predictions["part"] == "test") & (predictions["fold"] == fold.fold)]
    stored = stored[["time", "pair", "signal"]].assign(tested=True)
    if model.history:
        unit = timeframe_seconds(timeframe) * 1000
        return _windows_predict_otherwise(model, _with_history(model, fold, sample, unit), stored, unit)
    rows = sample.merge(stored, on=["time", "pair"], how="inner")
    if rows.empty:
        return 0, 0
    columns = {name: rows[name].to_numpy(dtype=np.float32) for name in model.inputs}
    told = fold_signal(model, columns, milliseconds(rows["time"])).signal
    same = np.isclose(told, rows["signal"].to_numpy(dtype=np.float64), rtol=1e-6, atol=1e-9, equal_nan=True)
    return int((~same).sum()), len(rows)


def _with_history(model: FoldModel, fold: FoldRange, sample: pd.DataFrame, unit: int) -> pd.DataFrame:
    """Return the sampled rows of a fold's test part and those before it that its first rows read.

    The bars before it have fitted features of another fold, or none: a model that uses some is asked without them.
    """
    times = milliseconds(sample["time"])
    before = 0 if set(model.transformers) & set(model.inputs) else model.history
    return sample[(times >= stamp(fold.test_start) - before * unit) & (times < stamp(fold.test_end))]


def _windows_predict_otherwise(
    model: FoldModel, sample: pd.DataFrame, stored: pd.DataFrame, unit: int
) -> tuple[int, int]:
    """Do the same for a model that reads the bars before a row, where the sample holds all of them."""
    wrong = asked = 0
    rows = sample.merge(stored, on=["time", "pair"], how="left")
    for _, own in rows.sort_values(["pair", "time"]).groupby("pair", sort=True):
        runs = (np.diff(milliseconds(own["time"]), prepend=-unit) != unit).cumsum()
        for _, run in own.groupby(runs, sort=True):
            columns = {name: run[name].to_numpy(dtype=np.float32) for name in model.inputs}
            told, own_signal = fold_signal(model, columns).signal, run["signal"].to_numpy(dtype=np.float64)
            whole = (np.arange(len(run)) >= model.history) & run["tested"].notna().to_numpy()
            same = np.isclose(told[whole], own_signal[whole], rtol=1e-6, atol=1e-9, equal_nan=True)
            wrong, asked = wrong + int((~same).sum()), asked + len(same)
    return wrong, asked
