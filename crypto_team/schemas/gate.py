"""Checks, gate reports, the policy, and the handoff record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from crypto_team.schemas.base import (
    CheckCode,
    Document,
    Fraction,
    Record,
    Sha256,
    ShortText,
    Stage,
    StrategyId,
    Text,
    UtcTime,
)

Outcome_ = Literal["passed", "refused", "not_enough_evidence"]
Bound = Literal["at_least", "at_most", "above"]
Profile = Literal["strict", "seed-literal", "research"]


class CheckResult(Record):
    """What one check found: its number against its threshold, and what to do about it."""

    code: CheckCode
    title: ShortText
    outcome: Outcome_
    value: float | None = None
    bound: Bound | None = Field(default=None, description="On which side of the threshold the value has to be.")
    threshold: float | None = None
    unit: str = ""
    numbers: dict[ShortText, FiniteFloat] = Field(
        default={}, description="What the verdict is made of besides the value, by the names in the rulebook."
    )
    interval: list[float] | None = Field(default=None, description="[low, high] of the value, where one is computed.")
    explanation: Text
    evidence: list[ShortText] = Field(default=[], description="File, rows or columns that the verdict rests on.")
    next: list[ShortText] = Field(default=[], description="Tools that help, as commands.")
    blocking: bool = Field(default=True, description="False: the policy does not demand the evidence that is missing.")


class GateReport(Record):
    """All checks of one gate, recomputed."""

    gate: ShortText
    strategy_id: StrategyId
    passed: bool
    profile: Profile
    policy_digest: Sha256
    results: list[CheckResult]
    deviations: list[ShortText] = []


class PolicyOverride(Record):
    """A setting of one check that differs from the default; loosening needs a reason and the lead's acceptance."""

    code: CheckCode
    setting: ShortText
    value: float
    reason: str = ""
    accepted_by: Literal["", "lead"] = ""


class Policy(Document):
    """`policy.yaml`: the profile, what differs from it, and the share of data that stays sealed."""

    profile: Profile = "strict"
    holdout_fraction: Fraction = 0.15
    holdout_budget: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20, description="Looks at sealed bars of the whole registry; those beyond it are answered with noise."
    )
    overrides: list[PolicyOverride] = []


class Subject(Record):
    """One thing that a handoff is about, by hash."""

    name: ShortText
    sha256: Sha256


class EnvelopeSignature(Record):
    """One signature of an envelope."""

    keyid: Sha256
    sig: Annotated[str, Field(max_length=200)]


class Envelope(Record):
    """A DSSE envelope; its payload is the in-toto Statement of the record, in base64."""

    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815 - the standard's name
    payload: Annotated[str, Field(max_length=4_000_000)]
    signatures: list[EnvelopeSignature] = []


class Handoff(Document):
    """`handoffs/NNN-from-to-to.yaml`: a gate passed for exactly these artifacts."""

    number: Annotated[int, Field(ge=1)]
    strategy_id: StrategyId
    sender: Stage
    receiver: Stage
    created: UtcTime
    tool_version: str
    subjects: list[Subject]
    report: GateReport
    previous: Sha256 | None = Field(default=None, description="Digest of the previous record of this strategy.")
    merges: list[Sha256] = Field(default=[], description="Digests of the last records of branches that it joins.")
    envelope: Envelope | None = Field(default=None, description="The same as an in-toto Statement, maybe signed.")
