"""Registry entries as tests need them: one file that says everything, as migrated entries of version 1 do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import registry
from crypto_team.kb.noting import noted
from crypto_team.kb.writer import commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Registration, RegistryEntry
from crypto_team.schemas.registry import EarlierHistory

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId

TIME = "2026-01-02T03:04:05Z"


def stated(entry: RegistryEntry) -> Registration:
    """Return the file of an entry that says all of it, without an event beside it."""
    values = entry.model_dump()
    before = EarlierHistory.model_validate({name: values[name] for name in EarlierHistory.model_fields})
    return Registration(
        strategy_id=entry.strategy_id,
        name=entry.name,
        type=entry.type,
        created=entry.created,
        links=entry.links,
        before=before,
    )


def put(layout: Layout, **values: Any) -> Path:
    """Write fields into the entry of STR-001 by hand, over everything that it and its events said."""
    path = layout.registry_entry("STR-001")
    entry = registry.entry(layout, "STR-001").model_copy(update=values)
    for event in layout.registry_events("STR-001").glob("*.yaml"):
        event.unlink()
    path.write_text(dump(stated(entry), schema="registry"))
    return path


def event(layout: Layout, role: RoleId, text: str, *, time: str = TIME, tool: str = "t", **values: Any) -> Path:
    """Note an event of STR-001, as tools do; return its file."""
    change = noted(layout, "STR-001", time=time, role=role, event=text, **values)
    commit_records(layout, role=role, tool=tool, strategy_id="STR-001", changes=[change], message=text)
    return change.path


def fresh(strategy_id: str = "STR-001", name: str = "momentum", **values: Any) -> Registration:
    """Return the entry of a strategy to which nothing happened yet."""
    made = {"strategy_id": strategy_id, "name": name, "type": "ml_based", "created": TIME}
    return Registration.model_validate(made | values)
