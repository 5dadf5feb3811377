"""What may not be taken back: trials, history, claims, handoffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.errors import InputError, NotFoundError, RefusedError
from crypto_team.kb import claims, git, handoffs, history, learnings, registry, trials, validate
from crypto_team.kb.files import revision_of
from crypto_team.kb.kinds import KINDS
from crypto_team.kb.noting import fated, noted
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import FindingsError, dump, load_record
from crypto_team.schemas import DataSpec, Document, RegistryEvent, Trial
from crypto_team.schemas.gate import GateReport
from tests.kb.conftest import NOW
from tests.kb.entries import TIME, event, fresh

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId, Stage

TRIAL = "01J00000000000000000000000"
HASH = "sha256:" + "0" * 64


def save(
    layout: Layout, kind: str, path: Path, record: Document | str | None, role: RoleId = "ml_engineer", tool: str = "t"
) -> None:
    content = dump(record, schema=KINDS[kind].schema) if isinstance(record, Document) else record
    change = Change(kind, path, content, revision_of(path))
    commit_records(layout, role=role, tool=tool, strategy_id="STR-001", changes=[change], message=kind)


def trial(**values: Any) -> Trial:
    base = {
        "trial_id": TRIAL,
        "strategy_id": "STR-001",
        "kind": "train",
        "booked": "2026-01-02T03:04:05Z",
        "status": "started",
        "fingerprint": HASH,
    }
    return Trial.model_validate(base | values)


@pytest.fixture
def ended(strategy: Layout) -> Layout:
    """A workspace with one trial that started and finished."""
    path = strategy.trial("STR-001", TRIAL)
    save(strategy, "trial", path, trial())
    save(strategy, "trial", path, trial(status="finished", sharpe_per_period=[0.1]))
    return strategy


def test_a_trial_that_starts_and_ends_is_no_tampering(ended: Layout) -> None:
    assert trials.ledger(ended).problems == ()


@pytest.mark.parametrize("later", [None, trial(status="finished", sharpe_per_period=[0.01]), trial()])
def test_no_tool_changes_or_removes_a_trial_that_ended(ended: Layout, later: Trial | None) -> None:
    with pytest.raises(RefusedError, match="only grow"):
        save(ended, "trial", ended.trial("STR-001", TRIAL), later)


def test_the_number_of_configurations_stands_when_a_trial_starts(strategy: Layout) -> None:
    path = strategy.trial("STR-001", TRIAL)
    save(strategy, "trial", path, trial(n_trials=100))
    with pytest.raises(RefusedError, match="n_trials"):
        save(strategy, "trial", path, trial(status="finished"))


def test_a_commit_past_the_tools_that_rewrites_or_renames_a_trial_is_found(ended: Layout) -> None:
    path = ended.trial("STR-001", TRIAL)
    good = path.read_text()
    path.write_text(good.replace("0.1", "0.0"))
    git.run(ended.root, "commit", "-q", "-a", "-m", "tidy", "--no-verify")
    assert trials.ledger(ended).problems == (f"the trial {path.name} was changed after it had ended",)
    path.write_text(good)
    git.run(ended.root, "mv", str(path), str(ended.root / "away.yaml"))
    git.run(ended.root, "commit", "-q", "-a", "-m", "move", "--no-verify")
    assert f"the trial {path.name} was deleted from the ledger" in trials.ledger(ended).problems


def test_a_trial_that_was_killed_cannot_be_made_smaller_past_the_tools(strategy: Layout) -> None:
    path = strategy.trial("STR-001", TRIAL)
    save(strategy, "trial", path, trial(kind="sweep", n_trials=1000))
    path.write_text(path.read_text().replace("1000", "1").replace("started", "failed"))
    git.run(strategy.root, "commit", "-q", "-a", "-m", "tidy", "--no-verify")
    assert trials.ledger(strategy).problems == (f"the trial {path.name} was booked with another n_trials",)


def test_a_sweep_counts_in_full_whatever_it_predicts(ended: Layout) -> None:
    path = ended.trial("STR-001", TRIAL[:-1] + "9")
    values = {"trial_id": TRIAL[:-1] + "9", "kind": "sweep", "n_trials": 40}
    save(ended, "trial", path, trial(**values))
    save(ended, "trial", path, trial(**values, status="finished", predictions_hash=HASH))
    assert trials.ledger(ended).n_trials == 41


@pytest.fixture
def booked(strategy: Layout) -> Layout:
    """A workspace with one sweep of forty, booked as tools book it."""
    made = trial(kind="sweep", n_trials=40)
    trials.anchor(strategy, made)
    save(strategy, "trial", strategy.trial("STR-001", TRIAL), made)
    return strategy


def test_a_trial_that_left_the_history_still_counts(booked: Layout) -> None:
    git.run(booked.root, "reset", "-q", "--hard", "HEAD~1")
    assert not booked.trial("STR-001", TRIAL).exists()
    summary = trials.ledger(booked)
    assert (summary.n_trials, summary.per_strategy) == (40, {"STR-001": 40})


def test_a_trial_of_another_branch_counts_without_a_complaint(booked: Layout) -> None:
    git.run(booked.root, "switch", "-q", "-c", "other", "HEAD~1")
    assert trials.ledger(booked) == trials.LedgerSummary(40, (), {"STR-001": 40}, ())


def test_a_trial_rewritten_together_with_its_history_differs_from_its_anchor(booked: Layout) -> None:
    path = booked.trial("STR-001", TRIAL)
    path.write_text(path.read_text().replace("40", "1"))
    git.run(booked.root, "commit", "-q", "-a", "--amend", "--no-edit", "--no-verify")
    assert trials.ledger(booked).problems == (f"the trial {path.name} says 1 tries, 40 were booked",)


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_git_cannot_be_told_to_overlook_a_trial(ended: Layout, flag: str) -> None:
    path = ended.trial("STR-001", TRIAL)
    git.run(ended.root, "update-index", flag, str(path))
    assert trials.ledger(ended).problems == (f"git was told to overlook changes of the trial {path.name}",)


def test_a_trial_under_another_name_is_a_deleted_one(ended: Layout) -> None:
    path = ended.trial("STR-001", TRIAL)
    git.run(ended.root, "mv", str(path), f"{path}.bak")
    git.run(ended.root, "commit", "-q", "-m", "tidy", "--no-verify")
    assert f"the trial {path.name} was deleted from the ledger" in trials.ledger(ended).problems


def test_a_trial_that_was_deleted_and_restored_is_whole_again(ended: Layout) -> None:
    path = ended.trial("STR-001", TRIAL)
    git.run(ended.root, "rm", "-q", str(path))
    git.run(ended.root, "commit", "-q", "-m", "oops", "--no-verify")
    assert trials.ledger(ended).problems
    git.run(ended.root, "revert", "--no-edit", "HEAD")
    assert trials.ledger(ended).problems == ()


def test_history_and_identity_of_a_strategy_stay(strategy: Layout) -> None:
    path = event(strategy, "critic", "doubted")
    made, old = load_record(path, RegistryEvent), registry.entry(strategy, "STR-001")
    for forged in (made.model_copy(update={"event": "praised"}), made.model_copy(update={"after": [path.stem]}), None):
        with pytest.raises((RefusedError, InputError)):
            save(strategy, "registry_event", path, forged, role="critic")
    for other in (fresh(name="other"), None):
        with pytest.raises(RefusedError):
            save(strategy, "registry", strategy.registry_entry("STR-001"), other, role="critic")
    assert registry.entry(strategy, "STR-001") == old
    assert [item.event for item in old.history] == ["created", "doubted"]


def claim(text: str, title: str = "T") -> Any:
    return learnings.make("critic", title=title, text=text, scope="all", evidence=[], tags=[], severity="info", now=NOW)


def test_a_claim_is_retracted_but_never_reworded_and_only_once(strategy: Layout) -> None:
    made = claim("Costs eat it.")
    path = strategy.learning(made.learning_id)
    save(strategy, "learning", path, learnings.render(made), role="critic")
    with pytest.raises(RefusedError, match="text"):
        save(strategy, "learning", path, learnings.render(made.model_copy(update={"text": "No."})), role="critic")
    gone = fated(strategy, made.learning_id, "retracted", role="critic", time=TIME, reason="it was luck")
    commit_records(strategy, role="critic", tool="t", strategy_id=None, changes=[gone], message="no")
    found = learnings.entry(strategy, made.learning_id)
    assert found.text == "Costs eat it.\n\nRetracted: it was luck"
    with pytest.raises(RefusedError, match="already"):
        claims.may_retract(found)


def test_braces_in_the_prose_of_a_claim_are_prose(strategy: Layout) -> None:
    made = claim("use ml_strategy_{name}.py and {N} bars")
    save(strategy, "learning", strategy.learning(made.learning_id), learnings.render(made), role="critic")
    assert learnings.entry(strategy, made.learning_id).text == made.text


def test_a_claim_that_nobody_could_read_again_is_not_written(strategy: Layout) -> None:
    made = claim("x")
    path = strategy.learning(made.learning_id)
    with pytest.raises(FindingsError, match="front matter"):
        save(strategy, "learning", path, "just text", role="critic")
    with pytest.raises(FindingsError, match="longer"):
        save(strategy, "learning", path, learnings.render(made) + "x" * 30_000, role="critic")
    assert not path.exists()


def test_hidden_letters_and_lines_do_not_survive_in_a_claim() -> None:
    made = claim("a\x9bb\ud800c\U000e0041d", title="one\n# two")
    assert (made.text, made.title) == ("abcd", "one # two")
    with pytest.raises(InputError):
        claim("x", title="\x00")


def test_a_record_cannot_be_written_over_that_of_another_strategy(strategy: Layout) -> None:
    with pytest.raises(InputError, match="strategy_id is STR-001"):
        save(strategy, "data_spec", strategy.data_spec("STR-0012"), data_spec("a"), role="data_collector")


def data_spec(stamp: str) -> DataSpec:
    verdict = "sufficient" if stamp == "a" else "insufficient"
    return DataSpec.model_validate(
        {"strategy_id": "STR-001", "requirements": [], "verdict": verdict, "assessed": "2026-01-02T03:04:05Z"}
    )


def hand(layout: Layout, sender: Stage, receiver: Stage, strategy_id: str = "STR-001") -> None:
    report = GateReport(
        gate=f"{sender}->{receiver}",
        strategy_id=strategy_id,
        passed=True,
        profile="strict",
        policy_digest=HASH,
        results=[],
    )
    _, changes = handoffs.make_handoff(layout, strategy_id, sender=sender, receiver=receiver, report=report, now=NOW)
    time = "2026-01-02T03:04:06Z"
    changes.append(noted(layout, strategy_id, time=time, role=sender, event="handed", stage=receiver))
    commit_records(layout, role=sender, tool="handoff", strategy_id=strategy_id, changes=changes, message="h")


@pytest.fixture
def handed(strategy: Layout) -> Layout:
    """A strategy that two handoffs brought to the backtester."""
    hand(strategy, "ml_engineer", "data_collector")
    save(strategy, "data_spec", strategy.data_spec("STR-001"), data_spec("a"), role="data_collector")
    hand(strategy, "data_collector", "backtester")
    return strategy


def test_what_later_roles_write_does_not_void_a_handoff(handed: Layout) -> None:
    assert handoffs.current_stage(handed, "STR-001") == "backtester"
    assert handoffs.void_reasons(handed, "STR-001") == []
    assert handoffs.verify_chain(handed, "STR-001") == []


def test_a_changed_artifact_sends_the_work_back_to_the_role_that_made_it(handed: Layout) -> None:
    save(handed, "data_spec", handed.data_spec("STR-001"), data_spec("b"), role="data_collector")
    assert handoffs.void_reasons(handed, "STR-001") == ["data-spec.yaml changed"]
    assert handoffs.current_stage(handed, "STR-001") == "data_collector"
    save(handed, "code", handed.code_dir("STR-001") / "features.py", "x = 1\n")
    assert handoffs.void_reasons(handed, "STR-001") == ["code/features.py is new", "data-spec.yaml changed"]
    assert handoffs.current_stage(handed, "STR-001") == "ml_engineer"


def test_a_report_that_is_rendered_again_voids_nothing(handed: Layout) -> None:
    save(handed, "ml_report", handed.ml_report("STR-001"), "# Report\n")
    assert handoffs.current_stage(handed, "STR-001") == "backtester"


def test_a_second_round_is_not_voided_by_what_the_first_left(handed: Layout) -> None:
    save(handed, "code", handed.code_dir("STR-001") / "features.py", "x = 1\n")
    hand(handed, "ml_engineer", "data_collector")
    assert handoffs.current_stage(handed, "STR-001") == "data_collector"
    save(handed, "data_spec", handed.data_spec("STR-001"), data_spec("b"), role="data_collector")
    assert handoffs.current_stage(handed, "STR-001") == "data_collector"


def test_a_file_that_is_too_large_to_belong_there_is_not_read_but_found(handed: Layout) -> None:
    path = handed.strategy_spec("STR-001")
    with path.open("wb") as stream:
        stream.truncate(8 * 2**30)
    with pytest.raises(RefusedError, match=r"8,589,934,592 bytes are more than"):
        handoffs.void_reasons(handed, "STR-001")
    assert [item.code for item in validate.validate(handed) if item.severity == "error"] != []


def test_a_broken_chain_moves_nothing(handed: Layout) -> None:
    first, second = handoffs.record_paths(handed, "STR-001")
    forged = second.with_name("003-critic-to-risk_manager.yaml")
    forged.write_text(
        second.read_text()
        .replace("number: 2", "number: 3")
        .replace("sender: data_collector", "sender: critic")
        .replace("receiver: backtester", "receiver: risk_manager")
    )
    codes = {item.message for item in handoffs.verify_chain(handed, "STR-001")}
    assert {"it skips a stage", "number 3 where 2 is due"} <= codes
    assert handoffs.current_stage(handed, "STR-001") == "backtester"
    first.write_text(first.read_text() + "# touched\n")
    assert handoffs.current_stage(handed, "STR-001") == "data_collector"


def test_git_tells_what_changed_and_who_wrote_a_line(strategy: Layout) -> None:
    path = strategy.code_dir("STR-001") / "features.py"
    save(strategy, "code", path, "x = 1\n")
    since = history.history(strategy, path)[0].commit
    save(strategy, "code", path, "x = 1\ny = 2\n", tool="export")
    assert "+y = 2" in history.diff(strategy, path, since)
    assert [(event.tool, line) for event, line in history.blame(strategy, path)] == [
        ("t", "x = 1"),
        ("export", "y = 2"),
    ]
    with pytest.raises(NotFoundError):
        history.diff(strategy, path, "--output=/tmp/x")
    with pytest.raises(NotFoundError):
        history.blame(strategy, path.with_name("absent.py"))
