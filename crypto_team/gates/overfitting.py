"""Checks of skill: does what was seen inside hold outside, in most windows, under noise, calibrated (OF)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.gates.alarms import FALSE_ALARM
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge, passed, refused
from crypto_team.gates.skill import part_skill, skill_contributions
from crypto_team.gates.statistics import Mean, modes
from crypto_team.schemas.evidence import EvidenceMeta

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer importance STR", "crypto-team ml-engineer train STR")
MORE_DATA = ("crypto-team data import FILE", *RETRAIN)


@check(
    "OF003",
    "Out-of-sample skill is within 20 % of inner skill",
    unit="share of the inner skill that is lost",
    source="ML engineer card, overfitting checklist; on skill above no skill, where noise of the data does not decide",
    mend="use a stronger penalty, fewer features or more training rows",
    remedy=RETRAIN,
    stricter={"lost": "lower", "confidence": "lower"},
    tolerant=True,
)
def skill_holds_outside(
    returns: Returns, meta: EvidenceMeta, *, lost: float = 0.2, confidence: float = 1.0 - FALSE_ALARM
) -> Verdict:
    """Require that test skill (AUC - 0.5 or rank correlation) is not below 80 % of inner skill, beyond sampling error.

    Refused when the upper limit of test - 0.8 x inner is below zero, at the share of one check in the budget of false
    alarms (`gates/alarms`) and with errors of blocks of time; not enough evidence when there is no inner skill to
    compare with, or when the test skill itself cannot be told from zero at 95 %. With `confidence` 0.5 the plain
    numbers are compared, as the team card reads.
    """
    inner, _ = part_skill(returns.predictions, meta, "inner", 11)
    test, rows = part_skill(returns.predictions, meta, "test", 12)
    if not (np.isfinite(inner.estimate) and np.isfinite(test.estimate)):
        return insufficient(_without_skill(returns.predictions, {"inner": inner.estimate, "test": test.estimate}))
    text = f"inner skill {inner.estimate:.4f}, test skill {test.estimate:.4f}"
    if inner.estimate <= 0.0:
        return insufficient(f"{text}: there is no inner skill that could hold")
    share = (inner.estimate - test.estimate) / inner.estimate
    draws = test.draws - (1.0 - lost) * inner.draws
    gap = test.estimate - (1.0 - lost) * inner.estimate
    # The tail is taken from the normal distribution: a thousand draws have too few values out there.
    upper = gap + float(stats.norm.ppf(confidence)) * float(np.std(draws))
    limits = (1.0 - test.high(0.975) / inner.estimate, 1.0 - test.low(0.975) / inner.estimate)
    if not math.isfinite(upper):
        return insufficient(f"{text}: fewer than five days of predictions")
    if upper < -1e-12:
        return refused(f"{text}: {share:.0%} of the skill is lost, beyond what chance explains", share, interval=limits)
    if test.low(0.95) <= 0.0:
        more = _rows_needed(test, rows)
        return insufficient(f"{text}: test skill cannot be told from zero; {more}", share, interval=limits)
    return passed(f"{text}: {share:.0%} is lost, within sampling error of the limit", share, interval=limits)


def _without_skill(predictions: pd.DataFrame, skills: Mapping[str, float]) -> str:
    """Say of which part there is no skill, and why."""
    reasons = []
    for part in (part for part, skill in skills.items() if not math.isfinite(skill)):
        rows = predictions[predictions["part"] == part]
        known = rows[rows["label"].notna() & rows["signal"].notna()]
        why = f"of {len(rows):,} rows {len(known):,} have a label and a signal" if len(rows) else "there are no rows"
        one = " and only one class occurs" if len(known) and known["label"].nunique() == 1 else ""
        reasons.append(f"part {part}: {why}{one}")
    return f"skill is undefined; {'; '.join(reasons)}"


def _rows_needed(skill: Mean, rows: int) -> str:
    """Say how many more predictions would show a skill of this size at 95 %."""
    if skill.estimate <= 0.0:
        return "it is not positive"
    factor = (1.645 * float(np.nanstd(skill.draws)) / skill.estimate) ** 2
    return f"about {max(1, math.ceil(rows * (factor - 1.0))):,} more predictions would be needed"


@check(
    "OF004",
    "Skill in at least three windows and in most of them",
    unit="share of windows with skill",
    source="ML engineer card, overfitting checklist",
    mend="train again on more and other periods: skill in few windows is luck, or one event",
    remedy=MORE_DATA,
    stricter={"share": "higher", "windows": "higher", "literal": "higher"},
    tolerant=True,
)
def skill_in_most_windows(
    returns: Returns, meta: EvidenceMeta, *, share: float = 0.6, windows: float = 3, literal: float = 0
) -> Verdict:
    """Test skill is positive in at least three folds and 60 % of them, and stays positive without the best fold.

    A fold of few rows shows no skill by chance now and then. So a smaller share refuses only where so few good windows
    are a false alarm in less than its share of the budget (binomial, `gates/alarms`), or where nothing is left without
    the best window. Between, the mean over windows decides: it passes when it is above zero at 95 % (Student's t over
    windows), else there is not enough evidence. With `literal` 1 the plain share decides, as the team card reads.
    """
    by_fold = {
        str(number): float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
        for number, rows in returns.test.groupby("fold")
        for values in [skill_contributions(rows, meta)]
    }
    skills = np.array(list(by_fold.values()))
    known = skills[np.isfinite(skills)]
    if known.size < windows:
        return insufficient(
            f"{known.size} windows with a defined skill, {windows:g} are needed: {math.ceil(windows - known.size)} more"
        )
    good = int((known > 0.0).sum())
    without_best = float(np.delete(known, known.argmax()).mean())
    portion = good / len(skills)
    text = f"skill is positive in {good} of {len(skills)} windows; mean without the best window {without_best:.4f}"
    folds = tuple(f"fold {name}: {value:.4f}" for name, value in by_fold.items())
    if without_best <= 0.0 or (good >= windows and portion >= share - 1e-12) or literal:
        holds = good >= windows and portion >= share - 1e-12 and without_best > 0.0
        return judge(holds, text, portion, evidence=folds)
    return _few_windows(known, good, share, text, folds)


def _few_windows(known: Floats, good: int, share: float, text: str, folds: tuple[str, ...]) -> Verdict:
    """Judge a share of good windows that is below the limit by how improbable it is, and by the mean over windows."""
    n, portion = known.size, good / known.size
    if float(stats.binom.cdf(good, n, share)) < FALSE_ALARM:
        return refused(f"{text}: too few, beyond chance", portion, evidence=folds)
    mean, error = float(known.mean()), float(known.std(ddof=1)) / math.sqrt(n)
    if mean > float(stats.t.ppf(0.95, n - 1)) * error:
        told = f"{text}; their mean {mean:.4f} is above zero beyond chance, so that the weak ones are chance"
        return passed(told, portion, evidence=folds, limit=Limit("at_least", portion))
    more = math.ceil(n * ((1.645 * error / mean) ** 2 - 1.0)) if mean > 0.0 else n
    return insufficient(f"{text}; about {max(1, more)} more windows would tell", portion, evidence=folds)


@check(
    "OF005",
    "Predictions are stable under noise",
    unit="rank correlation",
    source="ML engineer card, overfitting checklist; noise of 10 % of each feature's own deviation",
    remedy=RETRAIN,
    stricter={"correlation": "higher", "skill_lost": "lower"},
)
def stable_under_noise(noise: pd.DataFrame, *, correlation: float = 0.7, skill_lost: float = 0.5) -> Verdict:
    """Signals of the saved models on noisy features still rank like the clean ones, and keep their skill.

    Noise of a tenth of a deviation leaves rank correlation 0.995 for a linear model; below 0.7 more than half of the
    variance of the signal comes from differences between features that are too fine to be real. Skill is judged
    only where the clean skill is positive.
    """
    by_fold = noise.groupby("fold")[["signal_rank_correlation", "skill_base", "skill_noisy"]].mean()
    value = float(by_fold["signal_rank_correlation"].mean())
    base, noisy = float(by_fold["skill_base"].mean()), float(by_fold["skill_noisy"].mean())
    if not (np.isfinite(value) and np.isfinite(base) and np.isfinite(noisy)):
        return insufficient("signals under noise are undefined (constant or missing)")
    kept = base <= 0.0 or noisy >= (1.0 - skill_lost) * base
    text = f"rank correlation {value:.3f} with the clean signals; skill {base:.4f} becomes {noisy:.4f} under noise"
    return judge(value >= correlation and kept, text, value, evidence=("noise.parquet",))


@check(
    "OF006",
    "Confidence is not bimodal",
    unit="depth of the valley between two peaks",
    source="ML engineer card, overfitting checklist; Sarle's coefficient and kernel modes",
    mend="look for rows of two kinds in one model, or for rows that leaked",
    remedy=RETRAIN,
    stricter={"depth": "lower", "share": "lower"},
    tolerant=True,
)
def confidence_unimodal(returns: Returns, *, depth: float = 0.3, share: float = 0.1) -> Verdict:
    """In most folds the signals have no second mode: no deep valley with a tenth of the signals beyond it.

    A fold is bimodal when its kernel density has two peaks with a valley deeper than `depth` of the lower one, at
    least `share` of the signals lie on each side of it, and Sarle's coefficient is above the uniform's 5/9. Folds are
    judged one by one, because calibration may shift the level between folds.
    """
    found = {}
    for number, rows in returns.test.groupby("fold"):
        signal = rows["signal"].to_numpy(dtype=np.float64)
        if np.isfinite(signal).sum() >= 50:
            found[str(number)] = modes(signal)
    if not found:
        return insufficient("no fold has 50 signals")
    if any(not math.isfinite(each.depth) for each in found.values()):
        constant = [name for name, each in found.items() if not math.isfinite(each.depth)]
        return insufficient(f"the signal of fold {', '.join(constant)} is constant")
    bimodal = [
        name
        for name, each in found.items()
        if each.depth > depth and each.smaller_share >= share and each.coefficient > 5 / 9
    ]
    value = float(np.median([each.depth if each.smaller_share >= share else 0.0 for each in found.values()]))
    return judge(
        len(bimodal) * 2 <= len(found),
        f"signals are bimodal in {len(bimodal)} of {len(found)} folds; median valley depth {value:.2f}",
        value,
        evidence=tuple(f"fold {name}" for name in bimodal),
    )
