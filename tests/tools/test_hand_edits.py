"""`crypto-team ROLE commit`: a role's own edits, under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git

if TYPE_CHECKING:
    from tests.tools.conftest import Desk


def test_own_edits_are_committed_with_trailers_and_those_of_others_are_named(staffed: Desk) -> None:
    layout = staffed.session.layout
    base = git.run(layout.root, "rev-parse", "HEAD")
    code = layout.code_dir("STR-001") / "features.py"
    code.parent.mkdir()
    code.write_text("WINDOW = 24\n")
    (layout.strategies_root / "STR-001" / "hypothesis.md").write_text("Because.\n")
    layout.policy.write_text(layout.policy.read_text() + "# softer\n")
    seen = staffed.ok("commit", "ml_engineer", strategy_id="STR-001", dry_run=True)
    assert git.run(layout.root, "rev-parse", "HEAD") == base
    done = staffed.ok("commit", "ml_engineer", strategy_id="STR-001", message="Features of mine")
    assert done.data == seen.data == [{"file": str(code.relative_to(layout.root)), "what": "changed"}]
    assert [str(item.file).rpartition("/")[2] for item in done.findings] == ["hypothesis.md"]
    staffed.ok("commit", "strategy_researcher")
    assert staffed.ok("commit", "lead").data == [{"file": ".crypto/policy.yaml", "what": "changed"}]
    assert git.changed_since_commit(layout.root, [layout.crypto]) == []
    assert staffed.ok("ownership.check", base=base).summary.startswith("3 commit(s)")


def test_a_broken_file_stays_and_is_explained(staffed: Desk) -> None:
    layout = staffed.session.layout
    layout.ml_spec("STR-001").write_text("strategy_id: [\n")
    outcome = staffed("commit", "ml_engineer")
    assert (outcome.exit_code, outcome.data, outcome.revision) == (1, [], None)
    assert outcome.findings[0].hint


def test_a_removed_file_is_committed_as_removed(staffed: Desk) -> None:
    layout = staffed.session.layout
    layout.features("STR-002").unlink()
    assert [row["what"] for row in staffed.ok("commit", "ml_engineer", strategy_id="STR-002").data] == ["removed"]
