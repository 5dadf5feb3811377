"""Evidence: the manifest kept in the knowledge base and the `meta` object inside each evidence set."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crypto_team.schemas.base import (
    DatasetId,
    Document,
    Duration,
    FeatureName,
    Pair,
    Record,
    Sha256,
    StrategyId,
    Timeframe,
    TrialId,
    UtcTime,
)
from crypto_team.schemas.ml_spec import CalibrationMethod, ModelName, Signal, Target


class EvidenceObject(Record):
    """One content-addressed file of the store."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
    rows: int | None = None


class EvidenceManifest(Document):
    """`evidence.yaml`: which stored objects are the evidence of a strategy right now."""

    strategy_id: StrategyId
    trial_id: TrialId
    spec_hash: Sha256 = Field(description="Fingerprint of the inputs: spec, features, code and data, without measures.")
    recorded: UtcTime
    objects: dict[str, EvidenceObject]


class FoldRange(Record):
    """One walk-forward fold as half-open time ranges over bar-open times, and what was fitted in it."""

    fold: Annotated[int, Field(ge=0)]
    train_start: UtcTime
    train_end: UtcTime
    inner_start: UtcTime = Field(description="Purged tail of the training window that calibration is fitted on.")
    inner_end: UtcTime
    test_start: UtcTime
    test_end: UtcTime
    gap_bars: Annotated[int, Field(ge=0)]
    train_rows: int
    inner_rows: int
    test_rows: int
    selected: list[FeatureName]
    model_file: str
    model_hash: Sha256


class EvidenceMeta(Document):
    """`meta.yaml`: everything that the numbers in the tables depend on."""

    strategy_id: StrategyId
    timeframe: Timeframe
    pairs: list[Pair]
    periods_per_year: Annotated[float, Field(gt=0)]
    horizon_bars: Annotated[int, Field(ge=1)]
    gap_bars: Annotated[int, Field(ge=0)]
    cost_bps_per_side: Annotated[float, Field(ge=0)]
    target: Target
    signal: Signal
    model: ModelName
    hyperparameters: dict[str, bool | int | float | str]
    calibration: CalibrationMethod
    window: str
    test: Duration
    step: Duration
    feature_names: list[FeatureName]
    random_seed: int
    versions: dict[str, str]
    dataset_ids: list[DatasetId]
    dataset_hashes: list[Sha256]
    data_hash: Sha256
    research_end: UtcTime | None = Field(default=None, description="First sealed bar; nothing here reads beyond it.")
    declared_n_trials: Annotated[int, Field(ge=1)]
    folds: list[FoldRange]
