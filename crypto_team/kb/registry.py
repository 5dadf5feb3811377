"""Registry entries: where every strategy stands. Reads entries and their events, never the generated list.

What is written down is that a strategy exists (`registry/STR-001.yaml`, never changed) and what happened to it (one
file each in `registry/STR-001/`). Stage, status, metrics and time of the last change follow from those, so branches
that work on the same strategy have nothing in common that both of them change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError, NotFoundError
from crypto_team.kb.chain import rank
from crypto_team.kb.events import newest, ordered
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Registration, RegistryEntry, RegistryEvent
from crypto_team.schemas.outcome import Finding
from crypto_team.schemas.registry import EarlierHistory, HistoryEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.registry import StrategyStatus

CAUTION: Final[tuple[StrategyStatus, ...]] = (
    "halted",
    "rejected",
    "refused",
    "draft",
    "in_progress",
    "approved",
    "live",
)
"""Of statuses that were given side by side on branches, the first of these counts."""


def state(made: Registration, events: Sequence[RegistryEvent]) -> RegistryEntry:
    """Return where a strategy stands after its events.

    Where branches said different things without knowing of each other, the strategy is as far as the one that came
    least far, the more careful status counts, and a number counts where all of them state the same.
    """
    line = ordered(events)
    first = made.before or _first(made)
    stages = [item.stage for item in newest(line, lambda item: item.stage is not None) if item.stage]
    statuses = [item.status for item in newest(line, lambda item: item.status is not None) if item.status]
    measured = [
        item.metrics for item in newest(line, lambda item: item.metrics is not None) if item.metrics is not None
    ]
    history = [HistoryEvent(time=item.time, role=item.role, event=item.event) for item in line]
    return RegistryEntry(
        strategy_id=made.strategy_id,
        name=made.name,
        type=made.type,
        stage=min(stages, key=rank) if stages else first.stage,
        status=min(statuses, key=CAUTION.index) if statuses else first.status,
        created=made.created,
        updated=max([first.updated, *(item.time for item in line)]),
        metrics=agreed(measured) if measured else first.metrics,
        links=made.links,
        history=[*first.history, *history],
    )


def _first(made: Registration) -> EarlierHistory:
    """Return how a strategy stands that nothing happened to since it was made."""
    stage = "strategy_researcher" if made.type == "rule_based" else "ml_engineer"
    event = HistoryEvent(time=made.created, role=stage, event="created")  # type: ignore[arg-type]
    return EarlierHistory(stage=stage, status="draft", updated=made.created, history=[event])  # type: ignore[arg-type]


def agreed(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the numbers that are the same everywhere."""
    first, *others = measured
    return {name: value for name, value in first.items() if all(item.get(name) == value for item in others)}


def at(path: Path) -> RegistryEntry:
    """Return the entry of the strategy that a file registers, with the events in the folder beside it."""
    return state(load_record(path, Registration), _events(path.with_suffix("")))


def events(layout: Layout, strategy_id: str) -> list[RegistryEvent]:
    """Return what happened to a strategy since its events are files of their own, in the order of their names."""
    return _events(layout.registry_events(strategy_id))


def measured(layout: Layout, strategy_id: str) -> Path | None:
    """Return the file that says the present metrics of a strategy; None where none does."""
    line = ordered(events(layout, strategy_id))
    said = newest(line, lambda item: item.metrics is not None)
    if said:
        return layout.registry_event(strategy_id, said[-1].event_id)
    path = layout.registry_entry(strategy_id)
    return path if path.exists() else None


def _events(folder: Path) -> list[RegistryEvent]:
    return [load_record(path, RegistryEvent) for path in sorted(folder.glob("*.yaml"))]


def entries(layout: Layout) -> list[RegistryEntry]:
    """Return every entry, by id."""
    return [at(path) for path in sorted(layout.registry_dir.glob("STR-*.yaml"))]


def sound(layout: Layout) -> tuple[list[RegistryEntry], list[Finding]]:
    """Return every entry that can be read, and a warning for each one that cannot: it must not hide the others."""
    found, broken = [], []
    for path in sorted(layout.registry_dir.glob("STR-*.yaml")):
        try:
            found.append(at(path))
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
    return at(path)
