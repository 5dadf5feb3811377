"""One audit of all features for the checks that look at it: derived properties of formulas, probes of Python code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from crypto_team.errors import CryptoTeamError
from crypto_team.features.plan import compile_formulas
from crypto_team.schemas.features import Feature, FeatureSet

if TYPE_CHECKING:
    from crypto_team.features.surroundings import Surroundings
    from crypto_team.features.verdicts import ColumnVerdict

FORWARD_CALLS = frozenset({"bfill", "backfill", "interpolate", "filtfilt", "fft", "rfft", "fit", "fit_transform"})


@dataclass(frozen=True)
class FeatureAudit:
    """What formulas derive to, and what probing found about Python columns."""

    lookbacks: Mapping[str, int]
    broken: tuple[str, ...]
    verdicts: tuple[ColumnVerdict, ...]
    missing_code: tuple[str, ...]

    @property
    def leaking(self) -> tuple[ColumnVerdict, ...]:
        """Python columns that changed when only the future did."""
        return tuple(each for each in self.verdicts if not each.causal)


@dataclass(frozen=True)
class Hint:
    """A line of Python that often looks ahead."""

    file: str
    line: int
    reason: str


def code_file(code_dir: Path, reference: str) -> Path | None:
    """Return the file of a reference like ``code/features.py:name``; `code_dir` is ``code`` or the folder above it."""
    relative = reference.split(":", maxsplit=1)[0]
    places = (code_dir / relative, code_dir.parent / relative)
    return next((place for place in places if place.is_file()), None)


def audit_features(
    features: FeatureSet,
    bars: Mapping[str, pd.DataFrame],
    code_dir: Path | None,
    timeframe: str,
    surroundings: Surroundings | None = None,
) -> FeatureAudit:
    """Derive look-backs of formulas and probe every Python feature on every pair's candles."""
    from crypto_team.features.causality import audit_python

    lookbacks, broken = _derive(features.features, timeframe)
    verdicts: list[ColumnVerdict] = []
    absent: list[str] = []
    for reference, reads in sorted({(each.python, tuple(each.reads)) for each in features.features if each.python}):
        path = code_file(code_dir, reference) if code_dir else None
        if path is None:
            absent.append(reference)
            continue
        try:
            aux = handed(reads, bars, surroundings)
        except CryptoTeamError as problem:
            broken.append(f"{reference}: {problem}")
            continue
        verdicts += audit_python(path, reference.split(":")[1], dict(bars), aux)
    return FeatureAudit(lookbacks, tuple(broken), tuple(verdicts), tuple(absent))


def handed(
    reads: Sequence[str], bars: Mapping[str, pd.DataFrame], surroundings: Surroundings | None
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return by pair the frames that a Python function is handed as `aux`."""
    from crypto_team.features.matrix import read_frames

    return {
        pair: read_frames(reads, frame, surroundings.seen_from(pair) if surroundings else None)
        for pair, frame in bars.items()
    }


def _derive(features: list[Feature], timeframe: str) -> tuple[dict[str, int], list[str]]:
    lookbacks: dict[str, int] = {}
    broken: list[str] = []
    for feature in features:
        if feature.formula is None:
            continue
        try:
            lookbacks[feature.name] = max(compile_formulas([feature.formula], timeframe).lookback)
        except Exception as error:  # noqa: BLE001 - a formula that does not compile is a finding, whatever it raises
            broken.append(f"{feature.name}: {error}")
    return lookbacks, broken


def static_hints(features: FeatureSet, code_dir: Path) -> list[Hint]:
    """Return the lines of the features' Python files that look ahead in most code that has them."""
    found: list[Hint] = []
    for reference in sorted({each.python.split(":")[0] for each in features.features if each.python}):
        path = code_file(code_dir, reference)
        if path is not None:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [Hint(reference, line, reason) for line, reason in _suspicious(tree)]
    return found


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def suspicious_lines(source: str, function: str) -> list[tuple[int, str]]:
    """Return lines that a function runs and that look ahead in most code, with the reason; they prove nothing."""
    try:
        return sorted({found for part in _run_by(ast.parse(source), function) for found in _suspicious(part)})
    except (SyntaxError, ValueError, RecursionError):
        return []


def _run_by(tree: ast.Module, function: str) -> list[ast.stmt]:
    """Return what of a file runs when a function is called: what is at its top level, and whatever it names there."""
    named = {part.name: part for part in tree.body if isinstance(part, _DEFINITIONS)}
    kept = [part for part in tree.body if not isinstance(part, _DEFINITIONS)]
    names = {function, *(word for part in kept for word in _words(part))}
    while found := [named.pop(name) for name in sorted(names & set(named))]:
        kept += found
        names |= {word for part in found for word in _words(part)}
    return kept


def _words(part: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(part) if isinstance(node, ast.Name))


def _suspicious(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            reason = _call_reason(node)
            if reason:
                yield node.lineno, reason
        elif isinstance(node, ast.Slice) and _is_negative(node.step):
            yield node.lineno, "reversed order"


def _call_reason(node: ast.Call) -> str | None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    keywords = {each.arg: each.value for each in node.keywords}
    first = node.args[0] if node.args else keywords.get("periods")
    if name in {"shift", "pct_change", "diff"} and _is_negative(first):
        return f"{name} by a negative number of rows"
    if name == "rolling" and getattr(keywords.get("center"), "value", False):
        return "centred window"
    if name == "merge_asof" and getattr(keywords.get("direction"), "value", "backward") != "backward":
        return "merge_asof that is not backward"
    return f"{name}() sees the whole sample" if name in FORWARD_CALLS else None


def _is_negative(node: ast.expr | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
