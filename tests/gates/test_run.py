"""A gate passes only when every check passes; nothing that is missing or breaks ever passes."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest

from crypto_team.errors import NotFoundError
from crypto_team.gates.case import DERIVED, Case
from crypto_team.gates.corpus.evidence_bad import FAULTS
from crypto_team.gates.corpus.judged import Judged
from crypto_team.gates.corpus.published import restored
from crypto_team.gates.explained import explain
from crypto_team.gates.policy import GATES, IMPORTED
from crypto_team.gates.registry import CHECKS, find, run_check
from crypto_team.gates.run import run_checks, run_gate
from crypto_team.schemas import conditions
from crypto_team.schemas.gate import GateReport, Policy

CODES = sorted(CHECKS)
ALWAYS_THERE = {"strategy_id", "spec", "features", "evidence_problems"}
WRITTEN = ["RK001", "RK002", "RK003"]
ON_EVIDENCE = [code for code in CODES if code not in WRITTEN]


def bare(case: Case) -> Case:
    return replace(case, **{each.name: None for each in fields(Case) if each.name not in ALWAYS_THERE})


@pytest.mark.parametrize("gate", [name for name in GATES if name != IMPORTED])
def test_an_honest_strategy_passes_every_gate(honest: Case, gate: str) -> None:
    report = run_gate(gate, honest, Policy())
    assert [each.code for each in report.results if each.outcome != "passed"] == []
    assert report.passed
    assert GateReport.model_validate(report.model_dump()) == report


def test_noise_is_refused_before_freqtrade(noise_case: Case) -> None:
    report = run_gate("data_collector->backtester", noise_case, Policy())
    assert not report.passed
    assert all(each.next for each in report.results if each.outcome != "passed")


def test_one_refusal_stops_the_gate(honest: Case) -> None:
    report = run_gate("quant_analyst->critic", replace(honest, ledger=None), Policy())
    assert not report.passed
    assert {each.outcome for each in report.results} == {"passed", "not_enough_evidence"}


def test_progress_names_each_check(honest: Case) -> None:
    told: list[tuple[float, str]] = []
    run_gate("quant_analyst->critic", honest, Policy(), progress=lambda done, text: told.append((done, text)))
    assert [text.split()[0] for _, text in told] == list(GATES["quant_analyst->critic"].codes)


def test_a_gate_that_nobody_knows_is_named(honest: Case) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        run_gate("nowhere", honest, Policy())


def test_single_checks_run_with_the_settings_of_a_gate(honest: Case) -> None:
    results = run_checks(["PF002", "OF010"], honest, Policy(), gate="risk_manager->execution_specialist")
    shown = [(each.code, each.bound, each.threshold) for each in results]
    assert shown == [("PF002", "at_least", 1.0), ("OF010", "at_least", 0.95)]


def test_a_threshold_has_the_unit_of_the_value(honest: Case) -> None:
    days, cost = run_checks(["OF013", "PF006"], honest, Policy(), gate="quant_analyst->critic")
    assert (days.bound, cost.bound, cost.threshold) == ("at_least", "above", 0.0)
    assert days.threshold is not None
    assert 1.0 <= days.threshold <= (days.value or 0.0)


def test_only_limits_written_in_the_specification_need_no_evidence(honest: Case) -> None:
    assert [run_check(code, bare(honest)).outcome for code in WRITTEN] == ["passed"] * len(WRITTEN)


@pytest.mark.parametrize("code", ON_EVIDENCE)
def test_without_evidence_no_check_passes(honest: Case, code: str) -> None:
    result = run_check(code, bare(honest))
    assert result.outcome == "not_enough_evidence"
    assert "missing" in result.explanation


@pytest.mark.parametrize("code", CODES)
def test_each_piece_of_missing_evidence_is_named(honest: Case, code: str) -> None:
    for name in find(code).required:
        for source in DERIVED.get(name, (name,)):
            if getattr(bare(honest), source) is None:
                result = run_check(code, replace(honest, **{source: None}))
                assert result.outcome == "not_enough_evidence"
                assert result.explanation.startswith("missing: ")


@pytest.mark.parametrize("code", CODES)
def test_garbage_never_passes_and_never_raises(honest: Case, code: str) -> None:
    needed = {source for name in find(code).required for source in DERIVED.get(name, (name,))}
    frames = {name for name in needed if isinstance(getattr(honest, name), pd.DataFrame)}
    for name in frames:
        result = run_check(code, replace(honest, **{name: pd.DataFrame({"nonsense": [1.0]})}))
        assert result.outcome != "passed"


@pytest.mark.parametrize("code", CODES)
def test_every_check_explains_itself(code: str) -> None:
    rule = find(code)
    text = explain(code)
    assert text.startswith(f"{code}: {rule.title}")
    assert rule.what
    assert rule.source
    assert rule.remedy
    assert all(step.startswith("crypto-team ") for step in rule.remedy)
    assert f"passes when: {rule.condition}" in text
    assert rule.unit
    for part in (f"metric: {rule.unit}", "threshold: ", "stands at the gates:", "when it fails:", "published power:"):
        assert f"\n{part}" in text
    for name in rule.settings:
        assert f"  {name} = " in text


def test_the_power_that_is_told_is_that_of_the_published_verdicts() -> None:
    verdicts = restored((Path(__file__).parents[2] / "docs/error-rates.json").read_text(encoding="utf-8"))
    caught = sum("LK004" in item.codes for item in verdicts if "LK004" in _meant(item))
    total = sum("LK004" in _meant(item) for item in verdicts)
    assert f"refused {caught} of {total} (" in explain("LK004").partition("published power:")[2]
    assert "not measured" in explain("RK008")


def _meant(item: Judged) -> frozenset[str]:
    return FAULTS[item.name].codes if item.kind == "bad evidence" else frozenset()


@pytest.mark.parametrize("code", GATES[IMPORTED].codes)
def test_every_check_of_foreign_work_says_in_words_what_helps(code: str) -> None:
    assert find(code).mend
    assert f"what helps:\n  {find(code).mend}\n" in explain(code)


def test_settings_that_a_gate_or_a_profile_has_are_told_beside_the_usual_one() -> None:
    text = explain("PF002")
    assert "1 at risk_manager->execution_specialist, 2 in profile seed-literal" in text


@pytest.mark.parametrize("code", CODES)
def test_every_setting_of_a_check_is_read_by_its_rule_or_by_its_function(code: str) -> None:
    rule = find(code)
    read = conditions.names(rule.condition)
    body = inspect.getsource(rule.function).partition("-> Verdict:")[2]
    assert [name for name in rule.settings if name not in read and not re.search(rf"\b{name}\b", body)] == []


def test_an_unknown_check_is_named() -> None:
    with pytest.raises(NotFoundError, match="XX999"):
        explain("XX999")
