"""The base of every record and the constrained scalar types that records share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

_EXAMPLES: dict[str, str] = {}


def _like(pattern: str, example: str) -> StringConstraints:
    """Constrain a text to a pattern that people are told about by an example."""
    _EXAMPLES[pattern] = example
    return StringConstraints(pattern=pattern)


def in_words(problem: Mapping[str, Any]) -> str:
    """Return what pydantic says about a value without regular expressions and names of Python."""
    told = problem.get("ctx", {})
    if problem["type"] == "string_pattern_mismatch":
        return f"it should look like {_EXAMPLES.get(told['pattern'], told['pattern'])}"
    if problem["type"] in {"model_type", "dict_type"}:
        return "it should be a mapping of fields to values"
    return str(problem["msg"]).replace("Input should be", "it should be")


StrategyId = Annotated[str, _like(r"^STR-[0-9]{3,6}$", "STR-001")]
DatasetId = Annotated[str, _like(r"^DS-[0-9]{3,6}$", "DS-001")]
BacktestId = Annotated[str, _like(r"^BT-[0-9]{3,6}$", "BT-001")]
TrialId = Annotated[str, _like(r"^[0-9A-HJKMNP-TV-Z]{26}$", "a ULID of 26 characters")]
LearningId = Annotated[str, _like(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}$", "2026-01-31-critic-0a1b2c3d")]
EventId = Annotated[
    str, _like(r"^[0-9]{8}T[0-9]{6}Z-[a-z_]+-[0-9a-f]{20}$", "20260131T000000Z-critic-0a1b2c3d4e5f60718293")
]
Slug = Annotated[str, _like(r"^[a-z][a-z0-9_]{0,39}$", "a name in snake_case such as momentum_4h")]
FeatureName = Annotated[str, _like(r"^[a-z][a-z0-9_]{0,79}$", "a name in snake_case such as rsi_14")]
Sha256 = Annotated[str, _like(r"^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits")]
UtcTime = Annotated[str, _like(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", "2026-01-31T00:00:00Z")]
Pair = Annotated[
    str, _like(r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?$", "BTC/USDT, or BTC/USDT:USDT for a perpetual")
]
ExchangeId = Annotated[str, _like(r"^[a-z][a-z0-9_]{1,29}$", "binance")]
Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w"]
Duration = Annotated[str, _like(r"^[1-9][0-9]{0,5}(bars|m|h|d|w)$", "24bars, 4h or 63d")]
Window = Annotated[
    str, _like(r"^(rolling|expanding)_[1-9][0-9]{0,5}(bars|m|h|d|w)$", "rolling_252d or expanding_1000bars")
]
CheckCode = Annotated[str, _like(r"^(DQ|LK|OF|PF|PR|RK|HO|LV)[0-9]{3}$", "OF010")]
Text = Annotated[str, StringConstraints(max_length=20_000)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Limit = Annotated[int, Field(ge=1, le=100_000)]
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
