"""Learnings: claims with evidence, accepted by another role than the one that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crypto_team.errors import ConflictError
from crypto_team.kb import citations, claims, learnings, told_results
from crypto_team.kb.injection import orders
from crypto_team.kb.noting import fated
from crypto_team.kb.writer import Change, commit_records
from crypto_team.schemas.base import LearningId, ShortText, Slug
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas import Learning
    from crypto_team.schemas.registry import Fate
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
    rests_on: list[LearningId] | None = None,
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
        What it rests on: a document or another file of the workspace (noted with its hash), an id, sha256:... of stored
        evidence, or an https address; repeat for several.
    tag
        Word to find it by; repeat for several.
    severity
        How much it matters.
    rests_on
        A learning that has to be true for this one; repeat for several.
    """
    made = learnings.make(
        session.role,
        title=title,
        text=text,
        scope=scope,
        evidence=citations.cited(session.layout, evidence or []),
        tags=tag or [],
        severity=severity,
        now=session.now(),
        rests_on=rests_on or [],
    )
    return _propose(session, made)


@tool(role="every", group="learnings", name="supersede")
def learnings_supersede(
    session: Session,
    learning_id: LearningId,
    *,
    title: ShortText,
    text: str,
    scope: ShortText | None = None,
    evidence: list[ShortText] | None = None,
    rests_on: list[LearningId] | None = None,
) -> Outcome:
    """Propose a better claim in place of a standing one; once it is accepted, the old one is superseded.

    Parameters
    ----------
    learning_id
        The claim to replace; scope, tags and severity are taken over from it.
    title
        The claim in one sentence.
    text
        What was observed.
    scope
        Where it holds, if that differs.
    evidence
        What it rests on, as for add; repeat for several.
    rests_on
        A learning that has to be true for this one; repeat for several.
    """
    old = learnings.entry(session.layout, learning_id)
    claims.standing({learning_id: old}, [learning_id], "LEARNING_ID")
    made = learnings.make(
        session.role,
        title=title,
        text=text,
        scope=scope or old.scope,
        evidence=citations.cited(session.layout, evidence or []),
        tags=old.tags,
        severity=old.severity,
        now=session.now(),
        supersedes=learning_id,
        rests_on=rests_on or [],
    )
    return _propose(session, made)


def _propose(session: Session, made: Learning) -> Outcome:
    """Write a new claim unless it stands already; name what is nearly the same."""
    known = {item.learning_id: item for item in learnings.entries(session.layout)}
    claims.standing(known, made.rests_on, "--rests-on")
    claims.standing(known, sorted(claims.grounds(made) - set(made.rests_on)), "--evidence")
    if made.learning_id in known:
        hint = f"crypto-team learnings show {made.learning_id}"
        raise ConflictError("the same learning was proposed today", where=made.learning_id, hint=hint)
    near = _near(session, made)
    change = Change("learning", session.layout.learning(made.learning_id), learnings.render(made))
    revision = _write(session, [change], "learn", f"Learning proposed: {made.title}")
    return Outcome(
        ok=True,
        summary=f"{made.learning_id} proposed; another role has to accept it",
        path=str(session.layout.learning(made.learning_id)),
        revision=revision,
        data={"learning_id": made.learning_id},
        findings=[*warnings_of(made), *near, *told_results.doubts(session.layout, made, learnings.render(made))],
        next=[f"crypto-team learnings accept {made.learning_id} --as {claims.another(session.role)}"],
    )


def _near(session: Session, made: Learning) -> list[Finding]:
    """Warn of claims that probably say the same; one in the same words is refused."""
    found = []
    for share, name, title in claims.duplicates(session.layout, made.title, made.text, but=made.supersedes):
        if share == 1.0:
            raise ConflictError(
                "the same claim stands already, in the same words",
                where=name,
                hint=f"crypto-team learnings show {name}",
            )
        message = f"{name} says nearly the same ({share:.0%} of the words): {title}"
        found.append(
            Finding(
                code="duplicate",
                severity="warning",
                message=message,
                hint=f"crypto-team learnings supersede {name} replaces it",
            )
        )
    return found


@tool(role="every", group="learnings", name="accept")
def learnings_accept(session: Session, learning_id: LearningId, *, recheck: str = "") -> Outcome:
    """Accept a proposed learning of another role, or a stale one anew; what it replaces is superseded.

    Parameters
    ----------
    learning_id
        As `learnings list` shows it.
    recheck
        When or why to look at it again.
    """
    claim = learnings.entry(session.layout, learning_id)
    claims.may_accept(claim, session.role)
    shaken: list[Learning] = []
    changes = [_fate(session, learning_id, "accepted", reason=learnings.clean(recheck)[:500])]
    if claim.supersedes and learnings.entry(session.layout, claim.supersedes).status in claims.STANDING:
        changes.append(_fate(session, claim.supersedes, "superseded", other=learning_id))
        known = [item for item in learnings.entries(session.layout) if item.learning_id != learning_id]
        shaken = claims.shaken(known, claim.supersedes)
        changes += [_fate(session, item.learning_id, "stale", other=claim.supersedes) for item in shaken]
    revision = _write(session, changes, "learnings-accept", f"Learning accepted: {claim.title}")
    more = f", {claim.supersedes} superseded" if len(changes) > 1 else ""
    more += f"; {len(shaken)} learning(s) that rest on that are stale" if shaken else ""
    summary = f"{learning_id} accepted by {session.role}{more}"
    return Outcome(ok=True, summary=summary, revision=revision, next=_anew(shaken))


@tool(role="every", group="learnings", name="retract")
def learnings_retract(session: Session, learning_id: LearningId, *, reason: ShortText) -> Outcome:
    """Retract a learning that turned out wrong; the file stays, what rests on it becomes stale.

    Parameters
    ----------
    learning_id
        As `learnings list` shows it.
    reason
        What showed that it is wrong.
    """
    claim = learnings.entry(session.layout, learning_id)
    claims.may_retract(claim)
    why = learnings.stated(reason, "reason")
    shaken = claims.shaken(learnings.entries(session.layout), learning_id)
    names = [item.learning_id for item in shaken]
    changes = [_fate(session, learning_id, "retracted", reason=why)]
    changes += [_fate(session, name, "stale", other=learning_id) for name in names]
    revision = _write(session, changes, "learnings-retract", f"Learning retracted: {claim.title}")
    more = f"; {len(names)} learning(s) that rest on it are stale" if names else ""
    steps = _anew(shaken)
    return Outcome(
        ok=True, summary=f"{learning_id} retracted{more}", revision=revision, data={"stale": names}, next=steps
    )


def _anew(shaken: Sequence[Learning]) -> list[str]:
    """Return the commands that accept anew what lost its ground."""
    return [
        f"crypto-team learnings accept {item.learning_id} --as {claims.another(item.role)}"
        for item in shaken
        if item.status == "accepted"
    ]


def _fate(session: Session, learning_id: str, fate: Fate, *, reason: str = "", other: str | None = None) -> Change:
    """Stage what becomes of a learning."""
    time = session.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return fated(session.layout, learning_id, fate, role=session.role, time=time, reason=reason, other=other)


def _write(session: Session, changes: Sequence[Change], tool_name: str, message: str) -> str | None:
    """Commit what happens to learnings as one operation."""
    return commit_records(
        session.layout, role=session.role, tool=tool_name, strategy_id=None, changes=changes, message=message
    )


def warnings_of(learning: Learning) -> list[Finding]:
    """Flag text that looks like an instruction to an agent."""
    return [
        Finding(
            code="instruction",
            severity="warning",
            message=f"the text holds {words!r}, which reads like an instruction; readers are shown it as a quotation",
        )
        for _, words in orders(f"{learning.title}\n{learning.scope}\n{learning.text}")
    ]
