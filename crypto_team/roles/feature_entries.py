"""Entries of `features.yaml` from formulas, ready-made sets and Python functions."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING, Any

from crypto_team.errors import FormulaError, InputError, NotFoundError, UsageError
from crypto_team.roles import candles
from crypto_team.schemas.features import Feature

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.schemas import MlSpec
    from crypto_team.schemas.ml_spec import Market
    from crypto_team.tools.session import Session

_INSTEAD = "remove them before an export (ml-engineer remove-feature), or import the values as a series"


def entries_for(
    session: Session,
    market: Market,
    formulas: Sequence[str],
    *,
    set_name: str | None = None,
    python: str | None = None,
    name: str | None,
    category: str,
    rationale: str,
) -> tuple[list[Feature], list[str]]:
    """Make the entries, and say which of a set were left out for lack of data.

    Exactly what was asked for: sweeps expanded, baskets pinned to pairs, sources there, look-back derived. With a
    Python function, the formulas are what it reads.
    """
    from crypto_team.features.formula import expand
    from crypto_team.roles.surroundings import check_sources, resolved

    expanded = [text for formula in formulas for text in expand(formula, market.timeframe)]
    texts = resolved(session, market, expanded)
    check_sources(session, market, texts)
    own = [] if python else texts
    made = [from_formula(text, category, rationale, timeframe=market.timeframe) for text in own]
    left_out: list[str] = []
    if set_name:
        found, left_out = set_entries(session, market, set_name, rationale)
        made += found
    if python:
        made.append(_from_python(python, texts, name, category, rationale))
    if not made:
        raise UsageError("nothing to add", hint='give --formula "rsi(close, 14)", --set standard or --python')
    if name and len(made) != 1:
        raise UsageError(f"--name names one feature, but there are {len(made)}", where="--name")
    if name:
        made = [made[0].model_copy(update={"name": name})]
    return made, left_out


def set_entries(session: Session, market: Market, name: str, rationale: str) -> tuple[list[Feature], list[str]]:
    """Make the entries of a ready-made set; those that read what the catalog lacks are left out and named."""
    from crypto_team.features.sets import feature_set
    from crypto_team.roles.surroundings import check_sources, resolved

    made, left_out = [], []
    for item in feature_set(name):
        for formula in filter(None, (item.better, item.formula)):
            try:
                text = resolved(session, market, [formula])[0]
                check_sources(session, market, [text])
            except (NotFoundError, FormulaError) as problem:
                why = problem.what
                continue
            own = (item.category, item.name) if formula == item.formula else ("auto", None)
            made.append(from_formula(text, own[0], rationale, own[1], timeframe=market.timeframe))
            break
        else:
            left_out.append(f"{item.name}: {why}")
    if not made:
        raise NotFoundError(f"nothing of the set {name} can be computed: {left_out[0]}", hint="crypto-team data list")
    return made, left_out


def beyond_freqtrade(features: Sequence[Feature]) -> list[str]:
    """Say which features read columns that Freqtrade's candles do not have: an export would be refused only later."""
    from crypto_team.features.needs import optional_reads

    read = {item.name: optional_reads(item.formulas) for item in features}
    names = [name for name, columns in read.items() if columns]
    if not names:
        return []
    columns = ", ".join(sorted({column for each in read.values() for column in each}))
    return [f"{', '.join(names)} read {columns}, which Freqtrade's candles do not have: {_INSTEAD}"]


def from_formula(text: str, category: str, rationale: str, name: str | None = None, *, timeframe: str) -> Feature:
    """Make the entry of one formula; look-back and, where the category is auto, family are derived."""
    from crypto_team.features.formula import canonical_text, family, feature_name, parse
    from crypto_team.features.plan import compile_formulas

    node = parse(text)
    return Feature.model_validate(
        {
            "name": name or feature_name(text),
            "category": family(node) if category == "auto" else category,
            "formula": canonical_text(node),
            "lookback": compile_formulas([text], timeframe).lookback[0],
            "leakage_safe": True,
            "rationale": rationale,
        }
    )


def _from_python(reference: str, reads: list[str], name: str | None, category: str, rationale: str) -> Feature:
    """File a Python feature: unsafe until the audit of a gate has probed it."""
    from crypto_team.features.formula import parse

    fitted = [text for text in reads if parse(text).kind == "fitted"]
    if fitted:
        raise UsageError(
            f"{fitted[0]} is fitted in every fold and cannot be handed to a function",
            where="--formula",
            hint="read what goes into it, or make it a feature of its own",
        )
    return Feature.model_validate(
        {
            "name": name or reference.rpartition(":")[2].lower(),
            "category": "custom" if category == "auto" else category,
            "python": reference,
            "reads": reads,
            "lookback": 0,
            "leakage_safe": False,
            "rationale": rationale,
        }
    )


def require_function(reference: str, code_dir: Path) -> None:
    """Refuse a reference that is malformed, or whose function is not among the strategy's code.

    Raises
    ------
    UsageError
        Not of the form code/FILE.py:FUNCTION.
    NotFoundError
        No such file, or no such function in it.
    """
    found = re.fullmatch(r"code/([a-z][a-z0-9_]{0,39}\.py):([A-Za-z_][A-Za-z0-9_]{0,79})", reference)
    if found is None:
        raise UsageError(
            f"{reference[:100]!r} is no reference to a function of this strategy",
            where="--python",
            hint="code/FILE.py:FUNCTION, after crypto-team ml-engineer add-code",
        )
    if not _defines(code_dir / found[1], found[2]):
        raise NotFoundError(
            f"there is no function {found[2]} in code/{found[1]}",
            where="--python",
            hint=f"crypto-team ml-engineer add-code {code_dir.parent.name} PATH/TO/{found[1]}",
        )


def _defines(file: Path, function: str) -> bool:
    """Return whether a file of the strategy defines a function at its top level; nothing of it is run."""
    if not file.is_file():
        return False
    body = ast.parse(file.read_bytes(), filename=file.name).body
    return any(isinstance(item, ast.FunctionDef) and item.name == function for item in body)


def checked_code(file: Path, most_bytes: int) -> bytes:
    """Return the bytes of a Python file that compiles; nothing of it is run."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}\.py", file.name) or file.name.startswith("ml_strategy_"):
        raise UsageError(
            f"{file.name!r} cannot be a name of feature code",
            where=str(file),
            hint="snake_case.py, and not ml_strategy_*, which the export writes",
        )
    if not file.is_file() or file.stat().st_size > most_bytes:
        raise InputError(f"not a file of at most {most_bytes:,} bytes", where=str(file))
    content = file.read_bytes()
    try:
        ast.parse(content, filename=file.name)
    except (SyntaxError, ValueError, RecursionError) as problem:
        line = getattr(problem, "lineno", 1) or 1
        raise InputError(f"not valid Python: {problem}", where=f"{file}:{line}:1") from None
    return content


def trial_rows(session: Session, spec: MlSpec, formula: str) -> list[dict[str, Any]]:
    """Compute a formula on the bars of the earliest training window; say what it looks like and what it predicts.

    No test part of any fold begins before that window has ended, so a look costs no trial: what is chosen by it is
    chosen on bars that no result is claimed for.
    """
    import pandas as pd

    from crypto_team.features.matrix import build_matrix
    from crypto_team.labels import forward_returns
    from crypto_team.validation.fitted import fitted_on_first_half
    from crypto_team.validation.settings import geometry_from_spec

    if spec.target is None:
        raise UsageError(
            "an information coefficient needs a target",
            where="ml-spec.yaml",
            hint=f"crypto-team ml-engineer define-target {spec.strategy_id}",
        )
    features, _ = entries_for(session, spec.market, [formula], name=None, category="auto", rationale="")
    found = candles.research(session, spec.market, features)
    around = found.around.surroundings
    rows: list[dict[str, Any]] = []
    begin = min(bars["timestamp"].iloc[0] for bars in found.bars.values())
    window = geometry_from_spec(spec, max(spec.target.horizons))
    end = begin + pd.Timedelta(milliseconds=window.window_bars * window.timeframe_ms)
    for pair, every in found.bars.items():
        bars = every[every["timestamp"] < end].reset_index(drop=True)
        if bars.empty:
            continue
        seen = around.seen_from(pair) if around else None
        ahead = forward_returns(bars["close"].to_numpy(), spec.target.horizon_bars)
        computed = build_matrix(features, bars, surroundings=seen)
        matrix = fitted_on_first_half(computed, ahead, spec.target.horizon_bars)
        for column, feature in enumerate(features):
            rows.append(_looked_at(pair, feature, matrix.values[:, column], ahead))
    return rows


def _looked_at(pair: str, feature: Feature, computed: Any, forward_return: Any) -> dict[str, Any]:
    """Return what the values of a feature look like, and how their ranks go with those of the returns that follow."""
    import numpy as np

    from crypto_team.validation.scores import rank_ic

    values = computed.astype(np.float64)
    known = values[np.isfinite(values)]
    return {
        "pair": pair,
        "name": feature.name,
        "lookback": feature.lookback,
        "bars": known.size,
        "mean": float(known.mean()) if known.size else math.nan,
        "std": float(known.std()) if known.size else math.nan,
        "last": float(values[-1]),
        "rank_ic": rank_ic(values, forward_return),
    }
