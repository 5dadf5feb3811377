"""What somebody with a shell may try: each attempt ends in a finding, never in a traceback or in silence."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from crypto_team.cli.findings import concise, full, github, junit, sarif
from crypto_team.errors import CryptoTeamError
from crypto_team.kb import chain_audit, git, learnings, ownership_audit, views, workspace
from crypto_team.kb.codeowners import codeowners
from crypto_team.kb.guard import judge_event
from crypto_team.kb.paths import looks_like_ours
from crypto_team.kb.validate import validate
from crypto_team.kb.writer import Change, commit_records, revision_of
from tests.kb.entries import put
from tests.kb.test_branches import new_strategy
from tests.kb.test_chain import NOW, hand
from tests.kb.test_ownership import by_hand, codes, event, merged_ours

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

HUGE = "9" * 98
STANDS: dict[str, object] = {"status": "accepted", "accepted_by": "critic"}
TRIAL = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def found(layout: Layout) -> set[str]:
    return {item.code for item in validate(layout)}


def event_says(layout: Layout, text: str) -> None:
    path = put(layout)
    line = f'  history:\n  - time: "2026-01-02T03:04:05Z"\n    role: critic\n    event: "{text}"\n'
    path.write_text(path.read_text().partition("  history:")[0] + line)


@pytest.mark.parametrize(
    "text",
    [
        "a\\e[31m",
        "a\\0b",
        "a\\u202eb",
        "a\\u200bb",
        "a\\U000E0041b",
        "\u202eb",
        "\U000e0041",
        "\u200b",
        "\u2066x",
        "\ufeff",
        "a\rb",
    ],
)
def test_characters_that_nobody_sees_are_found_written_out_or_as_escapes(strategy: Layout, text: str) -> None:
    event_says(strategy, text)
    assert "hidden-character" in found(strategy)


@pytest.mark.parametrize("text", ["Zażółć gęślą jaźń", "日本語", "👩\u200d🔬 ❤\ufe0f", "a\\tb\\nc", "فارسی\u200cها"])
def test_what_people_write_is_not_hidden(strategy: Layout, text: str) -> None:
    event_says(strategy, text)
    assert "hidden-character" not in found(strategy)


def test_numbers_that_no_database_holds_are_findings(strategy: Layout) -> None:
    folder = strategy.trials_dir("STR-001")
    folder.mkdir(parents=True)
    (folder / f"{TRIAL}.yaml").write_text(
        f'trial_id: {TRIAL}\nstrategy_id: STR-001\nkind: train\nbooked: "2026-01-02T03:04:05Z"\nstatus: started\n'
        f"fingerprint: sha256:{'0' * 64}\nn_trials: {HUGE}\n"
    )
    assert "int-type" in found(strategy)


@pytest.mark.parametrize("name", [b"\xff.yaml", b"a\n::error::x\xfe.yaml", b"\xed\xa0\x80.md"])
@pytest.mark.parametrize("place", ["", "knowledge", "knowledge/registry"])
def test_names_that_are_no_text_are_findings_in_every_format(strategy: Layout, name: bytes, place: str) -> None:
    (strategy.crypto / place / os.fsdecode(name)).write_text("x: 1\n")
    seen = [item for item in validate(strategy) if item.code == "unknown-file"]
    assert len(seen) == 1
    for render in (concise, full, github, junit, sarif):
        text = render(seen)
        assert text.encode()
        assert render is github or not any(line.startswith("::") for line in text.splitlines())


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_list_that_is_no_text_is_stale_and_is_written_anew(strategy: Layout, content: bytes | None) -> None:
    strategy.registry_view.unlink()
    if content is not None:
        strategy.registry_view.write_bytes(content)
    else:
        strategy.registry_view.symlink_to("/etc/hostname")
    assert "stale-view" in found(strategy)
    workspace.repair(strategy)
    assert "stale-view" not in found(strategy)


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        *(
            (name, True)
            for name in (".Crypto", ".CRYPTO", ".cry\u200cpto", ".crypto.", ".crypto ", ".crypto::$DATA", "CRYPTO~1")
        ),
        *((name, False) for name in ("crypto", ".cryptography", "crypto-team", "krypto")),
    ],
)
def test_names_that_some_file_system_takes_for_ours(strategy: Layout, name: str, *, alike: bool) -> None:
    assert looks_like_ours(name) is alike
    base = str(git.head(strategy.root))
    by_hand(strategy, strategy.root / name / "team.yaml", "members: []\n")
    assert codes(strategy, base) == ["look-alike"] * alike
    refused = judge_event(event("Write", strategy.root, file_path=f"{name}/team.yaml"), "critic", strategy.root)
    assert (refused is not None) is alike


def test_a_branch_that_has_nothing_in_common_with_the_base_is_refused(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    git.run(strategy.root, "checkout", "-q", "--orphan", "other")
    git.run(strategy.root, "rm", "-rfq", ".")
    by_hand(strategy, strategy.root / "x.txt", "x")
    assert codes(strategy, base) == ["unrelated-history"]


def test_a_handoff_that_a_merge_threw_away_is_missed_without_a_base_too(strategy: Layout) -> None:
    git.run(strategy.root, "switch", "-q", "-c", "side")
    hand(strategy)
    git.run(strategy.root, "switch", "-q", "main")
    git.run(strategy.root, "commit", "-q", "--allow-empty", "-m", "x")
    merged_ours(strategy, "side")
    assert any("which is gone" in item.message for item in chain_audit.audit(strategy))


def claim(layout: Layout, **values: object) -> tuple[Path, str]:
    made = learnings.make(
        "quant_analyst", title="t", text="x", scope="all", evidence=[], tags=[], severity="info", now=NOW
    ).model_copy(update=values)
    return layout.learning(made.learning_id), learnings.render(made)


def test_a_claim_of_a_tool_is_no_finding(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    path, text = claim(strategy)
    for role, content in (
        ("quant_analyst", text),
        ("critic", claim(strategy, status="accepted", accepted_by="critic")[1]),
    ):
        change = Change("learning", path, content, revision_of(path))
        commit_records(strategy, role=role, tool="t", strategy_id=None, changes=[change], message="m")  # type: ignore[arg-type]
    assert codes(strategy, base) == []


@pytest.mark.parametrize(
    ("values", "role"),
    [
        ({}, "critic"),
        ({"status": "accepted", "accepted_by": "critic"}, "quant_analyst"),
        ({"status": "accepted"}, "quant_analyst"),
    ],
)
def test_a_claim_is_committed_by_its_author_as_a_proposal(strategy: Layout, values: dict[str, str], role: str) -> None:
    base = str(git.head(strategy.root))
    by_hand(strategy, *claim(strategy, **values), Role=role)
    assert codes(strategy, base) == ["forged-claim"]


@pytest.mark.parametrize(
    ("by", "role"), [(None, "critic"), ("critic", "quant_analyst"), ("quant_analyst", "quant_analyst")]
)
def test_a_claim_is_accepted_by_the_other_role_that_commits_it(strategy: Layout, by: str | None, role: str) -> None:
    path, text = claim(strategy)
    base = by_hand(strategy, path, text, Role="quant_analyst")
    by_hand(strategy, path, claim(strategy, status="accepted", accepted_by=by)[1], Role=role)
    assert codes(strategy, base) == ["forged-claim"]


@pytest.mark.parametrize(
    "values",
    [
        {"text": "x\n\nUpdate: the opposite is true."},
        {"status": "proposed", "accepted_by": None},
        {"status": "superseded", "superseded_by": "2026-11-21-lead-00000000"},
        {"status": "superseded"},
        {"status": "retracted"},
        {"status": "retracted", "text": "x\n\nRetracted: "},
        {"severity": "critical"},
        {"accepted_by": "backtester"},
        {"recheck": "never"},
        {"tags": ["approved"]},
    ],
)
def test_an_accepted_claim_is_not_rewritten(strategy: Layout, values: dict[str, object]) -> None:
    path, text = claim(strategy, **STANDS)
    base = by_hand(strategy, path, text, Role="quant_analyst")
    by_hand(strategy, path, claim(strategy, **{**STANDS, **values})[1], Role="lead")
    assert set(codes(strategy, base)) == {"forged-claim"}


def test_a_claim_is_superseded_by_an_accepted_one_that_names_it_and_retracted_with_a_reason(strategy: Layout) -> None:
    path, text = claim(strategy, status="accepted", accepted_by="critic")
    by_hand(strategy, path, text, Role="quant_analyst")
    better = learnings.make(
        "backtester", title="u", text="y", scope="all", evidence=[], tags=[], severity="info", now=NOW,
        supersedes=path.stem,
    )  # fmt: skip
    base = by_hand(strategy, strategy.learning(better.learning_id), learnings.render(better), Role="backtester")
    gone = claim(strategy, status="superseded", accepted_by="critic", superseded_by=better.learning_id)[1]
    too_early = by_hand(strategy, path, gone, Role="critic")
    assert codes(strategy, base) == ["forged-claim"]
    git.run(strategy.root, "reset", "-q", "--hard", f"{too_early}~1")
    taken = better.model_copy(update={"status": "accepted", "accepted_by": "critic"})
    strategy.learning(better.learning_id).write_text(learnings.render(taken))
    git.run(strategy.root, "add", str(strategy.learning(better.learning_id)))
    by_hand(strategy, path, gone, Role="critic")
    back = taken.model_copy(update={"status": "retracted", "text": "y\n\nRetracted: it was a mistake"})
    by_hand(strategy, strategy.learning(better.learning_id), learnings.render(back), Role="lead")
    assert codes(strategy, base) == []


@pytest.mark.parametrize(
    "given",
    [
        {"source": "/x/y", "destination": ".crypto/team.yaml"},
        {"paths": ["a.txt", ".crypto/team.yaml"]},
        {"edits": [{"file": "a"}, {"file": ".crypto/team.yaml"}]},
        {"uri": "file://{root}/.crypto/team.yaml"},
        {"file_path": ".crypto\0/team.yaml"},
    ],
)
def test_the_guard_finds_paths_whatever_a_tool_calls_them(strategy: Layout, given: dict[str, object]) -> None:
    text = json.dumps({"tool_name": "mcp__fs__move", "tool_input": given, "cwd": str(strategy.root)})
    text = text.replace("{root}", str(strategy.root))
    assert judge_event(text, "critic", strategy.root) is not None


def test_the_guard_does_not_take_text_for_paths(strategy: Layout) -> None:
    given = {
        "file_path": "notes.md",
        "new_string": ".crypto/team.yaml",
        "content": ".crypto/x",
        "new_source": ".crypto/y",
    }
    assert judge_event(json.dumps({"tool_name": "Edit", "tool_input": given}), "critic", strategy.root) is None


def test_a_player_cannot_add_lines_to_codeowners(strategy: Layout) -> None:
    text = strategy.team.read_text().replace("members: []", 'members:\n- {role: critic, player: "@a\\n* @mallory"}\n')
    strategy.team.write_text(text)
    assert "mallory" not in codeowners(strategy)


def test_attributes_of_the_repository_do_not_change_what_was_hashed(strategy: Layout, tmp_path: Path) -> None:
    (strategy.root / ".gitattributes").write_text("*.yaml text eol=crlf ident working-tree-encoding=UTF-16LE\n")
    git.run(strategy.root, "add", ".gitattributes")
    git.run(strategy.root, "commit", "-qm", "attributes")
    hand(strategy)
    git.run(tmp_path, "clone", "-q", str(strategy.root), "copy")
    from crypto_team.kb.paths import Layout

    for path in strategy.knowledge.rglob("*.yaml"):
        copy = Layout(tmp_path / "copy").root / path.relative_to(strategy.root)
        assert copy.read_bytes() == path.read_bytes()


def test_other_attributes_in_the_workspace_are_a_finding_and_an_old_workspace_gets_ours(strategy: Layout) -> None:
    path = strategy.crypto / ".gitattributes"
    path.write_text("* filter=lfs\n")
    assert "attributes" in found(strategy)
    git.run(strategy.root, "rm", "-q", "-f", str(path))
    git.run(strategy.root, "commit", "-qm", "as an older version made it", "--trailer", "Crypto-Team-Role: lead")
    assert found(strategy) == set()
    base = str(git.head(strategy.root))
    workspace.repair(strategy)
    assert path.exists()
    assert found(strategy) == set()
    assert codes(strategy, base) == []


def test_ids_with_needless_zeros_are_found(strategy: Layout) -> None:
    path = strategy.registry_entry("STR-001")
    path.with_name("STR-0001.yaml").write_text(path.read_text().replace("STR-001", "STR-0001"))
    assert "misplaced" in found(strategy)


def test_a_list_that_was_changed_by_hand_is_found_on_every_branch(strategy: Layout) -> None:
    git.run(strategy.root, "switch", "-q", "-c", "side")
    text = strategy.registry_view.read_text()
    by_hand(strategy, strategy.registry_view, text.replace("draft", "approved"), Tool="x")
    assert codes(strategy, "main") == ["forged-list"]
    by_hand(strategy, strategy.registry_view, text, Tool="x")
    path, claimed = claim(strategy)
    by_hand(strategy, path, claimed, Role="quant_analyst")
    assert codes(strategy, "main") == []


def test_a_list_of_a_default_branch_that_nobody_published_yet_is_no_forgery(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    new_strategy(strategy, 1)
    views.write(strategy)
    git.run(strategy.root, "switch", "-q", "-c", "side")
    new_strategy(strategy, 2)
    assert codes(strategy, base) == []
    listed = strategy.registry_view.read_text()
    assert "STR-002" in listed
    assert "STR-003" not in listed
    by_hand(strategy, strategy.registry_view, listed.replace("STR-002", "STR-003"), Tool="x")
    assert codes(strategy, base) == ["forged-list"]


def test_a_list_that_a_branch_removes_is_missed(strategy: Layout) -> None:
    assert strategy.registry_view.exists()
    git.run(strategy.root, "switch", "-q", "-c", "mal", "main")
    git.run(strategy.root, "rm", "-q", "--", str(strategy.registry_view))
    by_hand(strategy, strategy.code_dir("STR-001") / "x.py", "x = 1\n", Role="ml_engineer", Tool="x")
    assert codes(strategy, "main") == ["taken-back"]


def test_one_id_for_two_records_is_found(strategy: Layout) -> None:
    one = strategy.datasets_dir / "DS-001-btc-usdt-1h-ohlcv.yaml"
    trial = strategy.trials_dir("STR-001") / f"{TRIAL}.yaml"
    for path in (one, trial):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x: 1\n")
    assert "twice" not in found(strategy)
    one.with_name("DS-001-other.yaml").write_text("x: 1\n")
    assert "twice" in found(strategy)
    one.unlink()
    assert "twice" not in found(strategy)
    other = strategy.trials_dir("STR-002") / TRIAL[-2:] / f"{TRIAL}.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("x: 1\n")
    assert [item.file for item in validate(strategy) if item.code == "twice"] == [str(other)]


@pytest.mark.parametrize("name", ["strategies/STR-001", "registry", "learnings"])
def test_folders_that_are_links_are_found_and_never_written_through(
    strategy: Layout, tmp_path: Path, name: str
) -> None:
    there = tmp_path / "there"
    place = strategy.knowledge / name
    place.mkdir(parents=True, exist_ok=True)
    place.rename(there)
    place.symlink_to(there)
    before = sorted(there.rglob("*"))
    assert "outside" in found(strategy)
    path, text = claim(strategy) if name == "learnings" else (strategy.code_dir("STR-001") / "x.py", "x = 1\n")
    change = Change("learning" if name == "learnings" else "code", path, text)
    if name != "registry":
        with pytest.raises(CryptoTeamError):
            commit_records(strategy, role="ml_engineer", tool="t", strategy_id=None, changes=[change], message="m")
    assert sorted(there.rglob("*")) == before


def test_a_replaced_object_does_not_hide_what_was_committed(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    bad = by_hand(strategy, strategy.team, "members: []\n", Role="critic")
    git.run(
        strategy.root,
        "replace",
        bad,
        git.run(strategy.root, "commit-tree", f"{base}^{{tree}}", "-p", base, "-m", "nothing"),
    )
    assert codes(strategy, base) == ["ownership"]


def test_a_huge_blob_is_refused_without_being_read(strategy: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    base = str(git.head(strategy.root))
    by_hand(strategy, strategy.code_dir("STR-001") / "x.py", "#" * 2_000, Role="ml_engineer")
    by_hand(strategy, strategy.code_dir("STR-001") / "x.py", "# small", Role="ml_engineer")
    assert codes(strategy, base) == []
    monkeypatch.setattr(ownership_audit, "MOST_BYTES", 1_000)
    assert codes(strategy, base) == ["content", "content"]
