"""Who may write what: the matcher, the check of history, the guard of hooks, CODEOWNERS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.kb import git, git_range, ownership, ownership_audit
from crypto_team.kb.codeowners import codeowners
from crypto_team.kb.guard import judge_event, judge_staged
from crypto_team.kb.kinds import KINDS
from crypto_team.kb.writer import Change, commit_records, revision_of

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "from crypto_team.cli.main import run; run()"


def by_hand(layout: Layout, path: Path, text: str, **trailers: str) -> str:
    """Commit a file as somebody with a shell does, with any trailers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git.run(layout.root, "add", "-A", "-f", "--", str(path))
    body = "by hand\n\n" + "".join(f"Crypto-Team-{key}: {value}\n" for key, value in trailers.items())
    identity = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org")
    git.run(layout.root, *identity, "commit", "-q", "-F", "-", stdin=body.encode())
    return str(git.head(layout.root))


def codes(layout: Layout, base: str) -> list[str]:
    return [item.code for item in ownership_audit.audit(layout, base)[1]]


def by_tool(layout: Layout, text: str = "x = 1\n") -> None:
    path = layout.code_dir("STR-001") / "features.py"
    change = Change("code", path, text, revision_of(path))
    commit_records(layout, role="ml_engineer", tool="t", strategy_id="STR-001", changes=[change], message="code")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_writers_and_everybody_else_is_denied(kind: str) -> None:
    policy = ownership.default_rules()
    owner = KINDS[kind].owner
    for role in ("ml_engineer", "data_collector", "critic", "lead"):
        allowed = ownership.decide(policy, role, "some-tool", kind).allowed
        assert allowed is (owner in {role, "any"} or kind == "view")
    assert not ownership.decide(policy, None, None, kind).allowed


def test_no_rule_gives_away_settings_or_handoffs() -> None:
    granted = ownership.default_rules().model_dump()
    granted["rules"] += [{"kind": kind, "role": "critic", "mode": "own"} for kind in ("handoff", "ownership", "view")]
    policy = type(ownership.default_rules()).model_validate(granted)
    assert not ownership.decide(policy, "critic", "t", "handoff").allowed
    assert not ownership.decide(policy, "critic", "t", "ownership").allowed
    assert ownership.decide(policy, "critic", "handoff", "handoff").allowed
    assert not ownership.decide(policy, "lead", "t", "no_such_kind").allowed


def test_a_history_made_by_tools_is_clean_from_the_first_commit_on(layout: Layout, strategy: Layout) -> None:
    base = git.run(layout.root, "rev-list", "--max-parents=0", "HEAD")
    by_tool(strategy)
    assert ownership_audit.audit(strategy, base) == (2, [])


def test_a_commit_that_was_undone_later_is_found_all_the_same(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    path = strategy.features("STR-001")
    before = path.read_text()
    by_hand(strategy, path, before + "# mine\n", Role="critic", Tool="t")
    by_hand(strategy, path, before, Role="ml_engineer", Tool="t")
    assert codes(strategy, base) == ["ownership"]


def test_the_rules_are_those_of_the_base_not_those_of_the_branch(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    text = strategy.ownership.read_text().replace("role: ml_engineer", "role: critic")
    by_hand(strategy, strategy.ownership, text, Role="critic", Tool="t")
    by_hand(strategy, strategy.code_dir("STR-001") / "mine.py", "x = 1\n", Role="critic", Tool="t")
    assert codes(strategy, base) == ["ownership", "ownership"]


def test_a_change_without_a_role_is_refused(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    by_hand(strategy, strategy.ml_report("STR-001"), "# fine\n")
    found = ownership_audit.audit(strategy, base)[1]
    assert [item.code for item in found] == ["ownership"]
    assert "without a role" in found[0].message


def test_two_roles_in_one_commit_are_no_role(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    path = strategy.ml_report("STR-001")
    path.write_text("x\n")
    git.run(strategy.root, "add", "-A")
    body = b"x\n\nCrypto-Team-Role: critic\nCrypto-Team-Role: ml_engineer\n"
    git.run(strategy.root, "-c", "user.name=e", "-c", "user.email=e@e", "commit", "-q", "-F", "-", stdin=body)
    assert codes(strategy, base) == ["ownership"]


def test_a_role_with_named_players_is_played_by_them_only(strategy: Layout) -> None:
    team = strategy.team.read_text().replace(
        "members: []", "members:\n- role: ml_engineer\n  player: ada@example.org\n"
    )
    assert "ada@" in team
    base = by_hand(strategy, strategy.team, team, Role="lead")
    by_hand(strategy, strategy.ml_report("STR-001"), "# fine\n", Role="ml_engineer", Tool="t")
    assert codes(strategy, base) == ["wrong-player"]


@pytest.mark.parametrize(
    ("player", "found"), [("Eve L. <Eve@example.org>", []), ("Eve L. <adam@example.org>", ["wrong-player"])]
)
def test_a_player_may_be_written_as_git_writes_authors(strategy: Layout, player: str, found: list[str]) -> None:
    member = f'members:\n- {{role: critic, player: "{player}"}}\n'
    team = strategy.team.read_text().replace("members: []", member)
    base = by_hand(strategy, strategy.team, team, Role="lead")
    by_hand(strategy, strategy.critic_review("STR-001").with_suffix(".md"), "# fine\n", Role="critic")
    assert codes(strategy, base) == found
    assert f"critic-review.* {player.split('<')[1][:-1]}" in codeowners(strategy)


def test_links_secrets_strangers_and_removed_records_are_found(strategy: Layout, tmp_path: Path) -> None:
    base = str(git.head(strategy.root))
    link = strategy.code_dir("STR-001") / "link.py"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path)
    by_hand(strategy, strategy.ml_report("STR-001"), "-----BEGIN PRIVATE KEY-----\n", Role="ml_engineer")
    by_hand(strategy, strategy.crypto / "data" / "x.parquet", "data", Role="lead")
    git.run(strategy.root, "rm", "-q", str(strategy.registry_entry("STR-001")))
    git.run(strategy.root, "add", "-f", str(link))
    git.run(
        strategy.root,
        *("-c", "user.name=e", "-c", "user.email=e@e", "commit", "-q", "-m", "x", "--trailer"),
        "Crypto-Team-Role: ml_engineer",
    )
    assert codes(strategy, base) == ["content", "ownership", "taken-back", "link"]


def test_a_merge_is_judged_by_what_it_adds_itself(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    git.run(strategy.root, "checkout", "-q", "-b", "side")
    by_tool(strategy)
    git.run(strategy.root, "checkout", "-q", "main")
    by_hand(strategy, strategy.root / "other.txt", "x")
    identity = ("-c", "user.name=e", "-c", "user.email=e@e")
    git.run(strategy.root, *identity, "merge", "-q", "--no-ff", "--no-commit", "side")
    assert codes(strategy, base) == []
    evil = strategy.code_dir("STR-001") / "features.py"
    evil.write_text("x = 2\n")
    git.run(strategy.root, "add", "-A")
    git.run(strategy.root, *identity, "commit", "-q", "-m", "merge")
    assert codes(strategy, base) == ["ownership"]


def test_an_unknown_or_shallow_base_is_refused_not_passed(strategy: Layout, tmp_path: Path) -> None:
    from crypto_team.kb.paths import Layout

    for name in ("no-such-branch", "--help", "HEAD:x"):
        with pytest.raises(NotFoundError):
            git_range.resolve(strategy.root, name)
    by_tool(strategy)
    git.run(tmp_path, "clone", "-q", "--depth", "1", f"file://{strategy.root}", "copy")
    with pytest.raises(NotFoundError, match="shallow"):
        ownership_audit.audit(Layout(tmp_path / "copy"), "HEAD")


def event(tool: str, folder: Path, **given: str) -> str:
    return json.dumps({"tool_name": tool, "tool_input": given, "cwd": str(folder)})


def test_the_guard_lets_a_role_edit_its_own_code_and_nothing_else(strategy: Layout, tmp_path: Path) -> None:
    code = str(strategy.code_dir("STR-001") / "features.py")
    assert judge_event(event("Write", strategy.root, file_path=code), "ml_engineer", tmp_path) is None
    assert judge_event(event("Edit", strategy.root, file_path=code), "critic", tmp_path) is not None
    assert judge_event(event("Edit", strategy.root, file_path=code), None, tmp_path) is not None
    for path in (
        strategy.registry_entry("STR-001"),
        strategy.evidence("STR-001"),
        strategy.ownership,
        strategy.registry_view,
        strategy.handoffs_dir("STR-001") / "001-ml_engineer-to-data_collector.yaml",
        strategy.crypto / "data" / "x",
    ):
        refused = judge_event(event("Write", strategy.root, file_path=str(path)), "ml_engineer", tmp_path)
        assert refused is not None, path
    assert judge_event(event("Write", strategy.root, file_path="README.md"), "critic", tmp_path) is None
    assert judge_event(event("Read", strategy.root, file_path=str(strategy.team)), None, tmp_path) is None


def test_the_guard_follows_links_and_dots(strategy: Layout, tmp_path: Path) -> None:
    (strategy.root / "shortcut").symlink_to(strategy.registry_dir)
    for name in ("shortcut/STR-001.yaml", ".crypto/store/../knowledge/registry/STR-001.yaml"):
        assert judge_event(event("Write", strategy.root, file_path=name), "critic", tmp_path) is not None


@pytest.mark.parametrize(
    ("command", "blocked"),
    [
        ("cat .crypto/knowledge/registry.yaml | grep STR", False),
        ("git log --oneline -- .crypto", False),
        ("crypto-team validate && cat .crypto/team.yaml 2>/dev/null", False),
        ("ls", False),
        ("echo x > .crypto/team.yaml", True),
        ("sed -i s/a/b/ .crypto/team.yaml", True),
        ("git checkout HEAD~3 -- .crypto", True),
        ("cat x; rm -rf .crypto", True),
        ("cat $(python x.py .crypto)", True),
        ('python -c \'open(".crypto/team.yaml", "w")\'', True),
        ("echo '.crypto", True),
        ("sort -o .crypto/team.yaml x", True),
        ("cp x .cry*/team.yaml", True),
        ("cp x .c?ypto/team.yaml", True),
        ("mv .{crypto,other} away", True),
        ("rm -rf .[a-z]*", True),
        ("rm -rf .cr''ypto", True),
        ("cat .cry*/team.yaml", False),
        ("sed -n 's/.*//p' notes.txt", False),
        ("awk '{print $1}' notes.txt > out.txt", False),
        ("git checkout HEAD~3 -- .", True),
        ("git checkout HEAD~3 .", True),
        ("git checkout -- '*.yaml'", True),
        ("git checkout -q -f main", True),
        ("git checkout main", False),
        ("git checkout -b side", False),
        ("git checkout HEAD~1 -- src/tool.py", False),
        ("git restore .", True),
        ("git restore --source HEAD~2 ':/'", True),
        ("git restore --staged .", False),
        ("git restore src", False),
        ("git -c user.name=x reset --hard HEAD~1", True),
        ("git reset -q", False),
        ("git switch --discard-changes main", True),
        ("git stash", True),
        ("git stash list", False),
        ("git clean -fdx", True),
        ("git clean -n", False),
        ("git rm -r -q src", False),
        ("git apply x.patch", True),
        ("git add -A && git commit -m words", False),
        ("git push origin main", False),
    ],
)
def test_the_guard_stops_shell_commands_that_may_write(strategy: Layout, command: str, *, blocked: bool) -> None:
    found = judge_event(event("Bash", strategy.root, command=command), "ml_engineer", strategy.root)
    assert (found is not None) is blocked


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tool_input": 3}', "[" * 100_000])
def test_the_guard_refuses_what_it_does_not_understand(layout: Layout, text: str) -> None:
    with pytest.raises(UsageError):
        judge_event(text, "critic", layout.root)


@pytest.mark.parametrize(("text", "role"), [("no json", "critic"), (None, "critic"), (None, "")])
def test_the_guard_as_a_command_fails_closed_with_two(strategy: Layout, text: str | None, role: str) -> None:
    said = text or event("Write", strategy.root, file_path=str(strategy.features("STR-001")))
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "ownership", "guard", *(("--role", role) if role else ())],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        cwd=strategy.root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr


def test_the_pre_commit_guard_reads_the_index_of_the_commit_and_lets_tools_pass(
    strategy: Layout, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    git.run(strategy.root, "worktree", "add", "-q", str(tree), "-b", "side")
    hook = strategy.root / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c '{COMMAND}' ownership guard --staged\n")
    hook.chmod(0o755)
    from crypto_team.kb.paths import Layout

    by_tool(Layout(tree))
    assert git.run(tree, "log", "-1", "--format=%s") == "code"
    path = Layout(tree).features("STR-001")
    path.write_text(path.read_text() + "# mine\n")
    identity = ("-c", "user.name=e", "-c", "user.email=e@e")
    done = git.attempt(tree, *identity, "commit", "-qam", "x", extra={"CRYPTO_TEAM_ROLE": "critic"})
    assert done.returncode
    assert b"belongs to the ml_engineer" in done.stderr
    assert not git.attempt(tree, *identity, "commit", "-qam", "x", extra={"CRYPTO_TEAM_ROLE": "ml_engineer"}).returncode


def test_staged_links_are_refused(strategy: Layout) -> None:
    link = strategy.code_dir("STR-001") / "x.py"
    link.parent.mkdir(parents=True)
    link.symlink_to("/etc/passwd")
    git.run(strategy.root, "add", "-f", str(link))
    assert [item.what for item in judge_staged(strategy, "ml_engineer", "t")] == [
        link.relative_to(strategy.root).as_posix()
    ]


def test_codeowners_is_a_block_that_leaves_other_lines_alone(strategy: Layout) -> None:
    team = strategy.team.read_text().replace("members: []", "members:\n- role: critic\n  player: '@ada'\n")
    strategy.team.write_text(team)
    text = codeowners(strategy, "* @everybody\n")
    assert text.startswith("* @everybody\n")
    assert "/.crypto/knowledge/strategies/*/critic-review.* @ada\n" in text
    assert codeowners(strategy, text) == text


def merged_ours(layout: Layout, other: str) -> None:
    git.run(layout.root, "merge", "-q", "-s", "ours", "--no-edit", other)


def diverged(strategy: Layout) -> str:
    """Return the branch that a tool went on with, while another one, checked out, did nothing."""
    start = git.branch(strategy.root) or ""
    git.run(strategy.root, "switch", "-q", "-c", "mine")
    git.run(strategy.root, "commit", "-q", "--allow-empty", "-m", "nothing")
    git.run(strategy.root, "switch", "-q", start)
    by_tool(strategy, "x = 2\n")
    git.run(strategy.root, "switch", "-q", "mine")
    return start


def test_a_merge_that_prefers_its_own_side_drops_nothing_unseen(strategy: Layout) -> None:
    start = diverged(strategy)
    merged_ours(strategy, start)
    found = ownership_audit.audit(strategy, start)[1]
    assert {item.code for item in found} == {"taken-back"}
    assert any((item.file or "").endswith("code/features.py") for item in found)


def test_a_merge_that_keeps_both_sides_is_no_finding(strategy: Layout) -> None:
    start = diverged(strategy)
    git.run(strategy.root, "merge", "-q", "--no-edit", start)
    assert ownership_audit.audit(strategy, start)[1] == []


@pytest.mark.parametrize("role", ["nonsense", "any", "Lead"])
def test_a_role_that_does_not_exist_writes_nothing(strategy: Layout, role: str) -> None:
    base = str(git.head(strategy.root))
    path = strategy.registry_entry("STR-001")
    by_hand(strategy, path, path.read_text().replace("momentum", "other"), Role=role)
    assert "unknown-role" in codes(strategy, base)
