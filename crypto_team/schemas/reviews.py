"""What the roles after the gate write: backtests, reviews, risk assessment, deployment, and the rule-based twin."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from crypto_team.schemas.base import (
    BacktestId,
    Document,
    Duration,
    Fraction,
    Record,
    RoleId,
    Sha256,
    ShortText,
    Slug,
    StrategyId,
    Text,
    UtcTime,
)
from crypto_team.schemas.evidence import EvidenceObject
from crypto_team.schemas.features import Formula
from crypto_team.schemas.gate import CheckResult
from crypto_team.schemas.ml_spec import Costs, Market, Risk


class LookaheadFinding(Record):
    """What Freqtrade's own look-ahead analysis said."""

    has_bias: bool
    total_signals: int
    biased_entry_signals: int
    biased_exit_signals: int
    biased_indicators: list[str]
    verdict: Literal["clean", "biased", "no_verdict"]
    explanation: str = ""


class Backtest(Document):
    """`backtests/BT-NNN.yaml`: one run of the real Freqtrade."""

    backtest_id: BacktestId
    strategy_id: StrategyId
    freqtrade_version: str
    code_hash: Sha256
    data_hash: Sha256
    start: UtcTime
    end: UtcTime
    metrics: dict[str, float]
    signal_agreement: Fraction = Field(description="Share of test candles on which Freqtrade saw the stored signal.")
    candles_compared: Annotated[int, Field(ge=0)]
    open_trades_left: Annotated[int, Field(ge=0)]
    files: dict[str, Sha256] = Field(description="trade_log.csv, equity_curve.csv, summary.json in the store.")
    lookahead: LookaheadFinding | None = None
    created: UtcTime


class Objection(Record):
    """A doubt, what it rests on, and what would answer it."""

    severity: Literal["blocking", "major", "minor"]
    claim: ShortText
    evidence: ShortText
    alternative: ShortText


class QuantReview(Document):
    """`quant-review.yaml`: significance and predictive power, recomputed."""

    strategy_id: StrategyId
    evidence_hash: Sha256
    metrics: dict[str, float]
    intervals: dict[str, list[float]] = {}
    paths: EvidenceObject | None = Field(
        default=None, description="Predictions of the paths of combinatorial purged cross-validation, if it was run."
    )
    checks: list[CheckResult]
    verdict: Literal["significant", "not_significant", "not_enough_evidence"]
    reviewed: UtcTime
    reviewer: RoleId = "quant_analyst"


class CriticReview(Document):
    """`critic-review.yaml`: an independent attack on the result."""

    strategy_id: StrategyId
    evidence_hash: Sha256
    replay_matches: bool
    metrics: dict[str, float]
    objections: list[Objection]
    verdict: Literal["no_blocking_objection", "blocked"]
    reviewed: UtcTime
    reviewer: RoleId = "critic"


class RiskAssessment(Document):
    """`risk-assessment.yaml`: sizing, limits and the approval."""

    strategy_id: StrategyId
    evidence_hash: Sha256
    risk_per_trade: Fraction = Field(description="Share of the account lost when the stop of one position is hit.")
    portfolio_heat: Fraction = Field(description="Sum of the risks of all positions that may be open at once.")
    position_fraction: Fraction
    kelly_fraction: float
    drawdown_p95: float = Field(description="95th percentile of the bootstrap maximum drawdown; negative.")
    breakers: list[Fraction] = Field(description="Drawdowns at which size is cut or trading stops.")
    verdict: Literal["approved", "rejected", "pending"]
    reasons: list[ShortText] = []
    assessed: UtcTime


class Deployment(Document):
    """`deployment.yaml`: how the execution specialist would run it."""

    strategy_id: StrategyId
    mode: Literal["paper", "live"]
    status: Literal["planned", "running", "halted"]
    stake_fraction: Fraction
    code_hash: Sha256
    config: dict[str, bool | int | float | str]
    reviewed: UtcTime


class Parameter(Record):
    """A tunable number of a rule-based strategy and its range."""

    name: Slug
    low: float
    high: float
    default: float


class StrategySpec(Document):
    """`strategy-spec.yaml`: the rule-based twin of an ML strategy."""

    strategy_id: StrategyId
    strategy_name: Slug
    type: Literal["rule_based"] = "rule_based"
    hypothesis: Text
    market: Market
    entry: Formula | None = None
    exit: Formula | None = None
    horizon: Duration | None = None
    parameters: Annotated[list[Parameter], Field(max_length=7)] = []
    costs: Costs = Costs()
    risk: Risk = Risk()


class TeamMember(Record):
    """Who plays a role."""

    role: RoleId
    player: ShortText = Field(description="An address, `Name <address>` as git writes it, or a name on a forge.")

    @property
    def known_as(self) -> str:
        """Return the address within `Name <address>`, else what stands there."""
        found = re.fullmatch(r"[^<>]*<\s*([^<>\s]+@[^<>\s]+)\s*>\s*", self.player)
        return found[1] if found else self.player.strip()


class HandoffKey(Record):
    """A public key whose signature under a handoff counts."""

    holder: ShortText
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$", description="32 bytes of ed25519, in base64.")]


class Team(Document):
    """`team.yaml`: the team's own settings; the lead edits it by hand."""

    name: ShortText = "crypto-team"
    default_exchange: str = "binance"
    store: ShortText = "local"
    members: list[TeamMember] = []
    handoff_keys: list[HandoffKey] = []
    require_signature: bool = Field(default=False, description="Handoffs without a signature of these keys are broken.")


class OwnershipRule(Record):
    """One kind of record and who may do what with it."""

    kind: Slug
    role: RoleId | Literal["any"]
    mode: Literal["own", "append", "read"]


class Ownership(Document):
    """`ownership.yaml`: who may write what; what is not listed is denied."""

    rules: list[OwnershipRule]
