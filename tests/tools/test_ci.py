"""`ci`: every part of the check runs, each finds its own kind of damage, and what was not checked is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import git
from crypto_team.tools.ci import STEPS
from crypto_team.tools.forges import BRANCHES, target
from tests.tools.test_knowledge_tools import hand_over

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.conftest import Desk

WHO = ("-c", "user.name=e", "-c", "user.email=e@e")


@pytest.fixture(autouse=True)
def no_forge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the forge that these tests may run on."""
    for name in BRANCHES:
        monkeypatch.delenv(name, raising=False)


def first_commit(root: Path) -> str:
    return git.run(root, "rev-list", "--max-parents=0", "HEAD")


def test_a_sound_workspace_passes_every_part(staffed: Desk) -> None:
    outcome = staffed.ok("ci", base=first_commit(staffed.session.layout.root))
    assert outcome.summary.startswith("validate ok, fmt ok, views ok, chain ok, ownership ok (")
    assert "commit(s) judged): 0 finding(s)" in outcome.summary
    assert [step.name for step in STEPS] == ["validate", "fmt", "views", "chain", "ownership"]


def test_without_a_base_it_says_that_nobody_checked_who_changed_what(staffed: Desk) -> None:
    assert "ownership not checked (no --base)" in staffed.ok("ci").summary


def test_a_change_by_nobody_is_found_against_the_base_only(staffed: Desk) -> None:
    layout = staffed.session.layout
    base = first_commit(layout.root)
    path = layout.ml_spec("STR-001")
    path.write_text(path.read_text().replace("strategy_name: momentum", "strategy_name: other"))
    git.run(layout.root, *WHO, "commit", "-qam", "mine")
    found = staffed("ci", base=base)
    assert found.exit_code == 1
    assert "ownership" in {item.code for item in found.findings}
    assert "ownership failed" in found.summary


def test_a_chain_that_was_cut_off_is_found_without_a_base(staffed: Desk) -> None:
    hand_over(staffed, "STR-001")
    layout = staffed.session.layout
    staffed.ok("ci", base=first_commit(layout.root))
    for path in layout.handoffs_dir("STR-001").glob("*.yaml"):
        path.unlink()
    git.run(layout.root, *WHO, "commit", "-qam", "never happened")
    outcome = staffed("ci")
    assert outcome.exit_code == 1
    assert "chain failed" in outcome.summary
    cut = [item for item in outcome.findings if item.code == "handoff-chain"]
    assert cut
    assert all(not str(item.file).startswith("/") for item in cut)


def test_a_stale_list_is_one_finding(staffed: Desk) -> None:
    staffed.session.layout.registry_view.write_text("strategies: []\n")
    outcome = staffed("ci")
    assert [item.code for item in outcome.findings] == ["stale-view"]
    assert "views failed" in outcome.summary


def test_a_base_that_is_not_here_is_a_finding_and_the_other_parts_still_run(staffed: Desk) -> None:
    staffed.session.layout.registry_view.write_text("strategies: []\n")
    outcome = staffed("ci", base="origin/main")
    assert outcome.exit_code == 1
    assert {item.code for item in outcome.findings} == {"stale-view", "not-found-error"}
    assert any("git fetch" in str(item.hint) for item in outcome.findings)


@pytest.mark.parametrize("name", BRANCHES)
def test_forges_name_the_base(name: str) -> None:
    assert target({name: "main"}) == "refs/remotes/origin/main"
    assert target({name: ""}) is None
    assert target({}) is None


@pytest.mark.parametrize("base", ["", "  "])
def test_an_empty_base_is_an_error_of_use_not_a_check_left_out(staffed: Desk, base: str) -> None:
    outcome = staffed("ci", base=base)
    assert outcome.exit_code == 2
    assert "empty" in outcome.summary


def test_a_stale_list_is_a_warning_to_validate_with_the_same_remedy_as_in_ci(staffed: Desk) -> None:
    staffed.session.layout.registry_view.write_text("strategies: []\n")
    [warning] = staffed.ok("validate").findings
    [error] = staffed("ci").findings
    assert (warning.severity, error.severity) == ("warning", "error")
    assert warning.hint == error.hint == "crypto-team views"


def test_a_tag_or_a_branch_with_the_name_of_the_base_does_not_turn_the_check_off(
    staffed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = staffed.session.layout.root
    base = first_commit(root)
    git.run(root, "update-ref", "refs/remotes/origin/main", base)
    path = staffed.session.layout.ml_spec("STR-001")
    path.write_text(path.read_text().replace("strategy_name: momentum", "strategy_name: other"))
    git.run(root, *WHO, "commit", "-qam", "mine")
    for ref in ("refs/tags/origin/main", "refs/heads/origin/main"):
        git.run(root, "update-ref", ref, "HEAD")
        refused = staffed("ci", base="origin/main")
        assert refused.exit_code == 1
        assert f"2 refs are called 'origin/main': {min(ref, 'refs/remotes')}" in str(refused.findings)
        monkeypatch.setenv("GITHUB_BASE_REF", "main")
        assert "ownership" in {item.code for item in staffed("ci").findings}
        git.run(root, "update-ref", "-d", ref)


def test_a_tag_is_no_base_unless_it_is_written_out(staffed: Desk) -> None:
    root = staffed.session.layout.root
    git.run(root, "update-ref", "refs/tags/start", first_commit(root))
    assert "is a tag, not a branch" in str(staffed("ci", base="start").findings)
    staffed.ok("ci", base="refs/tags/start")


def test_a_base_that_holds_head_is_said_and_fails_where_a_forge_tests_a_proposal(
    staffed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = staffed.session.layout.root
    for base in ("HEAD", "main", git.run(root, "rev-parse", "HEAD")):
        found = staffed.ok("ci", base=base).findings
        assert [(item.code, item.severity) for item in found] == [("nothing-judged", "warning")]
    git.run(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    outcome = staffed("ci")
    assert outcome.exit_code == 1
    assert [(item.code, item.severity) for item in outcome.findings] == [("nothing-judged", "error")]
