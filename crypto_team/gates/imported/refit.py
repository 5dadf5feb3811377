"""Whether the stated features can give the stated forecasts: small models are fitted anew on earlier rows only (LK008).

A model that was fitted on the very rows that it "predicts" has skill on noise, and nothing in its dates has to say so.
But nobody else gets any from the same features: what cannot be found again by walking forward was not found by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import DEVIATIONS
from crypto_team.gates.recompute import milliseconds, stamp
from crypto_team.gates.statistics import DAY_MS, rank_ic_contributions
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clusters import clustered

Floats = npt.NDArray[np.float64]
Learner = Callable[[Floats, Floats, Floats], Floats]
SHARE = 0.5
"""Sampled features, fewer rows and plain learners cost an honest model less than half of its skill."""
VISIBLE = 0.01
FEWEST_ROWS, FEWEST_TESTED = 300, 500
LAGS = (1, 2, 4)


@dataclass(frozen=True)
class Refit:
    """Rank correlation with forward returns on the same test rows: of the stated forecasts, and of those made anew."""

    stated: float
    anew: float
    rows: int
    unattainable: bool

    def words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"stated forecasts rank forward returns with {self.stated:.3f} on {self.rows} test rows, models fitted on "
            f"earlier rows of the stated features with {self.anew:.3f}: what was known then gives no such forecasts"
        )


def refit(meta: EvidenceMeta, predictions: pd.DataFrame, features: pd.DataFrame) -> Refit | None:
    """Fit ridge regression, and boosted trees where it finds nothing, in the stated ranges; None where rows are few.

    Features come with their values of 1, 2 and 4 sampled rows before, because models may read more than the last row.
    Labels are the forward returns that any part of the predictions states. `unattainable` says that the stated skill is
    surely above 0.01 while that of the better learner is surely below half of it, both at the share of one check in
    the budget of false alarms, with errors by days.
    """
    rows = _rows(predictions, features)
    if rows.empty:
        return None
    found = None
    for learner in (_ridge, _trees):
        found = _compared(meta, predictions, rows, learner)
        if found is None or not found.unattainable:
            return found
    return found


def _rows(predictions: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return features with lags (columns x0, x1, ...), forward return and when it was known, by pair and time."""
    names = [name for name in features.columns if name not in ("time", "pair")]
    numbers = features[names].select_dtypes(include=["number", "bool"]).astype(np.float64)
    numbers = numbers.set_axis([f"x{number}" for number in range(numbers.shape[1])], axis=1)
    table = pd.concat([features[["time", "pair"]], numbers], axis=1).drop_duplicates(["pair", "time"])
    table = table.sort_values(["pair", "time"], kind="stable")
    pairs = table.groupby("pair", sort=False)[list(numbers.columns)]
    table = pd.concat([table, *(pairs.shift(lag).add_suffix(f"_{lag}") for lag in LAGS)], axis=1)
    known = predictions[predictions["forward_return"].notna()].drop_duplicates(["pair", "time"])
    if numbers.empty:
        return table.iloc[:0]
    return table.merge(known[["pair", "time", "forward_return"]], on=["pair", "time"])


def _compared(meta: EvidenceMeta, predictions: pd.DataFrame, rows: pd.DataFrame, learner: Learner) -> Refit | None:
    pieces = list(_folds(meta, predictions, rows, learner))
    if not pieces or sum(len(piece) for piece in pieces) < FEWEST_TESTED:
        return None
    table = pd.concat(pieces)
    stated, anew = float(table["stated"].mean()), float(table["anew"].mean())
    days = table["day"].to_numpy(dtype=np.int64)

    def error(values: Floats) -> float:
        return math.sqrt(float(clustered((values - values.mean())[:, None], days)[0, 0])) / values.size

    own = table["stated"].to_numpy(dtype=np.float64)
    gap = table["anew"].to_numpy(dtype=np.float64) - SHARE * own
    sure = stated - DEVIATIONS * error(own) > VISIBLE and float(gap.mean()) + DEVIATIONS * error(gap) < 0.0
    return Refit(stated, anew, len(table), bool(sure))


def _folds(
    meta: EvidenceMeta, predictions: pd.DataFrame, rows: pd.DataFrame, learner: Learner
) -> Iterator[pd.DataFrame]:
    """Yield day and contributions to both rank correlations of the test rows of every fold that can be fitted."""
    names = [name for name in rows.columns if name.startswith("x")]
    horizon = meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000
    times = milliseconds(rows["time"])
    for fold in meta.folds:
        begin = stamp(fold.test_start)
        chosen = (times >= stamp(fold.train_start)) & (times + horizon < begin)
        test = predictions[(predictions["fold"] == fold.fold) & (predictions["part"] == "test")]
        test = test[["pair", "time", "signal"]].merge(rows, on=["pair", "time"]).dropna(subset=["signal"])
        if chosen.sum() < FEWEST_ROWS or len(test) < 30:
            continue
        x = rows.loc[chosen, names].to_numpy(dtype=np.float64)
        y = rows.loc[chosen, "forward_return"].to_numpy(dtype=np.float64)
        told = learner(x, y, test[names].to_numpy(dtype=np.float64))
        truth = test["forward_return"].to_numpy(dtype=np.float64)
        made = pd.DataFrame({
            "day": milliseconds(test["time"]) // max(DAY_MS, horizon),
            "stated": rank_ic_contributions(test["signal"].to_numpy(dtype=np.float64), truth),
            "anew": np.nan_to_num(rank_ic_contributions(told, truth)),
        })  # fmt: skip
        yield made[np.isfinite(made["stated"])]


def _ridge(x: Floats, y: Floats, asked: Floats) -> Floats:
    """Fit standardised features, a hundredth of the rows as penalty; what is unknown is the mean."""
    mean, spread = np.nan_to_num(np.nanmean(x, axis=0)), np.nan_to_num(np.nanstd(x, axis=0))
    scale = np.where(spread > 0.0, spread, 1.0)
    z, w = (np.clip(np.nan_to_num((each - mean) / scale), -5.0, 5.0) for each in (x, asked))
    low, high = np.quantile(y, [0.01, 0.99])
    target = np.clip(y, low, high) - y.mean()
    weights = np.linalg.solve(z.T @ z + 0.01 * len(y) * np.eye(z.shape[1]), z.T @ target)
    return np.asarray(w @ weights)


def _trees(x: Floats, y: Floats, asked: Floats) -> Floats:
    """Fit small boosted trees on the sign of the return."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    event = y > np.median(y)
    if event.all() or not event.any():
        return np.zeros(len(asked))
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, learning_rate=0.08, min_samples_leaf=60, early_stopping=False, random_state=0
    )
    return np.asarray(model.fit(x, event).predict_proba(asked)[:, 1])
