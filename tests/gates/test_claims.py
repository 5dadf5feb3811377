"""What somebody wrote is compared with what is computed, and the place of a false number is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import EvidenceError
from crypto_team.gates.claims import rendering_differences
from crypto_team.gates.documents import Documents, Written
from crypto_team.gates.registry import run_check
from crypto_team.gates.run import run_gate  # noqa: F401 - fills the table of checks

if TYPE_CHECKING:
    from crypto_team.gates.case import Case

RENDERED = "# Report\n\n| Sharpe ratio | +1.32 |\n\nTrades: 480, drawdown \u22124.5 %.\n"


def differences(said: str) -> list[str]:
    return list(
        rendering_differences(
            Documents({"ml-report.md": Written("ml-report.md", said)}, lambda: RENDERED), {"sharpe": 0.65}
        )
    )


def test_a_report_that_is_what_the_evidence_renders_to_has_no_differences() -> None:
    assert differences(RENDERED) == []


def test_a_report_that_cannot_be_rendered_is_a_difference() -> None:
    def broken() -> str:
        raise EvidenceError("predictions.parquet is gone")

    [told] = rendering_differences(Documents({"ml-report.md": Written("ml-report.md", RENDERED)}, broken))
    assert "cannot be rendered: predictions.parquet is gone" in told


def test_a_number_that_was_typed_over_is_named_with_its_place() -> None:
    assert differences(RENDERED.replace("+1.32", "+4.32")) == [
        "ml-report.md:3:18: the report says +4.32, it is +1.32",
    ]


@pytest.mark.parametrize(("before", "after"), [("480", "481"), ("\u22124.5", "4.5"), ("4.5", "4.7")])
def test_counts_signs_and_digits_count(before: str, after: str) -> None:
    assert len(differences(RENDERED.replace(before, after))) == 1


def test_the_last_digit_may_differ_by_one() -> None:
    assert differences(RENDERED.replace("1.32", "1.33")) == []


def test_words_lines_and_omissions_are_found() -> None:
    [word] = differences(RENDERED.replace("Trades", "Profitable trades"))
    assert word.startswith("ml-report.md:5:1: 'Profitable trades: 480")
    [line] = differences(RENDERED.replace("\n\nTrades", "\nIt beats every fund.\n\nTrades"))
    assert line == "ml-report.md:4:1: 'It beats every fund.' is not what the evidence renders to"
    said = "\nIt had a Sharpe ratio of 1.65.\nOver 30 folds, too.\n\nTrades"
    assert differences(RENDERED.replace("\n\nTrades", f"\n{said}")) == [
        "ml-report.md:5:1: 'It had a Sharpe ratio of 1.65.' is not what the evidence renders to; nobody computed 1.65",
        "ml-report.md:5:10: the text says 'Sharpe ratio of 1.65', sharpe is 0.65",
        "ml-report.md:6:1: 'Over 30 folds, too.' is not what the evidence renders to; nobody computed 30",
    ]
    [gone] = differences(RENDERED.replace("Trades: 480, drawdown \u22124.5 %.\n", ""))
    assert "'Trades: 480, drawdown \u22124.5 %.' is missing" in gone


def claiming(case: Case, text: str) -> Case:
    yaml = f"schema_version: 1\nhypothesis: >\n  {text}\n"
    documents = Documents({"ml-spec.yaml": Written("ml-spec.yaml", yaml)})
    spec = case.spec.model_copy(update={"hypothesis": text})
    return replace(case, spec=spec, documents=documents)


def test_a_typed_number_is_named_with_line_and_column(honest: Case) -> None:
    found = run_check("PR002", claiming(honest, "On quiet days the Sharpe ratio is 9.5, always."))
    assert found.outcome == "refused"
    assert found.evidence[0].startswith("ml-spec.yaml:3:21: the text says 'Sharpe ratio is 9.5', sharpe is ")


def test_a_number_in_the_rationale_of_a_feature_is_a_claim_too(honest: Case) -> None:
    first, *rest = honest.features.features
    told = honest.features.model_copy(
        update={"features": [first.model_copy(update={"rationale": "win rate of 91 % in 2021"}), *rest]}
    )
    found = run_check("PR002", replace(honest, features=told))
    assert found.outcome == "refused"
    assert "features.yaml: the text says 'win rate of 91 %'" in found.explanation


@pytest.mark.parametrize("text", ["It needs 30 days.", "Trades at most twice a day.", "A Sharpe ratio above 1."])
def test_numbers_that_claim_no_result_are_left_alone(honest: Case, text: str) -> None:
    assert run_check("PR002", claiming(honest, text)).outcome == "passed"
