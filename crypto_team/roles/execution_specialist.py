"""The execution specialist: turns an approved strategy into a paper-trading plan, and halts what misbehaves."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError, RefusedError
from crypto_team.kb.handoffs import current_stage
from crypto_team.kb.learnings import stated
from crypto_team.kb.registry import entry
from crypto_team.roles import records
from crypto_team.roles.cases import strategy_file
from crypto_team.schemas import Deployment
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

ROLE = Role(
    id="execution_specialist",
    title="Execution specialist",
    mission="Run exactly what was approved, and stop it the moment it is not.",
    reads=("risk_assessment", "code", "model"),
    owns=("deployment",),
    receives_from=("risk_manager",),
    hands_to=("ml_engineer",),
    gate=None,
    must_read=("registry.yaml",),
)


@tool(role="execution_specialist")
def paper(session: Session, strategy_id: StrategyId) -> Outcome:
    """Plan paper trading: deployment.yaml with the Freqtrade dry-run settings of the approved code.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    stage = current_stage(session.layout, strategy_id)
    if stage != "execution_specialist":
        raise RefusedError(
            f"{strategy_id} is with the {stage}; only approved work is deployed",
            hint=f"crypto-team handoff {strategy_id} --to execution_specialist",
        )
    status = entry(session.layout, strategy_id).status
    if status not in {"approved", "live"}:
        raise RefusedError(
            f"{strategy_id} is {status}; only what the risk manager approved is deployed",
            hint=f"crypto-team return-work {strategy_id} --reason TEXT gives it back to the risk manager",
        )
    spec = records.ml_spec(session, strategy_id)
    code = strategy_file(session, spec)
    record = Deployment(
        strategy_id=strategy_id,
        mode="paper",
        status="planned",
        stake_fraction=spec.risk.position_fraction,
        code_hash="sha256:" + hashlib.sha256(code.read_bytes()).hexdigest(),
        config={
            "dry_run": True,
            "exchange": spec.market.exchange,
            "pairs": ", ".join(spec.market.pairs),
            "timeframe": spec.market.timeframe,
            "trading_mode": spec.market.trading_mode,
            "max_open_trades": spec.risk.max_open_positions,
        },
        reviewed=records.utc_text(session),
    )
    return _write(session, record, "paper trading planned")


@tool(role="execution_specialist", read_only=True)
def show(session: Session, strategy_id: StrategyId) -> Outcome:
    """Show the deployment of a strategy.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    record = _deployment(session, strategy_id)
    return Outcome(ok=True, summary=f"{record.mode}: {record.status}", data=record.model_dump(mode="json"))


@tool(role="execution_specialist")
def halt(session: Session, strategy_id: StrategyId, *, reason: str) -> Outcome:
    """Halt a deployment at once.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    reason
        Why; kept in the history of the strategy.
    """
    why = stated(reason, "reason")
    record = _deployment(session, strategy_id).model_copy(
        update={"status": "halted", "reviewed": records.utc_text(session)}
    )
    return _write(session, record, f"halted: {why}"[:500])


def _deployment(session: Session, strategy_id: str) -> Deployment:
    path = session.layout.deployment(strategy_id)
    if not path.exists():
        raise NotFoundError(
            f"{strategy_id} is not deployed", hint=f"crypto-team execution-specialist paper {strategy_id}"
        )
    return records.read(path, Deployment, missing=f"crypto-team execution-specialist paper {strategy_id}")


def _write(session: Session, record: Deployment, event: str) -> Outcome:
    path = session.layout.deployment(record.strategy_id)
    changes = [
        records.change(session, "deployment", path, record),
        records.registry_change(
            session,
            record.strategy_id,
            role="execution_specialist",
            event=event,
            status="halted" if record.status == "halted" else None,
        ),
    ]
    revision = records.save(
        session, "execution_specialist", record.mode, record.strategy_id, changes, f"{record.strategy_id}: {event}"
    )
    return Outcome(ok=True, summary=f"{record.strategy_id}: {event}", path=str(path), revision=revision)
