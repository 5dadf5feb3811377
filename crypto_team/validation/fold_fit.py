"""Everything that happens inside one walk-forward fold: select, fit, calibrate on its past; predict its future."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crypto_team.models.base import Floats, Inputs, Matrix, Model
from crypto_team.models.registry import factory
from crypto_team.models.samples import Samples
from crypto_team.models.scaling import Scaler, fit_scaler
from crypto_team.models.streams import Stream
from crypto_team.schemas.evidence import FoldRange
from crypto_team.validation.calibration import Calibrator, fit_calibrator
from crypto_team.validation.calibration_of_returns import fit_return_calibrator
from crypto_team.validation.clock import utc_text, utc_times
from crypto_team.validation.expected_returns import FINAL, RAW
from crypto_team.validation.fitted import StoredTransformer, filled, fit_all
from crypto_team.validation.fold_rows import (
    BPS,
    FoldRows,
    Rows,
    fold_rows,
    history_of,
    inputs_of,
    known_to,
    returns_known_to,
    rows_read,
    unseen,
    weights_of,
)
from crypto_team.validation.fold_selection import fitted_selection, refitted
from crypto_team.validation.horizon_returns import columns_of, each_horizon, fit_horizons
from crypto_team.validation.panel import Panel
from crypto_team.validation.prediction import FoldModel
from crypto_team.validation.scores import rank_ic
from crypto_team.validation.selection import Selection
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.simple_model import simple_rows
from crypto_team.validation.splits import Fold
from crypto_team.validation.streaming import followed
from crypto_team.validation.workbench import IDLE, Workbench

NOISE_SHARE = 0.1


@dataclass(frozen=True)
class FittedFold:
    """What one fold contributes to the evidence.

    `fitted` holds the fitted features at its test rows, `simple` the predictions of the simplest model.
    """

    range: FoldRange
    data: bytes
    predictions: pd.DataFrame
    importances: pd.DataFrame
    preprocessing: pd.DataFrame
    noise: pd.DataFrame
    test_rows: Rows
    fitted: dict[str, Matrix]
    simple: pd.DataFrame


@dataclass(frozen=True)
class Fitted:
    """The model that is kept, the one that scored the calibration rows (the same unless refitted), and the columns."""

    stored: FoldModel
    judged: FoldModel
    selection: Selection


def _columns(panel: Panel, stored: FoldModel) -> list[int]:
    return [panel.names.index(name) for name in stored.inputs]


def fitted_model(
    panel: Panel,
    rows: FoldRows,
    settings: WalkForwardSettings,
    *,
    transformers: Mapping[str, StoredTransformer],
    ranges: Mapping[str, tuple[int, int]],
    bench: Workbench = IDLE,
) -> Fitted:
    """Select, fit and calibrate; the fitted features of the panel are filled in already.

    With `settings.refit` the model that is kept is fitted on the whole window after that, with the same columns; what
    scored the calibration rows, and what the calibration was fitted to, had not seen them.
    """
    selection, model = fitted_selection(panel, rows.fit, settings, bench)
    if "test" in ranges:  # splits that are not in the order of time have no time to go on learning in
        model = followed(panel, rows, selection.kept, settings, model)
    raw = model.predict(inputs_of(panel, rows.inner, selection.kept, settings))
    sigma = float(np.std(panel.forward_return[rows.inner] * BPS))
    judged = FoldModel(
        model_name=settings.model,
        n_classes=settings.n_classes,
        features=[panel.names[column] for column in selection.kept],
        model=model,
        calibrator=_calibrator(raw, panel, rows, settings),
        sigma_bps=sigma if sigma > 0.0 else 1.0,
        ranges=ranges,
        transformers=transformers,
        side=settings.side_feature,
        history=history_of(settings),
        horizons=_horizons(model, panel, rows, selection, settings),
    )
    if not settings.refit:
        return Fitted(judged, judged, selection)
    whole = refitted(panel, rows.window, selection.kept, settings, bench.naming("the whole window"))
    return Fitted(replace(judged, model=whole), judged, selection)


def _calibrator(raw: Floats, panel: Panel, rows: FoldRows, settings: WalkForwardSettings) -> Calibrator:
    """Fit the calibration to what the model says about the tail of its window."""
    method = settings.calibration
    if not settings.n_classes:
        return fit_return_calibrator(unseen(panel, rows, raw[:, 0]), method, returns_known_to(panel, rows, settings))
    return fit_calibrator(raw, panel.label[rows.inner], method, known=known_to(panel, rows, settings))


def _horizons(
    model: Model, panel: Panel, rows: FoldRows, selection: Selection, settings: WalkForwardSettings
) -> dict[int, Calibrator]:
    """Fit the calibration of every horizon of the target's set, where the learner has one for each."""
    if settings.n_classes or len(panel.horizons) < 2:
        return {}
    told = each_horizon(model, inputs_of(panel, rows.inner, selection.kept, settings), panel.horizons)
    return fit_horizons(panel, told, rows.fit, rows.inner, weights_of(panel, rows.fit, settings), settings.calibration)


def fit_fold(panel: Panel, fold: Fold, settings: WalkForwardSettings, bench: Workbench = IDLE) -> FittedFold:
    """Fit one fold on its training window and predict its calibration tail and its test part."""
    rows = fold_rows(panel, fold, settings)
    transformers = fit_all(panel, rows.fit)
    panel = filled(panel, transformers, rows_read(panel, rows, settings))
    ranges = {
        "train": (fold.train_start, fold.train_end),
        "inner": (rows.inner_start, fold.train_end),
        "test": (fold.test_start, fold.test_end),
    }
    fitted = fitted_model(panel, rows, settings, transformers=transformers, ranges=ranges, bench=bench)
    selection, data = fitted.selection, fitted.stored.save()
    # Predicting with the file, not with the object in hand, is what makes a replay equal to the bit.
    stored = FoldModel.load(data)
    judged = FoldModel.load(fitted.judged.save()) if settings.refit else stored
    scaler = fit_scaler(panel.block(rows.fit, selection.kept))
    parts = [
        _prediction_rows(panel, index, model, fold.index, part, settings)
        for part, index, model in (("inner", rows.inner, judged), ("test", rows.test, stored))
    ]
    return FittedFold(
        range=_range(panel, fold, rows, stored, data, settings),
        data=data,
        predictions=pd.concat(parts, ignore_index=True),
        importances=_importance_rows(fold.index, stored, factory(settings.model).importance_kind),
        preprocessing=_preprocessing_rows(panel, fold.index, rows, selection, scaler, stored),
        noise=_noise_rows(panel, fold.index, parts[1], rows.test, stored, scaler, settings),
        test_rows=rows.test,
        fitted={name: panel.features[rows.test, panel.names.index(name)] for name in transformers},
        simple=simple_rows(panel, rows, selection.kept, parts[1], settings),
    )


def _range(
    panel: Panel, fold: Fold, rows: FoldRows, stored: FoldModel, data: bytes, settings: WalkForwardSettings
) -> FoldRange:
    return FoldRange(
        fold=fold.index,
        train_start=utc_text(fold.train_start),
        train_end=utc_text(fold.train_end),
        inner_start=utc_text(rows.inner_start),
        inner_end=utc_text(fold.train_end),
        test_start=utc_text(fold.test_start),
        test_end=utc_text(fold.test_end),
        gap_bars=fold.gap_ms // panel.timeframe_ms,
        train_rows=rows.fit.size,
        inner_rows=rows.inner.size,
        test_rows=rows.test.size,
        selected=stored.inputs,
        model_file=f"fold_{fold.index:02d}.json",
        model_hash="sha256:" + hashlib.sha256(data).hexdigest(),
        later_labels=len(stored.model.lessons) if isinstance(stored.model, Stream) else 0,
        refit_rows=rows.window.size if settings.refit else 0,
    )


def _prediction_rows(
    panel: Panel, rows: Rows, stored: FoldModel, fold: int, part: str, settings: WalkForwardSettings
) -> pd.DataFrame:
    values = inputs_of(panel, rows, _columns(panel, stored), settings)
    predicted, side = stored.signal(values), stored.sides(values)
    table: dict[str, object] = {
        "time": utc_times(panel.time[rows]),
        "pair": np.array(panel.pairs, dtype=object)[panel.pair_index[rows]],
        "fold": np.full(rows.size, fold, dtype=np.int16),
        "part": np.full(rows.size, part, dtype=object),
        "label": panel.label[rows],
        "label_end": utc_times(panel.known_at[rows]),
        "forward_return": panel.forward_return[rows],
    }
    if predicted.raw.shape[1] == 1:
        table |= {RAW: predicted.raw[:, 0], FINAL: predicted.calibrated[:, 0]}
        for bars, both in stored.by_horizon(values).items():
            table |= dict(zip(columns_of(bars), both, strict=True))
    else:
        classes = range(predicted.raw.shape[1])
        table |= {f"p_raw_{k}": predicted.raw[:, k] for k in classes}
        table |= {f"p_{k}": predicted.calibrated[:, k] for k in classes}
    if side is not None:
        table["side"] = side
    return pd.DataFrame(table | {"signal": predicted.signal})


def _importance_rows(fold: int, stored: FoldModel, kind: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "fold": np.full(len(stored.features), fold, dtype=np.int16),
            "feature": stored.features,
            "kind": kind,
            "value": stored.model.importances(),
        }
    )


def _preprocessing_rows(
    panel: Panel, fold: int, rows: FoldRows, selection: Selection, scaler: Scaler, fitted: FoldModel
) -> pd.DataFrame:
    nan, calibrator = float("nan"), fitted.calibrator
    reasons = {**selection.removed, **dict.fromkeys(selection.kept, "")}
    table = [("selection", panel.names[c], c in selection.kept, nan, nan, reasons[c]) for c in sorted(reasons)]
    horizons = {columns_of(bars)[1]: one.maps for bars, one in fitted.horizons.items()}
    table += [("calibration", name, True, *one.numbers, one.told) for name, maps in horizons.items() for one in maps]
    pairs = zip(selection.kept, scaler.mean, scaler.std, strict=True)
    table += [("scaler", panel.names[c], True, float(mean), float(std), "") for c, mean, std in pairs]
    table += [
        ("calibration", "", True, *one.numbers, f"{one.told}, class {k}" if len(calibrator.maps) > 1 else one.told)
        for k, one in enumerate(calibrator.maps)
    ]
    kept = {panel.names[column] for column in selection.kept}
    table += [
        ("transformer", name, name in kept, nan, nan, json.dumps(item.document(), sort_keys=True))
        for name, item in fitted.transformers.items()
    ]
    frame = pd.DataFrame(table, columns=["stage", "feature", "kept", "a", "b", "reason"])
    on_inner = (frame["stage"] == "calibration").to_numpy()
    fit_times, inner_times = panel.time[rows.fit], panel.time[rows.inner]
    frame["fitted_from"] = utc_times(np.where(on_inner, inner_times.min(), fit_times.min()))
    frame["fitted_to"] = utc_times(np.where(on_inner, inner_times.max(), fit_times.max()))
    frame.insert(0, "fold", np.full(len(frame), fold, dtype=np.int16))
    return frame


def _noise_rows(
    panel: Panel,
    fold: int,
    own: pd.DataFrame,
    test: Rows,
    stored: FoldModel,
    scaler: Scaler,
    settings: WalkForwardSettings,
) -> pd.DataFrame:
    values = inputs_of(panel, test, _columns(panel, stored), settings)
    # The primary rule is no input of the model and keeps its sign.
    spread = np.append(scaler.std, np.zeros(len(stored.inputs) - len(stored.features)))
    base, forward = own["signal"].to_numpy(dtype=np.float64), panel.forward_return[test]
    table = []
    for repeat in range(settings.noise_repeats):
        rng = np.random.default_rng([settings.seed, fold, repeat])
        noisy = stored.signal(_with_noise(values, rng, NOISE_SHARE * spread)).signal
        table.append((fold, repeat, rank_ic(base, noisy), rank_ic(base, forward), rank_ic(noisy, forward)))
    columns = ["fold", "repeat", "signal_rank_correlation", "skill_base", "skill_noisy"]
    return pd.DataFrame(table, columns=columns).astype({"fold": "int16", "repeat": "int16"})


def _with_noise(values: Inputs, rng: np.random.Generator, spread: Floats) -> Inputs:
    """Add normal noise of `spread` to each column; windows get it at each of their bars."""
    clean = values.values if isinstance(values, Samples) else values
    noisy: Matrix = (clean + rng.standard_normal(clean.shape) * spread).astype(np.float32)
    return replace(values, values=noisy) if isinstance(values, Samples) else noisy
