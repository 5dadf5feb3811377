"""Looking at features: sets, operators and single formulas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crypto_team.errors import UsageError
from crypto_team.schemas.base import Timeframe
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


@tool(role="every", group="features", name="list", read_only=True)
def features_list(session: Session, *, search: str = "", operator: str = "") -> Outcome:
    """List the operators that formulas are made of.

    Parameters
    ----------
    search
        Show only operators whose name or description holds this text.
    operator
        Show everything about one operator: formula, units, rules, source.
    """
    from crypto_team.features.reference import describe
    from crypto_team.roles.ml_engineer_features import list_operators

    if operator:
        return Outcome(ok=True, summary=operator, data=describe(operator))
    return list_operators(session, search=search)


@tool(role="every", group="features", name="sets", read_only=True)
def features_sets(session: Session, *, set_: str = "", timeframe: Timeframe = "1h") -> Outcome:
    """List the ready-made feature sets, or the features of one.

    Parameters
    ----------
    set_
        Name of a set, for example standard.
    timeframe
        Length of the bars; how far other timeframes look back depends on it.
    """
    from crypto_team.features.plan import compile_formulas
    from crypto_team.features.sets import SETS, feature_set

    if set_:
        items = feature_set(set_)
        bars = compile_formulas([item.formula for item in items], timeframe).lookback
        rows = [
            {
                "name": item.name,
                "category": item.category,
                "lookback": count,
                "formula": item.formula,
                **({"where_there_is_more": item.better} if item.better else {}),
            }
            for item, count in zip(items, bars, strict=True)
        ]
        return Outcome(ok=True, summary=f"{len(rows)} features", data=rows)
    rows = [{"set": name, "features": len(items)} for name, items in SETS.items()]
    return Outcome(ok=True, summary=f"{len(rows)} set(s)", data=rows)


@tool(role="every", group="features", name="explain", read_only=True)
def features_explain(session: Session, formula: str, *, timeframe: Timeframe = "1h") -> Outcome:
    """Show how a formula is understood: canonical form, column names, look-back, steps of the plan.

    Parameters
    ----------
    formula
        Formula over operators; sweeps are expanded.
    timeframe
        Length of the bars; how far other timeframes look back depends on it.
    """
    from crypto_team.features.formula import expand
    from crypto_team.features.plan import compile_formulas

    plan = compile_formulas(expand(formula, timeframe), timeframe)
    return Outcome(ok=True, summary=f"{len(plan.lookback)} feature(s)", data=plan.explain())


@tool(role="every", group="features", name="test", read_only=True)
def features_test(session: Session, formula: str, *, data: Path, horizon_bars: int = 1) -> Outcome:
    """Try a formula on candles of a file: what it looks like, what it predicts, and whether it keeps its promises.

    It is computed over the history, with later bars cut off, bar by bar as live, and from its look-back alone; all have
    to agree. Nothing is written: a feature of a strategy is tried with ml-engineer test-feature. Exit code 1 where
    they do not agree.

    Parameters
    ----------
    formula
        Formula over operators; sweeps are expanded.
    data
        Candles as Parquet, CSV or Feather; the timeframe is told from their times.
    horizon_bars
        Bars ahead of the return that the values' ranks are correlated with.
    """
    from crypto_team.roles.formula_trial import tried

    return tried(session, formula, data, horizon_bars)


@tool(role="every", group="features", name="warm", read_only=True, long=True)
def features_warm(session: Session) -> Outcome:
    """Compile the kernels that compute features, once for each version; later commands find them in the cache.

    Those of candles, of order books and trades, and of what folds fit.
    """
    from crypto_team.features.compiled import cache_folder
    from crypto_team.features.warming_all import warm_all

    cold = warm_all(session.progress)
    text = "compiled" if cold else "compiled already"
    return Outcome(ok=True, summary=f"the feature machine and the order book are {text}", path=str(cache_folder()))


@tool(role="every", group="features", name="bench", read_only=True, long=True)
def features_bench(session: Session, *, set_: str = "standard", bars: int = 100_000, repeats: int = 5) -> Outcome:
    """Measure how fast features are computed on this machine, over a history and bar by bar.

    Parameters
    ----------
    set_
        Name of a ready-made set that needs candles only.
    bars
        Length of the random history.
    repeats
        Runs over the history; the median counts.
    """
    from crypto_team.features.sets import feature_set, plain_sets
    from crypto_team.features.warming import warm
    from crypto_team.roles.feature_speed import measured

    if not 1_000 <= bars <= 5_000_000 or not 1 <= repeats <= 100:
        raise UsageError("between 1,000 and 5,000,000 bars and between 1 and 100 repeats", where="--bars, --repeats")
    formulas = [item.formula for item in feature_set(set_)]
    if set_ not in plain_sets():
        raise UsageError(
            f"{set_} reads other pairs, timeframes or series, which a random history has not",
            where="--set",
            hint=f"one of {', '.join(plain_sets())}",
        )
    warm(lambda share, text: session.progress(0.3 * share, text))
    rows = measured(formulas, bars, repeats, lambda share, text: session.progress(0.3 + 0.7 * share, text))
    return Outcome(ok=True, summary=f"{len(formulas)} features of {set_} on {bars:,} bars", data=rows)


@tool(role="every", group="features", name="audit", read_only=True, long=True)
def features_audit(
    session: Session,
    file: str,
    *,
    data: Path,
    aux: list[str] | None = None,
    decision: Literal["close", "open"] = "close",
    seed: int | None = None,
) -> Outcome:
    """Probe Python features for knowledge of the future: features(ohlcv) or features(ohlcv, aux), column by column.

    Everything that was not known at a decision is cut off, replaced by another path, scaled, permuted or made unknown,
    and no value up to the decision may change. The code runs in guarded child processes. Exit code 1 where any column
    looks ahead.

    Parameters
    ----------
    file
        FILE.py or FILE.py:function; the function is called features where none is named.
    data
        Bars as Parquet, CSV or Feather: times of bar opens, open, high, low, close, volume, any other numbers.
    aux
        Other frames as NAME=FILE, repeatable; each row is known at its bar's close, or at its known_at.
    decision
        Whether a row decides at its bar's close, or already at its open.
    seed
        Seed of cuts and replaced futures, to repeat an audit; without one every audit cuts elsewhere.
    """
    from crypto_team.roles.frame_audits import audit

    return audit(session, file, data, aux or [], decision=decision, seed=seed)
