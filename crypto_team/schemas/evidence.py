"""Evidence: the manifest kept in the knowledge base and the `meta` object inside each evidence set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crypto_team.schemas.base import (
    DatasetId,
    Document,
    Duration,
    FeatureName,
    Pair,
    Record,
    Sha256,
    ShortText,
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
    later_labels: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Labels that an online learner learnt after its training, each once it was known."
    )
    refit_rows: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="Rows of the whole training window that the model was fitted on again after its calibration; the "
        "inner rows were scored, and calibration fitted, with the model before that.",
    )


class EvidenceMeta(Document):
    """`meta.yaml`: everything that the numbers in the tables depend on."""

    schema_version: Literal[2] = Field(default=2, description="Version of this shape; migrations raise it.")  # type: ignore[assignment]
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
    trained_with: dict[str, str] = Field(
        default={}, description="Every setting of the design that decides the numbers, as JSON text by its place."
    )
    random_seed: int
    versions: dict[str, str]
    dataset_ids: list[DatasetId]
    dataset_hashes: list[Sha256]
    data_hash: Sha256
    research_end: UtcTime | None = Field(default=None, description="First sealed bar; nothing here reads beyond it.")
    declared_n_trials: Annotated[int, Field(ge=1)]
    folds: list[FoldRange]


class ImportedLabel(Record):
    """How the labels of foreign evidence follow from prices."""

    kind: Literal["direction", "n_class", "return", "other"] = Field(
        default="direction",
        description="direction: 1 where the forward return is positive; n_class: thresholds_bps; return: regression; "
        "other: any rule in which a higher class never has the lower forward return.",
    )
    thresholds_bps: list[float] = []
    definition: str = ""


class ImportedFold(Record):
    """One fold of foreign evidence; ISO times, ranges half-open. What is left out is taken from the predictions."""

    fold: Annotated[int, Field(ge=0)]
    train_start: str | None = None
    train_end: str | None = None
    inner_start: str | None = None
    inner_end: str | None = None
    test_start: str | None = None
    test_end: str | None = None
    gap_bars: Annotated[int, Field(ge=0)] | None = None
    train_rows: Annotated[int, Field(ge=0)] | None = None
    selected: list[str] | None = None
    trained_at: str | None = Field(default=None, description="Time of the last row that the model had seen.")


class ImportedMeta(Document):
    """`meta.yaml` of evidence from elsewhere: a notebook, FreqAI, another framework."""

    timeframe: Timeframe
    horizon_bars: Annotated[int, Field(ge=1, le=10_000)] = Field(description="Bars from the decision to the label end.")
    cost_bps_per_side: Annotated[float, Field(ge=0, le=500)] = Field(
        description="Fee and slippage of each change of position, in basis points (10 = 0.1 %)."
    )
    n_trials: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Everything that was tried and could have been reported, this one included."
    )
    strategy: ShortText = "imported"
    periods_per_year: Annotated[float, Field(gt=0)] | None = None
    gap_bars: Annotated[int, Field(ge=0)] | None = None
    label: ImportedLabel = ImportedLabel()
    signal: Signal | None = Field(
        default=None, description="Rule from signal to position; without it `position` counts."
    )
    feature_names: list[str] = []
    model: ShortText = "unknown"
    random_seed: int | None = None
    versions: dict[str, str] = {}
    dataset_hashes: list[str] = []
    holdout_start: str | None = Field(default=None, description="First sealed bar; no row may lie at or beyond it.")
    calibration: Literal["platt", "isotonic", "beta", "temperature", "line", "none", "unknown"] = "unknown"
    claims: dict[str, float | str] = Field(
        default={},
        description="Stated results, compared with computed ones: sharpe, total_return, max_drawdown, auc ...; "
        "one of these that is no number cannot be compared and is refused.",
    )
    folds: list[ImportedFold] = Field(default=[], description="May stand in folds.yaml instead.")
