"""Reading learnings: lists, full text, one claim with its evidence, claims that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from crypto_team.kb import citations, claims, learnings
from crypto_team.schemas.base import LearningId, RoleId, Slug, StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool
from crypto_team.tools.learnings import warnings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas import Learning
    from crypto_team.tools.session import Session

Status = Literal["proposed", "accepted", "superseded", "retracted"]


@tool(role="every", group="learnings", name="list", read_only=True)
def learnings_list(session: Session, *, status: Status | None = None, stale: bool = False) -> Outcome:
    """List what the team learned, newest first.

    Parameters
    ----------
    status
        Show only learnings in this state.
    stale
        Show only learnings that rest on one that was taken back.
    """
    found = [
        item
        for item in learnings.entries(session.layout)
        if status in {None, item.status} and (item.stale_since or not stale)
    ]
    return Outcome(ok=True, summary=f"{len(found)} learning(s)", data=_rows(found))


@tool(role="every", group="learnings", name="search", read_only=True)
def learnings_search(
    session: Session,
    text: str,
    *,
    author: RoleId | None = None,
    tag: Slug | None = None,
    strategy: StrategyId | None = None,
    status: Status | None = None,
) -> Outcome:
    """Find learnings that hold every word.

    Parameters
    ----------
    text
        Words, or beginnings of words, to look for in title, text, scope, tags and evidence.
    author
        Only those of one role.
    tag
        Only those with this tag.
    strategy
        Only those whose scope or evidence names this strategy.
    status
        Only those in this state.
    """
    found = learnings.search(session.layout, text, role=author, tag=tag, strategy=strategy, status=status)
    return Outcome(ok=True, summary=f"{len(found)} learning(s)", data=_rows(found))


@tool(role="every", group="learnings", name="show", read_only=True)
def learnings_show(session: Session, learning_id: LearningId) -> Outcome:
    """Show one learning: its text, where it comes from, and whether its evidence is still the same.

    Parameters
    ----------
    learning_id
        As `learnings list` shows it.
    """
    found = learnings.entry(session.layout, learning_id)
    changed = citations.changed_evidence(session.layout, found)
    data = {key: value for key, value in found.model_dump(mode="json").items() if value not in (None, [], "")}
    if changed:
        data["evidence_changed"] = changed
    state = f"{found.status}, stale" if found.stale_since else found.status
    return Outcome(ok=True, summary=f"{found.title} ({state})", data=data, findings=warnings_of(found))


@tool(role="every", group="learnings", name="duplicates", read_only=True)
def learnings_duplicates(session: Session) -> Outcome:
    """List pairs of standing learnings that probably say the same, the nearest first."""
    rows = []
    for item in learnings.entries(session.layout):
        if item.status not in claims.STANDING:
            continue
        near = claims.duplicates(session.layout, item.title, item.text, but=item.learning_id)
        rows += [
            {"similarity": round(share, 3), "learning_id": item.learning_id, "other": name, "title": title}
            for share, name, title in near
            if item.learning_id < name
        ]
    rows.sort(key=lambda row: (-float(str(row["similarity"])), str(row["learning_id"])))
    return Outcome(ok=True, summary=f"{len(rows)} pair(s)", data=rows)


def _rows(found: Sequence[Learning]) -> list[dict[str, Any]]:
    """Show learnings as rows."""
    fields = {"learning_id", "status", "severity", "role", "scope", "title"}
    rows = [item.model_dump(mode="json", include=fields) for item in found]
    return [row | ({"stale": True} if item.stale_since else {}) for row, item in zip(rows, found, strict=True)]
