"""Skill of signals over no skill, ranked within each fold, with its uncertainty from blocks of days."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import milliseconds
from crypto_team.gates.statistics import DAY_MS, Mean, auc_contributions, block_mean, rank_ic_contributions
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.scores import event_scores

Floats = npt.NDArray[np.float64]


def outcomes(rows: pd.DataFrame, meta: EvidenceMeta) -> tuple[Floats, Floats]:
    """Return score and event (1.0 or 0.0; a positive forward return for regressions) of rows with a known label."""
    if meta.target.kind == "return":
        truth = np.where(rows["forward_return"].notna(), rows["forward_return"] > 0.0, np.nan).astype(np.float64)
    else:
        label = rows["label"].to_numpy(dtype=np.float64)
        truth = np.where(np.isfinite(label), label == meta.target.n_classes - 1, np.nan).astype(np.float64)
    return event_scores(rows), truth


def skill_contributions(rows: pd.DataFrame, meta: EvidenceMeta) -> Floats:
    """Return per-row contributions to the skill of one part of one fold: AUC - 0.5, or rank correlation."""
    signal, truth = outcomes(rows, meta)
    if meta.target.kind == "return":
        truth = rows["forward_return"].to_numpy(dtype=np.float64)
    known = np.isfinite(signal) & np.isfinite(truth)
    result = np.full(len(rows), np.nan)
    if known.sum() < 3:
        return result
    if meta.target.kind == "return":
        result[known] = rank_ic_contributions(signal[known], truth[known])
    else:
        result[known] = auc_contributions(signal[known], truth[known] > 0.5)
    return result


def part_skill(predictions: pd.DataFrame, meta: EvidenceMeta, part: str, seed: int) -> tuple[Mean, int]:
    """Return the skill of all folds' parts, ranked within each fold, and the number of rows behind it."""
    rows = predictions[predictions["part"] == part]
    pieces = [(skill_contributions(each, meta), milliseconds(each["time"])) for _, each in rows.groupby("fold")]
    if not pieces:
        return Mean(math.nan, np.full(1, np.nan)), 0
    values = np.concatenate([piece[0] for piece in pieces])
    times = np.concatenate([piece[1] for piece in pieces])
    horizon_ms = meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000
    skill = block_mean(values, times, rng=np.random.default_rng(seed), block_ms=max(DAY_MS, horizon_ms))
    return skill, int(np.isfinite(values).sum())
