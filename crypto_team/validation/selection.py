"""Feature selection inside one training window: constants, near-duplicates, then what quick fits say of the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from crypto_team.models.base import shares
from crypto_team.models.scaling import fit_scaler
from crypto_team.schemas.features import Ranking

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Kind = Literal["importance", "shap"]
Ranker = Callable[[list[int], Kind], Floats]
MOST_FEATURES = 50
LEAST_SHARE = 0.1
FILTER_CLIP = 10.0


@dataclass(frozen=True)
class Selection:
    """Columns that stay, in matrix order, and why each other one went."""

    kept: list[int]
    removed: dict[int, str]


def select(
    x: Matrix,
    y: Floats,
    *,
    names: list[str],
    correlation_limit: float,
    max_features: int,
    rank: Ranker,
    ranking: Ranking = "importance",
) -> Selection:
    """Choose columns from training rows alone.

    Parameters
    ----------
    x, y
        Training rows (n, k) and their target; NaN in `x` means unknown.
    names
        Column names, for the reasons.
    correlation_limit
        A column whose absolute correlation with a *kept* one is above this goes; the more relevant one is kept first.
    max_features
        Columns left at the end.
    rank
        Importance, or mean absolute SHAP value, of some columns, given by their numbers, from a quick fit on the same
        rows; a learner over windows takes their history along.
    ranking
        The stages behind the filter. ``importance`` and ``shap`` keep the first `max_features`. ``rfe`` ranks again
        after every round that drops the weakest quarter (recursive feature elimination; Guyon et al. 2002), because
        importances that near-twins share come back together once one of them is gone. ``chain`` keeps the first 50 by
        importance, eliminates down to `max_features`, and then prunes what has less than a tenth of an even share of
        the SHAP values: what is left may be fewer.

    Returns
    -------
    Selection
        At least one column when any has spread.
    """
    removed: dict[int, str] = {}
    columns = _without_twins(x, y, names, correlation_limit, removed)
    if ranking == "chain":
        columns = _first(columns, rank, "importance", MOST_FEATURES, removed)
    if ranking in {"rfe", "chain"}:
        rounds = _rounds(len(columns), max_features)
        for number, left in enumerate(rounds, start=1):
            told = f"round {number} of {len(rounds)}, "
            columns = _top(columns, rank(columns, "importance"), left, removed, told)
    else:
        columns = _first(columns, rank, "shap" if ranking == "shap" else "importance", max_features, removed)
    if ranking == "chain" and len(columns) > 1:
        columns = _pruned(columns, shares(rank(columns, "shap")), removed)
    return Selection(columns, removed)


def _without_twins(x: Matrix, y: Floats, names: list[str], limit: float, removed: dict[int, str]) -> list[int]:
    """Drop columns without spread, and of columns that say the same all but the most relevant one."""
    spread = _with_spread(x, removed)
    z = fit_scaler(x[:, spread]).transform(x[:, spread], clip=FILTER_CLIP)
    z -= z.mean(axis=0)
    relevance = _absolute_correlations(z, y)
    order = sorted(range(len(spread)), key=lambda at: (-relevance[at], at))
    correlation = np.abs(_correlation_matrix(z))
    kept: list[int] = []
    for at in order:
        twin = next((other for other in kept if correlation[at, other] > limit), None)
        if twin is None:
            kept.append(at)
        else:
            removed[spread[at]] = f"correlation {correlation[at, twin]:.3f} with {names[spread[twin]]}"
    return sorted(spread[at] for at in kept)


def _first(columns: list[int], rank: Ranker, kind: Kind, most: int, removed: dict[int, str]) -> list[int]:
    """Keep the first `most` columns; nothing is fitted where there are no more."""
    if len(columns) <= most:
        return columns
    return _top(columns, rank(columns, kind), most, removed, "SHAP " if kind == "shap" else "")


def _pruned(columns: list[int], share: Floats, removed: dict[int, str]) -> list[int]:
    """Drop the columns that move the forecasts next to nothing."""
    least = LEAST_SHARE / len(columns)
    kept = []
    for column, own in zip(columns, share, strict=True):
        if own < least:
            removed[column] = f"SHAP share {own:.5f}, below {least:.5f}"
        else:
            kept.append(column)
    return kept


def varies(values: npt.NDArray[np.float32]) -> bool:
    """Say whether some values, shape (n,), hold two different known ones."""
    known = values[np.isfinite(values)]
    return bool(known.size and np.ptp(known) > 0.0)


def _with_spread(x: Matrix, removed: dict[int, str]) -> list[int]:
    spread = []
    for column in range(x.shape[1]):
        values = x[:, column]
        known = values[np.isfinite(values)]
        if known.size == 0:
            removed[column] = "no value in the training rows"
        elif np.ptp(known) == 0.0:
            removed[column] = "constant in the training rows"
        else:
            spread.append(column)
    return spread


def _rounds(columns: int, most: int) -> list[int]:
    """Return how many columns each round of elimination leaves: a quarter goes each time, down to `most`."""
    left: list[int] = []
    while columns > most:
        columns = max(most, columns - max(1, columns // 4))
        left.append(columns)
    return left


def _top(columns: list[int], importance: Floats, count: int, removed: dict[int, str], told: str = "") -> list[int]:
    order = sorted(range(len(columns)), key=lambda at: (-importance[at], at))
    for place, at in enumerate(order[count:], start=count + 1):
        removed[columns[at]] = f"{told}importance rank {place} of {len(columns)}"
    return sorted(columns[at] for at in order[:count])


def _absolute_correlations(z: Floats, y: Floats) -> Floats:
    """Return |correlation| of the centred columns with `y`; 0 for a column without spread."""
    target = y - y.mean()
    norm = np.sqrt(np.einsum("ij,ij->j", z, z) * float(target @ target))
    return np.asarray(np.abs(np.divide(z.T @ target, norm, out=np.zeros(z.shape[1]), where=norm > 0.0)))


def _correlation_matrix(z: Floats) -> Floats:
    """Return the correlations of centred columns, without a scaled copy of the rows; 0 for a column without spread."""
    norm = np.sqrt(np.einsum("ij,ij->j", z, z))
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0.0)
    return np.asarray((z.T @ z) * np.outer(scale, scale))
