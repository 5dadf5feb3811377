"""What forecasts lean on, recomputed from the features beside them, whatever the table of importances says (OF)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from scipy.stats import spearmanr

from crypto_team.gates.recompute import Returns, milliseconds

Floats = npt.NDArray[np.float64]
LINKED = 0.3
FEWEST_ROWS, ROWS_A_COLUMN, FEWEST_VALUES = 200, 5, 20
MOST_ROWS, ROWS_A_FOLD = 30_000, 2_000
"""Shares are known well from so many test rows; more only take time."""
FAITHFUL, WHOLE = 0.8, 0.95
MOST_VARIANCE, LEAST_VARIANCE, MOST_SKILL = 0.75, 0.002, 0.8
HALF, TIMES = 0.5, 4.0


@dataclass(frozen=True)
class Leaning:
    """Shares of each group of linked features in what an additive model, fitted to the forecasts, makes of them.

    `absolute` is the share of the mean absolute contribution, `variance` that of its variance, `explained` the part
    of the forecasts' variance that the additive model gives (R squared); means over folds. `skill` is the rank
    correlation of a group's contribution with forward returns, summed over folds, over that of the forecasts, summed
    alike: one fold in which they are worth nothing would drown a mean of ratios. `folds` names the folds of
    `variances` (folds, groups), and `still` says which features hardly varied in the test part of a fold.
    """

    groups: tuple[tuple[str, ...], ...]
    absolute: Floats
    variance: Floats
    skill: Floats
    explained: float
    folds: tuple[int, ...]
    variances: Floats
    still: tuple[frozenset[str], ...]

    def hidden(self, shares: pd.Series[float]) -> tuple[float, str]:
        """Return by how much a table hides the group that carries the forecasts, and words; 0 where it need not.

        Gain, permutation, SHAP values and coefficients share things out differently, and noise adds to each. No kind
        gives a group with three quarters of the variance and four fifths of the skill less than half of its share of
        the absolute contributions while it is not even four times as important as other features on average.
        """
        place = int(self.variance.argmax())
        carries = self.variance[place] >= MOST_VARIANCE and self.skill[place] >= MOST_SKILL
        if not carries or self.explained < FAITHFUL:
            return 0.0, ""
        group = [name for name in self.groups[place] if name in shares.index]
        others = shares.drop(group)
        stated = float(shares[group].sum())
        like_others = stated < TIMES * max(1, len(group)) * float(others.mean()) if len(others) else False
        gap = HALF * float(self.absolute[place]) - stated
        if gap <= 0.0 or not like_others:
            return 0.0, ""
        told = ", ".join(self.groups[place][:5])
        return gap, (
            f"the table gives {told} {stated:.1%}, recomputed from features and forecasts it carries "
            f"{self.absolute[place]:.1%} of them ({self.variance[place]:.0%} of their variance): the table is not that "
            "of these forecasts"
        )

    def phantom(self, by_fold: pd.DataFrame) -> tuple[float, str]:
        """Return the share that a table (folds, features) lays on features that forecasts do not read, and words.

        Noise spreads thinly over many features, so only those with more than an even share in a fold count.
        """
        even = 1.0 / sum(map(len, self.groups))
        if self.explained < WHOLE:
            return 0.0, ""
        laid: dict[str, float] = {}
        known = [number for number, fold in enumerate(self.folds) if fold in by_fold.index]
        for number in known:
            row = by_fold.loc[self.folds[number]]
            shares = dict(zip(map(str, row.index), row.to_numpy(dtype=np.float64).tolist(), strict=True))
            for name in self._idle(number):
                if shares.get(name, 0.0) > even:
                    laid[name] = laid.get(name, 0.0) + shares[name] / len(known)
        value = sum(laid.values())
        named = ", ".join(sorted(laid, key=lambda name: -laid[name])[:5])
        return value, (
            f"{value:.1%} of the stated importance lies on features that the forecasts of their fold do not depend on "
            f"({named}): the table is not that of these forecasts"
        )

    def _idle(self, number: int) -> list[str]:
        """Return the features that the forecasts of a fold do not depend on, though they varied."""
        groups = zip(self.groups, self.variances[number], strict=True)
        still = self.still[number]
        return [name for group, share in groups if share < LEAST_VARIANCE and not still & {*group} for name in group]


def leaning(returns: Returns, sample: pd.DataFrame) -> Leaning | None:
    """Fit an additive model to the forecasts of each fold's test part and share them out; None where rows are few.

    Each feature enters with its value, clipped at five deviations, and with the normal score of its rank. Features
    whose ranks correlate by more than 0.3, directly or through others, are one group: which of them a model reads
    cannot be told.
    """
    names = [
        str(name)
        for name in sample.columns
        if name not in {"time", "pair", "fold", "part"} and pd.api.types.is_numeric_dtype(sample[name])
    ]
    rows, features = _rows(returns, sample, names)
    made_of = {
        int(str(number)): _additive(fold, features.loc[fold.index].to_numpy(dtype=np.float64))
        for number, fold in rows.groupby("fold")
    }
    fitted = [each for each in made_of.values() if each is not None]
    if not fitted or len(names) < 2:
        return None
    groups = _groups(features, rows["pair"])
    member = np.array([[name in group for group in groups] for name in names], dtype=np.float64)
    absolute, variance, parallel = (np.zeros((len(fitted), len(groups))) for _ in range(3))
    whole = 0.0
    for number, (parts, told, _, forward) in enumerate(fitted):
        made = parts @ member
        absolute[number] = _shares(np.abs(made).mean(axis=0))
        variance[number] = _shares(made.var(axis=0))
        parallel[number] = [_parallel(column, forward) for column in made.T]
        whole += _parallel(told, forward)
    explained = float(np.mean([each[2] for each in fitted]))
    folds = tuple(number for number, each in made_of.items() if each is not None)
    counts = features.groupby(rows["fold"]).nunique().loc[list(folds)] < FEWEST_VALUES
    still = tuple(frozenset(row.index[row]) for _, row in counts.iterrows())
    skill = parallel.sum(axis=0) / whole if whole > 0.0 else np.zeros(len(groups))
    return Leaning(groups, absolute.mean(axis=0), variance.mean(axis=0), skill, explained, folds, variance, still)


def _rows(returns: Returns, sample: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the test rows that have features, with fold, signal and forward return, and beside them the features.

    The two are kept apart because a feature may have the name of anything, `signal` as well.
    """
    test = returns.test[["time", "pair", "fold", "signal", "forward_return"]]
    most = max(MOST_ROWS, ROWS_A_FOLD * test["fold"].nunique())
    if len(test) > most:
        # Drawn, not every so many: pairs and hours come round in turn.
        test = test[np.random.default_rng(7).random(len(test)) < most / len(test)]
    test = test.assign(time=milliseconds(test["time"]))
    own = {name: f"feature {name}" for name in names}
    known = sample[["pair", *names]].rename(columns=own).assign(time=milliseconds(sample["time"]))
    found = test.merge(known.drop_duplicates(["pair", "time"]), on=["pair", "time"], how="inner")
    whole = found[np.isfinite(found[["signal", *own.values()]].to_numpy(dtype=np.float64)).all(axis=1)]
    return whole[list(test.columns)], whole[list(own.values())].set_axis(names, axis=1)


def _score(values: Floats) -> Floats:
    """Return normal scores of the ranks of each column; shape as given."""
    ranks = pd.DataFrame(values).rank().to_numpy(dtype=np.float64)
    return np.asarray(ndtri((ranks - 0.5) / len(values)))


def _additive(fold: pd.DataFrame, values: Floats) -> tuple[Floats, Floats, float, Floats] | None:
    """Return contributions (n, features), signal scores (n,), R squared and forward returns of one fold."""
    count = values.shape[1]
    if len(values) < max(FEWEST_ROWS, 2 * ROWS_A_COLUMN * count) or float(fold["signal"].std()) == 0.0:
        return None
    spread = values.std(axis=0)
    z = np.clip((values - values.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0), -5.0, 5.0)
    bases = np.hstack([z, _score(values)])
    bases -= bases.mean(axis=0)
    told = _score(fold[["signal"]].to_numpy(dtype=np.float64))[:, 0]
    told -= told.mean()
    penalty = 1e-4 * len(values) * np.eye(bases.shape[1])
    weights = np.linalg.solve(bases.T @ bases + penalty, bases.T @ told)
    parts = bases * weights
    left = told - parts.sum(axis=1)
    explained = 1.0 - float(left.var()) / float(told.var())
    forward = fold["forward_return"].to_numpy(dtype=np.float64)
    return parts[:, :count] + parts[:, count:], told, explained, forward


def _groups(features: pd.DataFrame, pair: pd.Series[str]) -> tuple[tuple[str, ...], ...]:
    """Return the features in groups that are linked by rank correlation within pairs, each with itself."""
    names = [str(name) for name in features.columns]
    linked = features.groupby(pair).rank(pct=True).corr().abs().fillna(0.0).to_numpy() > LINKED
    np.fill_diagonal(linked, val=True)
    for _ in names:
        linked = linked @ linked
    seen: dict[tuple[str, ...], None] = {}
    for row in linked:
        seen[tuple(name for name, inside in zip(names, row, strict=True) if inside)] = None
    return tuple(seen)


def _shares(values: Floats) -> Floats:
    return values / values.sum() if values.sum() > 0.0 else values


def _parallel(values: Floats, forward: Floats) -> float:
    """Return the rank correlation with forward returns; 0 where too few are known, or one of the two is constant."""
    known = np.isfinite(forward)
    if known.sum() <= 2 or np.ptp(values[known]) == 0.0 or np.ptp(forward[known]) == 0.0:
        return 0.0
    return float(spearmanr(values[known], forward[known]).statistic)
