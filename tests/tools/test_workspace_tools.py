"""Tools of the workspace: made, validated, repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.cli.table import TOOLS
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.conftest import Desk


def test_init_makes_a_valid_workspace_and_a_second_init_changes_nothing(tmp_path: Path) -> None:
    session = open_session(tmp_path, "lead")
    assert call(TOOLS["init"], session, {"path": "work"}).ok
    files = {path: path.read_bytes() for path in (tmp_path / "work/.crypto").rglob("*") if path.is_file()}
    assert call(TOOLS["init"], session, {"path": "work"}).ok
    assert files == {path: path.read_bytes() for path in (tmp_path / "work/.crypto").rglob("*") if path.is_file()}
    inside = open_session(tmp_path / "work", "lead")
    assert call(TOOLS["validate"], inside, {}).ok


def test_outside_of_a_workspace_tools_say_how_to_make_one(tmp_path: Path) -> None:
    outcome = call(TOOLS["validate"], open_session(tmp_path, "lead"), {})
    assert outcome.exit_code == 2
    assert "crypto-team init" in outcome.next[0]


def test_validate_names_the_file_line_and_field_of_a_broken_record(staffed: Desk) -> None:
    path = staffed.session.layout.registry_entry("STR-001")
    path.write_text(path.read_text().replace("type: ml_based", "type: finished"))
    outcome = staffed("validate")
    assert outcome.exit_code == 1
    finding = outcome.findings[0]
    assert finding.file == ".crypto/knowledge/registry/STR-001.yaml"
    assert finding.line is not None
    assert finding.pointer == "/type"


def test_doctor_repairs_a_generated_list_that_somebody_edited(staffed: Desk) -> None:
    view = staffed.session.layout.registry_view
    view.write_text("strategies: []\n")
    assert staffed("doctor").exit_code == 1
    assert staffed("doctor", repair=True).ok
    assert "STR-001" in view.read_text()
    assert staffed("validate").ok
