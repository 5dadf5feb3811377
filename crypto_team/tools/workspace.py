"""Tools of the workspace itself: make it, validate it, put it right."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.kb import conflicts, health
from crypto_team.kb.git import enclosing
from crypto_team.kb.validate import number_of_files
from crypto_team.kb.validate import validate as findings_of
from crypto_team.kb.workspace import init as make_workspace
from crypto_team.kb.workspace import repair as repair_workspace
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool
from crypto_team.tools.extras import EXTRA_OF
from crypto_team.tools.soundness import damaged

if TYPE_CHECKING:
    from crypto_team.schemas.outcome import Finding
    from crypto_team.tools.session import Session

_DISTRIBUTIONS = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}


@tool(role=None, idempotent=True)
def init(session: Session, *, path: Path = Path()) -> Outcome:
    """Make a workspace: a git repository with settings and an empty knowledge base.

    On a workspace that exists it adds what is missing and changes nothing that is there.

    Parameters
    ----------
    path
        Folder of the workspace; made where it does not exist. The current folder where not given.
    """
    layout = make_workspace(session.folder / path)
    around = enclosing(layout.root.parent)
    inside = f"; a repository of its own inside {around}, which should ignore it" if around else ""
    return Outcome(
        ok=True,
        summary=f"workspace ready: {layout.root}{inside}",
        path=str(layout.root),
        next=["crypto-team data import FILE --exchange ID --pair BASE/QUOTE --timeframe 1h"],
    )


@tool(role=None, read_only=True, validator=True)
def validate(session: Session) -> Outcome:
    """Check every document of the knowledge base: shape, place, chains of handoffs, ledger, generated lists."""
    layout = session.layout
    found = [relative(item, layout.root) for item in findings_of(layout)]
    files = number_of_files(layout)
    wrong = sum(item.severity == "error" for item in found)
    if not wrong:
        more = f", {len(found)} warning(s)" if found else ""
        return Outcome(ok=True, summary=f"valid: {files} files{more}", path=str(layout.root), findings=found)
    summary = f"{len(found)} finding(s) in {files} files"
    return Outcome(ok=False, summary=summary, path=str(layout.root), findings=found, exit_code=1)


@tool(role=None, idempotent=True)
def doctor(session: Session, *, repair: bool = False) -> Outcome:
    """Say what is installed and whether the workspace is sound, evidence and candles included; --repair mends it.

    Parameters
    ----------
    repair
        Finish an interrupted operation, render stale lists, commit what tools wrote, renew a damaged index.
    """
    done = repair_workspace(session.layout) if repair else []
    checks = health.machine() + (health.workspace(session.workspace) if session.workspace else [])
    layout = session.workspace
    found = [*conflicts.findings(layout), *findings_of(layout), *damaged(layout)] if layout else []
    # A stale list is a warning, but one that a repair puts right.
    wrong = [item for item in found if item.severity == "error" or item.code == "stale-view"]
    data: dict[str, Any] = {
        "workspace": str(session.workspace.root) if session.workspace else None,
        "findings": len(wrong),
        "checks": [
            {"check": item.name, "state": item.state, "detail": item.detail, "next": item.next} for item in checks
        ],
        "packages": [_package(name, extra) for name, extra in EXTRA_OF.items()],
    }
    if done:
        data["repaired"] = [{"done": text} for text in done]
    bad = [item for item in checks if item.state == "bad"]
    if not wrong and not bad:
        summary = "nothing to repair" if not done else f"repaired {len(done)} thing(s)"
        return Outcome(ok=True, summary=summary, data=data, findings=found)
    summary = f"{len(wrong)} finding(s), {len(bad)} bad check(s)"
    steps = list(dict.fromkeys([item.next for item in bad if item.next] + ["crypto-team validate"] * bool(wrong)))
    return Outcome(ok=False, summary=summary, data=data, findings=found, next=steps, exit_code=1)


def _package(name: str, extra: str) -> dict[str, str | None]:
    """Say whether a package of an extra is installed."""
    try:
        found: str | None = version(_DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:
        found = None
    return {"package": name, "extra": extra, "version": found}


def relative(finding: Finding, root: Path) -> Finding:
    """Name a file of the workspace from its root."""
    if finding.file is None or not Path(finding.file).is_relative_to(root):
        return finding
    return finding.model_copy(update={"file": Path(finding.file).relative_to(root).as_posix()})
