"""Tools about ownership, ids, views and the chain, as roles and people call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.cli.main import main
from crypto_team.kb import git
from tests.tools.test_knowledge_tools import hand_over

if TYPE_CHECKING:
    import pytest

    from tests.tools.conftest import Desk


def test_the_chain_is_shown_logged_and_verified(staffed: Desk) -> None:
    hand_over(staffed, "STR-001")
    shown = staffed.ok("handoff.show", strategy_id="STR-001")
    assert shown.data["from"] == "ml_engineer"
    assert {item["name"] for item in shown.data["subjects"]} == {"features.yaml", "ml-spec.yaml"}
    sealed = staffed.ok("handoff.show", strategy_id="STR-001", envelope=True)
    assert sealed.data["payloadType"] == "application/vnd.in-toto+json"
    staffed.ok("return-work", "data_collector", strategy_id="STR-001", reason="the pair is not traded there")
    log = staffed.ok("handoff.log", strategy_id="STR-001").data
    assert [row["what"] for row in log] == ["handed over", "returned to ml_engineer: the pair is not traded there"]
    assert staffed.ok("handoff.verify", base="HEAD").data[0]["whole"]
    assert staffed("handoff.show", strategy_id="STR-001", number=7).exit_code == 2
    path = staffed.session.layout.ml_spec("STR-001")
    path.write_text(path.read_text() + "# touched\n")
    changed = staffed("handoff.verify")
    assert (changed.ok, changed.data[0]["void"]) == (False, "ml-spec.yaml changed")


def test_ownership_is_explained_and_checked(staffed: Desk) -> None:
    layout = staffed.session.layout
    data = staffed.ok("ownership.explain", "critic", path="STR-001/ml-spec.yaml").data
    assert (data["kind"], data["owner"], data["may_write"]) == ("ml_spec", "ml_engineer", False)
    first = git.run(layout.root, "rev-list", "--max-parents=0", "HEAD")
    assert staffed.ok("ownership.check", base=first).summary.startswith("2 commit(s)")
    path = layout.ml_spec("STR-001")
    path.write_text(path.read_text() + "# mine\n")
    git.run(layout.root, "-c", "user.name=e", "-c", "user.email=e@e", "commit", "-qam", "mine")
    assert staffed("ownership.check", base=first).exit_code == 3
    assert staffed("ownership.check", base="--all").exit_code == 2


def test_views_are_checked_and_written(staffed: Desk) -> None:
    staffed.ok("views", check=True)
    view = staffed.session.layout.registry_view
    view.write_text("strategies: []\n")
    assert [item.code for item in staffed("views", check=True).findings] == ["stale-view"]
    staffed.ok("views")
    staffed.ok("views", check=True)
    assert git.changed_since_commit(staffed.session.layout.root, [view]) == []


def test_codeowners_is_written_where_the_host_looks(staffed: Desk) -> None:
    staffed.ok("ownership.codeowners", write=True)
    text = (staffed.session.layout.root / ".github" / "CODEOWNERS").read_text()
    assert "/.crypto/knowledge/strategies/*/ml-spec.yaml" in text


def test_ids_without_a_remote_are_final(staffed: Desk) -> None:
    assert staffed.ok("ids.list").data == []
    assert staffed("ids.sync").exit_code == 1


def test_handoff_is_a_command_and_a_group_at_once(staffed: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--workspace", str(staffed.session.layout.root)]
    assert main(["handoff", "verify", *root]) == 0
    assert main(["handoff", "STR-009", "--to", "backtester", *root]) == 2
    assert main(["handoff", "--to", "backtester", "STR-009", *root]) == 2
    assert "there is no strategy STR-009" in capsys.readouterr().err
    assert main(["handoff", "verif", *root]) == 2
    assert "did you mean 'verify'" in capsys.readouterr().err
