"""Registry entries: where every strategy stands. Reads entries, never the generated list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import RegistryEntry
from crypto_team.schemas.registry import HistoryEvent

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId, Stage
    from crypto_team.schemas.registry import StrategyStatus


def entries(layout: Layout) -> list[RegistryEntry]:
    """Return every entry, by id."""
    return [load_record(path, RegistryEntry) for path in sorted(layout.registry_dir.glob("STR-*.yaml"))]


def entry(layout: Layout, strategy_id: str) -> RegistryEntry:
    """Return the entry of one strategy.

    Raises
    ------
    NotFoundError
        Nobody allotted this id.
    """
    path = layout.registry_entry(strategy_id)
    if not path.exists():
        known = ", ".join(item.stem for item in sorted(layout.registry_dir.glob("STR-*.yaml"))[-5:])
        raise NotFoundError(
            f"there is no strategy {strategy_id}",
            hint=f"crypto-team registry list ({known})" if known else "crypto-team ml-engineer new --name NAME ...",
        )
    return load_record(path, RegistryEntry)


def amended(
    old: RegistryEntry,
    *,
    time: str,
    role: RoleId,
    event: str,
    stage: Stage | None = None,
    status: StrategyStatus | None = None,
    metrics: dict[str, float] | None = None,
) -> RegistryEntry:
    """Return an entry with one more line of history and, where given, a new stage, status or metrics."""
    line = HistoryEvent(time=time, role=role, event=event)
    return RegistryEntry.model_validate(
        old.model_dump()
        | {
            "stage": stage or old.stage,
            "status": status or old.status,
            "metrics": old.metrics if metrics is None else metrics,
            "updated": time,
            "history": [*(item.model_dump() for item in old.history), line.model_dump()],
        }
    )
