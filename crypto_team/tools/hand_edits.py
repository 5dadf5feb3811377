"""The tool that commits what a role edited by hand, with the trailers that the check of history asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import fallback, hand_edits
from crypto_team.kb.locks import locked
from crypto_team.kb.writer import carry_out
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.tools.session import Session


@tool(role="every", name="commit")
def commit_(
    session: Session, strategy_id: StrategyId | None = None, /, *, message: str = "", dry_run: bool = False
) -> Outcome:
    """Commit what this role edited by hand, such as its code, under its name; broken files stay.

    Parameters
    ----------
    strategy_id
        Only files of this strategy; all of the role's where not given.
    message
        First line of the commit.
    dry_run
        Show what would be committed and write nothing.
    """
    layout = session.layout
    place = layout.strategies_root / strategy_id if strategy_id else layout.crypto
    with locked(layout, f"{session.role}: commit"):
        carry_out(layout)
        found = hand_edits.changed(layout, [place])
        own = [path for path in found if hand_edits.is_own_edit(layout, session.role, path)]
        broken = {path: hand_edits.flaws(layout, path) for path in own}
        sound = [path for path in own if not broken[path]]
        revision = None if dry_run else hand_edits.commit(layout, session.role, sound, strategy_id, message)
    if not dry_run:
        revision = _fallen_back(session, sound, strategy_id) or revision
    findings = [item for items in broken.values() for item in items]
    findings += [_left(layout, session.role, path) for path in found if path not in own]
    verb = "would be committed" if dry_run else "committed"
    return Outcome(
        ok=not any(broken.values()),
        summary=f"{len(sound)} file(s) {verb} for the {session.role}, {len(found) - len(sound)} left",
        data=[{"file": path.relative_to(layout.root).as_posix(), "what": _what(path)} for path in sound],
        revision=revision,
        findings=findings,
        exit_code=1 if any(broken.values()) else 0,
    )


def _fallen_back(session: Session, paths: Sequence[Path], strategy_id: StrategyId | None) -> str | None:
    """Write down where strategies stand whose recorded work was changed."""
    root = session.layout.strategies_root
    names = {path.relative_to(root).parts[0] for path in paths if path.is_relative_to(root)}
    now, revision = f"{session.now():%Y-%m-%dT%H:%M:%SZ}", None
    for name in sorted(names | ({strategy_id} if strategy_id else set())):
        revision = fallback.write(session.layout, name, role=session.role, tool="commit", time=now) or revision
    return revision


def _what(path: Path) -> str:
    return "changed" if path.exists() else "removed"


def _left(layout: Layout, role: str, path: Path) -> Finding:
    """Say whose file it is that stays as it is."""
    return Finding(
        code="not-committed",
        severity="warning",
        message=f"the {role} does not edit this by hand; it stays uncommitted",
        file=path.relative_to(layout.root).as_posix(),
        hint="crypto-team ownership explain FILE; drop the change with git restore FILE",
    )
