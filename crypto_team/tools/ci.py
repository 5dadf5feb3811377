"""What continuous integration of a repository with a knowledge base runs: every check of documents, as one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool
from crypto_team.tools.forms import fmt
from crypto_team.tools.workspace import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto_team.tools.session import Session


class Step(NamedTuple):
    """One part of the check."""

    name: str
    run: Callable[[Session], Outcome]


STEPS: Final = (
    Step("validate", validate),
    Step("fmt", lambda session: fmt(session, check=True)),
)
"""All parts, in order; each answers with findings."""


@tool(role=None, read_only=True, validator=True)
def ci(session: Session, *, strict: bool = False) -> Outcome:
    """Check everything that a pull request may have broken: documents, chains, ledger, lists, canonical form.

    Parameters
    ----------
    strict
        Warnings fail too.
    """
    answers = [(step.name, step.run(session)) for step in STEPS]
    findings = [finding for _, answer in answers for finding in answer.findings]
    failing = {"error", "warning"} if strict else {"error"}
    wrong = sum(item.severity in failing for item in findings)
    states = ", ".join(f"{name} {'ok' if answer.ok else 'failed'}" for name, answer in answers)
    return Outcome(
        ok=not wrong,
        summary=f"{states}: {len(findings)} finding(s), {wrong} of them fail",
        path=str(session.layout.root),
        findings=findings,
        exit_code=1 if wrong else 0,
    )
