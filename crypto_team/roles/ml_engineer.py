"""The ML engineer: designs, trains, documents and exports machine-learning strategies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.roles import design, records
from crypto_team.schemas.base import ExchangeId, FeatureName, Pair, Slug, StrategyId, Timeframe
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.kb.writer import Change
    from crypto_team.schemas import FeatureSet, MlSpec
    from crypto_team.tools.session import Session

MOST_CODE_BYTES = 200_000

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
    kind: Literal["direction", "n_class", "return"] = "direction",
    horizon: str = "24",
    threshold_bps: list[float] | None = None,
) -> Outcome:
    """Say what is predicted, and how far ahead.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    kind
        direction (up or down), n_class (cut at thresholds) or return (regression in basis points).
    horizon
        Bars (24) or a duration (4h, 1d).
    threshold_bps
        Ascending class limits in basis points, for n_class only.
    """
    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    target = design.target(kind, horizon, spec.market.timeframe, threshold_bps or [])
    changed = spec.model_copy(update={"target": target})
    revision = write_design(session, "define_target", changed, features, f"target: {target.definition}")
    return Outcome(
        ok=True,
        summary=f"{strategy_id} predicts {target.definition}",
        revision=revision,
        path=str(session.layout.ml_spec(strategy_id)),
        next=[f"crypto-team ml-engineer add-feature {strategy_id} --set standard"],
    )


@tool(role="ml_engineer", read_only=True)
def list_operators(session: Session, *, search: str = "") -> Outcome:
    """List the operators that formulas are made of.

    Parameters
    ----------
    search
        Show only operators whose name or description holds this text.
    """
    from crypto_team.features.reference import operator_rows

    rows = [row for row in operator_rows() if search.lower() in f"{row['name']} {row['summary']}".lower()]
    return Outcome(ok=True, summary=f"{len(rows)} operators", data=rows)


@tool(role="ml_engineer")
def add_feature(
    session: Session,
    strategy_id: StrategyId,
    formula: list[str] | None = None,
    set_: str | None = None,
    python: str | None = None,
    name: FeatureName | None = None,
    category: Literal["auto", "price_action", "volume", "statistical", "derived", "temporal", "custom"] = "auto",
    rationale: str = "",
) -> Outcome:
    """Add features: formulas (with sweeps such as rsi(close, {7,14,28})), a ready-made set, or a Python function.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    formula
        Formula over operators; repeat for several.
    set_
        Name of a ready-made set, for example standard.
    python
        code/FILE.py:FUNCTION in the strategy's folder; audited for causality before it is accepted by a gate.
    name
        Name of the new column, where exactly one is added.
    category
        Family that the feature is filed under; auto takes the operator's own.
    rationale
        Why it should help.
    """
    from crypto_team.roles.feature_entries import entries_for

    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    added = entries_for(formula or [], set_, python, name=name, category=category, rationale=rationale)
    taken = {feature.name for feature in features.features}
    fresh = [feature for feature in added if feature.name not in taken]
    if not fresh:
        raise UsageError(
            "every one of these features is already there",
            where="features.yaml",
            hint=f"crypto-team show {strategy_id} features",
        )
    changed = features.model_copy(update={"features": [*features.features, *fresh]})
    revision = write_design(session, "add_feature", spec, changed, f"{len(fresh)} features added")
    return Outcome(
        ok=True,
        summary=f"{len(fresh)} features added, {len(changed.features)} candidates now",
        revision=revision,
        path=str(session.layout.features(strategy_id)),
        data=[{"name": item.name, "source": item.formula or item.python, "lookback": item.lookback} for item in fresh],
        next=[f"crypto-team ml-engineer set-model {strategy_id} --model lightgbm"],
    )


@tool(role="ml_engineer")
def add_code(session: Session, strategy_id: StrategyId, file: Path) -> Outcome:
    """Copy a Python file into the strategy's code folder, so that features can refer to it.

    The file is only ever run in a child process with limits, and every feature in it has to survive the leakage audit.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    file
        Python file; its name in snake_case names it in references: code/NAME.py:FUNCTION.
    """
    from crypto_team.roles.feature_entries import checked_code

    records.ml_spec(session, strategy_id)
    path = session.layout.code_dir(strategy_id) / file.name
    change = records.change(session, "code", path, checked_code(file, MOST_CODE_BYTES))
    revision = records.save(
        session, "ml_engineer", "add_code", strategy_id, [change], f"{strategy_id}: code {file.name}"
    )
    return Outcome(
        ok=True,
        summary=f"{file.name} is now part of {strategy_id}",
        path=str(path),
        revision=revision,
        next=[f"crypto-team ml-engineer add-feature {strategy_id} --python code/{file.name}:FUNCTION"],
    )


@tool(role="ml_engineer")
def remove_feature(
    session: Session, strategy_id: StrategyId, name: FeatureName, *, reason: str = "removed by the author"
) -> Outcome:
    """Remove one candidate feature and record why.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    name
        Column name as in features.yaml.
    reason
        Why it goes; kept in the list of removed features.
    """
    from crypto_team.schemas.features import RemovedFeature

    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    left = [feature for feature in features.features if feature.name != name]
    if len(left) == len(features.features):
        raise NotFoundError(f"{strategy_id} has no feature {name!r}", where="features.yaml")
    selection = features.feature_selection.model_copy(
        update={"removed_features": [RemovedFeature(name=name, reason=reason)]}
    )
    changed = features.model_copy(update={"features": left, "feature_selection": selection})
    revision = write_design(session, "remove_feature", spec, changed, f"feature {name} removed: {reason}")
    return Outcome(ok=True, summary=f"{name} removed, {len(left)} candidates left", revision=revision)


@tool(role="ml_engineer", read_only=True)
def test_feature(session: Session, strategy_id: StrategyId, formula: str) -> Outcome:
    """Try a formula on the strategy's candles: values, look-back, information coefficient. Nothing is stored.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    formula
        Formula over operators; sweeps are expanded.
    """
    from crypto_team.roles.feature_entries import trial_rows

    rows = trial_rows(session, records.ml_spec(session, strategy_id), formula)
    return Outcome(ok=True, summary=f"{len(rows)} features tried", data=rows)


@tool(role="ml_engineer")
def set_model(
    session: Session,
    strategy_id: StrategyId,
    model: Literal["lightgbm", "xgboost", "logistic", "ridge"] = "lightgbm",
    param: list[str] | None = None,
    calibration: Literal["platt", "isotonic", "none"] = "platt",
    max_features: int = 30,
    seed: int | None = None,
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
        How raw probabilities become calibrated ones.
    max_features
        At most this many features are kept in each fold (50 at most).
    seed
        Seed of every random choice; unchanged where not given.
    """
    from crypto_team.roles.hyperparameters import parse

    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    section = spec.model.model_copy(
        update={"primary": model, "hyperparameters": parse(model, param or []), "calibration": calibration}
    )
    changed = spec.model_copy(update={"model": section})
    if seed is not None:
        changed = changed.model_copy(
            update={"reproducibility": changed.reproducibility.model_copy(update={"random_seed": seed})}
        )
    if not 1 <= max_features <= 50:
        raise UsageError("at most 50 features may survive selection", where="--max-features")
    selection = features.feature_selection.model_copy(
        update={
            "max_features": max_features,
            "method": f"correlation_filter({features.feature_selection.correlation_limit:g}) -> importance"
            f" -> top({max_features})",
        }
    )
    revision = write_design(
        session,
        "set_model",
        changed,
        features.model_copy(update={"feature_selection": selection}),
        f"model: {model}",
    )
    return Outcome(
        ok=True,
        summary=f"{strategy_id} uses {model} with {calibration} calibration",
        revision=revision,
        data=section.hyperparameters,
        next=[f"crypto-team ml-engineer train {strategy_id}"],
    )
