"""Working without the remote: the user is told which ids are provisional, and how they become final."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.kb import git, ids

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.conftest import Desk

NEW: dict[str, Any] = {"name": "cross", "pair": ["EDGE/USD"], "hypothesis": "Trends last."}
SYNC = "crypto-team ids sync"


def bare(desk: Desk, tmp_path: Path) -> Path:
    """Make a remote that this workspace's ids are agreed with."""
    made = tmp_path / "remote.git"
    git.run(tmp_path, "init", "-q", "--bare", str(made))
    git.run(desk.folder, "remote", "add", "origin", str(made))
    return made


def test_a_tool_that_allots_offline_says_so_and_what_to_do_next(desk: Desk, tmp_path: Path) -> None:
    remote = bare(desk, tmp_path)
    away = remote.rename(remote.with_name("away.git"))
    outcome = desk.use("strategy_researcher.propose", **NEW)
    name = outcome.data["strategy_id"]
    [told] = [item for item in outcome.findings if item.code == "provisional-id"]
    assert name in told.message
    assert SYNC in (told.hint or "")
    assert outcome.next[-1] == SYNC
    assert outcome.next[0].startswith("crypto-team strategy-researcher add-rule")
    status = desk.use("status")
    assert (status.data["provisional_ids"], status.next) == ([name], [SYNC])
    check = next(item for item in desk.try_("doctor").data["checks"] if item["check"] == "ids")
    assert (check["state"], check["next"]) == ("note", SYNC)
    assert name in check["detail"]
    away.rename(remote)
    assert name in [row["id"] for row in desk.use("ids.sync").data]
    assert "provisional_ids" not in desk.use("status").data
    assert f"{ids.IDS}{name}" in git.refs(remote, ids.IDS)


def test_a_tool_that_reaches_the_remote_or_has_none_says_nothing(desk: Desk, tmp_path: Path) -> None:
    first = desk.use("strategy_researcher.propose", **NEW)
    bare(desk, tmp_path)
    second = desk.use("strategy_researcher.propose", **NEW)
    for outcome in (first, second):
        assert not [item for item in outcome.findings if item.code == "provisional-id"]
        assert SYNC not in outcome.next
    assert [first.data["strategy_id"], second.data["strategy_id"]] == ["STR-001", "STR-002"]
