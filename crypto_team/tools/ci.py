"""What continuous integration of a repository with a knowledge base runs: every check of it, as one command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from crypto_team.errors import CryptoTeamError, UsageError
from crypto_team.kb import chain_audit
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import failure, tool
from crypto_team.tools.forges import target
from crypto_team.tools.forms import fmt
from crypto_team.tools.ownership import ownership_check
from crypto_team.tools.views import views_
from crypto_team.tools.workspace import relative, validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto_team.tools.session import Session


class Step(NamedTuple):
    """One part of the check."""

    name: str
    run: Callable[[Session, str | None], Outcome]
    needs_base: bool = False


def _chain(session: Session, base: str | None) -> Outcome:
    """Compare the chains of handoffs with what the history announced, and with the base."""
    found = [relative(item, session.layout.root) for item in chain_audit.audit(session.layout, base)]
    return Outcome(ok=not found, summary=f"{len(found)} finding(s)", findings=found, exit_code=1 if found else 0)


STEPS: Final = (
    Step("validate", lambda session, _: validate(session)),
    Step("fmt", lambda session, _: fmt(session, check=True)),
    Step("views", lambda session, _: views_(session, check=True)),
    Step("chain", _chain),
    Step("ownership", lambda session, base: ownership_check(session, base=base or ""), needs_base=True),
)
"""All parts, in order; each answers with findings."""


@tool(role=None, read_only=True, validator=True)
def ci(session: Session, *, base: str | None = None, strict: bool = False) -> Outcome:
    """Check everything that a pull request may have broken: documents, form, lists, chains, who changed what.

    Parameters
    ----------
    base
        What the commits are judged against, for example origin/main; on GitHub, GitLab and Bitbucket the target of the
        pull request where not given. Without any, who changed what is not checked, and the summary says so.
    strict
        Warnings fail too.
    """
    if base is not None and not base.strip():
        hint = "an empty variable? --base origin/main; leave --base out to take the target of the pull request"
        raise UsageError("the base is empty", where="--base", hint=hint)
    root = session.layout.root
    against = base or target(os.environ)
    answers = {step.name: _answer(step, session, against) for step in STEPS}
    given = [answer for answer in answers.values() if answer is not None]
    # What two parts see, for example a stale list, is one finding.
    seen = {(item.code, item.file, item.message): item for answer in given for item in answer.findings}
    findings = list(seen.values())
    failing = {"error", "warning"} if strict else {"error"}
    wrong = sum(item.severity in failing for item in findings)
    states = ", ".join(f"{name} {_state(answer)}" for name, answer in answers.items())
    return Outcome(
        ok=not wrong,
        summary=f"{states}: {len(findings)} finding(s), {wrong} of them fail",
        path=str(root),
        findings=findings,
        exit_code=1 if wrong else 0,
    )


def _answer(step: Step, session: Session, base: str | None) -> Outcome | None:
    """Run one part; what it cannot check is its finding, and the other parts still run. None: there is no base."""
    if step.needs_base and base is None:
        return None
    try:
        return step.run(session, base)
    except CryptoTeamError as problem:
        return failure(problem)


def _state(answer: Outcome | None) -> str:
    """Say how a part ended, and of commits how many were judged: none at all looks like a pass otherwise."""
    if answer is None:
        return "not checked (no --base)"
    commits = answer.data.get("commits") if isinstance(answer.data, dict) else None
    return ("ok" if answer.ok else "failed") + (f" ({commits} commit(s) judged)" if commits is not None else "")
