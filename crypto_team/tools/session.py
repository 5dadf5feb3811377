"""What a tool is given besides its arguments: the workspace, the role that acts, the clock, and a progress report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crypto_team.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crypto_team.kb.ids import IdKind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId
    from crypto_team.schemas.outcome import Finding


def system_clock() -> datetime:
    """Return the time of the machine, aware, in UTC: the one door to the clock."""
    return datetime.fromtimestamp(time.time(), tz=UTC)


def silent(fraction: float, text: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, slots=True)
class Session:
    """One caller at work: in a folder, as a role, at a time that tests can fix.

    `workspace` is None outside of a workspace; tools that need one ask for `layout` and get a clear error.
    `progress` takes the fraction done in [0, 1] and what is being done.
    """

    folder: Path
    role: RoleId
    workspace: Layout | None = None
    now: Callable[[], datetime] = system_clock
    progress: Callable[[float, str], None] = silent
    notices: list[Finding] = field(default_factory=list)
    """What there is to say about ids that were allotted; `call` tells the user."""

    @property
    def layout(self) -> Layout:
        """Return the paths of the workspace.

        Raises
        ------
        UsageError
            The folder is in no workspace.
        """
        if self.workspace is None:
            raise UsageError(
                "this folder is not in a workspace (no .crypto folder here or above)",
                where=str(self.folder),
                hint="crypto-team init --path FOLDER, or give --workspace FOLDER",
            )
        return self.workspace

    def allot(self, kind: IdKind) -> str:
        """Return an id that nobody else has, and remember what is unusual about it."""
        from crypto_team.kb import ids
        from crypto_team.schemas.outcome import Finding

        ahead: list[str] = []
        name = ids.allot(self.layout, kind, ahead=ahead)
        if ids.drawn_offline(name):
            message = f"{name}: provisional, because the remote could not be reached; work on as usual"
            hint = "when the remote is back: crypto-team ids sync claims this very number there, nothing is renamed"
            self.notices.append(Finding(code="provisional-id", severity="warning", message=message, hint=hint))
        if ahead:
            message = f"{name} stands below {', '.join(ahead[:3])}: the last number was taken, so free ones are used"
            hint = f"if that is nobody's work, remove it: git push REMOTE --delete refs/crypto-team/ids/{ahead[-1]}"
            self.notices.append(Finding(code="id-below", severity="warning", message=message, hint=hint))
        return name

    def as_role(self, role: RoleId) -> Session:
        """Return the same session for another role."""
        return replace(self, role=role)


def open_session(
    folder: Path,
    role: RoleId,
    *,
    now: Callable[[], datetime] = system_clock,
    progress: Callable[[float, str], None] = silent,
) -> Session:
    """Open a session in the workspace that `folder` lies in, if any."""
    from crypto_team.kb.paths import find_layout

    folder = folder.resolve()
    return Session(folder=folder, role=role, workspace=find_layout(folder), now=now, progress=progress)
