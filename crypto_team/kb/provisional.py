"""Saying plainly that an id is not final yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import ids
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def notes(layout: Layout, *names: str) -> list[Finding]:
    """Return a note for each of these ids that no remote has confirmed yet."""
    drawn = [name for name in names if int(name.partition("-")[2]) >= ids.FIRST_PROVISIONAL]
    pending = set(ids.provisional(layout)) if drawn else set()
    return [
        Finding(
            code="provisional-id",
            severity="warning",
            message=f"{name} is provisional: the remote could not be reached. It keeps this number, unless another "
            "clone drew the same one",
            hint="crypto-team ids sync, when the remote can be reached, makes it final",
        )
        for name in drawn
        if name in pending
    ]
