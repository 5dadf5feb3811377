"""Which rows a design becomes: specification, rules and features as parts that can be compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from crypto_team.schemas.ml_spec import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.schemas import Document, FeatureSet, MlSpec, StrategySpec
    from crypto_team.schemas.ml_spec import Market

Row = tuple[str, tuple[Any, ...]]
"""A table of the index and the values of one row, without the file."""

IDS: Final = re.compile(r"\b(?:STR|DS|BT)-[0-9]{3,6}\b|\b[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}\b")
_WORD = re.compile(r"[a-z][a-z0-9]{3,}")
_COMMON_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "that this with from have will when then than because there where which while after before about into over "
        "under more most less some such only very their they them what were been being does should could would",
    )
)


def words_of(text: str) -> set[str]:
    """Return the telling words of a text, for comparing texts."""
    return set(_WORD.findall(text.lower())) - _COMMON_WORDS


def plain_formula(text: str) -> str:
    """Write a formula without what does not matter: spaces."""
    return re.sub(r"\s+", "", text)


def _market(strategy_id: str, market: Market) -> Iterator[Row]:
    for pair in market.pairs:
        yield "tokens", (f"pair:{pair}", strategy_id)
    yield "tokens", (f"timeframe:{market.timeframe}", strategy_id)
    yield "tokens", (f"mode:{market.trading_mode}", strategy_id)
    for dataset in market.datasets:
        yield "lineage", (strategy_id, "uses", dataset)


def _hypothesis(strategy_id: str, text: str) -> Iterator[Row]:
    for word in sorted(words_of(text)):
        yield "tokens", (f"word:{word}", strategy_id)


def ml_spec_rows(document: Document) -> Iterator[Row]:
    """Yield the rows of an ML strategy: what it trades, predicts and learns with."""
    item = cast("MlSpec", document)
    id_, market, target = item.strategy_id, item.market, item.target
    yield (
        "specs",
        (
            id_,
            market.exchange,
            ", ".join(market.pairs),
            market.timeframe,
            target.definition if target else None,
            target.horizon if target else None,
            item.model.primary,
            item.hypothesis,
        ),
    )
    for name, field in HEADLINE.items() if item.out_of_sample else ():
        yield "stated", (id_, name, getattr(item.out_of_sample, field))
    yield from _market(id_, market)
    yield from _hypothesis(id_, item.hypothesis)
    if target:
        limits = ",".join(str(limit) for limit in (*target.thresholds_bps, *target.thresholds_sigma))
        yield "tokens", (f"target:{target.kind}:{target.horizon_bars}:{limits}", id_)
        yield "tokens", (f"horizon:{target.horizon_bars}", id_)
    yield "tokens", (f"model:{item.model.primary}", id_)
    for name, value in sorted(item.model.hyperparameters.items()):
        yield "tokens", (f"setting:{name}={value}", id_)
    signal = item.signal
    shape = f"{signal.side}:{signal.entry_threshold:g}:{signal.exit_threshold:g}:{signal.position_sizing}"
    yield "tokens", (f"signal:{shape}", id_)
    for considered in item.considered:
        for found in IDS.findall(considered.reference):
            yield "lineage", (id_, "considered", found)
    yield "texts", ("ml_spec", id_, item.strategy_name, f"{item.hypothesis}\n{item.model.architecture}")


def strategy_spec_rows(document: Document) -> Iterator[Row]:
    """Yield the rows of a rule-based strategy."""
    item = cast("StrategySpec", document)
    id_, market = item.strategy_id, item.market
    yield (
        "specs",
        (
            id_,
            market.exchange,
            ", ".join(market.pairs),
            market.timeframe,
            item.entry,
            item.horizon,
            "rules",
            item.hypothesis,
        ),
    )
    yield from _market(id_, market)
    yield from _hypothesis(id_, item.hypothesis)
    for side, formula in (("entry", item.entry), ("exit", item.exit)):
        if formula:
            yield "tokens", (f"{side}:{plain_formula(formula)}", id_)
    yield "texts", ("strategy_spec", id_, item.strategy_name, f"{item.hypothesis}\n{item.entry}\n{item.exit}")


def features_rows(document: Document) -> Iterator[Row]:
    """Yield the rows of a feature set: one part for each formula."""
    item = cast("FeatureSet", document)
    sources = [feature.formula or f"python:{feature.name}" for feature in item.features]
    for source in sorted({plain_formula(source) for source in sources}):
        yield "tokens", (f"feature:{source}", item.strategy_id)
    body = "\n".join(f"{feature.name} {feature.formula or feature.python}" for feature in item.features)
    yield "texts", ("features", item.strategy_id, "features", body)
