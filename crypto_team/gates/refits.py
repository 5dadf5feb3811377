"""Check that everything fitted was fitted on training rows: refit it from them and compare (LK005)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.features.matrix import build_matrix
from crypto_team.features.surroundings import Surroundings
from crypto_team.gates.calibrated_again import return_problems
from crypto_team.gates.causality import reference_folder
from crypto_team.gates.chosen_again import selected_again, training_rows
from crypto_team.gates.imported.fits import fitted_inside
from crypto_team.gates.recompute import complete_bars, milliseconds, probability_columns, stamp
from crypto_team.gates.registry import Verdict, check, insufficient, passed, refused, several, within
from crypto_team.models.scaling import fit_scaler
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.validation.calibration import fit_calibrator
from crypto_team.validation.calibration_maps import Platt
from crypto_team.validation.calibration_shrunk import Known, independent_labels
from crypto_team.validation.fitted import filled, fit_all
from crypto_team.validation.foreseeable import known_of
from crypto_team.validation.panel import Panel, build_panel, training_weights
from crypto_team.validation.selection import FILTER_CLIP

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
CORRELATION = re.compile(r"^correlation (\d\.\d+) with (\S+)$")
ROUNDING = 0.0006


@check(
    "LK005",
    "Selection, scaling and calibration saw training rows only",
    unit="problems",
    source="ML engineer card: feature selection before each fold; recomputed from the stored fits",
    mend="fit scaler, selection, tuning and calibration inside each fold, on its train and inner rows only",
    remedy=("crypto-team ml-engineer train STR",),
    stricter={},
)
def fitted_ontraining_rows(  # noqa: PLR0913, PLR0917 - a check's parameters are its evidence, all of it is needed
    meta: EvidenceMeta,
    predictions: pd.DataFrame,
    preprocessing: pd.DataFrame,
    features: FeatureSet | None = None,
    bars: Mapping[str, pd.DataFrame] | None = None,
    code_dir: Path | None = None,
    surroundings: Surroundings | None = None,
    spec: MlSpec | None = None,
    features_sample: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
) -> Verdict:
    """Require that fits lie inside their fold's training range, and that refitting on those rows gives their numbers.

    Calibration is refitted on the inner predictions and applied to the test rows; means and deviations of the scaler,
    and the correlations that selection names as its reasons, are recomputed from the candles; all stages of selection
    (filter, importance, elimination, SHAP) run again for one fold, drawn by the hashes of all; fitted features (hidden
    Markov models, principal components, scalers) are fitted again and their numbers compared. Of foreign evidence the
    ranges are read, scalers compared with the stored features, and calibrators refitted.
    """
    if imported is not None:
        return fitted_inside(meta, predictions, preprocessing, features_sample)
    if features is None or bars is None:
        return insufficient("missing: features.yaml or candles of the registered datasets")
    stages = set(preprocessing["stage"])
    if "selection" not in stages:
        return insufficient("preprocessing.parquet records no selection")
    problems = [text for fold in meta.folds for text in _range_problems(fold, preprocessing)]
    raw = _panel(meta, features, bars, code_dir, surroundings)
    problems += _calibration_problems(meta, predictions, preprocessing, raw)
    limit = features.feature_selection.correlation_limit
    for fold in meta.folds:
        rows = preprocessing[preprocessing["fold"] == fold.fold]
        panel, wrong = _refitted(rows, raw)
        problems += [f"fold {fold.fold}: {text}" for text in wrong]
        problems += [f"fold {fold.fold}: {text}" for text in _scaler_problems(rows[rows["stage"] == "scaler"], panel)]
        chosen = rows[rows["stage"] == "selection"]
        problems += [f"fold {fold.fold}: {text}" for text in _selection_problems(chosen, panel, limit)]
    if spec is not None:
        problems += selected_again(meta, spec, features, preprocessing, raw)
    if problems:
        return refused(several(problems), len(problems), evidence=within("preprocessing.parquet", problems))
    return passed(f"{', '.join(sorted(stages))} of {len(meta.folds)} folds refitted from their training rows: equal", 0)


def _range_problems(fold: FoldRange, preprocessing: pd.DataFrame) -> Iterator[str]:
    rows = preprocessing[preprocessing["fold"] == fold.fold]
    for stage, group in rows.groupby("stage"):
        begin, end = (
            (stamp(fold.inner_start), stamp(fold.inner_end))
            if stage == "calibration"
            else (stamp(fold.train_start), min(stamp(fold.train_end), stamp(fold.inner_start)))
        )
        known = group[group["fitted_from"].notna() & group["fitted_to"].notna()]
        if known.empty:
            yield f"fold {fold.fold}: {stage} does not say what it was fitted on"
        elif milliseconds(known["fitted_from"]).min() < begin or milliseconds(known["fitted_to"]).max() >= end:
            yield f"fold {fold.fold}: {stage} was fitted on rows outside its part of the training window"


def _known(meta: EvidenceMeta, inner: pd.DataFrame, rows: pd.DataFrame, panel: Panel) -> Known | None:
    """Return what the fold knew besides its inner rows, from the candles: what the rows say that it was fitted on."""
    chosen, target = rows[rows["stage"] == "selection"], meta.target
    fitted = np.flatnonzero(training_rows(chosen, panel)) if len(chosen) else np.empty(0, dtype=np.int64)
    if not fitted.size or meta.calibration != "shrunk":
        return None
    weight = training_weights(
        panel, fitted, labels=target.label_weights, classes=target.class_weights, n_classes=target.n_classes
    )
    worth = independent_labels(milliseconds(inner["time"]), milliseconds(inner["label_end"]))
    return known_of(panel, fitted, weight, target.n_classes, worth)


def _calibration_problems(
    meta: EvidenceMeta, predictions: pd.DataFrame, preprocessing: pd.DataFrame, panel: Panel
) -> list[str]:
    columns = probability_columns(predictions)
    if not columns:
        if meta.target.kind == "return":
            return list(return_problems(meta, predictions, preprocessing, panel))
        return ["there are no calibrated probabilities to compare"]
    raw = [name.replace("p_", "p_raw_") for name in columns]
    problems = []
    for number, rows in predictions.groupby("fold"):
        inner = rows[(rows["part"] == "inner") & rows["label"].notna()].sort_values(["pair", "time"])
        test = rows[rows["part"] == "test"]
        refit = fit_calibrator(
            inner[raw].to_numpy(dtype=np.float64),
            inner["label"].to_numpy(dtype=np.float64),
            meta.calibration,
            known=_known(meta, inner, preprocessing[preprocessing["fold"] == number], panel),
        )
        expected = refit.apply(test[raw].to_numpy(dtype=np.float64))
        stored = test[columns].to_numpy(dtype=np.float64)
        wrong = ~np.isclose(stored, expected, rtol=1e-4, atol=1e-5, equal_nan=True).all(axis=1)
        if wrong.any():
            problems.append(
                f"fold {number}: {meta.calibration} refitted on the inner rows changes {int(wrong.sum())} of "
                f"{len(test)} test probabilities"
            )
        kept = preprocessing[(preprocessing["fold"] == number) & (preprocessing["stage"] == "calibration")]
        if len(refit.maps) == 1 and isinstance(refit.maps[0], Platt) and len(kept) == 1:
            told = kept[["a", "b"]].to_numpy(dtype=np.float64)[0]
            if not np.allclose(told, (refit.maps[0].a, refit.maps[0].b), rtol=1e-3, atol=1e-4):
                problems.append(f"fold {number}: Platt's A and B are stored as {told}, refitted {refit.maps[0]}")
    return problems


def _refitted(rows: pd.DataFrame, panel: Panel) -> tuple[Panel, list[str]]:
    """Fit the fitted features of a fold again; return the panel with their values, and what differs from the stored."""
    if not panel.fitted:
        return panel, []
    inside = np.flatnonzero(training_rows(rows[rows["stage"] == "selection"], panel))
    fitted = fit_all(panel, inside)
    stored = rows[rows["stage"] == "transformer"]
    told = dict(zip(stored["feature"], stored["reason"], strict=True))
    problems = [
        f"{name}: the stored parameters are not those that its training rows give"
        for name, item in fitted.items()
        if not _same_numbers(told.get(name, "{}"), item.document())
    ]
    return filled(panel, fitted, inside), problems


def _same_numbers(stored: str, fitted: dict[str, Any]) -> bool:
    """Compare stored JSON with numbers fitted again: same kind and settings, parameters up to rounding."""
    try:
        told = json.loads(stored)
        if (told["kind"], told["settings"]) != (fitted["kind"], fitted["settings"]):
            return False
        theirs, ours = told["parameters"], fitted["parameters"]
        return set(theirs) == set(ours) and all(
            np.allclose(np.array(theirs[name], dtype=np.float64), np.array(ours[name]), rtol=1e-4, atol=1e-6)
            for name in ours
        )
    except (ValueError, KeyError, TypeError):
        return False


def _panel(
    meta: EvidenceMeta,
    features: FeatureSet,
    bars: Mapping[str, pd.DataFrame],
    code_dir: Path | None,
    around: Surroundings | None,
) -> Panel:
    folder = reference_folder(code_dir, features)
    frames = {pair: complete_bars(bars[pair], meta.timeframe) for pair in meta.pairs}
    matrices = {
        pair: build_matrix(
            features.features, frame, code_dir=folder, surroundings=around.seen_from(pair) if around else None
        )
        for pair, frame in frames.items()
    }
    return build_panel(frames, matrices, meta.target, meta.timeframe)


def _scaler_problems(rows: pd.DataFrame, panel: Panel) -> Iterator[str]:
    if rows.empty:
        return
    inside = training_rows(rows, panel)
    for name, mean, deviation in zip(rows["feature"], rows["a"], rows["b"], strict=True):
        if name not in panel.names:
            yield f"scaler of {name}, which is no feature"
            continue
        values = panel.features[inside, panel.names.index(name)].astype(np.float64)
        spread = float(np.nanstd(values)) or 1.0
        if abs(np.nanmean(values) - mean) > 1e-3 * spread or abs(spread - deviation) > 1e-3 * spread:
            told = f"{np.nanmean(values):.6g} and {spread:.6g}"
            yield f"{name}: scaled by {mean:.6g} and {deviation:.6g}, training gives {told}"


def _selection_problems(rows: pd.DataFrame, panel: Panel, limit: float) -> Iterator[str]:
    """Recompute the correlations that removed features, and those between kept ones."""
    inside = training_rows(rows, panel)
    names = [str(name) for name in rows["feature"] if name in panel.names]
    columns = [panel.names.index(name) for name in names]
    matrix = panel.features[inside][:, columns]
    with_spread = np.array([np.nanstd(column) > 0.0 if np.isfinite(column).any() else False for column in matrix.T])
    names = [name for name, good in zip(names, with_spread, strict=True) if good]
    matrix = matrix[:, with_spread]
    z = fit_scaler(matrix).transform(matrix, clip=FILTER_CLIP)
    correlation = np.abs(np.atleast_2d(np.corrcoef(z, rowvar=False)))
    kept = {str(name) for name, stays in zip(rows["feature"], rows["kept"], strict=True) if stays}
    place = [number for number, name in enumerate(names) if name in kept]
    among = correlation[np.ix_(place, place)] - np.eye(len(place))
    if among.size and among.max() > limit + ROUNDING:
        first, second = np.unravel_index(int(among.argmax()), among.shape)
        yield f"{names[place[first]]} and {names[place[second]]} correlate {among.max():.3f} in training; both stayed"
    for name, reason in zip(rows["feature"], rows["reason"], strict=True):
        stated = CORRELATION.match(str(reason))
        if stated and name in names and stated.group(2) in names:
            value = correlation[names.index(name), names.index(stated.group(2))]
            if abs(value - float(stated.group(1))) > ROUNDING:
                yield f"{name}: removed for {reason}, in training it is {value:.3f}"
