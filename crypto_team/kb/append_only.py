"""What may change in records that every role writes: they grow, and what they say stays said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import RefusedError
from crypto_team.schemas import HoldoutLook, Learning, LearningEvent, Registration, RegistryEvent, Trial

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas import Document

FINAL = {"superseded", "retracted"}
FIXED: dict[type[Document], tuple[str, ...]] = {
    HoldoutLook: tuple(HoldoutLook.model_fields),
    Trial: (
        *("trial_id", "strategy_id", "kind", "booked", "fingerprint", "n_trials", "previous"),
        *("seedless", "random_seed"),
    ),
    Registration: ("strategy_id", "name", "type", "created", "links"),
    LearningEvent: tuple(LearningEvent.model_fields),
    RegistryEvent: tuple(RegistryEvent.model_fields),
    Learning: ("learning_id", "role", "created", "scope", "title", "evidence", "supersedes", "rests_on"),
}


def check_growth(path: Path, old: Document, new: Document | None, *, merge: bool = False) -> None:
    """Refuse a change that takes something back; a merge may put events of another side between those of `old`.

    Raises
    ------
    RefusedError
        The record would vanish, or something in it that has to stay would change.
    """
    lost = ["the record"] if new is None else _lost(old, new, merge=merge)
    if lost:
        raise RefusedError(
            f"records of this kind only grow; this would take back: {', '.join(lost)}",
            where=str(path),
            hint="add a new record; a learning is retracted, a trial stays counted",
        )


def _lost(old: Document, new: Document, *, merge: bool) -> list[str]:
    lost = [name for name in FIXED.get(type(old), ()) if getattr(old, name) != getattr(new, name)]
    if isinstance(old, Trial) and old.status != "started":
        lost.append("a trial that ended")
    if isinstance(old, Registration) and isinstance(new, Registration):
        lost += [] if _kept(old, new, merge=merge) else ["history"]
    if isinstance(old, Learning) and isinstance(new, Learning):
        lost += ["status"] if old.status in FINAL and new.status != old.status else []
        lost += ["text"] if not new.text.startswith(old.text) else []
    return lost


def _kept(old: Registration, new: Registration, *, merge: bool) -> bool:
    """Say whether an entry keeps the events that stood in its own file in version 1, in their order."""
    if old.before is None or new.before is None:
        return old.before is None
    said, found = old.before.history, new.before.history
    rest = iter(found)
    return all(event in rest for event in said) if merge else found[: len(said)] == said
