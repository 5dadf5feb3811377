"""Drawdown, number of trades and profit factor of evidence from elsewhere follow from its positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

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
    assert run_check("PF005", honest, {"factor": value * 1.02}).outcome == "not_enough_evidence"
    assert run_check("PF005", honest, {"factor": value * 3.0}).outcome == "refused"


@pytest.mark.parametrize("code", CODES)
def test_without_a_backtest_and_without_foreign_positions_the_run_is_missing(cases: dict[str, Case], code: str) -> None:
    found = run_check(code, replace(cases["honest"], imported=None))
    assert found.outcome == "not_enough_evidence"
    assert "missing: Freqtrade backtest record" in found.explanation
