"""Whether a registry entry says more than the records show: its stage needs handoffs, its status needs what led to it.

An entry belongs to every role, so anybody may write it; what it claims therefore has to stand elsewhere too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import registry
from crypto_team.kb.chain import rank
from crypto_team.kb.events import newest, ordered
from crypto_team.kb.handoffs import handoff_records, holds
from crypto_team.kb.verdicts import GIVEN_BY
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Deployment, RiskAssessment
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import Stage

READS: Final = ("risk_assessment", "deployment", "handoff")
"""Kinds that these rules read, besides registry entries."""
_RECORDED: Final = ("draft", "in_progress")
"""Statuses that claim nothing."""


def unfounded(connection: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
    """Yield entries whose stage or status the records of the strategy do not bear out.

    Broken documents have no rows; they are findings already.
    """
    rows = connection.execute(
        "SELECT f.path, e.strategy_id, e.stage, e.status, "
        "(SELECT group_concat(h.receiver) FROM handoffs h WHERE h.strategy_id = e.strategy_id) "
        "FROM entries e JOIN files f ON f.id = e.file_id WHERE e.stage NOT IN ('ml_engineer', 'strategy_researcher') "
        "OR e.status NOT IN ('draft', 'in_progress') ORDER BY f.path"
    ).fetchall()
    for path, strategy_id, stage, status, listed in rows:
        receivers = set((listed or "").split(","))
        reasons = [
            *([] if rank(stage) == 0 or stage in receivers else [f"stage {stage}, and no handoff to the {stage}"]),
            *_status(layout, strategy_id, stage, status, receivers),
        ]
        for reason in reasons:
            yield Finding(
                code="unfounded",
                severity="error",
                message=f"{strategy_id}: the entry says {reason}",
                file=str(layout.crypto / path),
                line=1,
                col=1,
                hint=f"git log -p -- .crypto/{path} shows who wrote it; restore what the tools wrote",
            )


def _status(layout: Layout, strategy_id: str, stage: str, status: str, receivers: set[str]) -> list[str]:
    """Return what is missing for a status; nothing where its records are there."""
    if status in _RECORDED:
        return []
    try:
        missing = STATUSES[status](layout, strategy_id)
    except (CryptoTeamError, OSError):
        return []  # the broken record is a finding already
    if status in {"approved", "live"} and (rank(stage) < rank("risk_manager") or "risk_manager" not in receivers):
        missing = "it never came to the risk manager"
    missing = missing or _another(layout, strategy_id, status)
    return [f"status {status}, and {missing}"] if missing else []


def _another(layout: Layout, strategy_id: str, status: str) -> str | None:
    """Return that a status is the word of a role that did not say it; entries of version 1 do not tell."""
    line = ordered(registry.events(layout, strategy_id))
    said = [item.role for item in newest(line, lambda item: item.status is not None) if item.status == status]
    owner = GIVEN_BY.get(status)
    return f"it was the {said[-1]} who said so" if owner and said and owner not in said else None


def doubts(layout: Layout, strategy_id: str) -> list[str]:
    """Return why the present status of a strategy is not borne out by what its records and events say."""
    at = registry.entry(layout, strategy_id)
    receivers = {item.receiver for item in handoff_records(layout, strategy_id)}
    return _status(layout, strategy_id, at.stage, at.status, {str(item) for item in receivers})


def ignored(layout: Layout, strategy_id: str) -> Iterator[Finding]:
    """Yield that an entry says otherwise than a rejection or a halt of exactly what is there now.

    That is one that was written since the strategy came to whoever gave it, where it still is there or further on.
    """
    path = layout.registry_entry(strategy_id)
    at = registry.entry(layout, strategy_id) if path.is_file() else None
    if at is None or at.status in {"rejected", "halted"}:
        return
    for status, receiver, file, when in _decided(layout, strategy_id):
        came = [item for item in handoff_records(layout, strategy_id) if item.receiver == receiver]
        if rank(at.stage) >= rank(receiver) and came and came[-1].created <= when and holds(layout, came[-1]):
            yield Finding(
                code="unfounded",
                severity="error",
                message=f"{strategy_id}: the entry says status {at.status}, and {file.name} says {status}",
                file=str(path),
                line=1,
                col=1,
                hint=f"git log -p -- {path.with_suffix('').relative_to(layout.root)} shows who wrote that; "
                f"the {receiver} decides again, or gives it back",
            )


def _decided(layout: Layout, strategy_id: str) -> Iterator[tuple[str, Stage, Path, str]]:
    """Yield what the records of a strategy say against it: the status, who says so, where, and since when."""
    assessment, deployment = layout.risk_assessment(strategy_id), layout.deployment(strategy_id)
    if assessment.is_file():
        record = load_record(assessment, RiskAssessment)
        if record.verdict == "rejected":
            yield "rejected", "risk_manager", assessment, record.assessed
    if deployment.is_file():
        deployed = load_record(deployment, Deployment)
        if deployed.status == "halted":
            yield "halted", "execution_specialist", deployment, deployed.reviewed


def _assessed(verdict: str) -> Callable[[Layout, str], str | None]:
    def missing(layout: Layout, strategy_id: str) -> str | None:
        path = layout.risk_assessment(strategy_id)
        record = load_record(path, RiskAssessment) if path.is_file() else None
        if record is None or record.verdict != verdict:
            return f"risk-assessment.yaml says {record.verdict}" if record else "there is no risk-assessment.yaml"
        return "risk-assessment.yaml gives no reason" if verdict == "rejected" and not any(record.reasons) else None

    return missing


def _deployed(status: str) -> Callable[[Layout, str], str | None]:
    def missing(layout: Layout, strategy_id: str) -> str | None:
        path = layout.deployment(strategy_id)
        record = load_record(path, Deployment) if path.is_file() else None
        if record is None or record.status != status:
            return f"deployment.yaml says {record.status}" if record else "there is no deployment.yaml"
        return None if status == "halted" else _assessed("approved")(layout, strategy_id)

    return missing


def _refused(layout: Layout, strategy_id: str) -> str | None:
    history = registry.entry(layout, strategy_id).history
    return None if any(event.event.startswith("refused") for event in history) else "its history knows no refusal"


STATUSES: Final[dict[str, Callable[[Layout, str], str | None]]] = {
    "approved": _assessed("approved"),
    "rejected": _assessed("rejected"),
    "refused": _refused,
    "live": _deployed("running"),
    "halted": _deployed("halted"),
}
"""For each status that claims something, what is missing for it; None where nothing is."""
