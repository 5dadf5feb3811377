"""Whether a registry entry says more than the records show: its stage needs handoffs, its status needs what led to it.

An entry belongs to every role, so anybody may write it; what it claims therefore has to stand elsewhere too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import registry
from crypto_team.kb.chain import rank
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Deployment, RiskAssessment
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from crypto_team.kb.paths import Layout

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
    return [f"status {status}, and {missing}"] if missing else []


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
