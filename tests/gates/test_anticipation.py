"""Positions that know later forecasts are told from rules that know the past, whatever memory they have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.corpus import evidence_faults_of_hindsight as faults
from crypto_team.gates.corpus.evidence_faults_of_trading import with_positions
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check
from crypto_team.schemas.gate import CheckResult
from crypto_team.trading.signals import positions

PART = ["pair", "fold", "part"]
Rule = Callable[[pd.DataFrame], "pd.Series[float]"]


@pytest.fixture(scope="module")
def done() -> Study:
    return study(Design(pairs=4, trials=1), 8)


def judged(done: Study, rule: Rule, folder: Path) -> CheckResult:
    """Hold what a rule makes of the table, sorted by pair and time."""
    table = done.parts.tables["predictions"].sort_values([*PART, "time"], kind="stable")
    return run_check("LK015", case_from_folder(with_positions(done, table, rule(table)).write(folder)))


def earlier(table: pd.DataFrame, bars: int) -> pd.Series[float]:
    return table.groupby(PART, sort=False)["position"].shift(bars).fillna(0.0)


def as_it_is(table: pd.DataFrame) -> pd.Series[float]:
    return table["position"]


def late(table: pd.DataFrame) -> pd.Series[float]:
    return earlier(table, 2)


def smoothed(table: pd.DataFrame) -> pd.Series[float]:
    """Enter on the mean of the last six forecasts, and stay until it turns."""
    mean = table.groupby(PART, sort=False)["p_1"].transform(lambda each: each.rolling(6, min_periods=1).mean())
    held = positions(mean.to_numpy(), entry=0.52, exit=0.5, long_short=True, confidence_weighted=False)
    return pd.Series(held, table.index)


def kept_for_eight_bars(table: pd.DataFrame) -> pd.Series[float]:
    """Change no position before it is eight bars old."""
    held, age, made = 0.0, 99, []
    for wanted in table["position"].fillna(0.0):
        age += 1
        if wanted != held and age >= 8:
            held, age = wanted, 0
        made.append(held)
    return pd.Series(made, table.index)


def stopped(table: pd.DataFrame) -> pd.Series[float]:
    """Close after a bar that lost one and a half deviations, and wait for three bars."""
    lost = (table["return_gross"].fillna(0.0) < -0.009).groupby([table[name] for name in PART])
    recent = sum((lost.shift(k, fill_value=False).astype(int) for k in (1, 2, 3)), start=pd.Series(0, table.index))
    return table["position"].where(recent == 0, 0.0)


def at_constant_volatility(table: pd.DataFrame) -> pd.Series[float]:
    moves = table["return_gross"].where(table["position"] != 0.0)
    spread = moves.groupby([table[name] for name in PART]).transform(
        lambda each: each.shift(1).rolling(48, min_periods=3).std()
    )
    return table["position"] * (0.004 / spread).clip(0.2, 1.0).fillna(1.0)


def by_confidence(table: pd.DataFrame) -> pd.Series[float]:
    return ((table["p_1"] - 0.5) * 12.0).clip(-1.0, 1.0)


@pytest.mark.parametrize(
    "rule", [as_it_is, late, smoothed, kept_for_eight_bars, stopped, at_constant_volatility, by_confidence]
)
def test_rules_that_know_the_past_pass(done: Study, tmp_path: Path, rule: Rule) -> None:
    found = judged(done, rule, tmp_path)
    assert found.outcome == "passed", found
    assert found.value is not None
    assert found.value < 0.58, found


def one_bar_early(table: pd.DataFrame) -> pd.Series[float]:
    return earlier(table, -1)


def two_bars_early(table: pd.DataFrame) -> pd.Series[float]:
    return earlier(table, -2)


def shorts_early(table: pd.DataFrame) -> pd.Series[float]:
    following = earlier(table, -1)
    return table["position"].where((table["position"] != 0.0) | (following >= 0.0), following)


def out_before_the_turn(table: pd.DataFrame) -> pd.Series[float]:
    return table["position"].where(table["position"] == earlier(table, -1), 0.0)


def around(table: pd.DataFrame) -> pd.Series[float]:
    """Follow the centred mean of five forecasts."""
    mean = table.groupby(PART, sort=False)["p_1"].transform(
        lambda each: each.rolling(5, center=True, min_periods=1).mean()
    )
    return pd.Series(np.where((mean - 0.5).abs() > 0.02, np.sign(mean - 0.5), 0.0), table.index)


def sized_by_the_next(table: pd.DataFrame) -> pd.Series[float]:
    following = table.groupby(PART, sort=False)["p_1"].shift(-1).fillna(0.5)
    return table["position"] * ((following - 0.5).abs() * 15.0).clip(0.2, 1.0)


@pytest.mark.parametrize(
    "rule", [one_bar_early, two_bars_early, shorts_early, out_before_the_turn, around, sized_by_the_next]
)
def test_positions_that_know_later_forecasts_are_refused(done: Study, tmp_path: Path, rule: Rule) -> None:
    found = judged(done, rule, tmp_path)
    assert found.outcome == "refused", found
    assert found.threshold is not None
    assert found.value is not None
    assert found.value > found.threshold
    assert "forecast" in found.explanation


def test_the_fault_of_the_corpus_is_refused_by_name(done: Study, tmp_path: Path) -> None:
    parts = faults.entries_foreseen(done, np.random.default_rng(1))
    found = run_check("LK015", case_from_folder(parts.write(tmp_path)))
    assert found.outcome == "refused"
    assert "flat before" in found.explanation
    assert "the next forecast" in found.explanation


def test_a_position_that_never_changes_decides_nothing(done: Study, tmp_path: Path) -> None:
    found = judged(done, lambda table: pd.Series(1.0, table.index), tmp_path)
    assert (found.outcome, found.value) == ("passed", 0.5)
