"""The form of documents: canonical, and of the present version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.kb import formatting
from crypto_team.kb.files import write_atomic
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.tools.session import Session


@tool(role=None, idempotent=True, validator=True)
def fmt(session: Session, *, check: bool = False) -> Outcome:
    """Bring the files that tools own into their canonical form; with --check only say which are not.

    Files that a handoff is about, trials and handoff records are left as they are; settings keep what people wrote.

    Parameters
    ----------
    check
        Change nothing; exit code 1 where something would change.
    """
    layout = session.layout
    if check:
        return _checked(layout, formatting.findings(layout))
    found = list(formatting.rewrites(layout))
    changed = formatting.apply(layout, found, role=session.role, tool="fmt", message="Formatted")
    frozen = [_relative(layout, item.path) for item in found if item.frozen]
    more = f"; {len(frozen)} left, because handoffs are about them" if frozen else ""
    return Outcome(ok=True, summary=f"{len(changed)} file(s) formatted{more}", path=str(layout.root))


def _checked(layout: Layout, found: list[Finding]) -> Outcome:
    """Turn findings about files into the answer of a check."""
    shown = [item.model_copy(update={"file": _relative(layout, Path(item.file or ""))}) for item in found]
    wrong = sum(item.severity == "error" for item in shown)
    summary = f"{wrong} file(s) not in canonical form" if wrong else "all files are in canonical form"
    return Outcome(ok=not wrong, summary=summary, path=str(layout.root), findings=shown, exit_code=1 if wrong else 0)


@tool(role=None, idempotent=True)
def migrate(session: Session, *, dry_run: bool = False) -> Outcome:
    """Rewrite documents of an older version in the present one. They are read either way; nothing is urgent.

    Artifacts that a handoff is about are left: another byte would void it.

    Parameters
    ----------
    dry_run
        Change nothing; list what would be rewritten.
    """
    layout = session.layout
    found = list(formatting.rewrites(layout, old_only=True))
    settings = formatting.old_settings(layout)
    rows = [{"file": _relative(layout, item.path), "kept": item.frozen} for item in found]
    rows += [{"file": _relative(layout, path), "kept": False} for path in settings]
    if not dry_run:
        formatting.apply(layout, found, role=session.role, tool="migrate", message="Migrated to the present shapes")
        for path, text in settings.items():
            write_atomic(path, text.encode(), scratch=layout.scratch)
    count = sum(not row["kept"] for row in rows)
    verb = "would be migrated" if dry_run else "migrated"
    steps = ["look at the settings and commit them"] if settings and not dry_run else []
    return Outcome(ok=True, summary=f"{count} file(s) {verb}", data=rows, next=steps)


def _relative(layout: Layout, path: Path) -> str:
    """Name a file from the root of the workspace."""
    return path.relative_to(layout.root).as_posix() if path.is_relative_to(layout.root) else str(path)
