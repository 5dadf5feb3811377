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
    StrategyId,
    Timeframe,
    TradingMode,
    UtcTime,
)

SeriesKind = Literal["ohlcv", "funding", "l2", "trades", "series"]
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
    pair: Pair
    timeframe: Timeframe | None = Field(default=None, description="None where values come at no regular times.")
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
    source: ShortText
    quality: Quality | None = None
    registered: UtcTime

    @model_validator(mode="after")
    def _timed(self) -> Dataset:
        if self.kind in {"ohlcv", "funding", "series"} and self.timeframe is None:
            raise ValueError(f"a dataset of kind {self.kind} has a timeframe")
        return self


class DataRequirement(Record):
    """One series that a strategy needs and whether the catalog has it."""

    pair: Pair
    timeframe: Timeframe
    kind: SeriesKind
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
