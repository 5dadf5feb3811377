"""Learnings: claims with evidence, accepted by another role than the one that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from crypto_team.errors import ConflictError
from crypto_team.kb import learnings
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.schemas.base import LearningId, ShortText, Slug
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas import Learning
    from crypto_team.tools.session import Session

Severity = Literal["info", "important", "critical"]


@tool(role="every", group="learnings", name="add")
@tool(role="every", name="learn")
def learn(
    session: Session,
    *,
    title: ShortText,
    text: str,
    scope: ShortText = "all",
    evidence: list[ShortText] | None = None,
    tag: list[Slug] | None = None,
    severity: Severity = "info",
) -> Outcome:
    """Propose a learning: one claim, where it holds, and what it rests on.

    Parameters
    ----------
    title
        The claim in one sentence.
    text
        What was observed.
    scope
        Where it holds: all, a strategy, a market.
    evidence
        What it rests on, for example a file of the knowledge base; repeat for several.
    tag
        Word to find it by; repeat for several.
    severity
        How much it matters.
    """
    made = learnings.make(
        session.role,
        title=title,
        text=text,
        scope=scope,
        evidence=evidence or [],
        tags=tag or [],
        severity=severity,
        now=session.now(),
    )
    if session.layout.learning(made.learning_id).exists():
        raise ConflictError("the same learning was proposed today", where=made.learning_id)
    revision = _write(session, made, "learn", f"Learning proposed: {made.title}")
    other = "lead" if session.role == "critic" else "critic"
    return Outcome(
        ok=True,
        summary=f"{made.learning_id} proposed; another role has to accept it",
        path=str(session.layout.learning(made.learning_id)),
        revision=revision,
        data={"learning_id": made.learning_id},
        findings=_warnings(made),
        next=[f"crypto-team learnings accept {made.learning_id} --as {other}"],
    )


@tool(role="every", group="learnings", name="list", read_only=True)
def learnings_list(
    session: Session, *, status: Literal["proposed", "accepted", "superseded", "retracted"] | None = None
) -> Outcome:
    """List what the team learned, newest first.

    Parameters
    ----------
    status
        Show only learnings in this state.
    """
    found = [item for item in learnings.entries(session.layout) if status in {None, item.status}]
    return Outcome(ok=True, summary=f"{len(found)} learning(s)", data=_rows(found))


@tool(role="every", group="learnings", name="search", read_only=True)
def learnings_search(session: Session, text: str) -> Outcome:
    """Find learnings that hold every word.

    Parameters
    ----------
    text
        Words to look for in title, text, scope and tags.
    """
    found = learnings.search(session.layout, text)
    return Outcome(ok=True, summary=f"{len(found)} learning(s)", data=_rows(found))


@tool(role="every", group="learnings", name="accept")
def learnings_accept(session: Session, learning_id: LearningId) -> Outcome:
    """Accept a proposed learning of another role; it then stands in learnings.md.

    Parameters
    ----------
    learning_id
        As `learnings list` shows it.
    """
    changed = learnings.accepted(learnings.entry(session.layout, learning_id), session.role)
    revision = _write(session, changed, "learnings-accept", f"Learning accepted: {changed.title}")
    return Outcome(ok=True, summary=f"{learning_id} accepted by {session.role}", revision=revision)


@tool(role="every", group="learnings", name="retract")
def learnings_retract(session: Session, learning_id: LearningId, *, reason: ShortText) -> Outcome:
    """Retract a learning that turned out wrong; the file stays, with the reason.

    Parameters
    ----------
    learning_id
        As `learnings list` shows it.
    reason
        What showed that it is wrong.
    """
    changed = learnings.retracted(learnings.entry(session.layout, learning_id), reason)
    revision = _write(session, changed, "learnings-retract", f"Learning retracted: {changed.title}")
    return Outcome(ok=True, summary=f"{learning_id} retracted", revision=revision)


def _write(session: Session, learning: Learning, tool_name: str, message: str) -> str | None:
    """Commit one learning."""
    path = session.layout.learning(learning.learning_id)
    change = Change("learning", path, learnings.render(learning), revision_of(path))
    return commit_records(
        session.layout, role=session.role, tool=tool_name, strategy_id=None, changes=[change], message=message
    )


def _rows(found: Sequence[Learning]) -> list[dict[str, Any]]:
    """Show learnings as rows."""
    fields = {"learning_id", "status", "severity", "role", "scope", "title"}
    return [item.model_dump(mode="json", include=fields) for item in found]


def _warnings(learning: Learning) -> list[Finding]:
    """Flag text that looks like an instruction to an agent."""
    words = learnings.suspicious(f"{learning.title}\n{learning.text}")
    if words is None:
        return []
    message = f"the text holds {words!r}, which reads like an instruction; readers are shown it as a quotation"
    return [Finding(code="instruction", severity="warning", message=message)]
