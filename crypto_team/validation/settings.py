"""What a walk-forward run depends on, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import InputError, UsageError
from crypto_team.models.base import Hyperparameter
from crypto_team.models.readiness import check_target
from crypto_team.models.registry import factory, resolve
from crypto_team.schemas.features import FeatureSelection, Ranking
from crypto_team.schemas.ml_spec import CalibrationMethod, ClassWeights, LabelWeights, MlSpec
from crypto_team.trading.durations import bars
from crypto_team.validation.calibration_of_returns import check_method
from crypto_team.validation.splits import Geometry


@dataclass(frozen=True)
class TradingRules:
    """How signals become positions and what changing one costs."""

    entry: float
    exit: float
    long_short: bool
    confidence_weighted: bool
    cost_bps_per_side: float


@dataclass(frozen=True)
class WalkForwardSettings:
    """Everything :func:`~crypto_team.validation.walk_forward.run` needs beside the panel; `n_classes` 0: regression."""

    model: str
    n_classes: int
    hyperparameters: Mapping[str, Hyperparameter]
    geometry: Geometry
    calibration: CalibrationMethod
    correlation_limit: float
    max_features: int
    trading: TradingRules
    seed: int
    refit: bool = False
    inner_share: float = 0.2
    noise_repeats: int = 3
    workers: int = 2
    side_feature: str | None = None
    label_weights: LabelWeights = "none"
    class_weights: ClassWeights = "none"
    ranking: Ranking = "importance"


def settings_from_spec(spec: MlSpec, selection: FeatureSelection) -> WalkForwardSettings:
    """Turn a strategy's specification into settings.

    Raises
    ------
    InputError
        The target is not defined yet.
    UsageError
        The learner cannot do the kind of target, or a hyperparameter is unknown.
    """
    target = spec.target
    if target is None:
        raise InputError("the target is not defined", where="ml-spec.yaml: target", hint="run define-target first")
    learner = factory(spec.model.primary)
    hyperparameters = resolve(learner.name, spec.model.hyperparameters)
    check_target(learner, hyperparameters, target.n_classes)
    check_refit(learner.name, spec.model.calibration, refit=spec.model.refit)
    check_calibration(spec.model.calibration, target.n_classes)
    return WalkForwardSettings(
        model=learner.name,
        n_classes=target.n_classes,
        hyperparameters=hyperparameters,
        geometry=geometry_from_spec(spec, max(target.horizons)),
        calibration=spec.model.calibration,
        refit=spec.model.refit,
        correlation_limit=selection.correlation_limit,
        max_features=selection.max_features,
        ranking=selection.ranking,
        trading=TradingRules(
            entry=spec.signal.entry_threshold,
            exit=spec.signal.exit_threshold,
            long_short=spec.signal.side == "long_short",
            confidence_weighted=spec.signal.position_sizing == "confidence_weighted",
            cost_bps_per_side=spec.costs.fee_bps + spec.costs.slippage_bps,
        ),
        seed=spec.reproducibility.random_seed,
        side_feature=target.side_feature,
        label_weights=target.label_weights,
        class_weights=target.class_weights,
    )


def check_calibration(calibration: CalibrationMethod, n_classes: int | None) -> None:
    """Refuse to calibrate a regression as probabilities are; nothing is known before there is a target (None)."""
    if n_classes == 0:
        check_method(calibration)


def check_refit(model: str, calibration: CalibrationMethod, *, refit: bool) -> None:
    """Refuse to fit a learner again that goes on learning by itself, or whose calibration holds for one model only.

    Raw probabilities of the second model have another level and spread (more rows, another rate of the classes, another
    number of trees). A map that was fitted freely to those of the first then says anything; the slope of ``shrunk`` is
    small enough not to.
    """
    if refit and calibration not in {"shrunk", "none"}:
        raise UsageError(
            f"{calibration} calibration of the first model does not hold for one that is fitted again",
            where="model.refit",
            hint=f"crypto-team ml-engineer set-model STR --model {model} --refit --calibration shrunk",
        )
    if refit and factory(model).online:
        raise UsageError(
            f"{model} learns from the calibration tail already, label by label",
            where="model.refit",
            hint=f"crypto-team ml-engineer set-model STR --model {model}, without --refit",
        )


def geometry_from_spec(spec: MlSpec, horizon_bars: int) -> Geometry:
    """Turn the durations of a specification into bars of its timeframe."""
    timeframe, training = spec.market.timeframe, spec.model.training
    style, window = training.window.split("_", 1)
    return Geometry(
        timeframe_ms=timeframe_seconds(timeframe) * 1000,
        window_bars=bars(window, timeframe),
        test_bars=bars(training.test, timeframe),
        step_bars=bars(training.step, timeframe),
        gap_bars=bars(training.gap, timeframe),
        expanding=style == "expanding",
        horizon_bars=horizon_bars,
        n_splits=training.n_splits,
        anchor=training.anchor,
    )
