"""Whose turn it is: who may hand a strategy over, and what has not reached a role yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import RefusedError
from crypto_team.kb.handoffs import PIPELINE, current_stage

if TYPE_CHECKING:
    from crypto_team.schemas.base import Stage
    from crypto_team.tools.session import Session


def require_turn(session: Session, strategy_id: str, role: Stage) -> None:
    """Refuse work of a role on a strategy that is not with it.

    Raises
    ------
    RefusedError
        The gates have not let the strategy through to this role, or it has gone on: new work would change what later
        handoffs stand on and so void them.
    """
    stage = current_stage(session.layout, strategy_id)
    if stage == role:
        return
    if stage not in PIPELINE or PIPELINE.index(stage) < PIPELINE.index(role):
        raise RefusedError(
            f"{strategy_id} is with the {stage}; it reaches the {role} only through the gates in between",
            hint=f"crypto-team gate check {strategy_id} says what is missing",
        )
    raise RefusedError(
        f"{strategy_id} has gone on to the {stage}; new work of the {role} would void the handoffs since",
        hint=f"crypto-team return-work {strategy_id} --reason TEXT gives it back, step by step",
    )


def require_sender(session: Session, strategy_id: str, sender: Stage) -> None:
    """Refuse a handoff by anybody but the role that has the strategy, or the lead.

    Raises
    ------
    RefusedError
        Another role acts.
    """
    if session.role not in {sender, "lead"}:
        raise RefusedError(
            f"{strategy_id} is with the {sender}; the {session.role} cannot hand it over",
            hint=f"the {sender} can, or the lead: crypto-team handoff {strategy_id} --to ROLE",
        )
