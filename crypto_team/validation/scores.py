"""Forecast quality: discrimination, calibration and correlation of predictions with outcomes.

`p` is the forecast probability of an event, `y` its outcome in {0, 1}; both have shape (n,). Rows in which either is
NaN are dropped. A score that the sample does not define is NaN, never an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Floats = npt.NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Brier:
    """Brier score and its parts: score = reliability - resolution + uncertainty + within (exact)."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


@dataclass(frozen=True)
class CalibrationFit:
    """Logistic regression of outcomes on logit p: slope 1 and intercept 0 are perfect; slope < 1 is overconfident."""

    slope: float
    intercept: float
    slope_se: float


def _pairwise(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    keep = np.isfinite(a) & np.isfinite(b)
    return np.asarray(a, dtype=np.float64)[keep], np.asarray(b, dtype=np.float64)[keep]


def accuracy(p: Floats, y: Floats) -> float:
    """Return the share of right calls when p > 0.5 calls the event."""
    p, y = _pairwise(p, y)
    return float(np.mean((p > 0.5) == (y > 0.5))) if y.size else math.nan


def base_rate(y: Floats) -> float:
    """Return the share of the most frequent class: the accuracy of no skill."""
    known = y[np.isfinite(y)]
    return float(np.unique(known, return_counts=True)[1].max() / known.size) if known.size else math.nan


def precision_recall_f1(p: Floats, y: Floats, *, cut: float = 0.5) -> tuple[float, float, float]:
    """Return precision, recall and their harmonic mean for calls at p >= cut; NaN where nothing was called."""
    p, y = _pairwise(p, y)
    called, event = p >= cut, y > 0.5
    hits = float((called & event).sum())
    precision = hits / called.sum() if called.any() else math.nan
    recall = hits / event.sum() if event.any() else math.nan
    both = precision + recall
    return float(precision), float(recall), float(2.0 * precision * recall / both) if both > 0.0 else math.nan


def class_scores(called: Floats, truth: Floats, n_classes: int) -> Floats:
    """Return precision, recall, F1, calls and rows of every class, shape (n_classes, 5); NaN where undefined.

    Parameters
    ----------
    called, truth
        Class indices, shape (n,); rows in which either is NaN are dropped.
    n_classes
        Number of classes.
    """
    called, truth = _pairwise(called, truth)
    table = np.zeros((n_classes, n_classes))
    np.add.at(table, (truth.astype(np.int64), called.astype(np.int64)), 1.0)
    hits, calls, rows = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    precision = np.divide(hits, calls, out=np.full(n_classes, np.nan), where=calls > 0)
    recall = np.divide(hits, rows, out=np.full(n_classes, np.nan), where=rows > 0)
    f1 = np.divide(2.0 * hits, calls + rows, out=np.full(n_classes, np.nan), where=calls + rows > 0)
    return np.column_stack([precision, recall, f1, calls, rows])


def auc(score: Floats, y: Floats) -> float:
    """Return the area under the ROC curve (ties count half); NaN when only one class occurs."""
    score, y = _pairwise(score, y)
    event = y > 0.5
    n1, n0 = int(event.sum()), int((~event).sum())
    if n1 == 0 or n0 == 0:
        return math.nan
    ranks = stats.rankdata(score)
    return float((ranks[event].sum() - n1 * (n1 + 1) / 2.0) / (n1 * n0))


def log_loss(p: Floats, y: Floats) -> float:
    """Return the mean negative natural log likelihood; p is clipped at the float64 epsilon."""
    p, y = _pairwise(p, y)
    clipped = np.clip(p, EPS, 1.0 - EPS)
    return float(-np.mean(y * np.log(clipped) + (1.0 - y) * np.log1p(-clipped))) if y.size else math.nan


def multi_log_loss(p: Floats, y: Floats, *, weight: Floats | None = None) -> float:
    """Return the mean negative log likelihood of class indices `y` under probabilities `p` of shape (n, classes).

    Rows count by `weight`, shape (n,); all alike where there is none.
    """
    keep = np.isfinite(y) & np.isfinite(p).all(axis=1)
    if not keep.any():
        return math.nan
    chosen = p[keep, y[keep].astype(np.int64)]
    return -float(np.average(np.log(np.clip(chosen, EPS, 1.0)), weights=None if weight is None else weight[keep]))


def brier(p: Floats, y: Floats) -> float:
    """Return the mean squared error of the probabilities."""
    p, y = _pairwise(p, y)
    return float(np.mean((p - y) ** 2)) if y.size else math.nan


def _bins(p: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Return the number of the right-closed equal-width bin of each forecast; p = 0 falls into the first."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.clip(np.searchsorted(edges, p, side="left") - 1, 0, bins - 1).astype(np.int64)


def _bin_gaps(p: Floats, y: Floats, bins: int) -> tuple[Floats, Floats]:
    number = _bins(p, bins)
    count = np.bincount(number, minlength=bins).astype(np.float64)
    used = count > 0
    gap = np.bincount(number, p - y, minlength=bins)[used] / count[used]
    return np.abs(gap), count[used] / p.size


def ece(p: Floats, y: Floats, *, bins: int = 10) -> float:
    """Return the expected calibration error of the event probability over right-closed equal-width bins."""
    p, y = _pairwise(p, y)
    if not y.size:
        return math.nan
    gap, share = _bin_gaps(p, y, bins)
    return float(gap @ share)


def mce(p: Floats, y: Floats, *, bins: int = 10) -> float:
    """Return the largest calibration gap over right-closed equal-width bins."""
    p, y = _pairwise(p, y)
    return float(_bin_gaps(p, y, bins)[0].max()) if y.size else math.nan


def brier_decomposition(p: Floats, y: Floats, *, bins: int = 10) -> Brier:
    """Split the Brier score into reliability, resolution, uncertainty (Murphy 1973) and the within-bin rest."""
    p, y = _pairwise(p, y)
    if not y.size:
        return Brier(math.nan, math.nan, math.nan, math.nan, math.nan)
    number = _bins(p, bins)
    count = np.bincount(number, minlength=bins).astype(np.float64)
    used = count > 0
    share = count[used] / p.size
    forecast = np.bincount(number, p, minlength=bins)[used] / count[used]
    observed = np.bincount(number, y, minlength=bins)[used] / count[used]
    return decomposed(brier(p, y), forecast, observed, share, float(y.mean()))


def decomposed(score: float, forecast: Floats, observed: Floats, share: Floats, climate: float) -> Brier:
    """Split a Brier score by a reliability table: mean forecast, observed rate and share of rows of each bin."""
    reliability = float(share @ (forecast - observed) ** 2)
    resolution = float(share @ (observed - climate) ** 2)
    uncertainty = climate * (1.0 - climate)
    return Brier(score, reliability, resolution, uncertainty, score - reliability + resolution - uncertainty)


def brier_skill(p: Floats, y: Floats) -> float:
    """Return 1 - Brier score over that of always forecasting the base rate; NaN when one class occurs."""
    p, y = _pairwise(p, y)
    climate = float(y.mean()) if y.size else math.nan
    alone = climate * (1.0 - climate)
    return 1.0 - brier(p, y) / alone if alone > 0.0 else math.nan


def ece_equal_mass(p: Floats, y: Floats, *, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal numbers of rows, in the order of the forecasts."""
    p, y = _pairwise(p, y)
    if not y.size:
        return math.nan
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    return float(sum(abs(float(p[part].mean() - y[part].mean())) * part.size for part in parts) / y.size)


def top_label(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the probability of the more likely of two classes, and whether it was right."""
    return np.maximum(p, 1.0 - p), ((p > 0.5) == (y > 0.5)).astype(np.float64)


def logit(p: Floats, *, floor: float = 1e-6) -> Floats:
    """Return log odds of `p` clipped to [floor, 1 - floor]."""
    clipped = np.clip(p, floor, 1.0 - floor)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def calibration_slope(p: Floats, y: Floats) -> CalibrationFit:
    """Fit outcomes on logit p by maximum likelihood (Cox 1958); NaN when one class or one forecast value occurs."""
    p, y = _pairwise(p, y)
    missing = CalibrationFit(math.nan, math.nan, math.nan)
    if y.size < 3 or np.ptp(y) == 0.0 or np.ptp(p) == 0.0:
        return missing
    design = np.column_stack([logit(p), np.ones(y.size)])
    beta = np.array([0.0, float(logit(np.array([y.mean()]))[0])])
    for _ in range(50):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -700.0, 700.0)))
        weight = np.maximum(fitted * (1.0 - fitted), 1e-12)
        information = design.T @ (design * weight[:, None])
        step = np.linalg.lstsq(information, design.T @ (y - fitted), rcond=None)[0]
        beta = beta + np.clip(step, -10.0, 10.0)
        if np.abs(step).max() < 1e-10:
            break
    else:
        return missing
    return CalibrationFit(float(beta[0]), float(beta[1]), float(math.sqrt(np.linalg.inv(information)[0, 0])))


def ic(a: Floats, b: Floats) -> float:
    """Return the Pearson correlation (information coefficient); NaN without spread."""
    a, b = _pairwise(a, b)
    if a.size < 3 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def rank_ic(a: Floats, b: Floats) -> float:
    """Return the Spearman correlation with average ranks; NaN without spread."""
    a, b = _pairwise(a, b)
    return ic(stats.rankdata(a), stats.rankdata(b)) if a.size else math.nan


def n_classes(predictions: pd.DataFrame) -> int:
    """Return how many calibrated probability columns a predictions table has; 0 for a regression."""
    return sum(1 for name in predictions.columns if name.startswith("p_") and name[2:].isdigit())


def probabilities(predictions: pd.DataFrame) -> Floats:
    """Return the calibrated probabilities, shape (n, classes)."""
    columns = [f"p_{k}" for k in range(n_classes(predictions))]
    return np.asarray(predictions[columns].to_numpy(dtype=np.float64))


def events(predictions: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return P(top class) and whether the label was the top class, for rows whose label is known."""
    top = n_classes(predictions) - 1
    label = predictions["label"].to_numpy(dtype=np.float64)
    known = np.isfinite(label)
    return probabilities(predictions)[known, top], (label[known] == top).astype(np.float64)


def event_scores(predictions: pd.DataFrame) -> Floats:
    """Return what ranks the event: the signal, or for a meta-label P(win), as its signal also says the side."""
    column = "p_1" if "side" in predictions else "signal"
    return np.asarray(predictions[column].to_numpy(dtype=np.float64))


def skill(part: pd.DataFrame) -> dict[str, float | int]:
    """Measure one part of one fold: the numbers of a row of `skill.parquet`.

    `ic` is the Spearman correlation of signal and forward return. For a regression the event is a positive forward
    return, called when the signal is above one half, and there is no log loss.
    """
    classes = n_classes(part)
    signal = part["signal"].to_numpy(dtype=np.float64)
    forward = part["forward_return"].to_numpy(dtype=np.float64)
    label = part["label"].to_numpy(dtype=np.float64)
    known = np.isfinite(label) & np.isfinite(signal)
    if classes:
        p = probabilities(part)[known]
        truth = label[known]
        hit = float(np.mean(p.argmax(axis=1) == truth)) if truth.size else math.nan
        event, loss = (truth == classes - 1).astype(np.float64), multi_log_loss(p, truth)
    else:
        event = (forward[known] > 0.0).astype(np.float64)
        truth, loss = event, math.nan
        hit = accuracy(signal[known], event)
    return {
        "n": int(known.sum()),
        "accuracy": hit,
        "base_rate": base_rate(truth),
        "auc": auc(event_scores(part)[known], event),
        "log_loss": loss,
        "ic": rank_ic(signal[known], forward[known]),
    }
