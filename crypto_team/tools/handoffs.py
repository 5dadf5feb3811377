"""Tools that read the chain of handoffs: one record, the whole chain, and whether anything is missing or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.errors import NotFoundError
from crypto_team.kb import chain, registry
from crypto_team.kb.handoffs import void_reasons
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.kb.chain import Link
    from crypto_team.tools.session import Session


@tool(role="every", group="handoff", name="show", read_only=True)
def handoff_show(
    session: Session, strategy_id: StrategyId, *, number: int | None = None, envelope: bool = False
) -> Outcome:
    """Show one handoff record: its subjects, its gate, who signed it.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    number
        Number of the record; the newest where not given.
    envelope
        Print the DSSE envelope alone, for other in-toto tools.
    """
    found = _links(session, strategy_id)
    chosen = [link for link in found if number is None or link.record.number == number]
    if not chosen:
        numbers = ", ".join(str(link.record.number) for link in found)
        hint = f"numbers are {numbers}" if numbers else f"crypto-team handoff {strategy_id} --to ROLE"
        raise NotFoundError(f"{strategy_id} has no handoff {'yet' if number is None else number}", hint=hint)
    link = chosen[-1]
    record = link.record
    if envelope:
        sealed = record.envelope.model_dump(mode="json") if record.envelope else None
        return Outcome(ok=True, summary=f"envelope of record {record.number:03d}", path=str(link.path), data=sealed)
    data = {
        **_row(link),
        "tool_version": record.tool_version,
        "policy_digest": record.report.policy_digest,
        "previous": record.previous,
        "merges": record.merges,
        "subjects": [{"name": item.name, "sha256": item.sha256} for item in record.subjects],
        "checks": [{"code": item.code, "outcome": item.outcome, "value": item.value} for item in record.report.results],
        "broken": list(link.broken),
    }
    return Outcome(
        ok=True, summary=f"{strategy_id}: {record.sender} to {record.receiver}", path=str(link.path), data=data
    )


@tool(role="every", group="handoff", name="log", read_only=True)
def handoff_log(session: Session, strategy_id: StrategyId) -> Outcome:
    """List the handoffs of a strategy and what was given back with which reason, oldest first.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    found = _links(session, strategy_id)
    rows = [{"time": link.record.created, "what": "handed over", **_row(link)} for link in found]
    rows += [
        {"time": event.time, "what": event.event, "from": event.role}
        for event in registry.entry(session.layout, strategy_id).history
        if event.event.startswith(("returned", "refused"))
    ]
    ends = len(chain.heads(found))
    summary = f"{len(found)} handoff(s)" + (f", {ends} branches that the next one joins" if ends > 1 else "")
    return Outcome(ok=True, summary=summary, data=sorted(rows, key=lambda row: str(row["time"])))


@tool(role="every", group="handoff", name="verify", read_only=True)
def handoff_verify(session: Session, strategy_id: StrategyId | None = None, /, *, base: str | None = None) -> Outcome:
    """Verify chains: digests, order, signatures, nothing cut off, and whether the subjects are still those.

    Parameters
    ----------
    strategy_id
        For example STR-001; every strategy where not given.
    base
        Branch or commit whose records have to be here, and whose team says which keys are trusted; in CI origin/main.
    """
    from crypto_team.kb.chain_audit import audit

    layout = session.layout
    wanted = [registry.entry(layout, strategy_id)] if strategy_id else registry.entries(layout)
    found = audit(layout, base)
    if strategy_id:
        found = [item for item in found if strategy_id in (item.file or "") or item.file == str(layout.strategies_root)]
    void = {item.strategy_id: void_reasons(layout, item.strategy_id) for item in wanted}
    data = [
        {
            "strategy_id": name,
            "records": len(links),
            "signed": sum(bool(_keys(link)) for link in links),
            "whole": all(link.whole for link in links),
            "void": "; ".join(void[name]) or None,
            "broken": "; ".join(dict.fromkeys(text for link in links for text in link.broken)) or None,
        }
        for name in void
        if (links := chain.links(layout, name))
    ]
    broken = bool(found) or any(void.values())
    summary = f"{len(found)} finding(s) in the chains of {len(data)} strategies" + (
        "; changed since: " + ", ".join(name for name, reasons in void.items() if reasons) if any(void.values()) else ""
    )
    return Outcome(ok=not broken, summary=summary, data=data, findings=found, exit_code=1 if broken else 0)


def _links(session: Session, strategy_id: str) -> list[Link]:
    registry.entry(session.layout, strategy_id)
    return chain.links(session.layout, strategy_id)


def _keys(link: Link) -> list[str]:
    return [item.keyid for item in link.record.envelope.signatures] if link.record.envelope else []


def _row(link: Link) -> dict[str, Any]:
    record = link.record
    return {
        "number": record.number,
        "from": record.sender,
        "to": record.receiver,
        "checks": len(record.report.results),
        "digest": link.digest,
        "signed_by": ", ".join(_keys(link)) or None,
    }
