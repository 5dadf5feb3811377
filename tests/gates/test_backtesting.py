"""Drawdown, number of trades and profit factor of evidence from elsewhere follow from its positions."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import backtesting, recompute
from crypto_team.gates.case import Case
from crypto_team.gates.corpus.evidence_faults_of_trading import with_positions
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.policy import GATES, IMPORTED, resolve
from crypto_team.gates.registry import run_check
from crypto_team.gates.run import run_checks
from crypto_team.schemas.gate import CheckResult, Policy

CODES = ("PF003", "PF004", "PF005")


@pytest.fixture(scope="module")
def done() -> Study:
    return study(Design(trials=1), 7)


def judged(case: Case) -> dict[str, CheckResult]:
    return {each.code: each for each in run_checks(CODES, case, Policy(), gate=IMPORTED)}


@pytest.fixture(scope="module")
def cases(done: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    table = done.parts.tables["predictions"]
    test = table["part"] == "test"
    early = table["time"] < table.loc[test, "time"].quantile(0.05)
    coin = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], len(table))
    changed = {
        "honest": done.parts,
        "few": with_positions(done, table, table["position"].where(early, 0.0)),
        "wrong": with_positions(done, table, -4.0 * table["position"]),
        "coin": with_positions(done, table, pd.Series(coin, index=table.index).where(table["position"] != 0.0, 0.0)),
    }
    return {name: case_from_folder(parts.write(tmp_path_factory.mktemp(name))) for name, parts in changed.items()}


def test_the_gate_of_imported_evidence_asks_for_them() -> None:
    assert set(CODES) <= set(GATES[IMPORTED].codes)
    assert resolve(IMPORTED, Policy())["PF003"]["drawdown"] == 0.5


def test_honest_positions_pass(cases: dict[str, Case]) -> None:
    assert {code: each.outcome for code, each in judged(cases["honest"]).items()} == dict.fromkeys(CODES, "passed")


def test_positions_that_lose_are_refused_by_drawdown_and_profit_factor(cases: dict[str, Case]) -> None:
    found = judged(cases["wrong"])
    assert [found[code].outcome for code in ("PF003", "PF005")] == ["refused", "refused"]
    assert judged(cases["coin"])["PF005"].outcome == "refused"


def test_few_trades_are_not_enough_evidence_and_say_how_many_days_more(cases: dict[str, Case]) -> None:
    found = judged(cases["few"])["PF004"]
    assert found.outcome == "not_enough_evidence"
    assert "more days at this pace" in found.explanation


def test_a_factor_that_chance_keeps_low_is_not_refused(cases: dict[str, Case]) -> None:
    honest = cases["honest"]
    value = run_check("PF005", honest).value
    assert value is not None
    assert run_check("PF005", honest, {"factor": value * 1.02, "sure": 99.0}).outcome == "not_enough_evidence"
    assert run_check("PF005", honest, {"factor": value * 3.0, "sure": 99.0}).outcome == "refused"


def trades_of(monkeypatch: pytest.MonkeyPatch, case: Case, count: int, mean: float) -> CheckResult:
    """Judge `count` trades of deviation 1, eight a day, with exactly this mean."""
    profits = np.random.default_rng(3).standard_normal(count)
    profits = 0.001 * ((profits - profits.mean()) / profits.std() + mean)
    days = pd.date_range("2024-01-01", periods=count, freq="3h", tz="UTC")
    made = pd.DataFrame({"exit_time": days, "return_net": profits})
    monkeypatch.setattr(recompute, "trades_from_positions", lambda _: made)
    # A copy has computed no trades of its own yet.
    return run_check("PF005", replace(case))


def test_a_small_factor_of_many_trades_that_is_surely_above_one_passes(
    monkeypatch: pytest.MonkeyPatch, cases: dict[str, Case]
) -> None:
    # A mean of 0.08 deviations is a factor of 1.22: a Sharpe ratio of 4.3 at eight trades a day.
    many = trades_of(monkeypatch, cases["honest"], 2000, 0.08)
    assert many.value is not None
    assert 1.2 < many.value < 1.3
    assert many.outcome == "passed"
    assert "standard errors above 1" in many.explanation
    assert trades_of(monkeypatch, cases["honest"], 200, 0.08).outcome == "not_enough_evidence"


@pytest.mark.parametrize(
    ("count", "mean"), [(300, 0.08), (1200, 0.05), (5000, 0.03), (200, 0.09), (700, 0.095), (400, -0.02)]
)
def test_the_trades_that_would_tell_are_an_amount_and_do_tell(
    monkeypatch: pytest.MonkeyPatch, cases: dict[str, Case], count: int, mean: float
) -> None:
    found = trades_of(monkeypatch, cases["honest"], count, mean)
    assert found.outcome == "not_enough_evidence"
    told = re.search(r"about ([\d,]+) more trades", found.explanation)
    assert told is not None
    more = int(told[1].replace(",", ""))
    assert 0 < more < 10_000
    assert trades_of(monkeypatch, cases["honest"], int(1.2 * (count + more)), mean).outcome in {"passed", "refused"}


def test_gains_that_are_small_and_not_surely_there_are_refused(
    monkeypatch: pytest.MonkeyPatch, cases: dict[str, Case]
) -> None:
    assert trades_of(monkeypatch, cases["honest"], 5000, 0.01).outcome == "refused"
    assert trades_of(monkeypatch, cases["honest"], 5000, 0.0).outcome == "refused"


def test_trades_of_one_day_show_no_error_and_are_never_sure() -> None:
    profits = np.array([1.0, -0.9, 1.0, 1.0])
    days = pd.Series(pd.to_datetime(["2024-01-01T01:00Z"] * 4))
    assert backtesting._errors(profits, days) == 0.0
    assert 0.0 < backtesting._errors(profits, None) < 1.0


@pytest.mark.parametrize("code", CODES)
def test_without_a_backtest_and_without_foreign_positions_the_run_is_missing(cases: dict[str, Case], code: str) -> None:
    found = run_check(code, replace(cases["honest"], imported=None))
    assert found.outcome == "not_enough_evidence"
    assert "missing: Freqtrade backtest record" in found.explanation
