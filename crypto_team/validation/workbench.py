"""What a long training keeps and tells while it runs; neither changes its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crypto_team.models.base import Progress


@dataclass(frozen=True)
class Workbench:
    """A folder for checkpoints to go on from, and who hears how far a training is."""

    checkpoints: Path | None = None
    progress: Progress | None = None


IDLE = Workbench()
