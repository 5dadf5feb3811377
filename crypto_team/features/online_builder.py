"""From formulas to the tree of cells that computes them bar by bar, and to what has to be fed into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.errors import InputError
from crypto_team.features import transformers
from crypto_team.features.needs import series_key
from crypto_team.features.nodes import Node, canonical_text, composed_parts
from crypto_team.features.online_cells import Cell
from crypto_team.features.online_parts import Fitted, FromSeries, Inner, OtherPairs, PairFeed, SameBars
from crypto_team.features.online_series import SeriesFeed
from crypto_team.features.scopes import SERIES, TIMEFRAMES
from crypto_team.features.surroundings import STALE_BARS, SeriesKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto_team.features.online_cells import Part
    from crypto_team.features.surroundings import Surroundings
    from crypto_team.features.transformers import Transformer


class Builder:
    """Builds cells, and remembers which of their parts bars of which pair and values of which series belong to.

    Parameters
    ----------
    base
        Length of the bars that come in, in milliseconds; 0 where nobody has said so.
    fitted
        Fitted parts by the text of the formula.
    """

    def __init__(self, base: int, fitted: Mapping[str, Transformer]) -> None:
        self.base = base
        self.fitted = fitted
        self.pairs: dict[str, list[PairFeed]] = {}
        self.series: dict[SeriesKey, list[SeriesFeed]] = {}

    def cell(self, nodes: Sequence[Node], pair: str, step: int) -> Cell:
        """Return a cell with everything below it."""
        return Cell(nodes, pair, step, self._parts)

    def warm(self, around: Surroundings, own: str) -> None:
        """Take the history of series, and of pairs other than the own one."""
        frames = {pair: around.frame(pair, self.base) for pair in self.pairs.keys() - {own}}
        for pair, frame in frames.items():
            for feed in self.pairs[pair]:
                feed.check(frame.times)
                feed.push(frame)
        for key, readers in self.series.items():
            for reader in readers:
                reader.learn_all(around.known(key))

    def _parts(self, cell: Cell) -> list[Part]:
        found = list(dict.fromkeys(part for node in cell.nodes for part in composed_parts(node)))
        if found and not cell.step:
            raise InputError(
                f"how {canonical_text(found[0])} is computed depends on the length of the bars",
                where="timeframe",
                hint='give the timeframe of the bars, for example OnlineFeatures(..., timeframe="1h")',
            )
        made: list[Part] = [self._single(part, cell) for part in found if part.kind != "scope"]
        groups: dict[tuple[str, tuple[str, ...]], list[Node]] = {}
        for part in (item for item in found if item.kind == "scope"):
            groups.setdefault((part.name, part.texts), []).append(part)
        return made + [self._scope(parts, cell) for parts in groups.values()]

    def _single(self, part: Node, cell: Cell) -> Part:
        text = canonical_text(part)
        if part.kind == "fitted":
            inner = self.cell(part.inputs, cell.pair, cell.step)
            return Fitted(part, self.fitted.get(text), inner)
        kind = SERIES[part.name]
        stale = STALE_BARS * self.base if kind.columns else None
        feed = SeriesFeed(flow=kind.flow, stale_ms=stale)
        self.series.setdefault(series_key(part, cell.pair), []).append(feed)
        return FromSeries(text, feed)

    def _scope(self, parts: list[Node], cell: Cell) -> Part:
        texts, inner = [canonical_text(part) for part in parts], [part.inputs[0] for part in parts]
        name, text = parts[0].name, parts[0].texts[0]
        if name == "on":
            return SameBars(texts, Inner(self.cell(inner, cell.pair, TIMEFRAMES[text]), cell.step))
        members = [self._member(pair, inner, texts, cell) for pair in text.split(",")]
        return OtherPairs(texts, members, basket=name == "basket")

    def _member(self, pair: str, inner: list[Node], texts: list[str], cell: Cell) -> PairFeed | SameBars:
        same = pair == cell.pair
        own = Inner(self.cell(inner, pair, cell.step), cell.step if same else self.base)
        if same:
            return SameBars(texts, own)
        feed = PairFeed(own, self.base)
        self.pairs.setdefault(pair, []).append(feed)
        return feed


def fitted_parts(nodes: Mapping[str, Node], fitted: Mapping[str, Mapping[str, Any]]) -> dict[str, Transformer]:
    """Return the fitted parts by the text of their formula."""
    unknown = sorted(set(fitted) - {name for name, node in nodes.items() if node.kind == "fitted"})
    if unknown:
        raise InputError(f"{unknown[0]} is no fitted feature of this set", where="fitted")
    return {
        canonical_text(nodes[name]): transformers.load(str(item["kind"]), nodes[name].settings, item["parameters"])
        for name, item in fitted.items()
    }
