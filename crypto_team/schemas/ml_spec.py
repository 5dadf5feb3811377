"""`ml-spec.yaml`: everything that is needed to rebuild an ML strategy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator

from crypto_team.schemas.base import (
    DatasetId,
    Document,
    Duration,
    ExchangeId,
    FeatureName,
    Fraction,
    Pair,
    Record,
    Sha256,
    ShortText,
    Slug,
    StrategyId,
    Text,
    Timeframe,
    TradingMode,
    Window,
)

ModelName = Literal[
    "linear_trees", "lightgbm", "xgboost", "catboost", "random_forest", "logistic", "ridge",
    "lstm", "gru", "transformer", "lstm_cnn", "stacking", "blending", "meta_network", "agreement", "horizons",
    "online_linear", "online_lightgbm",
]  # fmt: skip
FixedKind = Literal["direction", "n_class", "return"]
TargetKind = Literal["direction", "n_class", "return", "volatility_scaled", "triple_barrier", "meta_label"]
LabelWeights = Literal["none", "uniqueness"]
ClassWeights = Literal["none", "balanced"]
CalibrationMethod = Literal["shrunk", "platt", "ordered_platt", "isotonic", "beta", "temperature", "none"]


class Market(Record):
    """Where the strategy trades and on which registered datasets it was developed."""

    exchange: ExchangeId
    pairs: Annotated[list[Pair], Field(min_length=1, max_length=200)]
    timeframe: Timeframe
    trading_mode: TradingMode = "spot"
    datasets: list[DatasetId] = Field(default=[], description="Filled in by `train`: the candles that were used.")


class Training(Record):
    """Walk-forward geometry; durations are calendar time (`252d`) or bars (`24bars`)."""

    window: Window = Field(default="rolling_252d", description="Training window: rolling or expanding from the start.")
    test: Duration = Field(default="63d", description="Length of each out-of-sample test part.")
    step: Duration = Field(default="63d", description="Distance between the starts of consecutive test parts.")
    gap: Duration = Field(default="1d", description="Least distance between training and test; raised to the horizon.")
    anchor: Literal["start", "end"] = Field(
        default="start", description="Where bars that fill no test part are left out: behind the last, or at the start."
    )
    n_splits: Annotated[int, Field(ge=5)] = Field(default=5, description="Least number of folds that is accepted.")


class ModelSection(Record):
    """The learner, its exact hyperparameters and how it is trained and calibrated."""

    primary: ModelName = "linear_trees"
    version: str | None = Field(default=None, description="Library version; filled in by `train`.")
    architecture: Text = Field(default="", description="In words: what the model is made of.")
    hyperparameters: dict[str, bool | int | float | str] = {}
    training: Training = Training()
    calibration: CalibrationMethod = Field(
        default="shrunk",
        description="Of probabilities, or of a regression's expected returns (shrunk, isotonic or none).",
    )
    refit: bool = Field(
        default=False,
        description="Once calibrated, fit again on the whole training window, the calibration tail included.",
    )


class TopFeature(Record):
    """A feature and its share of the summed importance, averaged over folds."""

    name: FeatureName
    importance: Fraction


class FeatureSummary(Record):
    """What `features.yaml` says in detail; filled in by tools."""

    total_count: Annotated[int, Field(ge=0)] = 0
    categories: dict[str, list[FeatureName]] = {}
    selection_method: ShortText = "correlation_filter + importance"
    top_features: Annotated[list[TopFeature], Field(max_length=10)] = []


class Target(Record):
    """What is predicted. The horizon is exact; `definition` is rendered from it."""

    type: Literal["classification", "regression"]
    kind: TargetKind
    definition: ShortText
    horizon: Duration
    horizon_bars: Annotated[int, Field(ge=1, le=10_000)]
    thresholds_bps: list[FiniteFloat] = Field(
        default=[], description="Ascending class limits of `n_class`, in basis points."
    )
    thresholds_sigma: list[FiniteFloat] = Field(
        default=[], description="Ascending class limits of `volatility_scaled`, in expected moves over the horizon."
    )
    volatility_bars: Annotated[int, Field(ge=2, le=100_000)] = Field(
        default=100, description="Past bars whose deviation scales labels and barriers; unused by the other kinds."
    )
    profit_sigma: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0, description="Distance of the profit barrier in expected moves over the horizon."
    )
    loss_sigma: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0, description="Distance of the loss barrier in expected moves over the horizon."
    )
    side_feature: FeatureName | None = Field(
        default=None, description="Feature whose sign is the side that a `meta_label` model accepts or declines."
    )
    label_weights: LabelWeights = Field(
        default="none", description="How much overlapping labels count in training: all alike, or by their uniqueness."
    )
    class_weights: ClassWeights = Field(
        default="none",
        description="How much rows of each class count in training: all alike, or so that every class counts alike.",
    )
    horizon_set: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(
        default=[],
        description="Further horizons in bars, labelled and measured at once; gap and purge go by the longest.",
    )
    classes: list[str] = []
    class_balance: list[Fraction] = Field(default=[], description="Share of each class in the labelled test rows.")

    @property
    def horizons(self) -> list[int]:
        """All horizons in bars, the predicted one first."""
        return [self.horizon_bars, *self.horizon_set]

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 for a regression."""
        fixed = {"return": 0, "direction": 2, "meta_label": 2, "triple_barrier": 3}
        return fixed.get(self.kind, len(self.thresholds_bps) + len(self.thresholds_sigma) + 1)

    @model_validator(mode="after")
    def _thresholds_fit_kind(self) -> Target:
        for name, kind in (("thresholds_bps", "n_class"), ("thresholds_sigma", "volatility_scaled")):
            limits: list[float] = getattr(self, name)
            if self.kind == kind and (not limits or sorted(set(limits)) != limits):
                raise ValueError(f"{kind} needs ascending {name}")
            if self.kind != kind and limits:
                raise ValueError(f"{name} belongs to {kind} only")
        if self.kind == "return" and self.class_weights != "none":
            raise ValueError("a return has no classes that class_weights could balance")
        if (self.side_feature is None) == (self.kind == "meta_label"):
            raise ValueError("meta_label, and no other kind, needs side_feature: the primary rule it judges")
        return self


class Signal(Record):
    """How a calibrated probability (or an expected return) becomes a position."""

    entry_threshold: Fraction = Field(
        default=0.52, description="Long when P(up) >= this; short when P(up) <= 1 - this."
    )
    exit_threshold: Fraction = Field(default=0.5, description="Leave a long when P(up) <= this; mirrored for shorts.")
    position_sizing: Literal["fixed", "confidence_weighted"] = "fixed"
    side: Literal["long_only", "long_short"] = "long_only"

    @model_validator(mode="after")
    def _hysteresis(self) -> Signal:
        if self.exit_threshold > self.entry_threshold:
            raise ValueError("exit_threshold must not be above entry_threshold")
        return self


class Costs(Record):
    """What a change of position costs on each side, in basis points of the traded value."""

    fee_bps: Annotated[float, Field(ge=0, le=500)] = 5.0
    slippage_bps: Annotated[float, Field(ge=0, le=500)] = 2.0


class Risk(Record):
    """Limits that the exported strategy carries; the risk manager checks them."""

    position_fraction: Fraction = Field(default=0.05, description="Share of the account in one position.")
    stop_loss_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.25, description="Distance of the hard stop from the entry price."
    )
    max_open_positions: Annotated[int, Field(ge=1, le=100)] = 1


class Reproducibility(Record):
    """Seeds, hashes and versions; `train` fills in what it measured."""

    random_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    data_hash: Sha256 | None = None
    code_path: str | None = None
    library_versions: dict[str, str] = {}


HEADLINE = {
    "oos_sharpe": "sharpe",
    "oos_total_return": "total_return",
    "oos_max_drawdown": "max_drawdown",
    "oos_trades": "n_trades",
    "oos_ic": "information_coefficient",
}
"""Metric of the registry -> the number of `out_of_sample` that it repeats."""


class OutOfSample(Record):
    """Headline numbers over all test folds, after costs. Computed by `train`, compared again by PR002."""

    bars: int
    folds: int
    sharpe: float = Field(description="Annualised on 365 days, from UTC daily net returns.")
    total_return: float
    max_drawdown: float = Field(description="Negative: -0.12 is a loss of 12 % from the peak.")
    n_trades: int
    hit_rate: float
    log_loss: float | None = None
    auc: float | None = Field(default=None, description="Of the event: the top class.")
    brier: float | None = Field(default=None, description="Of the event: the top class, not a sum over classes.")
    ece: float | None = Field(default=None, description="Of the event: the top class, in 10 bins of equal width.")
    information_coefficient: float


class Considered(Record):
    """A learning or an earlier strategy that was read, and what follows from it for this one."""

    reference: ShortText
    answer: ShortText


class MlSpec(Document):
    """An ML strategy, completely enough to rebuild it bit by bit."""

    schema_version: Literal[2] = Field(default=2, description="Version of this shape; migrations raise it.")  # type: ignore[assignment]
    strategy_id: StrategyId
    strategy_name: Slug
    type: Literal["ml_based"] = "ml_based"
    hypothesis: Text = Field(default="", description="Why this edge should exist, in the author's words.")
    market: Market
    model: ModelSection = ModelSection()
    features: FeatureSummary = FeatureSummary()
    target: Target | None = Field(default=None, description="Set by `define-target`.")
    signal: Signal = Signal()
    costs: Costs = Costs()
    risk: Risk = Risk()
    reproducibility: Reproducibility = Reproducibility()
    out_of_sample: OutOfSample | None = None
    considered: list[Considered] = []
