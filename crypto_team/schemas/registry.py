"""Registry entries, learnings and trials: what was tried, and what it taught."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from crypto_team.schemas.base import (
    Document,
    EventId,
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


def event_name(time: str, role: str, said: str) -> str:
    """Return the name of an event that says something: when, who, and 80 bits of its SHA-256."""
    digest = hashlib.sha256(said.encode()).hexdigest()[:20]
    return f"{time.replace('-', '').replace(':', '')}-{role}-{digest}"


class HistoryEvent(Record):
    """One thing that happened to a strategy."""

    time: UtcTime
    role: RoleId
    event: ShortText


class EarlierHistory(Record):
    """How a strategy stood when its events became files of their own."""

    stage: Stage
    status: StrategyStatus
    updated: UtcTime
    metrics: dict[str, float] = {}
    history: list[HistoryEvent] = []


class Registration(Document):
    """`registry/STR-NNN.yaml`: that a strategy exists; never changed. What happens to it are events beside it."""

    schema_version: Literal[2] = Field(default=2, description="Version of this shape; migrations raise it.")  # type: ignore[assignment]
    strategy_id: StrategyId
    name: Slug
    type: Literal["ml_based", "rule_based"]
    created: UtcTime
    links: dict[str, str] = {}
    before: EarlierHistory | None = Field(
        default=None, description="What version 1 of this file said; null in entries that were made later."
    )


class RegistryEvent(Document):
    """`registry/STR-NNN/<time>-<role>-<digest>.yaml`: one thing that happened to a strategy; written once.

    Branches add files, so they merge; `after` says what was known when it was written.
    """

    strategy_id: StrategyId
    time: UtcTime
    role: RoleId
    event: ShortText
    stage: Stage | None = Field(default=None, description="Who has the strategy since; null: no change.")
    status: StrategyStatus | None = Field(default=None, description="How it stands since; null: no change.")
    metrics: dict[str, FiniteFloat] | None = Field(
        default=None, description="Headline numbers since, recomputed from evidence; null: no change."
    )
    after: list[EventId] = Field(default=[], description="The events that nothing followed yet when it was written.")

    @property
    def event_id(self) -> str:
        """Name of its file: time, role, and a digest of everything it says, so that another content is another file."""
        said = json.dumps(self.model_dump(mode="json", exclude={"schema_version"}), sort_keys=True)
        return event_name(self.time, self.role, said)


class RegistryEntry(Document):
    """Where one strategy stands: its registration with its events; in version 1 all of it was one file."""

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


Fate = Literal["accepted", "superseded", "retracted", "stale"]


class LearningEvent(Document):
    """`learnings/<id>/<time>-<role>-<digest>.yaml`: what became of one claim; written once."""

    learning_id: LearningId
    time: UtcTime
    role: RoleId
    fate: Fate
    reason: Annotated[str, Field(max_length=500)] = Field(
        default="", description="Why it was retracted, or when to look at an accepted claim again."
    )
    other: LearningId | None = Field(
        default=None, description="The claim that supersedes it, or the one it rested on that was taken back."
    )
    after: list[EventId] = Field(default=[], description="The events that nothing followed yet when it was written.")

    @property
    def event_id(self) -> str:
        """Name of its file, as for events of strategies."""
        said = json.dumps(self.model_dump(mode="json", exclude={"schema_version"}), sort_keys=True)
        return event_name(self.time, self.role, said)


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
    returns: Sha256 | None = Field(
        default=None, description="Object of the evidence store: daily returns, one column for each configuration."
    )
    seedless: Sha256 | None = Field(
        default=None, description="The fingerprint without the seed: equal ones differ by their seed alone."
    )
    random_seed: int | None = Field(default=None, description="Seed of a single training.")
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
