"""A function that is audited: run on frames in guarded child processes, each time in one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.executors import LateError
from crypto_team.features.python_frames import OHLCV, Computed, compute_frames

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SECONDS, SECONDS_EACH, MEMORY_MB = 120.0, 8.0, 4096


@dataclass(frozen=True)
class AuditedFunction:
    """The function that is audited, and whether it has to return a number for each bar."""

    code: Path
    name: str
    strict: bool

    def compute(self, jobs: Sequence[Mapping[str, pd.DataFrame]]) -> list[Computed]:
        """Compute it on frames, each time in a process of its own."""
        seconds = SECONDS + SECONDS_EACH * len(jobs)
        return compute_frames(self.code, self.name, jobs, seconds=seconds, memory_mb=MEMORY_MB, strict=self.strict)

    def once(self, frames: Mapping[str, pd.DataFrame]) -> Computed:
        """Compute it on all bars, alone: what does not end here is not started on any other future."""
        try:
            (made,) = compute_frames(
                self.code, self.name, [frames], seconds=SECONDS, memory_mb=MEMORY_MB, strict=self.strict
            )
        except LateError:
            raise LateError(
                f"the function did not end within {SECONDS:g} seconds on all {len(frames[OHLCV]):,} bars, run once and "
                "alone before any probe",
                where=f"{self.code.name}:{self.name}",
                hint="is there an endless loop? Else make it faster or give fewer bars: the audit runs it often",
            ) from None
        return made
