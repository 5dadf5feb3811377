"""Numbers that a hand changed in a document are found where they stand, on a strategy that was really trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.gates.registry import run_check
from crypto_team.gates.run import run_gate  # noqa: F401 - fills the table of checks
from crypto_team.kb.validate import validate
from crypto_team.kb.yaml import load_record
from crypto_team.roles.cases import gather
from crypto_team.schemas import MlSpec
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from crypto_team.schemas.gate import CheckResult
    from tests.roles.conftest import Desk


@pytest.fixture
def reported(desk: Desk) -> str:
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    desk.use("ml_engineer.report", strategy_id=strategy_id)
    return strategy_id


def claims(desk: Desk, strategy_id: str) -> CheckResult:
    return run_check("PR002", gather(open_session(desk.folder, "critic"), strategy_id, with_replay=False))


def test_what_the_tools_wrote_is_true_and_stays_true_while_others_try(desk: Desk, reported: str) -> None:
    assert claims(desk, reported).outcome == "passed"
    other = desk.designed("other")
    desk.use("ml_engineer.train", strategy_id=other)
    assert claims(desk, reported).outcome == "passed"
    assert claims(desk, other).outcome == "passed"


def test_a_number_changed_by_hand_is_found_with_its_place(desk: Desk, reported: str) -> None:
    spec, report = desk.layout.ml_spec(reported), desk.layout.ml_report(reported)
    lines = spec.read_text(encoding="utf-8").splitlines()
    at = next(row for row, line in enumerate(lines) if line.startswith("  sharpe:"))
    lines[at] = "  sharpe: 9.75"
    spec.write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = report.read_text(encoding="utf-8")
    row = next(number for number, line in enumerate(text.splitlines()) if line.startswith("| Sharpe ratio"))
    changed = text.replace("| Sharpe ratio (annualised, 365 days) | +", "| Sharpe ratio (annualised, 365 days) | +1")
    report.write_text(changed, encoding="utf-8")
    found = claims(desk, reported)
    assert found.outcome == "refused"
    assert any(item.startswith(f"ml-spec.yaml:{at + 1}:3: out_of_sample.sharpe says 9.75") for item in found.evidence)
    assert any(item.startswith(f"ml-report.md:{row + 1}:41: the report says +1") for item in found.evidence)


def test_references_in_the_hypothesis_are_rendered_and_need_no_retyping(desk: Desk, reported: str) -> None:
    desk.use("ml_engineer.new", name="third", pair=["EDGE/USD"])
    spec = desk.layout.ml_spec(reported)
    told = "It has a Sharpe ratio of {{ oos.sharpe }} out of sample."
    spec.write_text(
        spec.read_text(encoding="utf-8").replace('hypothesis: ""', f'hypothesis: "{told}"'), encoding="utf-8"
    )
    desk.use("ml_engineer.report", strategy_id=reported)
    text = desk.layout.ml_report(reported).read_text(encoding="utf-8")
    assert "{{" not in text
    assert "It has a Sharpe ratio of" in text
    assert claims(desk, reported).outcome == "passed"


def test_a_learning_with_another_result_is_doubted_when_written_by_validate_and_by_the_gate(
    desk: Desk, reported: str
) -> None:
    told = {"title": "What the first run showed", "scope": reported, "severity": "info"}
    made = desk.use(
        "learnings.add", text="Out of sample its Sharpe ratio is 9.75, and it won 99 % of 4 trades.", **told
    )
    doubts = [item for item in made.findings if item.code == "told-result"]
    assert {item.message.split("'")[1] for item in doubts} == {
        "Sharpe ratio is 9.75",
        "won 99 % of 4 trades",
        "4 trades",
    }
    path = desk.layout.learning(made.data["learning_id"])
    lines = path.read_text(encoding="utf-8").splitlines()
    for item in doubts:
        assert item.line is not None
        assert item.col is not None
        assert lines[item.line - 1][item.col - 1 :].startswith(item.message.split("'")[1])
    assert [item for item in validate(desk.layout) if item.code == "told-result"] == doubts
    found = run_check("PR007", gather(open_session(desk.folder, "critic"), reported, with_replay=False))
    assert found.outcome == "passed"
    assert "3 number(s) in them are not those of its evidence" in found.explanation
    assert found.evidence[0].startswith(f"learnings/{path.name}:{doubts[0].line}:{doubts[0].col}: the text says")


def test_a_learning_with_the_true_result_is_left_alone(desk: Desk, reported: str) -> None:
    results = load_record(desk.layout.ml_spec(reported), MlSpec).out_of_sample
    assert results is not None
    text = f"{reported} has a Sharpe ratio of {results.sharpe:.2f} and made {results.n_trades} trades."
    made = desk.use("learnings.add", title="What it showed", text=text, scope=reported)
    assert not [item for item in made.findings if item.code == "told-result"]
    both = f"The Sharpe ratio was 9.75, unlike that of STR-999 and {reported}."
    assert not [
        item
        for item in desk.use("learnings.add", title="Two at once", text=both, scope=reported).findings
        if item.code == "told-result"
    ]
