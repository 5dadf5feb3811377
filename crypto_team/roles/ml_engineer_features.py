"""The ML engineer's tools for features: listing operators, adding, trying and removing features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.roles import records
from crypto_team.roles.ml_engineer import write_design
from crypto_team.schemas.base import FeatureName, StrategyId
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.schemas import FeatureSet
    from crypto_team.schemas.features import Feature
    from crypto_team.tools.session import Session

MOST_CODE_BYTES = 200_000
Filed = Literal[
    "auto",
    "price_action",
    "volume",
    "cross_asset",
    "statistical",
    "derived",
    "temporal",
    "microstructure",
    "flow",
    "custom",
]


@tool(role="ml_engineer", read_only=True)
def list_operators(session: Session, *, search: str = "") -> Outcome:
    """List the operators that formulas are made of.

    Parameters
    ----------
    search
        Show only operators whose name or description holds this text.
    """
    from crypto_team.features.reference import composed_rows, operator_rows

    known = [*operator_rows(), *composed_rows()]
    rows = [row for row in known if search.lower() in f"{row['name']} {row['summary']}".lower()]
    summary = f"{len(rows)} operators" if rows else f"no operator's name or description holds {search!r}"
    return Outcome(ok=True, summary=summary, data=rows)


@tool(role="ml_engineer")
def add_feature(
    session: Session,
    strategy_id: StrategyId,
    formula: list[str] | None = None,
    set_: str | None = None,
    python: str | None = None,
    name: FeatureName | None = None,
    category: Filed = "auto",
    rationale: str = "",
) -> Outcome:
    """Add features: formulas (with sweeps such as rsi(close, {7,14,28})), a ready-made set, or a Python function.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    formula
        Formula over operators; repeat for several. With --python, what the function is handed as aux, by column name.
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
    from crypto_team.roles.feature_entries import beyond_freqtrade, entries_for, require_function

    if python:
        require_function(python, session.layout.code_dir(strategy_id))
    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    added, left_out = entries_for(
        session,
        spec.market,
        formula or [],
        set_name=set_,
        python=python,
        name=name,
        category=category,
        rationale=rationale,
    )
    fresh = _fresh(features, added)
    changed = features.model_copy(update={"features": [*features.features, *fresh]})
    revision = write_design(session, "add_feature", spec, changed, f"{len(fresh)} features added")
    return Outcome(
        ok=True,
        summary=f"{len(fresh)} features added, {len(changed.features)} candidates now",
        findings=[
            *(Finding(code="left-out", severity="info", message=text) for text in left_out),
            *(Finding(code="not-in-freqtrade", severity="warning", message=text) for text in beyond_freqtrade(fresh)),
        ],
        revision=revision,
        path=str(session.layout.features(strategy_id)),
        data=[{"name": item.name, "source": item.formula or item.python, "lookback": item.lookback} for item in fresh],
        next=[f"crypto-team ml-engineer set-model {strategy_id}"],
    )


def _fresh(features: FeatureSet, added: list[Feature]) -> list[Feature]:
    """Return what is not there yet; nothing at all is a usage error."""
    taken = {feature.name for feature in features.features}
    fresh = [feature for feature in added if feature.name not in taken]
    if not fresh:
        raise UsageError(
            "every one of these features is already there",
            where="features.yaml",
            hint=f"crypto-team read strategies/{features.strategy_id}/features.yaml",
        )
    return fresh


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
    """Try a formula on the bars of the earliest training window: values, look-back, information coefficient.

    Nothing is stored, and nothing is booked: no test part of any fold is looked at.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    formula
        Formula over operators; sweeps are expanded.
    """
    from crypto_team.roles.feature_entries import trial_rows

    rows = trial_rows(session, records.ml_spec(session, strategy_id), formula)
    return Outcome(ok=True, summary=f"{len(rows)} features tried before the first test part", data=rows)
