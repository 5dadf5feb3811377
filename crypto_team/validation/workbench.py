"""What a long training keeps and tells while it runs; neither changes its result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from crypto_team.models.base import Progress


@dataclass(frozen=True)
class Workbench:
    """A folder for checkpoints to go on from, and who hears how far a training is."""

    checkpoints: Path | None = None
    progress: Progress | None = None

    def naming(self, what: str) -> Workbench:
        """Return the same bench with what is being trained told in front of every message."""
        if self.progress is None:
            return self
        heard = self.progress
        return replace(self, progress=lambda share, text: heard(share, f"{what}, {text}"))


IDLE = Workbench()
