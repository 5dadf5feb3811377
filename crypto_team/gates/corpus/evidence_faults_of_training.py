"""Faults of training: folds, gaps, what was fitted on which rows, in-sample forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from crypto_team.gates.corpus.evidence_honest import Study, label_table, predict, traded
from crypto_team.gates.corpus.evidence_model import Fold, fit
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.validation.calibration import fit_calibrator
from crypto_team.validation.clock import milliseconds, utc_text

Rng = np.random.Generator


def _rows(study: Study) -> pd.DataFrame:
    return study.parts.tables["predictions"].copy()


def _changed_folds(study: Study, **shifts: float) -> list[dict[str, object]]:
    """Return the folds with stated times moved by whole bars."""
    step = int(study.market[0].time[1] - study.market[0].time[0])
    made = []
    for fold in study.parts.folds:
        words = dict(fold)
        for name, bars in shifts.items():
            stamp = int(pd.Timestamp(str(words[name])).value) // 1_000_000
            words[name] = utc_text(stamp + int(bars * step))
        made.append(words)
    return made


def random_split(study: Study, rng: Rng) -> EvidenceParts:
    """Deal all rows to folds at random; each fold trains on every other row."""
    table = _rows(study).drop_duplicates(["pair", "time"]).reset_index(drop=True)
    folds = len(study.folds)
    table["fold"] = rng.integers(0, folds, len(table))
    table["part"] = "test"
    others = table.copy()
    others["fold"] = (others["fold"] + 1) % folds
    others["part"] = "train"
    words = [{"fold": number} for number in range(folds)]
    made = pd.concat([table, others], ignore_index=True)
    return replace(study.parts.with_table("predictions", made), folds=words)


def overlapping_folds(study: Study, _rng: Rng) -> EvidenceParts:
    """Let each test part run half a part into the next one."""
    half = study.design.test // 2
    table = _rows(study)
    test = table[table["part"] == "test"]
    extra = []
    for fold in study.folds[:-1]:
        following = test[test["fold"] == fold.number + 1]
        first = following.sort_values("time").groupby("pair").head(half)
        extra.append(first.assign(fold=fold.number))
    made = pd.concat([table, *extra], ignore_index=True)
    return replace(study.parts.with_table("predictions", made), folds=_changed_folds(study, test_end=half))


def no_gap(study: Study, _rng: Rng) -> EvidenceParts:
    """Train, calibrate and test without a bar between."""
    gap = study.design.horizon + 1
    labels = [label_table(pair, study.design) for pair in study.market]
    folds = [Fold(fold.number, fold.train, (fold.inner[0], fold.inner[1] + gap), fold.test) for fold in study.folds]
    fitted = [fit(study.market, labels, fold, study.design) for fold in folds]
    table = predict(study.market, labels, folds, fitted, study.design)
    words = [{**fold, "gap_bars": 0} for fold in _changed_folds(study, inner_end=gap)]
    said = pd.concat([each.preprocessing for each in fitted], ignore_index=True)
    made = study.parts.with_table("predictions", table).with_table("preprocessing", said).with_meta(gap_bars=0)
    return replace(made, folds=words)


def labels_reach_test(study: Study, _rng: Rng) -> EvidenceParts:
    """Keep the stated gap, but leave rows in training whose labels end inside the test."""
    table = _rows(study)
    step = int(study.market[0].time[1] - study.market[0].time[0])
    extra = []
    for fold in study.folds:
        begin = study.market[0].time[fold.test[0]]
        rows = table[(table["fold"] == fold.number) & (table["part"] == "inner")].tail(6).copy()
        shift = pd.to_timedelta(begin - milliseconds(rows["time"]) - step * np.arange(1, len(rows) + 1), unit="ms")
        for column in ("time", "label_end"):
            rows[column] = (rows[column] + shift).astype("datetime64[ms, UTC]")
        extra.append(rows.assign(part="train", label=np.nan, forward_return=np.nan))
    made = pd.concat([table, *extra], ignore_index=True)
    known = made["label"].isna() & (made["part"] == "train")
    lookup = pd.concat([label_table(pair, study.design).assign(pair=pair.pair) for pair in study.market])
    keyed = lookup.set_index(["pair", "time"])
    place = pd.MultiIndex.from_arrays([made.loc[known, "pair"], milliseconds(made.loc[known, "time"])])
    for column in ("label", "forward_return"):
        made.loc[known, column] = keyed[column].reindex(place).to_numpy()
    return study.parts.with_table("predictions", made)


def single_split(study: Study, _rng: Rng) -> EvidenceParts:
    """Show one split only."""
    kept = {name: frame[frame["fold"] == 0] if "fold" in frame else frame for name, frame in study.parts.tables.items()}
    return replace(study.parts, folds=study.parts.folds[:1], tables=kept)


def test_in_train(study: Study, rng: Rng) -> EvidenceParts:
    """Put a third of each test part among its training rows."""
    table = _rows(study)
    test = table[(table["part"] == "test") & table["label"].notna()]
    copies = test[rng.random(len(test)) < 1 / 3].assign(part="train")
    return study.parts.with_table("predictions", pd.concat([table, copies], ignore_index=True))


def future_model(study: Study, _rng: Rng) -> EvidenceParts:
    """Train each fold on what comes after its test part."""
    bars = study.design.test + study.design.train + 2 * (study.design.horizon + 1) + study.design.inner
    names = ("train_start", "train_end", "inner_start", "inner_end")
    words = _changed_folds(study, **dict.fromkeys(names, bars))
    table = _rows(study)
    step = pd.Timedelta(int(study.market[0].time[1] - study.market[0].time[0]) * bars, "ms")
    said = study.parts.tables["preprocessing"].copy()
    for column in ("fitted_from", "fitted_to"):
        said[column] += step
    kept = table[table["part"] == "test"]
    return replace(study.parts.with_table("predictions", kept).with_table("preprocessing", said), folds=words)


def trained_later(study: Study, _rng: Rng) -> EvidenceParts:
    """Date every model at the end of the data."""
    last = utc_text(int(study.market[0].time[-1]))
    return replace(study.parts, folds=[{**fold, "trained_at": last} for fold in study.parts.folds])


def _refitted(study: Study, stage: str, *, honest_words: bool) -> EvidenceParts:
    """Fit scaler and selection on all rows; `honest_words` decides whether the table admits it."""
    said = study.parts.tables["preprocessing"].copy()
    everything = (0, study.design.bars)
    labels = [label_table(pair, study.design) for pair in study.market]
    fitted = [fit(study.market, labels, fold, study.design, fit_on=everything) for fold in study.folds]
    other = pd.concat([each.preprocessing for each in fitted], ignore_index=True)
    rows = said["stage"] == stage
    columns = ["kept", "a", "b"] if honest_words else ["kept", "a", "b", "fitted_from", "fitted_to"]
    said.loc[rows, columns] = other.loc[rows, columns]
    return study.parts.with_table("preprocessing", said)


def scaler_on_all(study: Study, _rng: Rng) -> EvidenceParts:
    """Fit the scaler on all rows, and say so."""
    return _refitted(study, "scaler", honest_words=False)


def scaler_hidden(study: Study, _rng: Rng) -> EvidenceParts:
    """Fit the scaler on all rows, and name the training rows."""
    return _refitted(study, "scaler", honest_words=True)


def selection_on_all(study: Study, _rng: Rng) -> EvidenceParts:
    """Select features on all rows, and say so."""
    return _refitted(study, "selection", honest_words=False)


def calibrator_on_test(study: Study, _rng: Rng) -> EvidenceParts:
    """Fit every fold's calibrator on its test rows."""
    table = _rows(study)
    for _, rows in table[table["part"] == "test"].groupby("fold"):
        known = rows[rows["label"].notna()]
        raw = rows[["p_raw_0", "p_raw_1"]].to_numpy(dtype=np.float64)
        told = known[["p_raw_0", "p_raw_1"]].to_numpy(dtype=np.float64)
        fitted = fit_calibrator(told, known["label"].to_numpy(dtype=np.float64), "isotonic")
        table.loc[rows.index, ["p_0", "p_1"]] = fitted.apply(raw)
    return _traded(study, table)


def _traded(study: Study, table: pd.DataFrame) -> EvidenceParts:
    made = table.copy()
    for column in ("time", "label_end"):
        made[column] = milliseconds(made[column])
    return study.parts.with_table("predictions", traded(made, study.market, study.design))


def _leaning(study: Study, rng: Rng, part: str, strength: float) -> EvidenceParts:
    """Let the forecasts of one part lean on its labels, as those of a model do that has learnt them by heart."""
    table = _rows(study)
    rows = (table["part"] == part) & table["label"].notna()
    logit = np.log(table.loc[rows, "p_1"] / table.loc[rows, "p_0"])
    logit += strength * (2.0 * table.loc[rows, "label"] - 1.0) + 0.8 * rng.standard_normal(int(rows.sum()))
    p = 1.0 / (1.0 + np.exp(-logit))
    for final, value in (("p_1", p), ("p_0", 1.0 - p), ("p_raw_1", p), ("p_raw_0", 1.0 - p)):
        table.loc[rows, final] = value
    return _traded(study, table)


def in_sample_as_test(study: Study, rng: Rng) -> EvidenceParts:
    """Label the forecasts of a model on its own training rows as test."""
    return _leaning(study, rng, "test", 0.45)


def foreseen(study: Study, rng: Rng) -> EvidenceParts:
    """Forecast with a model that had seen the labels, and keep to oneself what it read."""
    return _leaning(study, rng, "test", 0.6).without("features")


def overfit(study: Study, rng: Rng) -> EvidenceParts:
    """Show inner forecasts that had seen their labels, beside honest test forecasts."""
    return _leaning(study, rng, "inner", 0.6)


def holdout_used(study: Study, _rng: Rng) -> EvidenceParts:
    """Declare a holdout that the last test part lies in."""
    last = study.folds[-1]
    middle = study.market[0].time[(last.test[0] + last.test[1]) // 2]
    return study.parts.with_meta(holdout_start=utc_text(int(middle)))
