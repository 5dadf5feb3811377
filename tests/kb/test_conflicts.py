"""What git cannot merge: the records decide it where they can, and else the owner of the document is told how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.errors import ConflictError
from crypto_team.kb import conflicts, git, health, learnings, registry, validate, views, workspace
from crypto_team.kb.three_way import merged
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump, load_record
from crypto_team.schemas import MlSpec
from crypto_team.schemas.registry import HistoryEvent
from tests.kb.entries import TIME, event
from tests.kb.test_fates import propose
from tests.kb.test_ownership import by_hand, codes
from tests.kb.test_standing import assessment

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId

WHO = ("-c", "user.name=e", "-c", "user.email=e@e")
TREES: Any = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)


@given(TREES, TREES)
def test_what_one_side_left_as_it_was_is_what_the_other_made_of_it(base: Any, other: Any) -> None:
    assert merged(base, base, other) == (other, [])
    assert merged(base, other, base) == (other, [])
    assert merged(base, other, other) == (other, [])


@given(TREES, TREES, TREES)
def test_both_sides_clash_in_the_same_places_whoever_merges(base: Any, ours: Any, theirs: Any) -> None:
    made, clashes = merged(base, ours, theirs)
    other, same = merged(base, theirs, ours)
    assert sorted((name, str(one), str(two)) for name, one, two in clashes) == sorted(
        (name, str(two), str(one)) for name, one, two in same
    )
    assert (made == other) or clashes


def specify(layout: Layout, **values: Any) -> None:
    path = layout.ml_spec("STR-001")
    record = load_record(path, MlSpec).model_copy(update=values)
    change = Change("ml_spec", path, dump(record, schema="ml_spec"), revision_of(path))
    commit_records(layout, role="ml_engineer", tool="t", strategy_id="STR-001", changes=[change], message="spec")


def side(layout: Layout, name: str, start: str = "main") -> None:
    git.run(layout.root, "switch", "-q", "-c", name, start)


def merge(layout: Layout, name: str) -> None:
    assert git.attempt(layout.root, *WHO, "merge", "-q", "--no-edit", name).returncode


def concluded(layout: Layout) -> None:
    """Run the command that the doctor names."""
    import shlex

    command = shlex.split(conflicts.conclusion(layout))
    assert command[:2] == ["git", "commit"]
    git.run(layout.root, *WHO, *command[1:])


def test_a_document_that_both_sides_changed_in_one_field_is_decided_by_its_owner(strategy: Layout) -> None:
    side(strategy, "one")
    specify(strategy, hypothesis="weekends pay")
    side(strategy, "two", "main")
    specify(strategy, hypothesis="nights pay")
    merge(strategy, "one")
    with pytest.raises(ConflictError, match="in the middle of a merge") as caught:
        event(strategy, "critic", "doubted")
    assert "doctor --repair" in str(caught.value.hint)
    assert workspace.repair(strategy) == []
    [found] = conflicts.findings(strategy)
    assert found.message == "both sides changed /hypothesis: 'nights pay' here, 'weekends pay' there"
    assert "the ml_engineer decides" in str(found.hint)
    assert "git checkout --ours" in str(found.hint)
    git.run(strategy.root, "checkout", "--theirs", "--", str(strategy.ml_spec("STR-001")))
    git.run(strategy.root, "add", str(strategy.ml_spec("STR-001")))
    assert conflicts.findings(strategy) == []
    assert "Crypto-Team-Role: ml_engineer" in conflicts.conclusion(strategy)
    concluded(strategy)
    assert codes(strategy, "main") == []
    assert "weekends pay" in strategy.ml_spec("STR-001").read_text()


def test_a_document_that_both_sides_changed_in_neighbouring_fields_is_merged_by_field(strategy: Layout) -> None:
    record = load_record(strategy.ml_spec("STR-001"), MlSpec)
    side(strategy, "one")
    specify(strategy, hypothesis="weekends pay")
    side(strategy, "two", "main")
    specify(strategy, market=record.market.model_copy(update={"timeframe": "4h"}))
    if git.attempt(strategy.root, *WHO, "merge", "-q", "--no-edit", "one").returncode:
        assert workspace.repair(strategy) == ["merged ml-spec.yaml"]
        concluded(strategy)
    made = load_record(strategy.ml_spec("STR-001"), MlSpec)
    assert (made.hypothesis, made.market.timeframe) == ("weekends pay", "4h")
    assert codes(strategy, "main") == []


def grow(layout: Layout, role: RoleId, text: str, **values: Any) -> None:
    """Add an event to an entry of version 1, as older programs do."""
    entry = registry.entry(layout, "STR-001")
    said = HistoryEvent(time=TIME, role=role, event=text)
    made = entry.model_copy(update={"schema_version": 1, "history": [*entry.history, said]} | values)
    by_hand(layout, layout.registry_entry("STR-001"), dump(made, schema="registry"), Role=role)


@pytest.mark.parametrize("here", ["one", "two"])
def test_entries_that_older_programs_wrote_on_both_sides_keep_all_events(strategy: Layout, here: str) -> None:
    by_hand(strategy, strategy.registry_entry("STR-001"), dump(registry.entry(strategy, "STR-001")), Role="lead")
    side(strategy, "one")
    document = assessment(strategy, "rejected", ["fat tails"])
    document.path.write_text(str(document.content))
    git.run(strategy.root, "add", str(document.path))
    grow(strategy, "risk_manager", "rejected", status="rejected")
    side(strategy, "two", "main")
    grow(strategy, "critic", "praised", status="in_progress")
    git.run(strategy.root, "switch", "-q", here)
    merge(strategy, "two" if here == "one" else "one")
    assert workspace.repair(strategy) == ["merged STR-001.yaml"]
    concluded(strategy)
    entry = registry.entry(strategy, "STR-001")
    assert [item.event for item in entry.history] == ["created", "praised", "rejected"]
    assert entry.status == "rejected"
    assert codes(strategy, "main") == []
    assert [item for item in validate.validate(strategy) if item.severity == "error" and item.code != "unfounded"] == []


def test_a_claim_that_older_programs_accepted_on_both_sides_stays_accepted(strategy: Layout) -> None:
    name = propose(strategy)
    claim, path = learnings.entry(strategy, name), strategy.learning(name)
    for branch, role in (("one", "critic"), ("two", "lead")):
        side(strategy, branch, "main")
        taken = claim.model_copy(update={"status": "accepted", "accepted_by": role})
        by_hand(strategy, path, learnings.render(taken), Role=role)
    merge(strategy, "one")
    workspace.repair(strategy)
    concluded(strategy)
    assert learnings.entry(strategy, name).accepted_by == "lead"
    assert codes(strategy, "main") == []


def test_generated_lists_of_two_clones_are_made_anew(strategy: Layout) -> None:
    start = str(git.head(strategy.root))
    event(strategy, "critic", "here", status="in_progress")
    git.run(strategy.root, "branch", "-q", "mine")
    git.run(strategy.root, "reset", "-q", "--hard", start)
    event(strategy, "ml_engineer", "there", status="refused", tool="handoff")
    merge(strategy, "mine")
    assert [item.message for item in conflicts.findings(strategy)] == ["git left this unmerged"]
    repository = next(item for item in health.workspace(strategy) if item.name == "repository")
    assert repository.next == "crypto-team doctor --repair, or git merge --abort"
    assert workspace.repair(strategy) == ["merged registry.yaml"]
    concluded(strategy)
    assert views.stale(strategy) == []
    assert {item.event for item in registry.entry(strategy, "STR-001").history} == {"created", "here", "there"}
    assert codes(strategy, start) == []


def test_a_file_that_one_side_removed_and_code_are_decided_by_people(strategy: Layout) -> None:
    path = strategy.code_dir("STR-001") / "x.py"
    by_hand(strategy, path, "x = 1\n", Role="ml_engineer")
    side(strategy, "one")
    by_hand(strategy, path, "x = 2\n", Role="ml_engineer")
    git.run(strategy.root, "rm", "-q", str(strategy.features("STR-001")))
    git.run(strategy.root, *WHO, "commit", "-qm", "x", "--trailer", "Crypto-Team-Role: ml_engineer")
    side(strategy, "two", "main")
    by_hand(strategy, path, "x = 3\n", Role="ml_engineer")
    features = strategy.features("STR-001")
    by_hand(strategy, features, features.read_text() + "# kept\n", Role="ml_engineer")
    merge(strategy, "one")
    said = {item.message for item in conflicts.findings(strategy)}
    assert said == {"both sides changed it", "one side removed it, the other changed it"}
