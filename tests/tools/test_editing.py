"""Parts of a document changed by pointer, against what the caller read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.cli.table import TOOLS
from crypto_team.errors import UsageError
from crypto_team.kb import git
from crypto_team.kb.kinds import KINDS
from crypto_team.kb.partial import applied, read_operation
from crypto_team.tools.editing import CHANGED_BY, DESIGNED

if TYPE_CHECKING:
    from tests.tools.conftest import Desk

SPEC = "STR-001/ml-spec.yaml"


def test_a_part_is_set_and_everything_else_stays(staffed: Desk) -> None:
    before = staffed.ok("read", name=SPEC)
    staffed.ok("edit", "ml_engineer", document=SPEC, set=["/market/timeframe=4h"], base_revision=before.revision)
    after = staffed.ok("read", name=SPEC)
    assert after.data == before.data.replace('timeframe: "1h"', 'timeframe: "4h"')
    assert git.run(staffed.session.layout.root, "log", "-1", "--format=%s") == f"{SPEC}: 1 part(s) changed"


def test_a_stale_base_is_a_conflict_that_shows_the_difference(staffed: Desk) -> None:
    before = staffed.ok("read", name=SPEC)
    staffed.ok("edit", "ml_engineer", document=SPEC, set=["/market/timeframe=4h"])
    refused = staffed("edit", "ml_engineer", document=SPEC, set=["/market/timeframe=1d"], base_revision=before.revision)
    assert refused.exit_code == 4
    assert '-  timeframe: "1h"\n+  timeframe: "4h"' in refused.summary
    dry = staffed("edit", "ml_engineer", document=SPEC, set=["/x=1"], base_revision=before.revision, dry_run=True)
    assert not dry.ok


def test_other_roles_computed_records_and_wrong_values_are_refused(staffed: Desk) -> None:
    head = git.head(staffed.session.layout.root)
    assert staffed("edit", "critic", document=SPEC, set=["/market/timeframe=4h"]).exit_code == 3
    assert staffed("edit", "ml_engineer", document=SPEC, set=["/market/timeframe=often"]).exit_code == 2
    assert staffed("edit", "ml_engineer", document=SPEC, set=["/market/nonsense/deep=1"]).exit_code == 2
    assert staffed("edit", "ml_engineer", document="../registry/STR-001.yaml", set=["/status=live"]).exit_code == 2
    assert staffed("edit", "ml_engineer", document=SPEC, test=["/market/timeframe=1d"]).exit_code == 4
    assert staffed("edit", "ml_engineer", document=SPEC).exit_code == 2
    assert git.head(staffed.session.layout.root) == head


def test_operations_are_done_in_order_on_a_copy() -> None:
    data = {"a": [1, {"b/c": 2}], "d": "x"}
    steps = [
        read_operation("append", "/a=[3]"),
        read_operation("set", "/a/1/b~1c=true"),
        read_operation("set", "/d=plain text"),
        read_operation("remove", "/a/0"),
    ]
    assert applied(data, steps) == {"a": [{"b/c": True}, [3]], "d": "plain text"}
    assert data == {"a": [1, {"b/c": 2}], "d": "x"}


@pytest.mark.parametrize(("what", "text"), [("set", "a=1"), ("set", "/a"), ("remove", "a"), ("append", "/d=1")])
def test_what_is_no_pointer_is_a_usage_error(what: str, text: str) -> None:
    with pytest.raises(UsageError):
        applied({"d": "x"}, [read_operation(what, text)])  # type: ignore[arg-type]


def test_a_value_is_replaced_where_it_stands_and_comments_stay(staffed: Desk) -> None:
    path = staffed.session.layout.ml_spec("STR-001")
    path.write_text(path.read_text().replace('timeframe: "1h"', 'timeframe: "1h"  # because of the fees # really'))
    done = staffed.ok("edit", "ml_engineer", document=SPEC, set=["/market/timeframe=4h"])
    assert '  timeframe: "4h"  # because of the fees # really\n' in path.read_text()
    assert done.findings == []
    log = git.run(staffed.session.layout.root, "log", "-2", "--format=%(trailers:key=Crypto-Team-Tool,valueonly)")
    assert log.split() == ["edit", "hand"]


def test_who_drops_comments_is_told(staffed: Desk) -> None:
    path = staffed.session.layout.ml_spec("STR-001")
    path.write_text(path.read_text() + "# mine\n")
    done = staffed.ok("edit", "ml_engineer", document=SPEC, append=["/market/pairs=ETH/USDT"])
    assert [item.code for item in done.findings] == ["comments-dropped"]
    assert "# mine" not in path.read_text()


def test_the_lead_edits_settings_in_place_and_nobody_else_does(staffed: Desk) -> None:
    layout = staffed.session.layout
    base = git.run(layout.root, "rev-parse", "HEAD")
    layout.policy.write_text("# ours\n" + layout.policy.read_text())
    before = layout.policy.read_text()
    profile = next(line for line in before.splitlines() if line.startswith("profile: "))
    other = "research" if profile != "profile: research" else "strict"
    staffed.ok("edit", document="policy.yaml", set=[f"/profile={other}"])
    assert layout.policy.read_text() == before.replace(profile, f"profile: {other}")
    assert staffed.ok("ownership.check", base=base).summary.startswith("2 commit(s)")
    assert staffed("edit", "risk_manager", document="policy.yaml", set=["/profile=research"]).exit_code == 3
    assert staffed("edit", document="policy.yaml", set=["/profile=lenient"]).exit_code == 2
    assert staffed("edit", document="team.yaml", set=["/nope=1"]).exit_code == 2
    assert staffed("edit", document="policy.yaml", set=[f"/profile={other}"], base_revision="sha256:0").exit_code == 4


def test_every_kind_is_edited_in_parts_or_names_the_tools_that_change_it(staffed: Desk) -> None:
    shaped = {kind.name for kind in KINDS.values() if kind.schema is not None}
    assert shaped == DESIGNED | set(CHANGED_BY)
    assert not DESIGNED & set(CHANGED_BY)
    assert {key for keys in CHANGED_BY.values() for key in keys} <= set(TOOLS)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("registry/STR-001.yaml", "crypto-team risk-manager reject"),
        ("knowledge/registry/STR-001.yaml", "crypto-team return-work"),
    ],
)
def test_who_edits_a_computed_record_learns_which_tool_changes_it(staffed: Desk, document: str, says: str) -> None:
    outcome = staffed("edit", document=document, set=["/status=approved"])
    assert (outcome.ok, outcome.exit_code) == (False, 3)
    assert says in str(outcome.findings) + str(outcome.next)
