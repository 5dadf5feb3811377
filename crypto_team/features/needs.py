"""What formulas read beside the bars of their own pair: other pairs, and series of the catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crypto_team.data.optional_columns import OPTIONAL
from crypto_team.errors import FormulaError
from crypto_team.features.formula import parse
from crypto_team.features.nodes import Node, canonical_text, reads
from crypto_team.features.scopes import ASSET, BASKETS, SERIES
from crypto_team.features.surroundings import SeriesKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Needs:
    """Pairs whose bars, and series whose values formulas read; both in a fixed order."""

    pairs: tuple[str, ...]
    series: tuple[SeriesKey, ...]


def series_key(node: Node, pair: str) -> SeriesKey:
    """Return which series a part of a formula reads, seen from a pair."""
    part, text = SERIES[node.name], node.texts[0] if node.texts else ""
    if part.columns:
        return SeriesKey(part.kind, "", pair, text)
    return SeriesKey(part.kind, text, pair if part.per_pair else "")


def needs(formulas: Iterable[str], pairs: Iterable[str]) -> Needs:
    """Collect what formulas read when they are computed for some pairs."""
    nodes = [parse(text) for text in formulas]
    found = [item for node in nodes for pair in pairs for item in _read(node, pair)]
    others = sorted({item for item in found if isinstance(item, str)})
    keys = {item for item in found if isinstance(item, SeriesKey)}
    return Needs(tuple(others), tuple(sorted(keys, key=lambda key: (key.kind, key.source, key.pair, key.column))))


def _read(node: Node, pair: str) -> Iterator[str | SeriesKey]:
    """Yield other pairs and series of one formula, seen from a pair."""
    if node.kind == "series":
        yield series_key(node, pair)
    seen = _seen(node, pair)
    if node.name in {"of", "basket"}:
        yield from seen
    for item in node.inputs:
        for other in seen:
            yield from _read(item, other)


def _seen(node: Node, pair: str) -> list[str]:
    """Return the pairs that the inputs of a part are read of."""
    return node.texts[0].split(",") if node.kind == "scope" and node.name != "on" else [pair]


def reads_beyond(formula: str) -> bool:
    """Return whether a formula reads another pair or a series."""
    return any(part.kind == "series" or part.name in {"of", "basket"} for part in reads(parse(formula)))


def optional_reads(formulas: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of candles that only some sources have and that formulas read, of whatever pair."""
    read = {part.name for text in formulas for part in reads(parse(text)) if part.kind == "column"}
    return tuple(name for name in OPTIONAL if name in read)


def optional_columns_of(formulas: Iterable[str], pairs: Iterable[str]) -> list[tuple[str, str]]:
    """Return pair and column wherever formulas read a column of candles that only some sources have."""
    nodes, places = [parse(text) for text in formulas], list(pairs)
    return list(dict.fromkeys(found for node in nodes for pair in places for found in _optional(node, pair)))


def _optional(node: Node, pair: str) -> Iterator[tuple[str, str]]:
    if node.kind == "column" and node.name in OPTIONAL:
        yield pair, node.name
    for item in node.inputs:
        for other in _seen(node, pair):
            yield from _optional(item, other)


def pinned(text: str, members: Callable[[tuple[str, ...]], list[str]], timeframe: str | None = None) -> str:
    """Return a formula with every basket's and asset's name replaced by the pairs that stand for it.

    `members` returns the pairs of some assets that there are data of; a basket of fewer than two is refused.
    """
    return canonical_text(_pinned(parse(text, timeframe), members))


def _pinned(node: Node, members: Callable[[tuple[str, ...]], list[str]]) -> Node:
    made = replace(node, inputs=tuple(_pinned(item, members) for item in node.inputs))
    if node.name == "basket" and node.texts[0] in BASKETS:
        assets, least = BASKETS[node.texts[0]], 2
    elif node.name == "of" and ASSET.fullmatch(node.texts[0]):
        assets, least = node.texts, 1
    else:
        return made
    pairs = sorted(members(assets))
    if len(pairs) < least:
        raise FormulaError(
            f"{node.name}({node.texts[0]!r}, ...) has {len(pairs)} pair(s) in the catalog, at least {least} needed",
            where=canonical_text(node),
            hint=f"import candles of {' or '.join(assets)} on the strategy's timeframe, or name the pairs",
        )
    return replace(made, texts=(",".join(pairs),))
