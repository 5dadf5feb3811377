"""What became of claims: files beside them, so that branches merge; and nobody says it in the name of another role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.kb import claims, fates, git, learnings, queries, validate
from crypto_team.kb.noting import fated
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Learning, LearningEvent
from tests.kb.conftest import NOW
from tests.kb.entries import TIME
from tests.kb.test_ownership import by_hand, codes

if TYPE_CHECKING:
    from typing import Any

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId
    from crypto_team.schemas.registry import Fate

OTHER = "2026-01-02-critic-00000000"
PROPOSAL = learnings.make(
    "quant_analyst", title="t", text="x", scope="all", evidence=[], tags=[], severity="info", now=NOW
)


def propose(layout: Layout, role: RoleId = "quant_analyst", title: str = "t", **more: Any) -> str:
    made = learnings.make(
        role, title=title, text="x", scope="all", evidence=[], tags=[], severity="info", now=NOW, **more
    )
    change = Change("learning", layout.learning(made.learning_id), learnings.render(made))
    commit_records(layout, role=role, tool="learn", strategy_id=None, changes=[change], message=title)
    return made.learning_id


def happens(layout: Layout, name: str, fate: Fate, role: RoleId = "critic", **more: Any) -> None:
    change = fated(layout, name, fate, role=role, time=TIME, **more)
    commit_records(layout, role=role, tool="t", strategy_id=None, changes=[change], message=f"{fate} {name}")


def said(fate: Fate, role: RoleId = "critic", *behind: LearningEvent, **more: Any) -> LearningEvent:
    after = [item.event_id for item in behind]
    made = {"learning_id": PROPOSAL.learning_id, "time": TIME, "role": role, "fate": fate, "after": after}
    return LearningEvent.model_validate(made | more)


@given(order=st.permutations(["accepted", "superseded", "retracted"]), one_after_other=st.booleans())
def test_nothing_that_is_said_side_by_side_or_later_brings_a_claim_back(
    order: list[Fate], *, one_after_other: bool
) -> None:
    events: list[LearningEvent] = []
    for fate in order:
        events.append(said(fate, "critic", *(events[-1:] if one_after_other else []), reason="r", other=OTHER))
    found = fates.state(PROPOSAL, events)
    assert (found.status, found.accepted_by, found.superseded_by) == ("retracted", "critic", OTHER)
    assert found.text == "x\n\nRetracted: r"


def test_a_stale_claim_counts_again_once_somebody_who_knew_accepts_it() -> None:
    first = said("accepted")
    gone = said("stale", "lead", first, other=OTHER)
    assert fates.state(PROPOSAL, [first, gone]).stale_since == [OTHER]
    unknowing = said("accepted", "backtester", first)
    assert fates.state(PROPOSAL, [unknowing, gone, first]).stale_since == [OTHER]
    knowing = said("accepted", "backtester", gone)
    assert fates.state(PROPOSAL, [knowing, gone, first]).stale_since == []
    old = PROPOSAL.model_copy(update={"status": "accepted", "stale_since": [OTHER]})
    assert fates.state(old, []).stale_since == [OTHER]
    assert fates.state(old, [first]).stale_since == []


def test_two_roles_accept_one_claim_on_two_branches_and_a_third_retracts_it(strategy: Layout) -> None:
    name = propose(strategy)
    for branch, fate, role in (
        ("a", "accepted", "critic"),
        ("b", "accepted", "lead"),
        ("c", "retracted", "backtester"),
    ):
        git.run(strategy.root, "switch", "-q", "-c", branch, "main")
        happens(strategy, name, fate, role, reason="wrong" if fate == "retracted" else "")  # type: ignore[arg-type]
    for branch in ("a", "b"):
        git.run(strategy.root, "-c", "user.name=e", "-c", "user.email=e@e", "merge", "-q", "--no-edit", branch)
    found = learnings.entry(strategy, name)
    assert (found.status, found.text) == ("retracted", "x\n\nRetracted: wrong")
    assert len(fates.read(strategy.learning_events(name))) == 3
    assert codes(strategy, "main") == []
    assert [item.code for item in validate.validate(strategy) if item.severity == "error"] == []


def test_the_index_and_the_list_say_what_became_of_a_claim(strategy: Layout) -> None:
    name = propose(strategy)
    asked = "SELECT status, accepted_by FROM learnings"
    assert queries.select(strategy, asked).rows == [{"status": "proposed", "accepted_by": None}]
    happens(strategy, name, "accepted")
    assert queries.select(strategy, asked).rows == [{"status": "accepted", "accepted_by": "critic"}]
    assert name in strategy.learnings_view.read_text()
    happens(strategy, name, "retracted", "lead", reason="wrong")
    assert queries.select(strategy, asked).rows[0]["status"] == "retracted"
    assert name not in strategy.learnings_view.read_text()
    assert learnings.search(strategy, "wrong")[0].learning_id == name


def written(layout: Layout, name: str, committer: str | None, fate: Fate, **more: Any) -> list[str]:
    """Commit by hand what became of a claim, and return what the audit says about it."""
    base = str(git.head(layout.root))
    made = {"learning_id": name, "time": TIME, "role": "critic", "fate": fate} | more
    event = LearningEvent.model_validate(made)
    trailers = {"Role": committer} if committer else {}
    by_hand(layout, layout.learning_event(name, event.event_id), dump(event, schema="learning_event"), **trailers)
    found = codes(layout, base)
    git.run(layout.root, "reset", "-q", "--hard", base)
    return found


def test_only_who_commits_it_says_what_became_of_a_claim_and_it_is_true(strategy: Layout) -> None:
    name = propose(strategy)
    assert written(strategy, name, "critic", "accepted") == []
    assert written(strategy, name, "backtester", "accepted") == ["forged-claim"]
    assert written(strategy, name, None, "accepted") == ["ownership", "forged-claim"]
    assert written(strategy, name, "quant_analyst", "accepted", role="quant_analyst") == ["forged-claim"]
    assert written(strategy, name, "critic", "retracted", reason="wrong") == []
    assert written(strategy, name, "critic", "retracted", reason=" ") == ["forged-claim"]
    assert written(strategy, name, "critic", "superseded", other=OTHER) == ["forged-claim"]
    assert written(strategy, name, "critic", "superseded") == ["forged-claim"]
    assert written(strategy, name, "critic", "stale", other=OTHER) == ["forged-claim"]
    assert written(strategy, OTHER, "critic", "accepted") == ["forged-claim"]
    after = ["20260102T030405Z-critic-00000000000000000000"]
    assert written(strategy, name, "critic", "accepted", after=after) == ["forged-claim"]


def test_a_claim_is_superseded_once_the_better_one_is_accepted_and_stale_once_its_ground_is_gone(
    strategy: Layout,
) -> None:
    name = propose(strategy)
    better = propose(strategy, "backtester", "u", supersedes=name)
    assert written(strategy, name, "critic", "superseded", other=better) == ["forged-claim"]
    happens(strategy, better, "accepted")
    assert written(strategy, name, "critic", "superseded", other=better) == []
    assert written(strategy, name, "critic", "stale", other=better) == ["forged-claim"]
    happens(strategy, better, "retracted", reason="wrong")
    assert written(strategy, name, "critic", "superseded", other=better) == ["forged-claim"]


def test_a_claim_is_stale_only_where_it_rests_on_what_was_taken_back(strategy: Layout) -> None:
    ground = propose(strategy)
    between = propose(strategy, "backtester", "u", rests_on=[ground])
    above = propose(strategy, "backtester", "v", rests_on=[between])
    beside = propose(strategy, "backtester", "w")
    assert written(strategy, above, "critic", "stale", other=ground) == ["forged-claim"]
    happens(strategy, ground, "retracted", reason="wrong")
    assert written(strategy, between, "critic", "stale", other=ground) == []
    assert written(strategy, above, "critic", "stale", other=ground) == []
    assert written(strategy, beside, "critic", "stale", other=ground) == ["forged-claim"]


def test_a_claim_that_nobody_accepted_replaces_nothing_even_once_it_is_gone(strategy: Layout) -> None:
    name = propose(strategy)
    better = propose(strategy, "backtester", "u", supersedes=name)
    happens(strategy, better, "retracted", "backtester", reason="oops")
    assert written(strategy, name, "backtester", "superseded", other=better, role="backtester") == ["forged-claim"]


@pytest.mark.parametrize("status", ["superseded", "retracted"])
def test_a_claim_that_is_gone_is_neither_accepted_nor_retracted_again(status: str) -> None:
    gone: Learning = PROPOSAL.model_copy(update={"status": status})
    for refused in (lambda: claims.may_accept(gone, "critic"), lambda: claims.may_retract(gone)):
        with pytest.raises(claims.RefusedError):
            refused()
