"""Handoff records that no gate made: history that adds one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.gates.policy import RULES
from crypto_team.kb import git, handoffs, ownership_audit
from crypto_team.kb.files import sha256
from crypto_team.kb.handoff_audit import _result, report_problems
from crypto_team.schemas import Policy
from crypto_team.schemas.gate import PolicyOverride
from crypto_team.schemas.rulebook import published
from tests.kb.reports import passed_report, passing, result
from tests.kb.test_chain import NOW, hand
from tests.kb.test_ownership import by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.kb.paths import Layout

FIRST, SECOND = "ml_engineer->data_collector", "data_collector->backtester"


def forged(layout: Layout, report: Any, sender: Any = "data_collector", receiver: Any = "backtester") -> Any:
    """Return path and text of a record that the tool's own function makes of any report."""
    _, [change] = handoffs.make_handoff(layout, "STR-001", sender=sender, receiver=receiver, report=report, now=NOW)
    return change.path, change.content


def found(layout: Layout, base: str) -> str:
    return "\n".join(f"{item.code}: {item.message}" for item in ownership_audit.audit(layout, base)[1])


def test_the_published_rulebook_is_that_of_the_gates() -> None:
    policy = Policy(overrides=[PolicyOverride(code="PF004", setting="trades", value=300)])
    for gate in RULES.gates:
        assert published().resolve(gate, policy) == RULES.resolve(gate, policy)
    assert published().policy_digest(policy) == RULES.policy_digest(policy)
    assert {code: (rule.condition, rule.shown) for code, rule in RULES.checks.items()} == {
        code: (rule.condition, rule.shown) for code, rule in published().checks.items()
    }


def test_a_record_of_the_handoff_tool_is_no_finding(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    hand(strategy)
    assert ownership_audit.audit(strategy, base)[1] == []


def test_a_record_made_from_the_report_of_another_gate_is_refused(strategy: Layout) -> None:
    hand(strategy)
    team = strategy.team.read_text().replace("members: []", "members:\n- {role: data_collector, player: ada@x.io}\n")
    base = by_hand(strategy, strategy.team, team, Role="lead")
    old = handoffs.handoff_records(strategy, "STR-001")[0]
    path, text = forged(strategy, old.report.model_copy(update={"gate": SECOND}))
    by_hand(strategy, path, text, Tool="handoff")
    said = found(strategy, base)
    assert handoffs.verify_chain(strategy, "STR-001") == []
    assert "checks of the gate are missing: DQ001" in said
    assert "checks that the gate has not, or twice: PR001" in said
    assert "this commit names none" in said
    assert "does not announce it" in said


def test_a_complete_forgery_still_needs_the_sender_and_its_player(strategy: Layout) -> None:
    hand(strategy)
    team = strategy.team.read_text().replace("members: []", "members:\n- {role: data_collector, player: ada@x.io}\n")
    base = by_hand(strategy, strategy.team, team, Role="lead")
    path, text = forged(strategy, passed_report(SECOND))
    head = sha256(text.encode())
    by_hand(strategy, path, text, Tool="handoff", Role="data_collector", Head=head)
    said = found(strategy, base)
    assert said.startswith("wrong-player")
    assert "forged" not in said
    git.run(strategy.root, "reset", "-q", "--hard", base)
    by_hand(strategy, path, text, Tool="handoff", Role="backtester", Head=head)
    assert "the data_collector hands it over, and the commit was made by the backtester" in found(strategy, base)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "refused"}, "did not pass"),
        ({"outcome": "not_enough_evidence", "blocking": False}, "did not pass"),
        ({"blocking": False}, "did not pass"),
        ({"threshold": -9.0}, "was judged at -9.0, not at the"),
        ({"threshold": None, "bound": None}, "was judged at None"),
        ({"bound": "at_most"}, "was judged at 0.5"),
        ({"value": 0.49}, "its numbers say otherwise (value 0.49): value >= ratio"),
        ({"value": -1000.0, "interval": [-2000.0, 2000.0]}, "its numbers say otherwise (value -1000)"),
        ({"value": None}, "without the numbers that could tell (value)"),
    ],
)
def test_every_check_has_to_pass_at_the_threshold_of_the_policy(change: dict[str, Any], said: str) -> None:
    report = passed_report(SECOND)
    number = next(i for i, item in enumerate(report.results) if item.code == "PF002")
    report.results[number] = report.results[number].model_copy(update=change)
    [problem] = report_problems(report, Policy())
    assert problem.startswith("PF002 ")
    assert said in problem


def said_of(gate: str, code: str, numbers: dict[str, float]) -> list[str]:
    """Return what is wrong about a check with these numbers that says that it passed."""
    rules = published()
    return list(_result(result(code, gate, numbers), rules.checks[code], rules.resolve(gate, Policy())[code]))


def gate_with(code: str) -> str:
    return next(name for name, gate in RULES.gates.items() if code in gate.codes)


def forgeries(numbers: dict[str, float]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield what is left when one number is swapped for another or left out, with the name of that number."""
    for name in numbers:
        yield from ((name, {**numbers, name: other}) for other in (-1e6, -1.0, 0.0, 0.3, 1.0, 2.0, 7.0, 1e6))


@pytest.mark.parametrize("code", sorted(RULES.checks))
def test_a_forged_value_of_any_check_is_refused_whatever_number_it_is(code: str) -> None:
    gate, caught = gate_with(code), set()
    for numbers in passing(code, gate):
        assert said_of(gate, code, numbers) == []
        caught |= {name for name, forged in forgeries(numbers) if said_of(gate, code, forged)}
        for name in numbers:
            [said] = said_of(gate, code, {key: each for key, each in numbers.items() if key != name})[-1:]
            assert f"without the numbers that could tell ({name})" in said
    assert caught == {"value", *RULES.checks[code].numbers}


@pytest.mark.parametrize("code", sorted(RULES.checks))
def test_a_forged_outcome_of_any_check_is_refused(code: str) -> None:
    gate = gate_with(code)
    report = passed_report(gate)
    for outcome in ("refused", "not_enough_evidence"):
        results = [
            item.model_copy(update={"outcome": outcome}) if item.code == code else item for item in report.results
        ]
        [said] = report_problems(report.model_copy(update={"results": results}), Policy())
        assert said == f"{code} did not pass"


def test_ci_refuses_a_forged_value_of_every_check_in_one_history(strategy: Layout) -> None:
    """Every check is forged in a commit of its own, one after the other; the last one is not forged."""
    hand(strategy)
    base, expected = str(git.head(strategy.root)), {}
    codes = [code for code in RULES.gates[SECOND].codes if RULES.checks[code].numbers]
    for code in [*codes, ""]:
        report = passed_report(SECOND)
        wrong = (
            next((each for _, each in forgeries(passing(code, SECOND)[0]) if said_of(SECOND, code, each)), {})
            if code
            else {}
        )
        results = [result(code, SECOND, wrong) if item.code == code else item for item in report.results]
        path, text = forged(strategy, report.model_copy(update={"results": results}))
        path.unlink(missing_ok=True)
        by_hand(strategy, path, text, Tool="handoff", Role="data_collector", Head=sha256(text.encode()))
        expected[str(git.head(strategy.root))[:10]] = code
        git.run(strategy.root, "rm", "-q", "--", str(path))
        git.run(strategy.root, "commit", "-q", "-m", "away")
    findings = [item for item in ownership_audit.audit(strategy, base)[1] if item.code == "forged-handoff"]
    told = {code for name, code in expected.items() if any(name in item.message for item in findings)}
    assert told == set(codes)


def test_a_report_of_the_gates_shows_the_limit_that_its_evidence_demands() -> None:
    gate = "quant_analyst->critic"
    assert said_of(gate, "OF013", {"value": 442.0, "needed": 65.0}) == []
    assert (
        "its numbers say otherwise (value 42, needed 65)" in said_of(gate, "OF013", {"value": 42.0, "needed": 65.0})[0]
    )
    report = passed_report(gate)
    number = next(i for i, item in enumerate(report.results) if item.code == "OF013")
    report.results[number] = report.results[number].model_copy(update={"threshold": 1.0})
    assert "was judged at 1.0, not at the 65.0" in next(iter(report_problems(report, Policy())))


def test_the_policy_is_the_one_that_the_commit_holds(strategy: Layout) -> None:
    strict = Policy(overrides=[PolicyOverride(code="PF002", setting="ratio", value=0.9)])
    problems = list(report_problems(passed_report(SECOND), strict))
    assert "another policy" in problems[0]
    assert any("PF002 was judged at 0.5, not at the 0.9" in item for item in problems)
    base = str(git.head(strategy.root))
    text = strategy.policy.read_text().replace("profile: strict", "profile: research")
    assert "research" in text
    strategy.policy.write_text(text)
    hand(strategy)
    assert ownership_audit.audit(strategy, base)[1] == []
    git.run(strategy.root, "commit", "-q", "--amend", "--no-edit", "--", str(strategy.policy))
    assert "another policy" in found(strategy, base)


@pytest.mark.parametrize("text", ["no: record\n", "\x00", "schema_version: 1\nnumber: [\n"])
def test_a_record_that_cannot_be_read_is_refused(strategy: Layout, text: str) -> None:
    base = str(git.head(strategy.root))
    path = strategy.handoffs_dir("STR-001") / "001-ml_engineer-to-data_collector.yaml"
    by_hand(strategy, path, text, Tool="handoff", Role="ml_engineer", Head=sha256(text.encode()))
    assert "forged-handoff" in found(strategy, base)


def test_without_a_base_a_record_that_no_commit_announced_is_a_warning(strategy: Layout) -> None:
    from crypto_team.kb import chain_audit

    path, text = forged(strategy, passed_report(FIRST), "ml_engineer", "data_collector")
    by_hand(strategy, path, text, Tool="handoff", Role="ml_engineer")
    assert [(item.code, item.severity) for item in chain_audit.audit(strategy)] == [("handoff-silent", "warning")]
