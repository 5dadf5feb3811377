"""What `diagnose` says of its findings."""

from __future__ import annotations

import pytest

from crypto_team.freqtrade.diagnose import Diagnosis
from crypto_team.freqtrade.diagnose_judge import Evidence
from crypto_team.roles.diagnosing import _outcome


def evidence(kind: str, *, matters: bool) -> Evidence:
    return Evidence(kind, "pred", "BTC/USDT", "2024-01-01", "1.0", "2.0", "a probe", matters=matters)


def diagnosis(verdict: str, *found: Evidence, notes: tuple[str, ...] = ()) -> Diagnosis:
    return Diagnosis(verdict, "Mine", "5m", ("BTC/USDT",), 3_000, 40, found, (), notes, (), synthetic=True)


@pytest.mark.parametrize(
    ("kind", "matters", "code", "severity"),
    [
        ("leak", True, "look-ahead", "error"),
        ("leak", False, "looks-ahead-unused", "warning"),
        ("state", True, "hidden-state", "error"),
        ("startup", True, "start-of-history", "warning"),
        ("startup", False, "start-of-history", "warning"),
    ],
)
def test_a_finding_is_named_for_what_was_seen(kind: str, matters: bool, code: str, severity: str) -> None:
    told = _outcome(diagnosis("clean", evidence(kind, matters=matters)), "mine.py").findings[0]
    assert (told.code, told.severity) == (code, severity)


def test_a_strategy_that_goes_on_without_its_file_is_not_clean_and_is_told_why() -> None:
    found = _outcome(diagnosis("unproven", notes=("it tried what no run may do: reading btc.csv",)), "mine.py")
    assert (found.ok, found.exit_code) == (False, 1)
    assert "nothing is proven" in found.summary
    assert [item.message for item in found.findings] == ["it tried what no run may do: reading btc.csv"]


def test_a_clean_verdict_never_denies_what_the_evidence_lists() -> None:
    unused = _outcome(diagnosis("clean", evidence("leak", matters=False)), "mine.py").summary
    assert "no knowledge" not in unused
    assert "pred look(s) ahead, and no signal and no callback reads it" in unused
    assert "no knowledge of the future found" in _outcome(diagnosis("clean"), "mine.py").summary
