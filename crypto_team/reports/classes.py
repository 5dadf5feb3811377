"""How often each class was called, and how often rightly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation import metrics, scores


@dataclass(frozen=True)
class ClassRow:
    """One class on the test rows: the most probable class is the call."""

    name: str
    precision: float
    recall: float
    f1: float
    calls: int
    rows: int


@dataclass(frozen=True)
class Classes:
    """All classes, the share of right calls, that of the largest class, and the plain mean of F1 over classes."""

    rows: tuple[ClassRow, ...]
    accuracy: float
    base_rate: float
    macro_f1: float


def class_rows(meta: EvidenceMeta, predictions: pd.DataFrame) -> Classes:
    """Compare calls with labels; a regression calls up where its signal is above one half."""
    test = metrics.out_of_sample_rows(predictions)
    called, truth, names = _calls(meta, test)
    known = np.isfinite(called) & np.isfinite(truth)
    table = scores.class_scores(called, truth, len(names))
    rows = tuple(
        ClassRow(name, float(found[0]), float(found[1]), float(found[2]), int(found[3]), int(found[4]))
        for name, found in zip(names, table, strict=True)
    )
    occurring = [row.f1 for row in rows if row.rows and not math.isnan(row.f1)]
    return Classes(
        rows=rows,
        accuracy=float(np.mean(called[known] == truth[known])) if known.any() else math.nan,
        base_rate=scores.base_rate(truth[known]),
        macro_f1=float(np.mean(occurring)) if occurring else math.nan,
    )


def _calls(meta: EvidenceMeta, test: pd.DataFrame) -> tuple[scores.Floats, scores.Floats, list[str]]:
    count = scores.n_classes(test)
    if not count:
        forward, signal = (test[name].to_numpy(dtype=np.float64) for name in ("forward_return", "signal"))
        up = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
        return np.where(np.isfinite(signal), (signal > 0.5).astype(np.float64), np.nan), up, ["down", "up"]
    p = scores.probabilities(test)
    called = np.where(np.isfinite(p).all(axis=1), p.argmax(axis=1).astype(np.float64), np.nan)
    names = meta.target.classes if len(meta.target.classes) == count else [f"class_{k}" for k in range(count)]
    return called, test["label"].to_numpy(dtype=np.float64), list(names)
