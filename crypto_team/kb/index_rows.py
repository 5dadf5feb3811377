"""Which rows of the index a document becomes. Adding a kind is one function in `ROWS`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from crypto_team.kb.index_designs import IDS, Row, features_rows, ml_spec_rows, strategy_spec_rows
from crypto_team.schemas import (
    Backtest,
    CriticReview,
    Dataset,
    EvidenceManifest,
    FeatureSet,
    Handoff,
    Learning,
    LearningEvent,
    MlSpec,
    QuantReview,
    Registration,
    RegistryEntry,
    RegistryEvent,
    RiskAssessment,
    StrategySpec,
    Trial,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crypto_team.schemas import Document
    from crypto_team.schemas.gate import CheckResult


def rows(record: Document) -> Iterator[Row]:
    """Yield the rows of a document."""
    make = ROWS.get(type(record))
    if make is not None:
        yield from make(record)


def folded_rows(record: Document) -> Iterator[Row]:
    """Yield the rows of what several documents make together."""
    yield from FOLDED[type(record)](record)


def _registry(document: Document) -> Iterator[Row]:
    item = cast("RegistryEntry", document)
    last = item.history[-1].event if item.history else None
    yield (
        "entries",
        (item.strategy_id, item.name, item.type, item.stage, item.status, item.created, item.updated, last),
    )
    for name, value in item.metrics.items():
        yield "metrics", (item.strategy_id, name, value)
    for relation, target in item.links.items():
        yield "lineage", (item.strategy_id, relation, target)
    yield "texts", ("strategy", item.strategy_id, item.name, "\n".join(event.event for event in item.history))


def _trial(document: Document) -> Iterator[Row]:
    item = cast("Trial", document)
    best = max(item.sharpe_per_period, default=None)
    yield (
        "trials",
        (
            item.trial_id,
            item.strategy_id,
            item.kind,
            item.booked,
            item.status,
            item.fingerprint,
            item.predictions_hash,
            item.n_trials,
            best,
            item.n_periods,
            item.note,
            item.booking,
        ),
    )
    yield "lineage", (item.trial_id, "attempt at", item.strategy_id)
    for digest in item.previous:
        yield "lineage", (item.trial_id, "booked after", digest)


def _evidence(document: Document) -> Iterator[Row]:
    item = cast("EvidenceManifest", document)
    yield "lineage", (f"{item.strategy_id}/evidence.yaml", "made by", item.trial_id)
    yield "lineage", (f"{item.strategy_id}/evidence.yaml", "evidence of", item.strategy_id)


def _checks(strategy_id: str, source: str, found: list[CheckResult]) -> Iterator[Row]:
    for item in found:
        yield (
            "checks",
            (strategy_id, source, item.code, item.title, item.outcome, item.value, item.threshold, item.unit),
        )


def _handoff(document: Document) -> Iterator[Row]:
    item = cast("Handoff", document)
    yield (
        "handoffs",
        (
            item.strategy_id,
            item.number,
            item.sender,
            item.receiver,
            item.created,
            item.report.gate,
            item.report.profile,
            item.tool_version,
            len(item.subjects),
        ),
    )
    yield from _checks(item.strategy_id, f"handoff {item.number:03d}", item.report.results)


def _backtest(document: Document) -> Iterator[Row]:
    item = cast("Backtest", document)
    yield "lineage", (f"{item.strategy_id}/{item.backtest_id}", "backtest of", item.strategy_id)
    for name, value in item.metrics.items():
        yield "metrics", (item.strategy_id, f"backtest.{item.backtest_id}.{name}", value)


def _quant(document: Document) -> Iterator[Row]:
    item = cast("QuantReview", document)
    yield from _checks(item.strategy_id, "quant_review", item.checks)
    yield "lineage", (f"{item.strategy_id}/quant-review.yaml", "review of", item.strategy_id)
    yield "texts", ("quant_review", item.strategy_id, item.verdict, "")


def _critic(document: Document) -> Iterator[Row]:
    item = cast("CriticReview", document)
    yield "lineage", (f"{item.strategy_id}/critic-review.yaml", "review of", item.strategy_id)
    doubts = "\n".join(f"{doubt.claim} {doubt.evidence} {doubt.alternative}" for doubt in item.objections)
    yield "texts", ("critic_review", item.strategy_id, item.verdict, doubts)


def _risk(document: Document) -> Iterator[Row]:
    item = cast("RiskAssessment", document)
    yield "lineage", (f"{item.strategy_id}/risk-assessment.yaml", "review of", item.strategy_id)
    yield "texts", ("risk_assessment", item.strategy_id, item.verdict, "\n".join(item.reasons))


def _learning(document: Document) -> Iterator[Row]:
    item = cast("Learning", document)
    yield (
        "learnings",
        (
            item.learning_id,
            item.role,
            item.created,
            item.status,
            item.severity,
            item.scope,
            item.title,
            item.text,
            json.dumps(item.tags),
            json.dumps(item.evidence),
            item.accepted_by,
            item.supersedes,
            item.superseded_by,
            int(bool(item.stale_since)),
        ),
    )
    for foundation in item.rests_on:
        yield "lineage", (item.learning_id, "rests on", foundation)
    if item.supersedes:
        yield "lineage", (item.learning_id, "supersedes", item.supersedes)
    for found in sorted({name for text in (*item.evidence, item.scope) for name in IDS.findall(text)}):
        yield "lineage", (item.learning_id, "learned from", found)
    body = "\n".join([item.text, item.scope, " ".join(item.tags), item.role, *item.evidence])
    yield "texts", ("learning", item.learning_id, item.title, body)


def _dataset(document: Document) -> Iterator[Row]:
    item = cast("Dataset", document)
    yield (
        "datasets",
        (
            item.dataset_id,
            item.exchange,
            item.pair,
            item.timeframe,
            item.trading_mode,
            item.kind,
            item.rows,
            item.first,
            item.last,
            item.content_hash,
            item.holdout_from,
            item.quality.verdict if item.quality else None,
        ),
    )
    yield "lineage", (item.dataset_id, "imported from", item.source)


def _first(document: Document) -> Iterator[Row]:
    item = cast("Registration | Learning", document)
    yield "parts", (item.learning_id if isinstance(item, Learning) else item.strategy_id, "", item.model_dump_json())


def _event(document: Document) -> Iterator[Row]:
    item = cast("RegistryEvent | LearningEvent", document)
    subject = item.learning_id if isinstance(item, LearningEvent) else item.strategy_id
    yield "parts", (subject, item.event_id, item.model_dump_json())


ROWS: Final[dict[type[Document], Callable[[Document], Iterator[Row]]]] = {
    Registration: _first,
    RegistryEvent: _event,
    MlSpec: ml_spec_rows,
    StrategySpec: strategy_spec_rows,
    FeatureSet: features_rows,
    Trial: _trial,
    EvidenceManifest: _evidence,
    Handoff: _handoff,
    Backtest: _backtest,
    QuantReview: _quant,
    CriticReview: _critic,
    RiskAssessment: _risk,
    Learning: _first,
    LearningEvent: _event,
    Dataset: _dataset,
}
"""The shape of a document -> the function that makes its rows."""
FOLDED: Final[dict[type[Document], Callable[[Document], Iterator[Row]]]] = {
    RegistryEntry: _registry,
    Learning: _learning,
}
"""The shape of what several documents make together -> the function that makes its rows."""
