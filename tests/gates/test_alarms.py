"""Honest work is refused within the budget of false alarms, and what is clearly wrong is refused all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crypto_team.gates import alarms
from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.calibration import _Forecasts, _measured
from crypto_team.gates.case import Case, LedgerView
from crypto_team.gates.luck import against_luck
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Verdict, find
from crypto_team.gates.statistics import DAY_MS
from crypto_team.validation.significance import SampleMoments


def verdict(code: str, *evidence: object, **settings: float) -> Verdict:
    rule = find(code)
    found: Verdict = rule.function(*evidence, **settings)
    if found.outcome is not None:
        return found
    # The rule of the check says what its numbers come to.
    chosen = {name: each.default for name, each in rule.settings.items()} | settings
    return replace(found, outcome="passed" if rule.holds(chosen, found.value, found.numbers) else "refused")


def test_one_check_takes_its_share_of_the_budget() -> None:
    assert pytest.approx(0.0025) == alarms.FALSE_ALARM
    assert alarms.deviations(float("inf")) == alarms.DEVIATIONS == pytest.approx(stats.norm.isf(0.0025))
    assert alarms.deviations(4.0) == pytest.approx(stats.t.isf(0.0025, 4))


def forecasts(rng: np.random.Generator, *, stretch: float, noise: float) -> tuple[_Forecasts, np.ndarray]:
    """Six folds of overlapping labels; every fold's calibrator errs by its own shift."""
    days = np.repeat(np.arange(120), 24)
    folds = days // 20
    lean = 0.5 * np.repeat(rng.standard_normal(len(days) // 6), 6)
    event = (np.repeat(rng.random(len(days) // 6), 6) < 1.0 / (1.0 + np.exp(-lean))).astype(float)
    shift = noise * rng.standard_normal(6)[folds]
    told = 1.0 / (1.0 + np.exp(-(stretch * lean + shift)))
    return _Forecasts(told, event, days * DAY_MS, folds), days


def is_off(found: object) -> bool:
    value = max(0.0, found.error - found.by_chance)  # type: ignore[attr-defined]
    surely = value > 0.05 and value > alarms.DEVIATIONS * found.error_se  # type: ignore[attr-defined]
    return bool(surely or found.high < 0.3 or found.low > 3.0 or found.better_high < 0.0)  # type: ignore[attr-defined]


def test_calibrators_from_few_rows_are_not_refused_and_bold_ones_are() -> None:
    rng = np.random.default_rng(3)
    honest = sum(is_off(_measured(*forecasts(rng, stretch=1.0, noise=0.25))) for _ in range(150))
    bold = sum(is_off(_measured(*forecasts(rng, stretch=6.0, noise=0.25))) for _ in range(20))
    assert honest <= 3
    assert bold == 20


def earning(rng: np.random.Generator, *, late: float, between: float = 0.3) -> Returns:
    """180 days of returns with mean 0.3 deviations; each of nine folds' models is better or worse than that."""
    days = np.arange(180)
    fold = days // 20
    mean = 0.3 * (1.0 + between * rng.standard_normal(9)[fold]) * np.where(days < 120, 1.0, late)
    table = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=180, freq="1D", tz="UTC"),
            "pair": "A/B",
            "fold": fold,
            "part": "test",
            "return_net": 0.01 * (mean + rng.standard_normal(180)),
        }
    )
    return Returns(table, np.zeros(180), 1.0)


def test_steady_work_fades_by_chance_within_the_budget_and_real_fading_is_seen() -> None:
    rng = np.random.default_rng(4)
    steady = sum(verdict("PF011", earning(rng, late=1.0)).outcome == "refused" for _ in range(300))
    turned = sum(verdict("PF011", earning(rng, late=-2.0)).outcome == "refused" for _ in range(40))
    assert steady <= 4
    assert turned >= 30


def lopsided(rng: np.random.Generator, *, late: float) -> Returns:
    """Six folds of three weeks; the models of a third of them, any, hold one side and earn nothing."""
    fold = np.arange(126) // 21
    mean = np.where(rng.random(6) < 1.0 / 3.0, 0.0, 0.6)[fold] * np.where(fold < 4, 1.0, late)
    time = pd.date_range("2024-01-01", periods=126, freq="1D", tz="UTC")
    earned = 0.01 * (mean + rng.standard_normal(126))
    table = pd.DataFrame({"time": time, "pair": "A/B", "fold": fold, "part": "test", "return_net": earned})
    return Returns(table, np.zeros(126), 1.0)


def test_models_that_fail_in_any_folds_fade_by_chance_within_the_budget() -> None:
    rng = np.random.default_rng(5)
    anywhere = sum(verdict("PF011", lopsided(rng, late=1.0)).outcome == "refused" for _ in range(400))
    turned = sum(verdict("PF011", lopsided(rng, late=-2.0)).outcome == "refused" for _ in range(40))
    assert anywhere <= 4
    assert turned >= 28


def seeds(*scores: float) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(len(scores)), "score": scores, "chosen": [True, *[False] * (len(scores) - 1)]})


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [
        ((8.2, 4.1, 5.0, 3.2), "passed"),
        ((8.0, 1.0, 1.1, 0.9), "refused"),
        ((2.0, 0.4, -0.6, 1.1), "not_enough_evidence"),
        ((2.0, *np.linspace(-1.5, 1.5, 29)), "refused"),
        ((-0.1, -0.2, 0.3), "refused"),
        ((1.0, 1.0), "not_enough_evidence"),
    ],
)
def test_a_lucky_seed_is_told_from_seeds_that_scatter(scores: tuple[float, ...], outcome: str) -> None:
    assert verdict("OF015", seeds(*scores)).outcome == outcome


def windows(skills: list[float], rng: np.random.Generator, rows: int = 400) -> pd.DataFrame:
    parts = []
    for fold, skill in enumerate(skills):
        event = rng.random(rows) < 0.5
        signal = rng.standard_normal(rows) + skill * np.where(event, 1.0, -1.0)
        parts.append(pd.DataFrame({"fold": fold, "part": "test", "signal": signal, "label": event.astype(float)}))
    made = pd.concat(parts, ignore_index=True)
    made["time"] = pd.date_range("2024-01-01", periods=len(made), freq="1h", tz="UTC")
    return made


@pytest.mark.parametrize(
    ("skills", "outcome"),
    [
        ([0.3] * 6, "passed"),
        ([0.3, 0.25, 0.3, 0.28, -0.02, -0.01, -0.03, 0.3, -0.02], "passed"),
        ([0.4, 0.3, -0.1, -0.15, -0.1, -0.1], "refused"),
        ([0.4, 0.4, 0.4, -0.2, -0.3, -0.1], "not_enough_evidence"),
        ([0.3, -0.3, -0.3, -0.3, -0.3, 0.2], "refused"),
    ],
)
def test_weak_windows_are_judged_by_chance(honest: Case, skills: list[float], outcome: str) -> None:
    table = windows(skills, np.random.default_rng(5))
    assert verdict("OF004", Returns(table, np.zeros(len(table)), 1.0), honest.meta).outcome == outcome


def test_the_letter_of_the_card_counts_windows_alone(honest: Case) -> None:
    table = windows([0.3, 0.25, 0.3, 0.28, -0.2, -0.1, -0.3, 0.3, -0.2], np.random.default_rng(5))
    literal = verdict("OF004", Returns(table, np.zeros(len(table)), 1.0), honest.meta, literal=1)
    assert literal.outcome == "refused"


@pytest.mark.parametrize(
    ("sharpe", "outcome"), [(0.35, "passed"), (0.19, "not_enough_evidence"), (0.11, "refused"), (0.05, "refused")]
)
def test_a_deflated_ratio_within_reach_asks_for_days_and_one_out_of_reach_is_refused(
    sharpe: float, outcome: str
) -> None:
    ledger = LedgerView(4, (0.0, 0.1, 0.2, 0.19), chain_ok=True)
    found = against_luck(
        SampleMoments(n=126, mean=sharpe, std=1.0, sharpe=sharpe, skew=0.0, kurtosis=3.0), ledger, 0.95
    )
    assert found.outcome == outcome, found.explanation
    assert ("more days" in found.explanation) == (sharpe in {0.19, 0.11})
