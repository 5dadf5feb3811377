"""`model/manifest.yaml`: the trained fold models of a strategy and what is needed to run them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crypto_team.schemas.base import Document, Pair, Record, Sha256, StrategyId, Timeframe, UtcTime
from crypto_team.schemas.data import SeriesKind
from crypto_team.schemas.features import Feature
from crypto_team.schemas.ml_spec import Signal


class FoldModelFile(Record):
    """One saved fold: its file beside the manifest, its hash, and the test range that it predicts."""

    fold: Annotated[int, Field(ge=0)]
    file: str = Field(pattern=r"^[a-z0-9_]+\.json$")
    sha256: Sha256
    test_start: UtcTime
    test_end: UtcTime


class SeriesSource(Record):
    """One series that formulas read: how they name it, its file under the data folder, and when its values count."""

    kind: SeriesKind
    source: str = ""
    pair: Pair | None = None
    column: str = Field(default="", description="Of a series with many values at a time, the one that is read.")
    path: str
    lag_seconds: Annotated[int, Field(ge=0)] | None = None
    stale_after_seconds: Annotated[int, Field(ge=1)] | None = None


class ModelManifest(Document):
    """Everything that the exported strategy loads."""

    strategy_id: StrategyId
    timeframe: Timeframe
    features: list[Feature]
    signal: Signal
    target_type: Literal["classification", "regression"]
    folds: Annotated[list[FoldModelFile], Field(min_length=1)]
    lookback_bars: Annotated[int, Field(ge=0)]
    informative_pairs: list[Pair] = Field(default=[], description="Other pairs whose candles formulas read.")
    series: list[SeriesSource] = Field(default=[], description="Series of the catalog that formulas read.")
    python_code: Sha256 | None = Field(default=None, description="Hash over the files of the Python features in use.")
