"""Folds and a small model of honest studies: scaler, selection, penalised regression and calibration, fold by fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.corpus.evidence_market import Design, PairData
from crypto_team.schemas.ml_spec import CalibrationMethod
from crypto_team.validation.calibration import Calibrator, fit_calibrator
from crypto_team.validation.clock import utc_times

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """Bar numbers of one fold, half-open, with a gap longer than the horizon between the parts."""

    number: int
    train: tuple[int, int]
    inner: tuple[int, int]
    test: tuple[int, int]

    def span(self, part: str) -> tuple[int, int]:
        """Return the bars of one part."""
        return {"train": self.train, "inner": self.inner, "test": self.test}[part]


@dataclass(frozen=True)
class Fitted:
    """Everything that one fold fitted, and the tables that say so."""

    mean: Floats
    scale: Floats
    kept: npt.NDArray[np.bool_]
    weights: Floats
    calibrator: Calibrator | None
    importances: pd.DataFrame
    preprocessing: pd.DataFrame
    inner_score: float


def cut_folds(design: Design) -> list[Fold]:
    """Cut the bars into walk-forward folds whose test parts follow each other."""
    gap = design.horizon + 1
    first = design.train + gap + design.inner + gap
    return [
        Fold(
            number,
            (0 if design.expanding else start - first, start - design.inner - 2 * gap),
            (start - design.inner - gap, start - gap),
            (start, start + design.test),
        )
        for number, start in enumerate(range(first, design.bars - design.test + 1, design.test))
    ]


def rows_of(market: list[PairData], labels: list[pd.DataFrame], span: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return features and labels of all pairs within a range of bars, unlabelled rows left out."""
    x = np.concatenate([pair.features[span[0] : span[1]] for pair in market])
    y = np.concatenate([label["label"].to_numpy(dtype=np.float64)[span[0] : span[1]] for label in labels])
    known = np.isfinite(y)
    return x[known], y[known]


def fit(
    market: list[PairData],
    labels: list[pd.DataFrame],
    fold: Fold,
    design: Design,
    *,
    penalty: float = 1.0,
    resample: np.random.Generator | None = None,
    fit_on: tuple[int, int] | None = None,
) -> Fitted:
    """Fit scaler, selection, model and calibrator of one fold from its own training rows (`fit_on`: from others)."""
    span = fit_on or fold.train
    x, y = rows_of(market, labels, span)
    if resample is not None:
        chosen = resample.integers(0, len(y), len(y))
        x, y = x[chosen], y[chosen]
    mean, scale = x.mean(axis=0), x.std(axis=0)
    z = (x - mean) / scale
    strength = np.abs(np.corrcoef(np.column_stack([z, y]), rowvar=False)[-1, :-1])
    kept = np.zeros(design.features, dtype=bool)
    kept[np.argsort(-strength)[: max(8, design.features // 2)]] = True
    weights = _weights(z[:, kept], y, design.classes, penalty)
    inside, told = rows_of(market, labels, fold.inner)
    raw = _raw((inside - mean) / scale, kept, weights, design.classes)
    method: CalibrationMethod = "isotonic" if design.calibration == "isotonic" else "platt"
    calibrator = fit_calibrator(raw, told, method) if design.classes else None
    top = raw[:, -1] - raw[:, 0] if design.classes else raw[:, 0]
    score = float(np.corrcoef(top, told)[0, 1])
    size = np.abs(weights).sum(axis=1)
    names = np.array([f"f{number}" for number in range(design.features)])
    importances = pd.DataFrame(
        {"fold": fold.number, "feature": names[kept], "kind": "gain", "value": size / size.sum()}
    )
    said = _words(fold, market[0].time, names, kept, mean, scale, span, calibrated=calibrator is not None)
    return Fitted(mean, scale, kept, weights, calibrator, importances, said, score)


def _weights(z: Floats, y: Floats, classes: int, penalty: float) -> Floats:
    """Return coefficients, shape (features, max(1, classes - 1)), of a ridge on class indicators or on returns."""
    wanted = y[:, None] if classes == 0 else (y[:, None] == np.arange(1, classes)).astype(np.float64)
    centred = wanted - wanted.mean(axis=0)
    made = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ centred)
    return np.asarray(made)


def _raw(z: Floats, kept: npt.NDArray[np.bool_], weights: Floats, classes: int) -> Floats:
    """Return raw probabilities of every class, or the expected return in basis points."""
    lean = z[:, kept] @ weights
    if classes == 0:
        return np.asarray(lean)
    logits = np.column_stack([np.zeros(len(lean)), 4.0 * lean])
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def forecast(model: Fitted, features: Floats, design: Design) -> dict[str, Floats]:
    """Return the forecast columns of some rows."""
    raw = _raw((features - model.mean) / model.scale, model.kept, model.weights, design.classes)
    if model.calibrator is None:
        return {"expected_bps": raw[:, 0]}
    final = model.calibrator.apply(raw) if len(raw) else raw
    made = {f"p_raw_{number}": raw[:, number] for number in range(design.classes)}
    return made | {f"p_{number}": final[:, number] for number in range(design.classes)}


def _words(
    fold: Fold,
    time: npt.NDArray[np.int64],
    names: npt.NDArray[np.str_],
    kept: npt.NDArray[np.bool_],
    mean: Floats,
    scale: Floats,
    span: tuple[int, int],
    *,
    calibrated: bool,
) -> pd.DataFrame:
    first, last = utc_times(time[[span[0], span[1] - 1]])
    rows = [(fold.number, "scaler", n, True, m, s, first, last) for n, m, s in zip(names, mean, scale, strict=True)]
    rows += [
        (fold.number, "selection", n, bool(k), np.nan, np.nan, first, last) for n, k in zip(names, kept, strict=True)
    ]
    if calibrated:
        begin, end = utc_times(time[[fold.inner[0], fold.inner[1] - 1]])
        rows.append((fold.number, "calibration", "", True, np.nan, np.nan, begin, end))
    return pd.DataFrame(rows, columns=["fold", "stage", "feature", "kept", "a", "b", "fitted_from", "fitted_to"])
