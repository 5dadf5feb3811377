"""The critic: attacks a result with its own computations, and blocks what does not stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.roles import attacks, records
from crypto_team.roles.turns import require_turn
from crypto_team.schemas import CriticReview
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

ROLE = Role(
    id="critic",
    title="Critic",
    mission="Find the reason why a result is wrong before the market does.",
    reads=("ml_spec", "features", "evidence", "backtest", "quant_review", "code", "model"),
    owns=("critic_review",),
    receives_from=("quant_analyst",),
    hands_to=("risk_manager",),
    gate="critic->risk_manager",
    must_read=("learnings.md", "registry.yaml"),
)


@tool(role="critic", read_only=True, long=True)
def replay(session: Session, strategy_id: StrategyId) -> Outcome:
    """Retrain the strategy from hashes, code and seed, and say exactly what differs from the stored evidence.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    from crypto_team.roles.replay import replay as rebuild

    found = rebuild(session, strategy_id)
    return Outcome(
        ok=found.equal,
        summary="every object has the same hash" if found.equal else f"{len(found.differences)} differences",
        data=[{"difference": text} for text in found.differences],
        exit_code=0 if found.equal else 1,
    )


@tool(role="critic", read_only=True)
def perturb(session: Session, strategy_id: StrategyId) -> Outcome:
    """Recompute the result under delay, higher costs, without the best days and the best fold. Nothing is stored.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    numbers = attacks.perturbations(session, strategy_id)
    return Outcome(ok=True, summary=f"Sharpe under {len(numbers)} attacks", data=numbers)


@tool(role="critic", long=True)
def review(session: Session, strategy_id: StrategyId) -> Outcome:
    """Replay, reread every claim, perturb, and write critic-review.yaml with objections and a verdict.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    from crypto_team.kb.evidence import load_manifest, manifest_digest
    from crypto_team.roles.replay import replay as rebuild

    require_turn(session, strategy_id, "critic")
    found = rebuild(session, strategy_id)
    numbers = attacks.perturbations(session, strategy_id)
    objections = attacks.objections(found, numbers)
    blocked = any(item.severity == "blocking" for item in objections)
    record = CriticReview(
        strategy_id=strategy_id,
        evidence_hash=manifest_digest(load_manifest(session.layout, strategy_id)),
        replay_matches=found.equal,
        metrics=numbers,
        objections=objections,
        verdict="blocked" if blocked else "no_blocking_objection",
        reviewed=records.utc_text(session),
    )
    path = session.layout.critic_review(strategy_id)
    changes = [
        records.change(session, "critic_review", path, record),
        records.registry_change(session, strategy_id, role="critic", event=f"critic: {record.verdict}"),
    ]
    revision = records.save(
        session, "critic", "review", strategy_id, changes, f"{strategy_id}: critic review, {record.verdict}"
    )
    return Outcome(
        ok=not blocked,
        summary=f"{strategy_id}: {record.verdict.replace('_', ' ')}, {len(objections)} objection(s)",
        path=str(path),
        revision=revision,
        data=[item.model_dump() for item in objections] or numbers,
        next=[f"crypto-team handoff {strategy_id} --to risk_manager"]
        if not blocked
        else [f"crypto-team return-work {strategy_id} --reason TEXT"],
        exit_code=1 if blocked else 0,
    )
