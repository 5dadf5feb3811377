"""What was handed over and then changed falls back: to the last role whose handoff still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb.chain import rank
from crypto_team.kb.documents import plain
from crypto_team.kb.handoffs import FIRST_STAGES, current_stage, void_reasons
from crypto_team.kb.noting import noted
from crypto_team.kb.registry import entry
from crypto_team.kb.verdicts import permitted
from crypto_team.kb.writer import commit_records

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId
    from crypto_team.schemas.outcome import Finding
    from crypto_team.schemas.registry import StrategyStatus


def write(layout: Layout, strategy_id: str, *, role: RoleId, tool: str, time: str) -> str | None:
    """Say in the registry entry where a strategy stands after a change; None where it stands where it stood."""
    path = layout.registry_entry(strategy_id)
    if not path.is_file():
        return None
    at, stage = entry(layout, strategy_id), current_stage(layout, strategy_id)
    if rank(stage) >= rank(at.stage):
        return None
    event = f"back with the {stage}: {', '.join(void_reasons(layout, strategy_id))}"[:500]
    again: StrategyStatus = "draft" if stage in FIRST_STAGES else "in_progress"
    status = permitted(layout, strategy_id, role, again, stage)
    change = noted(layout, strategy_id, time=time, role=role, event=event, stage=stage, status=status)
    message = f"{strategy_id}: back with the {stage}"
    return commit_records(layout, role=role, tool=tool, strategy_id=strategy_id, changes=[change], message=message)


def overdue(layout: Layout, strategy_id: str) -> list[Finding]:
    """Return a finding where an entry still says what a changed subject made void; an error where it was approved."""
    path = layout.registry_entry(strategy_id)
    if not path.is_file():
        return []
    at, stage = entry(layout, strategy_id), current_stage(layout, strategy_id)
    if rank(stage) >= rank(at.stage):
        return []
    what = ", ".join(void_reasons(layout, strategy_id)) or "its chain is broken"
    message = f"the entry says {at.status} at the {at.stage}; it is back with the {stage}, because {what}"
    hint = f"crypto-team {stage.replace('_', '-')} commit {strategy_id} writes that down; or restore the file with git"
    found = plain("void", message, path, hint)
    return [found if at.status in {"approved", "live"} else found.model_copy(update={"severity": "warning"})]
