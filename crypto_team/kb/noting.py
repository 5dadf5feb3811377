"""Noting what happened to a strategy or became of a claim: one more file beside it, never a change of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import fates, registry
from crypto_team.kb.events import heads
from crypto_team.kb.writer import Change
from crypto_team.kb.yaml import dump
from crypto_team.schemas import LearningEvent, RegistryEvent

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId, Stage
    from crypto_team.schemas.registry import Fate, StrategyStatus


def noted(
    layout: Layout,
    strategy_id: str,
    *,
    time: str,
    role: RoleId,
    event: str,
    stage: Stage | None = None,
    status: StrategyStatus | None = None,
    metrics: dict[str, float] | None = None,
) -> Change:
    """Stage an event of a strategy and, where given, a new stage, status or metrics.

    Raises
    ------
    NotFoundError
        Nobody allotted this id.
    """
    registry.entry(layout, strategy_id)
    made = RegistryEvent(
        strategy_id=strategy_id,
        time=time,
        role=role,
        event=event,
        stage=stage,
        status=status,
        metrics=metrics,
        after=heads(registry.events(layout, strategy_id)),
    )
    path = layout.registry_event(strategy_id, made.event_id)
    return Change("registry_event", path, dump(made, schema="registry_event"))


def fated(
    layout: Layout,
    learning_id: str,
    fate: Fate,
    *,
    role: RoleId,
    time: str,
    reason: str = "",
    other: str | None = None,
) -> Change:
    """Stage what became of a claim; `other` is the claim that replaces it, or the foundation that is gone."""
    before = heads(fates.read(layout.learning_events(learning_id)))
    made = LearningEvent(
        learning_id=learning_id, time=time, role=role, fate=fate, reason=reason, other=other, after=before
    )
    path = layout.learning_event(learning_id, made.event_id)
    return Change("learning_event", path, dump(made, schema="learning_event"))
