"""The parts of a formula, and how they are written: canonical text, names of columns, family."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from crypto_team.features.operator_table import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.schemas.features import Category

COLUMNS: Final = (
    *("open", "high", "low", "close", "volume"),
    *("quote_volume", "trades", "taker_buy_volume", "vwap"),
)
LONGEST_NAME = 80
_WORDS: Final = {"+": "plus", "-": "minus", "*": "times", "/": "over", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_PRECEDENCE: Final = {"<": 1, "<=": 1, ">": 1, ">=": 1, "+": 2, "-": 2, "*": 3, "/": 3}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula: a number, a column, a call of an operator, or arithmetic between parts.

    Composed parts read beyond the bars of the pair: a `scope` (another timeframe, pair or basket; `texts` says which),
    a `series` of the catalog, or something `fitted` on the training part of each fold.
    """

    kind: Literal["number", "column", "call", "binary", "negative", "scope", "series", "fitted"]
    name: str
    inputs: tuple[Node, ...] = ()
    settings: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()


COMPOSED: Final = frozenset({"scope", "series", "fitted"})


def plain_number(value: float) -> str:
    """Write a number as short as it can be read back exactly; whole numbers without a point."""
    return f"{int(value)}" if value == int(value) else repr(value)


@lru_cache(maxsize=4096)
def canonical_text(node: Node) -> str:
    """Write a formula in its one canonical form: every setting stated, no redundant brackets."""
    if node.kind in {"number", "column"}:
        return node.name
    if node.kind == "call" or node.kind in COMPOSED:
        parts = [f'"{text}"' for text in node.texts]
        parts += [canonical_text(item) for item in node.inputs] + [plain_number(value) for value in node.settings]
        return f"{node.name}({', '.join(parts)})"
    if node.kind == "negative":
        return f"-{_bracketed(node.inputs[0], 4)}"
    level = _PRECEDENCE[node.name]
    left, right = _bracketed(node.inputs[0], level), _bracketed(node.inputs[1], level + 1)
    return f"{left} {node.name} {right}"


def _bracketed(node: Node, level: int) -> str:
    own = {"binary": _PRECEDENCE.get(node.name, 9), "negative": 3}.get(node.kind, 9)
    text = canonical_text(node)
    comparison = node.kind == "binary" and own == 1
    return f"({text})" if own < level or (comparison and level <= 2) else text


def column_name(node: Node) -> str:
    """Return the name of the column that a formula makes, different for different formulas.

    Words are the operators, columns and settings in reading order. Where brackets decide what is meant, or the name is
    too long, a short hash of the canonical text is added.
    """
    name = re.sub(r"[^a-z0-9_]", "", "_".join(_words(node)).lower().replace(".", "p"))
    if not name[0].isalpha():
        name = f"f_{name}"
    if len(name) > LONGEST_NAME or any(_grouped(part) for part in reads(node)):
        digest = hashlib.sha256(canonical_text(node).encode()).hexdigest()[:8]
        name = f"{name[: LONGEST_NAME - 9]}_{digest}"
    return name


def _grouped(node: Node) -> bool:
    """Return whether a part stands in brackets of its own somewhere below arithmetic."""
    return node.kind in {"binary", "negative"} and any(
        item.kind in {"binary", "negative"} and f"({canonical_text(item)})" in canonical_text(node)
        for item in node.inputs
    )


def _words(node: Node) -> Iterator[str]:
    if node.kind in {"number", "column"}:
        yield node.name.replace("-", "m")
    elif node.kind == "negative":
        yield "neg"
        yield from _words(node.inputs[0])
    elif node.kind == "binary":
        yield from _words(node.inputs[0])
        yield _WORDS[node.name]
        yield from _words(node.inputs[1])
    elif node.kind in COMPOSED:
        yield node.name
        yield from (re.sub(r"[^a-z0-9]+", "_", text.lower()) for text in node.texts)
        for item in node.inputs:
            yield from _words(item)
        yield from (_number_word(value) for value in node.settings)
    else:
        yield from _call_words(node)


def _call_words(node: Node) -> Iterator[str]:
    """Name a call; inputs that are the operator's own columns, or the close where any will do, go without saying."""
    yield node.name
    own = [item.name.rstrip("_") for item in OPERATORS[node.name].columns]
    usual = own if all(name in COLUMNS for name in own) else ["close"]
    if [(item.kind, item.name) for item in node.inputs] != [("column", name) for name in usual]:
        for item in node.inputs:
            yield from _words(item)
    yield from (_number_word(value) for value in node.settings)


def _number_word(value: float) -> str:
    return plain_number(value).replace("-", "m").replace(".", "p")


def family(node: Node) -> Category:
    """Return the family that a formula is filed under: its operator's, `derived` for arithmetic and plain columns."""
    if node.kind in COMPOSED:
        return _composed_family(node)
    return OPERATORS[node.name].family if node.kind == "call" else "derived"


def _composed_family(node: Node) -> Category:
    """File what reads other pairs under them, a series as flow, and another timeframe under what is computed on it."""
    if node.kind == "series":
        return "microstructure" if node.name == "book" else "flow"
    if node.kind == "fitted":
        return "statistical"
    return family(node.inputs[0]) if node.name == "on" else "cross_asset"


def reads(node: Node) -> Iterator[Node]:
    """Yield every part of a formula, inputs first."""
    for item in node.inputs:
        yield from reads(item)
    yield node


def lowered(node: Node) -> Node:
    """Return the formula with every outermost composed part replaced by a column that is named by its text."""
    if node.kind in COMPOSED:
        return Node("column", canonical_text(node))
    return replace(node, inputs=tuple(lowered(item) for item in node.inputs)) if node.inputs else node


def composed_parts(node: Node) -> Iterator[Node]:
    """Yield the outermost composed parts of a formula."""
    if node.kind in COMPOSED:
        yield node
        return
    for item in node.inputs:
        yield from composed_parts(item)
