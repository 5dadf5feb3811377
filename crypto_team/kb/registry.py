"""Registry entries: where every strategy stands. Reads entries, never the generated list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError, NotFoundError
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import RegistryEntry
from crypto_team.schemas.outcome import Finding
from crypto_team.schemas.registry import HistoryEvent

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId, Stage
    from crypto_team.schemas.registry import StrategyStatus


def entries(layout: Layout) -> list[RegistryEntry]:
    """Return every entry, by id."""
    return [load_record(path, RegistryEntry) for path in sorted(layout.registry_dir.glob("STR-*.yaml"))]


def sound(layout: Layout) -> tuple[list[RegistryEntry], list[Finding]]:
    """Return every entry that can be read, and a warning for each one that cannot: it must not hide the others."""
    found, broken = [], []
    for path in sorted(layout.registry_dir.glob("STR-*.yaml")):
        try:
            found.append(load_record(path, RegistryEntry))
        except CryptoTeamError as problem:
            broken.append(unreadable(path, problem))
    return found, broken


def unreadable(path: Path, problem: CryptoTeamError) -> Finding:
    """Warn of a document that a list leaves out, with what is wrong about it."""
    where = problem.where or str(path)
    return Finding(code="unreadable", severity="warning", message=problem.what, file=where, hint=problem.hint)


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
