"""Signs of overfitting: skill lost between inner validation and test, and how stable the importances are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.reports.fold_table import FoldRow
from crypto_team.validation import scores


@dataclass(frozen=True)
class ImportanceRow:
    """A feature's share of the importance: mean and deviation over folds (0 where it was not selected)."""

    feature: str
    mean: float
    deviation: float
    folds_used: int


@dataclass(frozen=True)
class Overfitting:
    """Means over folds; `skill_kept` is test over inner AUC above one half."""

    inner_auc: float
    test_auc: float
    skill_kept: float
    inner_accuracy: float
    test_accuracy: float
    inner_edge: float
    test_edge: float
    inner_log_loss: float
    test_log_loss: float
    inner_information_coefficient: float
    test_information_coefficient: float
    folds: int
    folds_with_skill: int
    folds_with_profit: int
    largest_fold_share: float
    top_1_importance: float
    top_10_importance: float
    importance_rank_correlation: float
    noise_rank_correlation: float
    noise_skill_kept: float


def importance_matrix(importances: pd.DataFrame) -> pd.DataFrame:
    """Return importances as features x folds, 0 where a feature was not selected, most important first."""
    table = importances.pivot_table(index="feature", columns="fold", values="value", aggfunc="sum", fill_value=0.0)
    order = np.lexsort((table.index.to_numpy().astype(str), -table.mean(axis=1).to_numpy()))
    return table.iloc[order]


def importance_rows(importances: pd.DataFrame) -> tuple[ImportanceRow, ...]:
    """Summarise the importances of every feature that a fold selected, most important first."""
    table = importance_matrix(importances)
    used = importances.groupby("feature")["fold"].nunique()
    return tuple(
        ImportanceRow(str(name), float(values.mean()), float(values.std()), int(used[name]))
        for name, values in zip(table.index, table.to_numpy(dtype=np.float64), strict=True)
    )


def _top_share(importances: pd.DataFrame, count: int) -> float:
    """Return the share of the largest importances of each fold's own model, averaged over folds."""
    values = np.sort(importance_matrix(importances).to_numpy(dtype=np.float64), axis=0)[::-1]
    totals = values.sum(axis=0)
    return _mean((values[:count].sum(axis=0)[totals > 0.0] / totals[totals > 0.0]).tolist())


def rank_stability(importances: pd.DataFrame) -> float:
    """Return the mean Spearman correlation of the importances between all pairs of folds; NaN with one fold."""
    values = importance_matrix(importances).to_numpy(dtype=np.float64)
    found = [scores.rank_ic(values[:, a], values[:, b]) for a, b in combinations(range(values.shape[1]), 2)]
    return _mean(found)


def overfitting(folds: Sequence[FoldRow], importances: pd.DataFrame, noise: pd.DataFrame) -> Overfitting:
    """Compare inner validation with test over all folds, and measure the stability of the model."""
    rows = importance_rows(importances)
    inner_auc, test_auc = _mean([row.inner_auc for row in folds]), _mean([row.auc for row in folds])
    return Overfitting(
        inner_auc=inner_auc,
        test_auc=test_auc,
        skill_kept=_ratio(test_auc - 0.5, inner_auc - 0.5),
        inner_accuracy=_mean([row.inner_accuracy for row in folds]),
        test_accuracy=_mean([row.accuracy for row in folds]),
        inner_edge=_mean([row.inner_accuracy - row.inner_base_rate for row in folds]),
        test_edge=_mean([row.accuracy - row.base_rate for row in folds]),
        inner_log_loss=_mean([row.inner_log_loss for row in folds]),
        test_log_loss=_mean([row.log_loss for row in folds]),
        inner_information_coefficient=_mean([row.inner_information_coefficient for row in folds]),
        test_information_coefficient=_mean([row.information_coefficient for row in folds]),
        folds=len(folds),
        folds_with_skill=sum(row.auc > 0.5 for row in folds),
        folds_with_profit=sum(row.total_return > 0.0 for row in folds),
        largest_fold_share=_largest_share([row.total_return for row in folds]),
        top_1_importance=sum(row.mean for row in rows[:1]),
        top_10_importance=_top_share(importances, 10),
        importance_rank_correlation=rank_stability(importances),
        noise_rank_correlation=_mean(noise["signal_rank_correlation"].tolist()),
        noise_skill_kept=_ratio(_mean(noise["skill_noisy"].tolist()), _mean(noise["skill_base"].tolist())),
    )


def _mean(values: Sequence[float]) -> float:
    known: npt.NDArray[np.float64] = np.asarray([value for value in values if math.isfinite(value)], dtype=np.float64)
    return float(known.mean()) if known.size else math.nan


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan


def _largest_share(returns: Sequence[float]) -> float:
    total = sum(returns)
    return max(returns) / total if total > 0.0 else math.nan
