"""Tools about ids: which are provisional, and making them final on the remote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import ids
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


@tool(role="every", group="ids", name="list", read_only=True)
def ids_list(session: Session) -> Outcome:
    """List the ids that were allotted while the remote could not be reached and are not final yet."""
    found = ids.provisional(session.layout)
    data = [{"id": name, "state": "provisional"} for name in found]
    return Outcome(
        ok=True, summary=f"{len(found)} provisional id(s)", data=data, next=["crypto-team ids sync"] if found else []
    )


@tool(role="every", group="ids", name="sync", idempotent=True)
def ids_sync(session: Session) -> Outcome:
    """Claim this repository's ids on the remote, each only where nobody has it: provisional ids become final."""
    final = ids.sync(session.layout)
    data = [{"id": name, "state": "final"} for name in final]
    return Outcome(ok=True, summary=f"{len(final)} id(s) became final", data=data)
