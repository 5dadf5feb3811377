"""The risk manager: sizes, limits, approves or rejects; nothing trades without its assessment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crypto_team.errors import RefusedError
from crypto_team.kb.handoffs import current_stage
from crypto_team.kb.learnings import stated
from crypto_team.kb.verdicts import permitted
from crypto_team.roles import records, sizing
from crypto_team.schemas import RiskAssessment
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.schemas.registry import StrategyStatus
    from crypto_team.tools.session import Session

ROLE = Role(
    id="risk_manager",
    title="Risk manager",
    mission="Keep every loss survivable: size, cap, stop, and say no.",
    reads=("ml_spec", "evidence", "backtest", "quant_review", "critic_review"),
    owns=("risk_assessment",),
    receives_from=("critic",),
    hands_to=("execution_specialist",),
    gate="risk_manager->execution_specialist",
    must_read=("registry.yaml",),
)


@tool(role="risk_manager", read_only=True)
def size(session: Session, strategy_id: StrategyId) -> Outcome:
    """Compute risk per trade, heat, Kelly fraction and the bootstrap drawdown. Nothing is stored.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    numbers = sizing.measures(session, strategy_id)
    return Outcome(
        ok=True,
        summary=f"risk per trade {numbers['risk_per_trade']:.2%}, heat {numbers['portfolio_heat']:.2%}, "
        f"95 % worst drawdown {numbers['drawdown_p95']:.2%}",
        data=numbers,
    )


@tool(role="risk_manager", long=True)
def assess(session: Session, strategy_id: StrategyId) -> Outcome:
    """Write risk-assessment.yaml: the computed limits, pending approval.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    return _write(session, strategy_id, "pending", [])


@tool(role="risk_manager", long=True)
def approve(session: Session, strategy_id: StrategyId) -> Outcome:
    """Approve a strategy that reached the risk manager and whose risk checks pass, recomputed now.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    stage = current_stage(session.layout, strategy_id)
    if stage != "risk_manager":
        raise RefusedError(
            f"{strategy_id} is with the {stage}, not with the risk manager",
            hint=f"crypto-team status {strategy_id} shows which gate is next",
        )
    findings = sizing.refusals(session, strategy_id)
    if findings:
        raise RefusedError(
            f"{strategy_id} cannot be approved: " + "; ".join(findings),
            hint=f"crypto-team risk-manager reject {strategy_id} --reason TEXT, or change the design and start over",
        )
    return _write(session, strategy_id, "approved", [])


@tool(role="risk_manager")
def reject(session: Session, strategy_id: StrategyId, *, reason: str) -> Outcome:
    """Reject a strategy and say why.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    reason
        Shown in the registry; the next author reads it.
    """
    return _write(session, strategy_id, "rejected", [stated(reason, "reason")[:500]])


def _write(
    session: Session, strategy_id: str, verdict: Literal["approved", "rejected", "pending"], reasons: list[str]
) -> Outcome:
    from crypto_team.kb.evidence import load_manifest, manifest_digest

    numbers = sizing.measures(session, strategy_id)
    record = RiskAssessment(
        strategy_id=strategy_id,
        evidence_hash=manifest_digest(load_manifest(session.layout, strategy_id)),
        risk_per_trade=numbers["risk_per_trade"],
        portfolio_heat=numbers["portfolio_heat"],
        position_fraction=numbers["position_fraction"],
        kelly_fraction=numbers["kelly_fraction"],
        drawdown_p95=numbers["drawdown_p95"],
        breakers=list(sizing.BREAKERS),
        verdict=verdict,
        reasons=reasons,
        assessed=records.utc_text(session),
    )
    path = session.layout.risk_assessment(strategy_id)
    statuses: dict[str, StrategyStatus] = {"approved": "approved", "rejected": "rejected", "pending": "in_progress"}
    status: StrategyStatus | None = statuses[verdict]
    if verdict != "approved":  # what another role said against it stays; an approval in spite of that is refused
        stage = current_stage(session.layout, strategy_id)
        status = permitted(session.layout, strategy_id, "risk_manager", statuses[verdict], stage)
    changes = [
        records.change(session, "risk_assessment", path, record),
        records.registry_change(session, strategy_id, role="risk_manager", event=f"risk: {verdict}", status=status),
    ]
    revision = records.save(
        session, "risk_manager", verdict, strategy_id, changes, f"{strategy_id}: risk assessment, {verdict}"
    )
    return Outcome(
        ok=True,
        summary=f"{strategy_id}: {verdict}; risk per trade {record.risk_per_trade:.2%}, "
        f"heat {record.portfolio_heat:.2%}, 95 % worst drawdown {record.drawdown_p95:.2%}",
        path=str(path),
        revision=revision,
        data=numbers,
        next=[f"crypto-team handoff {strategy_id} --to execution_specialist"] if verdict == "approved" else [],
    )
