"""Tools that every role has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crypto_team.kb.handoffs import make_handoff
from crypto_team.kb.noting import noted
from crypto_team.kb.writer import commit_records
from crypto_team.tools.next_step import STEPS
from tests.kb.reports import passed_report

if TYPE_CHECKING:
    from tests.tools.conftest import Desk


def test_status_of_the_workspace_counts_and_lists(staffed: Desk) -> None:
    data = staffed.ok("status").data
    assert data["trials"] == 0
    assert [row["strategy_id"] for row in data["strategies"]] == ["STR-001", "STR-002"]


def test_status_of_a_strategy_names_what_is_missing(staffed: Desk) -> None:
    outcome = staffed.ok("status", strategy_id="STR-001")
    assert outcome.data["with"] == "ml_engineer"
    assert outcome.next == ["crypto-team ml-engineer define-target STR-001 --kind direction --horizon 24"]


def test_next_tells_a_role_what_it_can_do_and_why_not_more(staffed: Desk) -> None:
    mine = staffed.ok("next", "ml_engineer").data
    assert all(row["command"] for row in mine)
    others = staffed.ok("next", "critic").data
    assert [row["command"] for row in others] == [None, None]
    assert "with the ml_engineer" in others[0]["why_not_more"]


@pytest.mark.parametrize(
    "name", ["STR-001/ml-spec.yaml", "strategies/STR-001/ml-spec.yaml", "registry.yaml", "policy.yaml"]
)
def test_read_finds_documents_by_their_names(staffed: Desk, name: str) -> None:
    outcome = staffed.ok("read", "critic", name=name)
    assert "schema_version" in outcome.data or "Generated" in outcome.data


@pytest.mark.parametrize(
    "name", ["../../.git/config", "/etc/passwd", "nothing.yaml", "STR-001", "../data/x.parquet", ""]
)
def test_read_finds_nothing_else(staffed: Desk, name: str) -> None:
    outcome = staffed("read", name=name)
    assert not outcome.ok
    assert outcome.data is None


def test_read_follows_no_link_out_of_the_knowledge_base(
    staffed: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.yaml"
    secret.write_text("secret: true\n")
    link = staffed.session.layout.strategies_root / "STR-001" / "data-spec.yaml"
    link.symlink_to(secret)
    outcome = staffed("read", name="STR-001/data-spec.yaml")
    assert not outcome.ok
    assert outcome.data is None


def test_search_shows_documents_that_hold_every_word(staffed: Desk) -> None:
    found = staffed.ok("search", text="momentum BTC/USDT").data
    assert [row["document"] for row in found] == ["strategies/STR-001/ml-spec.yaml"]
    assert staffed.ok("search", text="  ").data == []


def test_history_tells_who_wrote(staffed: Desk) -> None:
    newest = staffed.ok("history", strategy_id="STR-002").data[0]
    assert (newest["role"], newest["tool"], newest["what"]) == ("ml_engineer", "new", "STR-002: new")


def test_work_can_only_be_returned_by_who_has_it_and_not_from_the_start(staffed: Desk) -> None:
    assert staffed("return-work", "critic", strategy_id="STR-001", reason="unclear").exit_code == 3
    assert staffed("return-work", "ml_engineer", strategy_id="STR-001", reason="unclear").exit_code == 3


def test_every_command_that_next_suggests_exists() -> None:
    from crypto_team.cli.index import ENTRIES

    suggested = {" ".join(command.split()[:2]) for steps in STEPS.values() for _, _, command in steps}
    assert suggested <= set(ENTRIES)


def hand_over(desk: Desk, strategy_id: str) -> None:
    """Record a handoff to the data collector whose gate passed, as the handoff tool does."""
    layout = desk.session.layout
    report = passed_report("ml_engineer->data_collector", strategy_id)
    _, changes = make_handoff(
        layout, strategy_id, sender="ml_engineer", receiver="data_collector", report=report, now=desk.session.now()
    )
    moved = noted(
        layout,
        strategy_id,
        time="2021-03-04T06:00:00Z",
        role="ml_engineer",
        event="handed to data_collector",
        stage="data_collector",
    )
    changes.append(moved)
    commit_records(
        layout, role="ml_engineer", tool="handoff", strategy_id=strategy_id, changes=changes, message="handed over"
    )


def test_returned_work_is_with_its_sender_again_and_the_reason_stays_in_its_history(staffed: Desk) -> None:
    hand_over(staffed, "STR-001")
    assert staffed.ok("status", strategy_id="STR-001").data["with"] == "data_collector"
    staffed.ok("return-work", "data_collector", strategy_id="STR-001", reason="the data is too short")
    assert staffed.ok("status", strategy_id="STR-001").data["with"] == "ml_engineer"
    assert "too short" in staffed.ok("registry.history", strategy_id="STR-001").data[-1]["event"]
    assert staffed.ok("validate")


def test_read_names_what_there_is_instead(staffed: Desk) -> None:
    assert "STR-001/ml-spec.yaml" in staffed("read", name="STR-001").next[0]
    assert "STR-002/features.yaml" in staffed("read", name="features.yaml").next[0]
    assert "search" in staffed("read", name="nonsense").next[0]


def test_a_file_that_cannot_be_read_hides_no_other_from_search(staffed: Desk) -> None:
    staffed.session.layout.ml_spec("STR-002").write_bytes(b"momentum \xff")
    assert "strategies/STR-001/ml-spec.yaml" in {row["document"] for row in staffed.ok("search", text="momentum").data}


def test_one_broken_file_does_not_hide_the_others(staffed: Desk) -> None:
    layout = staffed.session.layout
    layout.registry_entry("STR-001").write_text("stage: [\n")
    outcome = staffed.ok("status")
    assert [row["strategy_id"] for row in outcome.data["strategies"]] == ["STR-002"]
    assert [(item.code, item.severity) for item in outcome.findings] == [("unreadable", "warning")]
    assert "STR-001.yaml" in str(outcome.findings[0].file)
    layout.ml_spec("STR-002").write_text("target: [\n")
    outcome = staffed.ok("status")
    assert outcome.data["strategies"][0]["status"] == "draft, broken"
    assert len(outcome.findings) == 2


def test_read_edit_and_explain_take_the_names_that_search_prints(staffed: Desk) -> None:
    [first, *_] = staffed.ok("search", text="momentum market").data
    name = first["document"]
    assert name == "strategies/STR-001/ml-spec.yaml"
    assert staffed.ok("read", name=name).summary == name
    assert staffed.ok("ownership.explain", path=Path(name)).data["kind"] == "ml_spec"
    for written in (name, "STR-001/ml-spec.yaml", f".crypto/knowledge/{name}"):
        staffed.ok("edit", "ml_engineer", document=written, set=["/hypothesis=slow flows"], dry_run=True)
