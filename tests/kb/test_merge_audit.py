"""Merges: who keeps both sides decides nothing; who prefers one, or resolves a conflict, answers for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import git, learnings, ownership_audit
from crypto_team.kb.writer import Change, commit_records
from tests.kb.entries import event
from tests.kb.test_chain import NOW
from tests.kb.test_ownership import by_hand, by_tool, codes, merged_ours

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

WHO = ("-c", "user.name=mallory", "-c", "user.email=m@x.io")


def switch(layout: Layout, *arguments: str) -> None:
    git.run(layout.root, "switch", "-q", *arguments)


def merged(layout: Layout, *arguments: str) -> None:
    git.run(layout.root, *WHO, "merge", "-q", "--no-ff", "--no-edit", *arguments)


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
    gone = event(strategy, "risk_manager", "rejected").relative_to(strategy.root).as_posix()
    switch(strategy, "main")
    start = by_hand(strategy, strategy.root / "other.txt", "x")
    merged(strategy, "pr")
    switch(strategy, "-c", "mal", start)
    merged_ours(strategy, "pr")
    assert lost(strategy, "main") == [("taken-back", gone)]


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
    event(strategy, "backtester", "looked")
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
