"""Checks of what the model leans on: importance shares, their stability, and the number of features (OF)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import DEVIATIONS, deviations
from crypto_team.gates.calibration import MOST_STRETCHED
from crypto_team.gates.leaning import Leaning
from crypto_team.gates.registry import Verdict, check, insufficient, passed, refused, weigh
from crypto_team.gates.statistics import (
    importance_shares,
    rank_agreement,
    rank_agreement_by_chance,
    share_overlap,
    top_share,
)
from crypto_team.schemas.evidence import EvidenceMeta

Floats = npt.NDArray[np.float64]
FEW_FEATURES = 20
PHANTOM = 0.5
MUCH = 1.5
ALIKE = 0.9
RETRAIN = ("crypto-team ml-engineer importance STR", "crypto-team ml-engineer train STR")


def _shares_by_fold(importances: pd.DataFrame) -> pd.DataFrame:
    """Return folds x features, each fold scaled to 1; a feature that a fold did not use has share 0."""
    table = importances.pivot_table(index="fold", columns="feature", values="value", aggfunc="sum", fill_value=0.0)
    rows = [importance_shares(row) for row in table.to_numpy(dtype=np.float64)]
    return pd.DataFrame(np.array(rows), index=table.index, columns=table.columns)


def mean_shares(importances: pd.DataFrame) -> pd.Series[float]:
    """Return each feature's share of importance, averaged over folds, largest first."""
    return _shares_by_fold(importances).mean(axis=0).sort_values(ascending=False)


@check(
    "OF001",
    "The ten most important features carry most of the signal",
    unit="share of importance",
    source="ML engineer card, overfitting checklist",
    mend="use fewer features or a stronger penalty: importance spread thinly over many is noise that was learned",
    remedy=RETRAIN,
    stricter={"top10": "higher"},
    passes=f"value > top10 and phantom <= {PHANTOM:g}",
)
def top_features_carry(importances: pd.DataFrame, leaning: Leaning | None = None, *, top10: float = 0.5) -> Verdict:
    """Require that in each fold's model its own ten largest shares of importance sum to more than half, on average.

    Every fold has a model of its own, so its top ten are its own too: averaging shares over folds first would measure
    how far the selections differ, which is the business of OF007.
    Refused, too, where most of the stated importance lies on features that the forecasts do not depend on (OF002).
    """
    by_fold = _shares_by_fold(importances)
    largest = np.array([top_share(row) for row in by_fold.to_numpy()])
    share = float(largest.mean())
    used = float((by_fold.to_numpy() > 0.0).sum(axis=1).mean())
    note = ""
    if used <= FEW_FEATURES:
        note = f"; with {used:.0f} features this says little, {min(1.0, 10 / used):.0%} would be an even spread"
    text = (
        f"a fold's ten most important of {used:.0f} features carry {share:.1%} of its importance on average "
        f"({largest.min():.1%} to {largest.max():.1%} over {len(by_fold)} folds){note}"
    )
    shares = mean_shares(importances)
    lines = tuple(f"{name}: {value:.3f}" for name, value in shares[:10].items())
    phantom, words = (0.0, "") if leaning is None else leaning.phantom(by_fold)
    told = f"{words}; {text}" if phantom > PHANTOM else text
    return weigh(told, share, {"phantom": phantom}, evidence=lines)


@check(
    "OF002",
    "No single feature dominates",
    unit="share of importance",
    source="ML engineer card, overfitting checklist; also by cluster of correlated features",
    mend="leave that feature out and see whether the others have any skill",
    remedy=RETRAIN,
    stricter={"single": "lower", "cluster": "lower"},
    passes=f"value <= single + min(room, {MUCH - 1.0:g} * single) and (look_alikes <= 1 or together <= cluster) "
    "and hidden <= 0",
)
def no_feature_dominates(
    importances: pd.DataFrame,
    features_sample: pd.DataFrame | None = None,
    leaning: Leaning | None = None,
    *,
    single: float = 0.3,
    cluster: float = 0.5,
) -> Verdict:
    """No feature's mean share of importance is above the limit, nor that of any feature with all its look-alikes.

    Look-alikes are features whose ranks within a pair correlate by more than 0.9 (81 % of the variance), so that
    neither copies with noise nor other scales of one series hide it. Shares differ from fold to fold, so a mean
    that is less than half above the limit of a feature refuses only beyond its error over folds (`gates/alarms`). A
    theme may carry a strategy, as reversion does for many honest ones whose features correlate by 0.8; the majority
    may not lie on one series under many names.

    The table is not believed: where the features lie beside the forecasts, an additive model of them says what the
    forecasts lean on. Refused where it gives four fifths of them, one group of features carries three quarters of
    their variance and four fifths of their skill, and the table gives that group less than half of its share, nor
    four times what other features have on average. No kind of importance does that.
    """
    shares = mean_shares(importances)
    hidden, words = (0.0, "") if leaning is None else leaning.hidden(shares)
    if leaning is not None and hidden > 0.0:
        numbers = {"hidden": hidden, "room": 0.0, "look_alikes": 1, "together": float(leaning.absolute.max())}
        return weigh(words, float(leaning.absolute.max()), numbers, evidence=("importances.parquet",))
    name, share = str(shares.index[0]), float(shares.iloc[0])
    text = f"{name} carries {share:.1%} of the importance"
    evidence = [f"importances.parquet: {name}"]
    room = _room(_shares_by_fold(importances)[name].to_numpy(dtype=np.float64), single)
    if single < share <= single + room:
        text = f"{text}, {single:.0%} are allowed, within what folds differ by"
    elif share > single:
        text = f"{text}, {single:.0%} are allowed"
    if features_sample is None:
        numbers = {"hidden": hidden, "room": room, "look_alikes": 1, "together": share}
        return weigh(text, share, numbers, evidence=tuple(evidence))
    group = _largest_group(shares, features_sample)
    together = float(shares[group].sum())
    numbers = {"hidden": hidden, "room": room, "look_alikes": len(group), "together": together}
    text += f"; with its look-alikes (|rank correlation| > {ALIKE}) the largest group carries {together:.1%}"
    text += f", {cluster:.0%} are allowed ({', '.join(group[:5])})"
    # A group of one is a feature, which has its own limit.
    if len(group) == 1 or together <= cluster + 1e-12:
        return weigh(text, share, numbers, evidence=tuple(evidence))
    evidence += [f"importances.parquet: {each} {shares[each]:.1%}" for each in group]
    shown = together if share <= single + room else share
    return weigh(f"{text}: one series under many names", shown, numbers, evidence=tuple(evidence))


def _room(shares: Floats, limit: float) -> float:
    """Return how far the mean over folds may lie above the limit by what folds differ, at most half of the limit."""
    known = np.nan_to_num(shares)
    if known.size < 2:
        return 0.0
    error = float(known.std(ddof=1)) / math.sqrt(known.size)
    return min((MUCH - 1.0) * limit, min(MOST_STRETCHED * DEVIATIONS, deviations(known.size - 1.0)) * error)


def _largest_group(shares: pd.Series[float], sample: pd.DataFrame) -> list[str]:
    """Return the feature whose look-alikes carry most, with them, the most important first."""
    names = [str(name) for name in shares.index if name in sample.columns]
    if len(names) < 2:
        return [str(shares.index[0])]
    ranks = sample.groupby("pair")[names].rank(pct=True)
    linked = ranks.corr().abs().to_numpy() > ALIKE
    np.fill_diagonal(linked, val=True)
    weight = linked @ shares[names].to_numpy()
    return [name for name, member in zip(names, linked[int(weight.argmax())], strict=True) if member]


@check(
    "OF007",
    "Importances are stable over folds",
    unit="mean rank correlation",
    source="ML engineer card, critical rule 6",
    mend="use fewer and steadier features, or longer training windows",
    remedy=RETRAIN,
    stricter={"agreement": "higher", "overlap": "higher"},
    passes=f"(value >= agreement and value > shuffled or common >= overlap) and phantom <= {PHANTOM:g}",
)
def importances_stable(
    importances: pd.DataFrame, leaning: Leaning | None = None, *, agreement: float = 0.1, overlap: float = 0.75
) -> Verdict:
    """Rankings of the features agree over folds by more than the limit, and by more than shuffled rankings do.

    Where shares are nearly even their order says nothing; then at least `overlap` of the importance has to lie on the
    same features in any two folds. Agreement near 1 over many features is reported as a signal too: a leak spread
    over features ranks alike everywhere.
    Refused, too, where most of the stated importance lies on features that their fold's forecasts do not depend on.
    """
    shares = _shares_by_fold(importances)
    phantom, words = (0.0, "") if leaning is None else leaning.phantom(shares)
    if len(shares) < 2:
        return insufficient(f"{len(shares)} fold with importances, two are needed to compare: {2 - len(shares)} more")
    used = shares.to_numpy() > 0.0
    if shares.shape[1] <= 3:
        same = bool((used == used[0]).all())
        text = f"{shares.shape[1]} features, {'the same' if same else 'not the same'} in all folds"
        told = f"{words}; {text}" if phantom > PHANTOM else text
        return weigh(told, float(same), {"shuffled": 0.0, "common": 0.0, "phantom": phantom})
    value = rank_agreement(shares.to_numpy())
    chance = rank_agreement_by_chance(shares.to_numpy(), rng=np.random.default_rng(7))
    common = share_overlap(shares.to_numpy())
    text = (
        f"importance rankings of {len(shares)} folds agree by {value:.2f}, shuffled ones by up to {chance:.2f}; "
        f"{common:.0%} of the importance is common to two folds"
    )
    if value > 0.98 and shares.shape[1] > 10:
        text += "; this is unusually equal, look for a leak spread over several features"
    if phantom > PHANTOM:
        text = f"{words}; {text}"
    numbers = {"shuffled": chance, "common": common, "phantom": phantom}
    return weigh(text, value, numbers, interval=(chance, 1.0))


@check(
    "OF009",
    "At most 50 features",
    unit="features",
    source="ML engineer card, critical rule 8",
    mend="select at most fifty features inside each fold",
    remedy=("crypto-team ml-engineer set-model STR --max-features 50", *RETRAIN),
    stricter={"features": "lower"},
    passes="1 <= value <= features",
)
def few_enough_features(meta: EvidenceMeta, importances: pd.DataFrame, *, features: float = 50) -> Verdict:
    """No fold's model uses more features than the limit, by the record of the folds and by the stored importances."""
    selected = {fold.fold: set(fold.selected) for fold in meta.folds}
    for number, rows in importances.groupby("fold"):
        selected.setdefault(int(str(number)), set()).update(rows["feature"].astype(str))
    largest = max((len(names) for names in selected.values()), default=0)
    if largest == 0:
        return refused("no fold selected any feature", 0)
    if largest > features:
        return refused(f"a fold uses {largest} features", largest)
    return passed(f"at most {largest} features in a fold", largest)
