"""Changed subjects void a handoff, and the registry says so to everybody who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git
from crypto_team.kb.registry import entry
from tests.tools.test_knowledge_tools import hand_over

if TYPE_CHECKING:
    from tests.tools.conftest import Desk

WHO = ("-c", "user.name=e", "-c", "user.email=e@e")


def stands(desk: Desk) -> tuple[str, str]:
    at = entry(desk.session.layout, "STR-001")
    return at.stage, at.status


def test_an_edited_subject_brings_the_strategy_back(staffed: Desk) -> None:
    hand_over(staffed, "STR-001")
    assert stands(staffed)[0] == "data_collector"
    staffed.ok("edit", "ml_engineer", document="STR-001/ml-spec.yaml", set=['/hypothesis="x"'])
    assert stands(staffed) == ("ml_engineer", "draft")
    assert "ml-spec.yaml changed" in entry(staffed.session.layout, "STR-001").history[-1].event


def test_what_was_changed_by_hand_is_said_and_written_down_by_commit(staffed: Desk) -> None:
    hand_over(staffed, "STR-001")
    path = staffed.session.layout.ml_spec("STR-001")
    path.write_text(path.read_text().replace("strategy_name: momentum", "strategy_name: other"))
    git.run(staffed.session.layout.root, *WHO, "commit", "-qam", "by hand")
    assert "void" in {item.code for item in staffed("validate").findings}
    staffed.ok("commit", "ml_engineer", strategy_id="STR-001")
    assert stands(staffed) == ("ml_engineer", "draft")
    assert "void" not in {item.code for item in staffed("validate").findings}
