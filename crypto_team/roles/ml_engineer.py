"""The ML engineer: designs, trains, documents and exports machine-learning strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crypto_team.errors import UsageError
from crypto_team.roles import design, records
from crypto_team.schemas.base import ExchangeId, FeatureName, Pair, Slug, StrategyId, Timeframe
from crypto_team.schemas.features import Ranking
from crypto_team.schemas.ml_spec import (
    CalibrationMethod,
    ClassWeights,
    LabelWeights,
    ModelName,
    TargetKind,
)
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.kb.writer import Change
    from crypto_team.schemas import FeatureSet, MlSpec
    from crypto_team.tools.session import Session

ROLE = Role(
    id="ml_engineer",
    title="ML engineer",
    mission="Find predictive structure in market data and hand over models whose evidence survives every gate.",
    reads=("learnings", "registry", "dataset"),
    owns=("ml_spec", "features", "ml_report", "code", "model"),
    receives_from=(),
    hands_to=("data_collector",),
    gate="ml_engineer->data_collector",
    must_read=("learnings.md", "registry.yaml", "data-catalog/sources.yaml"),
)


def write_design(session: Session, tool_name: str, spec: MlSpec, features: FeatureSet, event: str) -> str | None:
    """Commit a changed design: both documents and a line in the registry entry."""
    layout, strategy_id = session.layout, spec.strategy_id
    summarised = design.summarise(spec, features.features, features.feature_selection.method)
    changes: list[Change] = [
        records.change(session, "ml_spec", layout.ml_spec(strategy_id), summarised),
        records.change(session, "features", layout.features(strategy_id), design.without_ranks(features)),
        records.registry_change(
            session, strategy_id, role="ml_engineer", event=event, stage="ml_engineer", status="draft", metrics={}
        ),
    ]
    return records.save(session, "ml_engineer", tool_name, strategy_id, changes, f"{strategy_id}: {event}")


@tool(role="ml_engineer")
def new(
    session: Session,
    *,
    name: Slug,
    pair: list[Pair],
    timeframe: Timeframe = "1h",
    exchange: ExchangeId | None = None,
    side: Literal["auto", "long_only", "long_short"] = "auto",
    hypothesis: str = "",
    seed: int = 42,
) -> Outcome:
    """Allot the next strategy id and write an empty design for it.

    Parameters
    ----------
    name
        Short name in snake_case; it also names the exported code file.
    pair
        Pair to trade, for example BTC/USD, or BTC/USDT:USDT for a perpetual; repeat for several.
    timeframe
        Length of a bar, for example 5m or 1h.
    exchange
        Exchange id; taken from the catalog where one dataset fits.
    side
        Whether shorts are allowed; auto means yes for perpetuals.
    hypothesis
        Why this edge should exist.
    seed
        Seed of every random choice.
    """
    from crypto_team.roles.birth import create_ml_strategy

    return create_ml_strategy(
        session,
        name=name,
        pairs=pair,
        timeframe=timeframe,
        exchange=exchange,
        side=side,
        hypothesis=hypothesis,
        seed=seed,
    )


@tool(role="ml_engineer")
def define_target(
    session: Session,
    strategy_id: StrategyId,
    kind: TargetKind = "direction",
    horizon: str = "24",
    threshold_bps: list[float] | None = None,
    *,
    preset: Literal["3_class", "5_class"] | None = None,
    threshold_sigma: list[float] | None = None,
    side_feature: FeatureName | None = None,
) -> Outcome:
    """Say what is predicted, and how far ahead.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    kind
        direction (up or down), n_class (cut at thresholds), return (regression in basis points), volatility_scaled
        (cut in units of the expected move), triple_barrier (loss, time or profit first), meta_label (whether the trade
        of a primary rule wins).
    horizon
        Bars (24) or a duration (4h, 1d).
    threshold_bps
        Ascending class limits in basis points, for n_class only.
    preset
        Named limits for n_class: 3_class is +-0.2 %, 5_class is +-0.5 % and +-1.5 %.
    threshold_sigma
        Ascending class limits in expected moves, for volatility_scaled only; -0.5 and 0.5 where not given.
    side_feature
        Feature whose sign is the side of the primary rule, for meta_label only.
    """
    from crypto_team.roles import targets

    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    target = targets.target(
        kind,
        horizon,
        spec.market.timeframe,
        thresholds_bps=threshold_bps or [],
        preset=preset,
        thresholds_sigma=threshold_sigma or [],
        side_feature=side_feature,
    )
    changed = spec.model_copy(update={"target": target})
    revision = write_design(session, "define_target", changed, features, f"target: {target.definition}")
    return Outcome(
        ok=True,
        summary=f"{strategy_id} predicts {target.definition}",
        revision=revision,
        path=str(session.layout.ml_spec(strategy_id)),
        next=[f"crypto-team ml-engineer add-feature {strategy_id} --set standard"],
    )


@tool(role="ml_engineer")
def set_labels(
    session: Session,
    strategy_id: StrategyId,
    *,
    volatility_bars: int | None = None,
    profit_sigma: float | None = None,
    loss_sigma: float | None = None,
    label_weights: LabelWeights | None = None,
    class_weights: ClassWeights | None = None,
    also_horizon: list[str] | None = None,
) -> Outcome:
    """Change how the labels of a defined target are made and weighted; what is not given stays as it is.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    volatility_bars
        Past bars whose deviation says how large a move is expected.
    profit_sigma
        Distance of the profit barrier in expected moves.
    loss_sigma
        Distance of the loss barrier in expected moves.
    label_weights
        none, or uniqueness: labels that overlap count less in training.
    class_weights
        none, or balanced: rows of rare classes count more, so that every class counts alike; calibration gives the
        probabilities their true rates again.
    also_horizon
        Further horizon (bars or a duration) that is labelled and reported at once; repeat for several.
    """
    from crypto_team.roles import targets

    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    if spec.target is None:
        raise UsageError(
            "the target is not defined yet",
            where="ml-spec.yaml: target",
            hint=f"crypto-team ml-engineer define-target {strategy_id}",
        )
    target = targets.with_labels(
        spec.target,
        spec.market.timeframe,
        volatility_bars=volatility_bars,
        barriers=(profit_sigma, loss_sigma),
        weights=(label_weights, class_weights),
        also=also_horizon or [],
    )
    changed = spec.model_copy(update={"target": target})
    revision = write_design(session, "set_labels", changed, features, f"labels: {target.definition}")
    horizons = ", ".join(str(each) for each in target.horizons)
    return Outcome(
        ok=True,
        summary=f"{strategy_id} predicts {target.definition}; horizons in bars: {horizons}; "
        f"label weights: {target.label_weights}, class weights: {target.class_weights}",
        revision=revision,
        next=[f"crypto-team ml-engineer train {strategy_id}"],
    )


@tool(role="ml_engineer")
def set_model(  # noqa: PLR0913, PLR0917 - a tool's parameters are the options of its command
    session: Session,
    strategy_id: StrategyId,
    model: ModelName = "linear_trees",
    param: list[str] | None = None,
    calibration: CalibrationMethod = "shrunk",
    max_features: int = 30,
    ranking: Ranking = "importance",
    seed: int | None = None,
    refit: bool = False,
) -> Outcome:
    """Choose the learner, its hyperparameters, the calibration and how many features survive selection.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    model
        Learner.
    param
        Hyperparameter as name=value; repeat for several.
    calibration
        How raw probabilities, or the basis points of a regression, become calibrated ones; a regression knows shrunk,
        isotonic and none.
    max_features
        At most this many features are kept in each fold (50 at most).
    ranking
        How features are chosen in each fold, behind the correlation filter: by one quick fit (importance), by recursive
        elimination (rfe), by SHAP (shap), or by all of them in a row (chain).
    seed
        Seed of every random choice; unchanged where not given.
    refit
        Once calibrated, fit again on the whole training window, so that its newest fifth is not lost to calibration.
        Only with shrunk calibration, or none: other maps hold for the first model alone.
    """
    from crypto_team.models import readiness
    from crypto_team.roles.hyperparameters import parse
    from crypto_team.validation.settings import check_calibration, check_refit

    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    check_refit(model, calibration, refit=refit)
    check_calibration(calibration, None if spec.target is None else spec.target.n_classes)
    hyperparameters = parse(model, param or [])
    changed = design.with_model(spec, model, hyperparameters, calibration, seed, refit=refit)
    kept = design.with_most_features(features, max_features, ranking)
    readiness.check(
        model,
        hyperparameters,
        n_classes=None if spec.target is None else spec.target.n_classes,
        by_shap=ranking in {"shap", "chain"},
    )
    told = "no" if calibration == "none" else calibration
    revision = write_design(session, "set_model", changed, kept, f"model: {model}")
    return Outcome(
        ok=True,
        summary=f"{strategy_id} uses {model} with {told} calibration{', then refitted' if refit else ''}",
        revision=revision,
        data=hyperparameters,
        next=[f"crypto-team ml-engineer train {strategy_id}"],
    )
