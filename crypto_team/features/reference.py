"""The table of operators as rows for people: name, how it is written, what it is."""

from __future__ import annotations

import difflib
import inspect

from crypto_team.errors import NotFoundError
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.scopes import COMPOSED_NAMES, FITTED, SERIES, SUMMARIES


def operator_rows() -> list[dict[str, str]]:
    """Return one row per operator, by family and name."""
    found = sorted(OPERATORS.values(), key=lambda item: (item.family, item.name))
    return [
        {"name": item.name, "family": item.family, "signature": item.signature, "summary": item.summary}
        for item in found
    ]


def composed_rows() -> list[dict[str, str]]:
    """Return one row per composed part of formulas: other frames, series of the catalog, what folds fit."""
    kinds = dict.fromkeys(SERIES, "series") | dict.fromkeys(FITTED, "fitted")
    return [
        {"name": name, "family": kinds.get(name, "composed"), "signature": text, "summary": SUMMARIES[name]}
        for name, text in COMPOSED_NAMES.items()
    ]


def describe(name: str) -> str:
    """Return the whole documentation of one operator."""
    name = name.lower()
    if name not in OPERATORS:
        near = difflib.get_close_matches(name, OPERATORS, n=1)
        hint = f"did you mean {near[0]}?" if near else "crypto-team features list"
        raise NotFoundError(f"there is no operator {name!r}", where="--operator", hint=hint)
    found = OPERATORS[name]
    return f"{found.signature}\n\n{inspect.getdoc(found.function)}"
