"""Merges: who keeps both sides decides nothing; who prefers one, or resolves a conflict, answers for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import git, learnings, ownership_audit
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump, load_record
from crypto_team.schemas import RegistryEntry
from crypto_team.schemas.registry import HistoryEvent
from tests.kb.test_chain import NOW
from tests.kb.test_ownership import by_hand, by_tool, codes, merged_ours

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId

WHO = ("-c", "user.name=mallory", "-c", "user.email=m@x.io")


def switch(layout: Layout, *arguments: str) -> None:
    git.run(layout.root, "switch", "-q", *arguments)


def merged(layout: Layout, *arguments: str) -> None:
    git.run(layout.root, *WHO, "merge", "-q", "--no-ff", "--no-edit", *arguments)


def event(layout: Layout, role: RoleId, text: str, minute: int) -> None:
    """Add an event to the history of STR-001, as tools do."""
    path = layout.registry_entry("STR-001")
    entry = load_record(path, RegistryEntry)
    made = HistoryEvent(time=f"2026-01-03T00:{minute:02d}:00Z", role=role, event=text)  # type: ignore[arg-type]
    entry = entry.model_copy(update={"history": [*entry.history, made]})
    change = Change("registry", path, dump(entry, schema="registry"), revision_of(path))
    commit_records(layout, role=role, tool="t", strategy_id="STR-001", changes=[change], message=text)


def learn(layout: Layout, title: str) -> str:
    made = learnings.make(
        "quant_analyst", title=title, text=title, scope="all", evidence=[], tags=[], severity="info", now=NOW
    )
    path = layout.learning(made.learning_id)
    change = Change("learning", path, learnings.render(made))
    commit_records(layout, role="quant_analyst", tool="t", strategy_id=None, changes=[change], message=title)
    return path.relative_to(layout.root).as_posix()


def setting(layout: Layout, old: str, new: str, role: str = "lead") -> None:
    text = layout.policy.read_text()
    assert old in text
    by_hand(layout, layout.policy, text.replace(old, new), Role=role)


def lost(layout: Layout, base: str) -> list[tuple[str, str]]:
    return [(item.code, str(item.file)) for item in ownership_audit.audit(layout, base)[1]]


def test_a_record_that_a_criss_cross_threw_away_is_missed_whatever_the_merge_bases_are(strategy: Layout) -> None:
    switch(strategy, "-c", "pr")
    event(strategy, "risk_manager", "rejected", 1)
    switch(strategy, "main")
    start = by_hand(strategy, strategy.root / "other.txt", "x")
    merged(strategy, "pr")
    switch(strategy, "-c", "mal", start)
    merged_ours(strategy, "pr")
    assert lost(strategy, "main") == [("taken-back", ".crypto/knowledge/registry/STR-001.yaml")]


def test_a_setting_of_the_base_is_not_undone_by_a_merge_because_the_branch_touched_the_file(strategy: Layout) -> None:
    switch(strategy, "-c", "feat")
    setting(strategy, "holdout_budget: 20", "holdout_budget: 19")
    switch(strategy, "main")
    setting(strategy, "holdout_fraction: 0.15", "holdout_fraction: 0.2")
    switch(strategy, "feat")
    merged_ours(strategy, "main")
    assert lost(strategy, "main") == [("taken-back", ".crypto/policy.yaml")]


def test_what_another_branch_committed_is_not_thrown_away_by_a_merge(strategy: Layout) -> None:
    switch(strategy, "-c", "A")
    path = learn(strategy, "mine")
    switch(strategy, "-c", "B", "main")
    event(strategy, "backtester", "looked", 1)
    merged_ours(strategy, "A")
    assert lost(strategy, "main") == [("taken-back", path)]


@pytest.mark.parametrize("way", [(), ("-X", "ours"), ("-X", "theirs")])
def test_a_merge_that_git_makes_alone_is_no_change_by_anybody(strategy: Layout, way: tuple[str, ...]) -> None:
    switch(strategy, "-c", "feat")
    setting(strategy, "holdout_budget: 20", "holdout_budget: 19")
    learn(strategy, "mine")
    switch(strategy, "main")
    by_tool(strategy)
    setting(strategy, "profile: strict", "profile: research")
    switch(strategy, "feat")
    merged(strategy, *way, "main")
    text = strategy.policy.read_text()
    assert "holdout_budget: 19" in text
    assert "profile: research" in text
    assert codes(strategy, "main") == []


def conflict(layout: Layout) -> None:
    """Two sides that set the same line of the policy otherwise."""
    switch(layout, "-c", "feat")
    setting(layout, "holdout_budget: 20", "holdout_budget: 19")
    switch(layout, "main")
    setting(layout, "holdout_budget: 20", "holdout_budget: 5")
    switch(layout, "feat")


@pytest.mark.parametrize(("role", "said"), [("lead", []), (None, ["taken-back"]), ("critic", ["taken-back"])])
def test_a_conflict_is_resolved_by_a_role_that_may_write_the_file(
    strategy: Layout, role: str | None, said: list[str]
) -> None:
    conflict(strategy)
    merged(strategy, "--no-commit", "-s", "ours", "main")
    trailer = ("--trailer", f"Crypto-Team-Role: {role}") if role else ()
    git.run(strategy.root, *WHO, "commit", "-q", "-m", "merge", *trailer)
    assert codes(strategy, "main") == said


@pytest.mark.parametrize(
    ("order", "said"), [((0, 1), []), ((1, 0), []), ((0,), ["taken-back"]), ((1,), ["taken-back"])]
)
def test_events_of_both_sides_stay_in_their_order_where_a_role_resolves_a_conflict(
    strategy: Layout, order: tuple[int, ...], said: list[str]
) -> None:
    path = strategy.registry_entry("STR-001")
    sides = []
    for name, role in (("one", "critic"), ("two", "backtester")):
        switch(strategy, "-c", name, "main")
        event(strategy, role, name, 1)  # type: ignore[arg-type]
        sides.append(load_record(path, RegistryEntry))
    git.attempt(strategy.root, *WHO, "merge", "-q", "one")
    history = [item for number in order for item in sides[number].history]
    path.write_text(dump(sides[0].model_copy(update={"history": history}), schema="registry"))
    git.run(strategy.root, "add", "-A")
    git.run(strategy.root, *WHO, "commit", "-q", "-m", "merge", "--trailer", "Crypto-Team-Role: critic")
    assert codes(strategy, "main") == said


def test_a_merge_of_three_branches_keeps_all_of_them(strategy: Layout) -> None:
    for name in ("one", "two"):
        switch(strategy, "-c", name, "main")
        learn(strategy, name)
    switch(strategy, "-c", "all", "main")
    by_tool(strategy)
    merged(strategy, "one", "two")
    assert codes(strategy, "main") == []
    switch(strategy, "-c", "none", "HEAD~1")
    git.run(strategy.root, *WHO, "merge", "-q", "-s", "ours", "--no-edit", "one", "two")
    assert codes(strategy, "main") == ["taken-back", "taken-back"]


def test_attributes_of_a_branch_do_not_choose_how_its_merge_is_judged(strategy: Layout) -> None:
    conflict(strategy)
    by_hand(strategy, strategy.root / ".gitattributes", "*.yaml merge=union\n")
    git.run(strategy.root, "rm", "-q", str(strategy.crypto / ".gitattributes"))
    git.run(strategy.root, *WHO, "commit", "-q", "-m", "x", "--trailer", "Crypto-Team-Role: lead")
    merged(strategy, "main")
    assert "holdout_budget: 19\nholdout_budget: 5\n" in strategy.policy.read_text()
    assert codes(strategy, "main") == ["ownership"]
