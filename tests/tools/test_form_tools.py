"""Canonical form, migration, splicing, and what both leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_team.errors import InputError
from crypto_team.kb import formatting, git, learnings
from crypto_team.kb.yaml import parse
from crypto_team.kb.yaml_splice import splice
from tests.tools.test_learning_life import propose

if TYPE_CHECKING:
    from tests.tools.conftest import Desk


def test_what_tools_wrote_is_in_canonical_form(staffed: Desk) -> None:
    propose(staffed, 0)
    assert staffed.ok("fmt", check=True).findings == []


def test_fmt_finds_and_mends_form_and_keeps_every_value(staffed: Desk) -> None:
    layout = staffed.session.layout
    path = layout.ml_spec("STR-001")
    canonical = path.read_text()
    path.write_text(canonical.replace("strategy_id: STR-001", "strategy_id:   'STR-001'  # mine"))
    git.run(layout.root, "commit", "-q", "-a", "-m", "edited", "--no-verify")
    outcome = staffed("fmt", check=True)
    assert outcome.exit_code == 1
    assert [item.file for item in outcome.findings] == [".crypto/knowledge/strategies/STR-001/ml-spec.yaml"]
    assert path.read_text() != canonical, "a check changes nothing"
    staffed.ok("fmt")
    assert path.read_text() == canonical
    assert git.last_trailer(layout.root, "Crypto-Team-Tool", path) == "fmt"
    assert git.last_trailer(layout.root, "Crypto-Team-Role", path) == "ml_engineer"
    assert staffed.ok("fmt", check=True).findings == []


def test_a_broken_file_is_no_matter_of_form(staffed: Desk) -> None:
    staffed.session.layout.ml_spec("STR-001").write_text("strategy_id: [")
    assert staffed.ok("fmt", check=True).findings == []
    assert staffed("ci").exit_code == 1


def test_what_a_handoff_is_about_is_left_byte_for_byte(staffed: Desk) -> None:
    layout = staffed.session.layout
    path = layout.ml_spec("STR-001")
    layout.handoffs_dir("STR-001").mkdir()
    (layout.handoffs_dir("STR-001") / "001-ml_engineer-to-data_collector.yaml").write_text("number: 1\n")
    path.write_text(path.read_text() + "# a remark\n")
    before = path.read_bytes()
    assert staffed.ok("fmt", check=True).findings == []  # nothing to do about it, so nothing is said
    assert "1 left" in staffed.ok("fmt").summary
    assert path.read_bytes() == before


def test_migrate_rewrites_old_documents_and_validation_points_to_it(desk: Desk) -> None:
    name = propose(desk, 0)
    path = desk.session.layout.learning(name)
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("super", "rests_on", "stale_"))]
    path.write_text("\n".join(lines).replace("schema_version: 2", "schema_version: 1") + "\n")
    old = path.read_text()
    assert learnings.load(path).schema_version == 2
    assert [(item.code, item.severity) for item in desk.ok("validate").findings] == [("old-version", "info")]
    planned = desk.ok("migrate", dry_run=True)
    assert planned.data == [{"file": f".crypto/knowledge/learnings/{name}.md", "kept": False}]
    assert path.read_text() == old
    git.run(desk.session.layout.root, "commit", "-q", "-a", "-m", "older", "--no-verify")
    desk.ok("migrate")
    assert "schema_version: 2" in path.read_text()
    assert desk.ok("validate").findings == []
    assert desk.ok("migrate").data == []


def test_settings_keep_their_comments_when_their_version_rises(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.session.layout.policy
    path.write_text("# ours\nschema_version: 1 # first\nprofile: strict   # be careful\n")
    monkeypatch.setattr(formatting, "latest", lambda kind: 2)
    assert formatting.old_settings(desk.session.layout)[path] == (
        "# ours\nschema_version: 2 # first\nprofile: strict   # be careful\n"
    )


TEXT = """\
# überschrift
team: {name: "a: b", size: 3}   # inline
members:
  - role: critic  # first
    player: 'päul'
  - role: lead
    player: |
      two
      lines
empty:
"""


@pytest.mark.parametrize(
    ("pointer", "value", "line"),
    [
        ("/team/name", "x # y", 'team: {name: "x # y", size: 3}   # inline'),
        ("/team/size", 4, 'team: {name: "a: b", size: 4}   # inline'),
        ("/members/0/player", "yes", '    player: "yes"'),
        ("/members/1/role", "critic", "  - role: critic"),
        ("/empty", "filled", "empty: filled"),
    ],
)
def test_one_value_is_replaced_and_all_else_stays(pointer: str, value: object, line: str) -> None:
    made = splice(TEXT, pointer, value, where="f")  # type: ignore[arg-type]
    assert line in made.splitlines()
    before, after = TEXT.splitlines(), made.splitlines()
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("pointer", ["/team", "/members/7", "/nobody", "/members/x", ""])
def test_what_is_no_single_place_is_refused(pointer: str) -> None:
    with pytest.raises(InputError):
        splice(TEXT, pointer, 1, where="f")


def test_a_text_over_several_lines_is_replaced_whole() -> None:
    made = splice(TEXT, "/members/1/player", "one", where="f")
    assert parse(made, "f").data["members"][1]["player"] == "one"
    assert made.endswith("    player: one\nempty:\n")


@settings(deadline=None)
@given(st.text(max_size=200) | st.integers() | st.booleans() | st.none())
def test_a_spliced_value_reads_back_or_is_refused(value: str | int | bool | None) -> None:
    try:
        made = splice(TEXT, "/members/0/player", value, where="f")
    except InputError:
        return
    assert parse(made, "f").data["members"][0]["player"] == value
    assert made.startswith("# überschrift\n")
