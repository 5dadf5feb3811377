"""Registry entries, learnings and trials: what was tried, and what it taught."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from crypto_team.schemas.base import (
    Document,
    LearningId,
    Record,
    RoleId,
    Sha256,
    ShortText,
    Slug,
    Stage,
    StrategyId,
    Text,
    TrialId,
    UtcTime,
)

StrategyStatus = Literal["draft", "in_progress", "refused", "approved", "rejected", "live", "halted"]


TrialKind = Literal["train", "sweep", "tune", "backtest", "evaluate", "import", "disclose"]


class HistoryEvent(Record):
    """One thing that happened to a strategy."""

    time: UtcTime
    role: RoleId
    event: ShortText


class RegistryEntry(Document):
    """`registry/STR-NNN.yaml`: where one strategy stands."""

    strategy_id: StrategyId
    name: Slug
    type: Literal["ml_based", "rule_based"]
    stage: Stage
    status: StrategyStatus
    created: UtcTime
    updated: UtcTime
    metrics: dict[str, float] = Field(default={}, description="Headline numbers, recomputed from evidence.")
    links: dict[str, str] = {}
    history: list[HistoryEvent] = []


class Learning(Document):
    """Front matter of `learnings/*.md`: one claim with where it comes from."""

    schema_version: Literal[2] = Field(default=2, description="Version of this shape; migrations raise it.")  # type: ignore[assignment]
    learning_id: LearningId
    role: RoleId
    created: UtcTime
    status: Literal["proposed", "accepted", "superseded", "retracted"]
    severity: Literal["info", "important", "critical"] = "info"
    scope: ShortText
    title: ShortText
    evidence: list[ShortText] = []
    tags: list[Slug] = []
    accepted_by: RoleId | None = None
    supersedes: LearningId | None = Field(default=None, description="The claim that this one replaces.")
    superseded_by: LearningId | None = None
    rests_on: list[LearningId] = Field(default=[], description="Claims that this one needs to be true.")
    stale_since: list[LearningId] = Field(
        default=[], description="Claims it rests on that were taken back; it counts again when it is accepted anew."
    )
    recheck: str = Field(default="", description="When or why to look again, in words.")
    text: Text = ""


class Trial(Document):
    """`trials/STR-NNN/<last two letters>/<ulid>.yaml`: one attempt that could have been reported."""

    trial_id: TrialId
    strategy_id: StrategyId
    kind: TrialKind
    booked: UtcTime
    status: Literal["started", "finished", "failed"]
    fingerprint: Sha256 = Field(description="Hash of everything that the attempt depends on.")
    predictions_hash: Sha256 | None = Field(default=None, description="Equal predictions count as one trial.")
    n_trials: Annotated[int, Field(ge=1)] = 1
    sharpe_per_period: list[float] = Field(
        default=[], description="Daily Sharpe ratio of each configuration, never annualised; one per trial."
    )
    n_periods: Annotated[int, Field(ge=0)] = Field(default=0, description="Days behind each ratio.")
    note: str = ""
    previous: list[Sha256] = Field(
        default=[], description="Digests of the bookings of this strategy that nothing followed yet when it was booked."
    )

    @property
    def booking(self) -> str:
        """Digest of what stood when it was booked; the end of the attempt does not change it."""
        fixed = self.model_dump(
            mode="json",
            include={"trial_id", "strategy_id", "kind", "booked", "fingerprint", "n_trials", "previous"},
        )
        return "sha256:" + hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()
