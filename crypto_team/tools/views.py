"""The tool of generated lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git, views
from crypto_team.kb.validate import STALE
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


@tool(role=None, name="views", idempotent=True, validator=True)
def views_(session: Session, *, check: bool = False) -> Outcome:
    """Write registry.yaml, learnings.md and sources.yaml from the entries, on the default branch only.

    Parameters
    ----------
    check
        Only say whether they are what the entries say.
    """
    layout = session.layout
    kept = views.paths(layout)
    if not kept:
        name = git.default_branch(layout.root)
        return Outcome(ok=True, summary=f"generated lists are kept on {name} only, so that branches merge")
    if not check:
        written = views.write(layout)
        return Outcome(
            ok=True, summary=f"{len(written)} list(s) written", data=[{"list": item.name} for item in written]
        )
    findings = [
        Finding(
            code="stale-view",
            severity="error",
            message=STALE,
            file=path.relative_to(layout.root).as_posix(),
            hint="crypto-team views",
        )
        for path in views.stale(layout)
    ]
    if not findings:
        return Outcome(ok=True, summary=f"{len(kept)} generated lists are fresh", path=str(layout.root))
    summary = f"{len(findings)} stale list(s)"
    return Outcome(ok=False, summary=summary, path=str(layout.root), findings=findings, exit_code=1)
