"""Datasets of the catalog and the data-collector's judgement of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crypto_team.schemas.base import (
    DatasetId,
    Document,
    ExchangeId,
    Fraction,
    Pair,
    Record,
    Sha256,
    ShortText,
    Slug,
    StrategyId,
    Timeframe,
    TradingMode,
    UtcTime,
)

SeriesKind = Literal[
    "ohlcv",
    "funding",
    "open_interest",
    "long_liquidations",
    "short_liquidations",
    "whale_flow",
    "sentiment",
    "dominance",
    "custom",
    "l2",
    "trades",
    "series",
]
QualityVerdict = Literal["good", "acceptable", "poor"]


class Quality(Record):
    """What the quality checks counted; shares are of the bars that the span should hold."""

    verdict: QualityVerdict
    expected_rows: Annotated[int, Field(ge=0)]
    missing_rows: Annotated[int, Field(ge=0)]
    missing_share: Fraction
    longest_gap_bars: Annotated[int, Field(ge=0)]
    zero_volume_rows: Annotated[int, Field(ge=0)]
    longest_stale_run_bars: Annotated[int, Field(ge=0)]
    ohlc_violations: Annotated[int, Field(ge=0)]
    outlier_rows: Annotated[int, Field(ge=0)]
    notes: list[ShortText] = []


class Dataset(Document):
    """One registered series: what it is, where it lies, and its content hash."""

    dataset_id: DatasetId
    exchange: ExchangeId
    pair: Pair | None = Field(default=None, description="None for series of the whole market.")
    timeframe: Timeframe | None = Field(default=None, description="None where values come at no regular times.")
    name: Slug | None = Field(default=None, description="What formulas call a series of the whole market.")
    trading_mode: TradingMode
    kind: SeriesKind = "ohlcv"
    path: str = Field(description="Relative to `.crypto/data`.")
    content_hash: Sha256 = Field(description="Over the canonical columns, independent of the file format.")
    rows: Annotated[int, Field(ge=1)]
    first: UtcTime
    last: UtcTime
    price_decimals: Annotated[int, Field(ge=0, le=12)] = Field(
        default=8, description="Decimals that hold every price exactly; the tick of backtests is ten to minus this."
    )
    holdout_from: UtcTime | None = Field(
        default=None, description="Bars from here on are sealed: no training or tuning tool reads them."
    )
    lag_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Publication lag: how long after its time a value was known, added to known_at."
    )
    stale_after_seconds: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="How long the last value counts, where an import said so; else three of the steps usual by then.",
    )
    source: ShortText
    quality: Quality | None = None
    registered: UtcTime

    @model_validator(mode="after")
    def _identified(self) -> Dataset:
        if self.kind == "ohlcv" and (self.pair is None or self.timeframe is None):
            raise ValueError("candles belong to a pair and a timeframe")
        if self.pair is None and self.name is None:
            raise ValueError("a series belongs to a pair or has a name")
        if self.kind == "series" and self.timeframe is None:
            raise ValueError("values per bar have a timeframe")
        return self


class DataRequirement(Record):
    """One series that a strategy needs and whether the catalog has it."""

    pair: Pair | None = Field(description="None for series of the whole market.")
    timeframe: Timeframe
    kind: SeriesKind
    name: Slug | None = Field(default=None, description="What formulas call a series of the whole market.")
    dataset_id: DatasetId | None
    rows_needed: int
    rows_present: int
    verdict: Literal["ok", "missing", "too_short", "poor_quality"]


class DataSpec(Document):
    """`data-spec.yaml`: the data collector's assessment of what a strategy needs."""

    strategy_id: StrategyId
    requirements: list[DataRequirement]
    verdict: Literal["sufficient", "insufficient"]
    assessed: UtcTime
