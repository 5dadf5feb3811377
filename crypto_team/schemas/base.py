"""The base of every record and the constrained scalar types that records share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

StrategyId = Annotated[str, StringConstraints(pattern=r"^STR-[0-9]{3,6}$")]
DatasetId = Annotated[str, StringConstraints(pattern=r"^DS-[0-9]{3,6}$")]
BacktestId = Annotated[str, StringConstraints(pattern=r"^BT-[0-9]{3,6}$")]
TrialId = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
LearningId = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FeatureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
UtcTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
Pair = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?$")]
ExchangeId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,29}$")]
Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]
Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(bars|m|h|d|w)$")]
Window = Annotated[str, StringConstraints(pattern=r"^(rolling|expanding)_[1-9][0-9]{0,5}(bars|m|h|d|w)$")]
CheckCode = Annotated[str, StringConstraints(pattern=r"^(DQ|LK|OF|PF|PR|RK|LV)[0-9]{3}$")]
Text = Annotated[str, StringConstraints(max_length=20_000)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
TradingMode = Literal["spot", "futures"]
RoleId = Literal[
    "strategy_researcher",
    "ml_engineer",
    "data_collector",
    "backtester",
    "quant_analyst",
    "critic",
    "risk_manager",
    "execution_specialist",
    "lead",
]
Stage = Literal[
    "strategy_researcher",
    "ml_engineer",
    "data_collector",
    "backtester",
    "quant_analyst",
    "critic",
    "risk_manager",
    "execution_specialist",
]


class Record(BaseModel):
    """A frozen, closed, strictly typed part of a document: unknown fields and coercions are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


class Document(Record):
    """A record that is a whole file of the knowledge base."""

    schema_version: Literal[1] = Field(default=1, description="Version of this shape; migrations raise it.")

    @field_validator("schema_version", mode="before")
    @classmethod
    def _version_is_an_integer(cls, value: object) -> object:
        # `true` and `1.0` equal 1, so that a closed set of integers would let them in.
        if isinstance(value, bool | float):
            raise PydanticCustomError("int_type", "Input should be a valid integer")
        return value
