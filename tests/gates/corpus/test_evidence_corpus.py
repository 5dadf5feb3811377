"""Honest evidence passes, every fault is refused for its own reason, on several seeds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from crypto_team.gates.corpus.evidence_bad import FAULTS, bad
from crypto_team.gates.corpus.evidence_honest import HONEST, honest
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.policy import IMPORTED
from crypto_team.gates.run import run_gate, verdict
from crypto_team.schemas.gate import GateReport, Policy


def judged(folder: Path) -> GateReport:
    return run_gate(IMPORTED, case_from_folder(folder), Policy())


# The whole corpus takes minutes; what users meet first runs every time.
QUICK_HONEST = ("plain", "three_classes", "regression", "delisted_pair")
QUICK_FAULTS = ("scaler_on_all_hidden", "calibrator_on_test", "losers_dropped", "forward_shifted", "one_sided_costs")


def some(names: Iterable[str], quick: tuple[str, ...]) -> list[object]:
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", some(HONEST, QUICK_HONEST))
def test_honest_evidence_is_not_refused(tmp_path: Path, name: str) -> None:
    report = judged(honest(name, 1).write(tmp_path))
    told = {each.code: each.explanation for each in report.results if each.outcome != "passed"}
    assert verdict(report) == "passed", told


@pytest.mark.parametrize("name", some(FAULTS, QUICK_FAULTS))
def test_every_fault_is_refused_for_its_own_reason(tmp_path: Path, name: str) -> None:
    report = judged(bad(name, 1).write(tmp_path))
    refusing = {each.code for each in report.results if each.outcome == "refused"}
    assert refusing & FAULTS[name].codes, refusing
    assert verdict(report) == "refused"


def test_the_same_seed_gives_the_same_evidence() -> None:
    first, second = honest("one_pair", 3), honest("one_pair", 3)
    assert first.meta == second.meta
    for name, table in first.tables.items():
        assert table.equals(second.tables[name]), name
