"""Tools about who may write what: the check of history, the guard of hooks, explanations, CODEOWNERS."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crypto_team.errors import CryptoTeamError, UsageError
from crypto_team.kb import names, ownership
from crypto_team.kb.guard import BLOCK, Refusal, judge_event, judge_staged, known_role
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool
from crypto_team.tools.forges import target

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

REFUSED = 3


@tool(role=None, group="ownership", name="check", read_only=True, validator=True)
def ownership_check(session: Session, *, base: str) -> Outcome:
    """Judge every commit since a base by the ownership rules of that base: the authority, for CI.

    Parameters
    ----------
    base
        Branch or commit, for example origin/main. A name that several refs carry is refused, because whoever may push
        a tag could turn the check off with one.
    """
    from crypto_team.kb.ownership_audit import audit

    number, found = audit(session.layout, base)
    if number == 0 and not found:
        return _nothing_judged(base, proposed=target(os.environ) is not None)
    if not found:
        summary = f"{number} commit(s) since {base}: every change was made by its owner"
        return Outcome(ok=True, summary=summary, data={"commits": number})
    return Outcome(
        ok=False,
        summary=f"{len(found)} finding(s) in {number} commit(s) since {base}",
        path=str(session.layout.root),
        data={"commits": number},
        findings=found,
        exit_code=REFUSED,
    )


def _nothing_judged(base: str, *, proposed: bool) -> Outcome:
    """Say loudly that the base holds all of HEAD; where a forge tests a proposal, that cannot be right."""
    message = f"no commit was judged: {base} holds HEAD itself"
    hint = "the base is the branch that a proposal goes into, as the remote has it: --base refs/remotes/origin/main"
    note = Finding(code="nothing-judged", severity="error" if proposed else "warning", message=message, hint=hint)
    code = REFUSED if proposed else 0
    return Outcome(ok=not proposed, summary=message, data={"commits": 0}, findings=[note], exit_code=code)


@tool(role="every", group="ownership", name="explain", read_only=True)
def ownership_explain(session: Session, path: Path) -> Outcome:
    """Say which kind of record lies at a path, who may write it, and how.

    Parameters
    ----------
    path
        A file below .crypto, from the current folder or named as read names it; it need not exist.
    """
    layout = session.layout
    here = [session.folder / path, *names.candidates(layout, str(path))]
    place = next((item for item in here if ownership.record_kind(layout, item)), here[0])
    resolved = place.resolve()
    kind = ownership.record_kind(layout, resolved)
    policy = ownership.rules(layout)
    verdict = ownership.decide(policy, session.role, None, kind)
    data = {
        "path": str(path),
        "resolved": str(resolved) if resolved != place else None,
        "kind": kind,
        "owner": verdict.owner,
        "mode": verdict.mode,
        "role": session.role,
        "may_write": verdict.allowed,
        "how": ownership.way_to_write(verdict.owner),
    }
    return Outcome(ok=True, summary=verdict.why, data=data)


@tool(role=None, group="ownership", name="guard", read_only=True)
def ownership_guard(session: Session, *, staged: bool = False, role: str | None = None) -> Outcome:
    """Stop a write that is not this role's: as a PreToolUse hook (event on stdin) or a pre-commit hook.

    Whatever it does not understand it stops too, with exit code 2.

    Parameters
    ----------
    staged
        Judge what is staged for a commit instead of an event on stdin.
    role
        The role that the agent plays; CRYPTO_TEAM_ROLE where not given.
    """
    acting = role or os.environ.get("CRYPTO_TEAM_ROLE")
    try:
        found = _staged(session, acting) if staged else _event(session, acting)
    except CryptoTeamError as problem:
        found = [Refusal("the guard", problem.what, problem.hint)]
    except Exception as problem:  # noqa: BLE001 - a guard that breaks must not let anything pass
        found = [Refusal("the guard", f"it broke ({type(problem).__name__}), so nothing passes", None)]
    if not found:
        return Outcome(ok=True, summary="allowed")
    findings = [
        Finding(code="guard", severity="error", message=item.why, file=item.what, hint=item.hint) for item in found
    ]
    return Outcome(ok=False, summary=found[0].why, findings=findings, exit_code=BLOCK)


def _event(session: Session, acting: str | None) -> list[Refusal]:
    text = sys.stdin.read()
    found = judge_event(text, acting, session.folder)
    if found is not None and acting is None:
        known_role(acting)
    return [found] if found else []


def _staged(session: Session, acting: str | None) -> list[Refusal]:
    found = judge_staged(session.layout, acting, os.environ.get("CRYPTO_TEAM_TOOL"))
    if found and acting is None:
        known_role(acting)
    return found


@tool(role=None, group="ownership", name="codeowners", idempotent=True)
def ownership_codeowners(
    session: Session, *, write: bool = False, place: Literal[".github", ".gitlab", "docs", "."] = ".github"
) -> Outcome:
    """Print CODEOWNERS for the people who play the roles, or write it: routing of reviews, not enforcement.

    Parameters
    ----------
    write
        Write the file; what stands outside of the generated block stays.
    place
        Folder of the file below the root of the repository.
    """
    from crypto_team.kb import git
    from crypto_team.kb.codeowners import codeowners
    from crypto_team.kb.files import write_atomic

    root = session.layout.root
    path = (git.enclosing(root) or root) / place / "CODEOWNERS"
    if path.is_symlink() or path.parent.is_symlink():
        raise UsageError("CODEOWNERS is a link", where=str(path), hint="remove the link")
    text = codeowners(session.layout, path.read_text(encoding="utf-8") if path.exists() else "")
    if write:
        write_atomic(path, text.encode())
    return Outcome(ok=True, summary=f"wrote {path}" if write else "CODEOWNERS", data=None if write else text)
