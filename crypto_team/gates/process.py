"""Checks of the process: documents, claims against computed values, replay, provenance, the ledger (PR)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from crypto_team.gates import claims
from crypto_team.gates.case import LedgerView, Players, ReplayResult
from crypto_team.gates.documents import Documents
from crypto_team.gates.imported.claims import stated_equals_computed
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Verdict, check, insufficient, judge, passed, refused
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.outcome import Finding
from crypto_team.schemas.registry import RegistryEntry
from crypto_team.schemas.report import SECTIONS
from crypto_team.schemas.reviews import CriticReview
from crypto_team.validation.metrics import summary
from crypto_team.validation.trained_with import changed_since

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

RETRAIN = ("crypto-team ml-engineer train STR",)
REPORT = ("crypto-team ml-engineer report STR",)


@check(
    "PR001",
    "Documents are valid and complete",
    unit="errors",
    source="artifacts are checked against schemas",
    mend="write the tables with the columns that docs/reference/evidence.md lists",
    remedy=("crypto-team validate",),
    stricter={},
)
def documents_valid(document_findings: list[Finding], evidence_problems: list[str]) -> Verdict:
    """No schema error, no placeholder, and every stored object is there with its hash."""
    errors = [each for each in document_findings if each.severity == "error"]
    lines = [f"{each.file or 'document'}{each.pointer or ''}: {each.message}" for each in errors] + evidence_problems
    text = "; ".join(lines[:4]) or "all documents fit their schemas, all stored objects are intact"
    return judge(not lines, text, len(lines), evidence=tuple(lines))


@check(
    "PR002",
    "Claims equal computed values",
    unit="claims that differ",
    source="recomputed, not claimed",
    mend="state the figures that are computed here, or correct what computes yours",
    remedy=(*RETRAIN, *REPORT),
    stricter={},
)
def claims_equal_computed(
    returns: Returns,
    meta: EvidenceMeta,
    spec: MlSpec | None = None,
    importances: pd.DataFrame | None = None,
    features: FeatureSet | None = None,
    registry: RegistryEntry | None = None,
    documents: Documents | None = None,
    imported: ImportedFacts | None = None,
) -> Verdict:
    """Recompute headline numbers, also the registry's, top features, balance, typed numbers, the report's lines.

    Of foreign evidence the stored returns are compared row by row, and the claims of `meta.yaml`.
    """
    if imported is not None:
        return stated_equals_computed(meta, returns, imported)
    if spec is None or importances is None:
        return insufficient("missing: ml-spec.yaml or evidence: importances.parquet")
    computed, written = summary(returns.predictions), documents or Documents()
    wrong = [
        *claims.headline_differences(spec, computed, written),
        *claims.registry_differences(registry, computed, written),
        *claims.top_feature_differences(spec, importances, written),
        *claims.balance_differences(spec, returns.predictions, written),
        *claims.report_differences(computed, returns, written),
        *claims.prose_differences(spec, features, computed, written),
        *claims.rendering_differences(written, computed),
    ]
    if spec.out_of_sample is None:
        return insufficient("ml-spec.yaml states no out-of-sample numbers", evidence=("ml-spec.yaml: out_of_sample",))
    if meta.strategy_id != spec.strategy_id:
        wrong.append(f"the evidence belongs to {meta.strategy_id}")
    text = "; ".join(wrong[:4]) or "all stated numbers are the recomputed ones"
    return judge(not wrong, text, len(wrong), evidence=tuple(wrong))


@check(
    "PR003",
    "Replay gives the same evidence",
    unit="differences",
    source="ML engineer card, critical rule 11",
    remedy=("crypto-team verify STR", *RETRAIN),
    stricter={},
)
def replay_equal(replay: ReplayResult) -> Verdict:
    """Rebuilding the evidence from data, specification, code and seed gives the same hashes."""
    if not replay.equal:
        text = "; ".join(replay.differences[:4]) or "the hashes differ"
        return refused(text, max(1, len(replay.differences)), evidence=replay.differences)
    return passed("the rebuilt evidence has the same hashes", 0)


@check(
    "PR004",
    "Seed, versions and data hash are recorded",
    unit="gaps",
    source="ML engineer card, critical rule 11",
    mend="record random_seed, versions and dataset_hashes in meta.yaml",
    remedy=RETRAIN,
    stricter={},
)
def reproducible(
    meta: EvidenceMeta,
    spec: MlSpec | None = None,
    features: FeatureSet | None = None,
    code_dir: Path | None = None,
    imported: ImportedFacts | None = None,
) -> Verdict:
    """Seed, library versions, data hash and every setting of the design are those that the evidence was made with."""
    if imported is not None:
        return _recorded_elsewhere(imported)
    if spec is None:
        return insufficient("missing: ml-spec.yaml")
    recorded = spec.reproducibility
    rules = (
        (recorded.random_seed == meta.random_seed, f"seed {recorded.random_seed}, evidence {meta.random_seed}"),
        (bool(meta.versions), "the evidence records no library versions"),
        (recorded.library_versions == meta.versions, "library versions differ from the evidence's"),
        (recorded.data_hash == meta.data_hash, f"data hash {recorded.data_hash}, evidence {meta.data_hash}"),
        (spec.model.primary == meta.model, f"model {spec.model.primary}, evidence {meta.model}"),
        (spec.signal == meta.signal, "the signal rule changed since training"),
        (spec.market.timeframe == meta.timeframe, "the timeframe changed since training"),
        (sorted(spec.market.pairs) == sorted(meta.pairs), "the pairs changed since training"),
        (_same_target(spec, meta), "the target changed since training"),
        (claims.equal(spec.costs.fee_bps + spec.costs.slippage_bps, meta.cost_bps_per_side), "the costs changed"),
    )
    gaps = [text for holds, text in rules if not holds]
    changed = changed_since(meta, spec, features, code_dir and code_dir.parent) if features is not None else []
    if changed:
        gaps.append(f"the evidence is stale: {'; '.join(changed[:6])}")
    return judge(
        not gaps, "; ".join(gaps) or "everything needed to rebuild is recorded", len(gaps), evidence=tuple(gaps)
    )


def _recorded_elsewhere(imported: ImportedFacts) -> Verdict:
    """Foreign evidence has to name what one needs to make it again."""
    rules = (
        (imported.random_seed is not None, "random_seed"),
        (bool(imported.versions), "versions"),
        (bool(imported.dataset_hashes), "dataset_hashes"),
    )
    gaps = [name for there, name in rules if not there]
    if gaps:
        return insufficient(f"meta.yaml does not record {', '.join(gaps)}", len(gaps), evidence=("meta.yaml",))
    return passed("seed, versions and dataset hashes are recorded", 0)


def _same_target(spec: MlSpec, meta: EvidenceMeta) -> bool:
    if spec.target is None:
        return False
    measured: dict[str, object] = {"class_balance": []}
    return spec.target.model_copy(update=measured) == meta.target.model_copy(update=measured)


@check(
    "PR006",
    "Report has all sections",
    unit="sections missing",
    source="ML engineer card, ml-report.md",
    remedy=REPORT,
    stricter={},
)
def report_complete(report_text: str) -> Verdict:
    """Require the eight sections that a report must have, each with text under its heading."""
    parts = re.split(r"^#{1,4}\s+(.+?)\s*$", report_text, flags=re.MULTILINE)
    bodies = {title.lower(): body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}
    empty = [name for name in SECTIONS if not any(name.lower() in title and body for title, body in bodies.items())]
    text = f"missing or empty: {', '.join(empty)}" if empty else f"all {len(SECTIONS)} sections are there"
    return judge(not empty, text, len(empty), evidence=tuple(f"ml-report.md: {name}" for name in empty))


@check(
    "PR009",
    "The critic is somebody else, and found no blocking objection",
    unit="blocking objections",
    source="the reviewer is not the author",
    remedy=("crypto-team critic review STR", "crypto-team validate"),
    stricter={},
)
def critic_agrees(critic: CriticReview, players: Players | None = None) -> Verdict:
    """Require an independent review whose replay matched and none of whose objections blocks.

    Author and critic are different roles; where team.yaml names who plays them, they have to be different players too.
    """
    known = players or Players()
    both = sorted(known.authors & known.reviewers)
    if both:
        text = f"{', '.join(both)} wrote the specification and reviewed it: somebody else has to be the critic"
        return refused(text, len(both), evidence=("team.yaml: members", "critic-review.yaml"))
    blocking = tuple(each.claim for each in critic.objections if each.severity == "blocking")
    if critic.verdict == "blocked" or blocking or not critic.replay_matches:
        text = "; ".join(blocking) or ("the critic's replay differs" if not critic.replay_matches else "blocked")
        return refused(text, max(1, len(blocking)), evidence=blocking)
    text = f"{len(critic.objections)} objections, none of them blocking"
    if not (known.authors and known.reviewers):
        return passed(f"{text}; team.yaml does not name who plays author and critic, so only the roles differ", 0)
    return passed(f"{text}; reviewed by {', '.join(sorted(known.reviewers))}", 0)


@check(
    "PR010",
    "Ledger and hash chain are intact",
    unit="problems",
    source="every trial counts",
    remedy=("crypto-team validate",),
    stricter={},
)
def ledger_intact(ledger: LedgerView) -> Verdict:
    """No trial was removed or altered, and each handoff names the one before it."""
    problems = list(ledger.problems) or ([] if ledger.chain_ok else ["the chain of records is broken"])
    text = "; ".join(problems[:4]) or f"{ledger.n_trials} trials, chain intact"
    return judge(not problems, text, len(problems), evidence=tuple(problems))
