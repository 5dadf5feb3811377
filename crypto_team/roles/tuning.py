"""Hyperparameters by search: inner purged splits decide, every configuration counts in the ledger."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

from crypto_team.errors import MissingExtraError, UsageError
from crypto_team.kb.files import write_atomic
from crypto_team.roles import records, training
from crypto_team.roles.booking import booked
from crypto_team.roles.ml_engineer import write_design
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.roles.training import Design
    from crypto_team.tools.session import Session
    from crypto_team.validation.panel import Panel
    from crypto_team.validation.settings import WalkForwardSettings
    from crypto_team.validation.tuning import TunedTrial

MOST_TRIALS = 1000
SHOWN = 20


def tune(session: Session, strategy_id: str, *, trials: int, own_space: Sequence[str] = ()) -> Outcome:
    """Search, book what is newly tried, and write the best configuration as the design.

    The search of a design is remembered beside the evidence store: what a killed one has measured is not measured, and
    not booked, again.
    """
    from crypto_team.validation import tuning
    from crypto_team.validation.search_spaces import space

    if not 2 <= trials <= MOST_TRIALS:
        raise UsageError(f"between 2 and {MOST_TRIALS} trials, not {trials}", where="--trials")
    if find_spec("optuna") is None:
        raise MissingExtraError(
            "tune searches with Optuna, which is not installed", hint="pip install 'crypto-team[ml]'"
        )
    plan = training.design(session, strategy_id)
    settings = training.checked(plan.spec, plan.features)
    space(settings, own_space)
    journal = _journal(session, plan, own_space)
    prepared = training.panel(plan, session)
    tuning.inner_splits(prepared, settings)
    known = tuning.remembered(journal, journal.stem, settings)
    if known < trials:
        with booked(
            session, strategy_id, kind="tune", fingerprint=plan.fingerprint, n_trials=trials - known
        ) as booking:
            found = _search(session, prepared, settings, trials, journal, own_space)
            records.save(
                session, "ml_engineer", "tune", strategy_id, [booking.finished()], f"{strategy_id}: {trials} trials"
            )
    else:
        found = _search(session, prepared, settings, trials, journal, own_space)
    told = _adopted(session, plan, found, resumed=known)
    if told.revision:
        _same_search(session, strategy_id, own_space, journal)
    return told


def _name(plan: Design, own_space: Sequence[str]) -> str:
    """Name a search: by its design, its own space, and what made its losses, as those of other versions differ."""
    from crypto_team.validation.fold_store import environment

    searched = hashlib.sha256("\n".join(sorted(own_space)).encode()).hexdigest()[:8] if own_space else ""
    made_by = hashlib.sha256(environment().encode()).hexdigest()[:8]
    parts = [plan.spec.strategy_id, plan.fingerprint.removeprefix("sha256:")[:16], made_by, searched]
    return "-".join(part for part in parts if part)


def _journal(session: Session, plan: Design, own_space: Sequence[str]) -> Path:
    """Return the file that remembers the search of a design, which may be the one that the design came out of."""
    folder, name = session.layout.store / "tuning", _name(plan, own_space)
    made_by = folder / f"{name}.of"
    return folder / f"{made_by.read_text(encoding='utf-8').strip() if made_by.exists() else name}.log"


def _same_search(session: Session, strategy_id: str, own_space: Sequence[str], journal: Path) -> None:
    """Remember that the design which was just adopted has been searched: repeated, nothing is tried or booked again."""
    name = _name(training.design(session, strategy_id), own_space)
    write_atomic(journal.parent / f"{name}.of", f"{journal.stem}\n".encode())


def _search(
    session: Session,
    prepared: Panel,
    settings: WalkForwardSettings,
    trials: int,
    journal: Path,
    own_space: Sequence[str],
) -> list[TunedTrial]:
    from crypto_team.validation import tuning

    def told(one: TunedTrial) -> None:
        session.progress(0.15 + 0.85 * (one.number + 1) / trials, f"configuration {one.number + 1} of {trials}")

    return tuning.tune(
        prepared, settings, trials=trials, journal=journal, name=journal.stem, own_space=own_space, on_trial=told
    )


def _adopted(session: Session, plan: Design, found: list[TunedTrial], *, resumed: int) -> Outcome:
    """Write the best configuration into the design; one that changes nothing leaves it alone, and is remembered."""
    from crypto_team.models.registry import resolve

    strategy_id, best, old = plan.spec.strategy_id, found[0], plan.spec.model
    chosen = {**old.hyperparameters, **best.hyperparameters}
    revision, idle = None, _without_effect(found)
    if not idle and resolve(old.primary, chosen) != resolve(old.primary, old.hyperparameters):
        changed = plan.spec.model_copy(update={"model": old.model_copy(update={"hyperparameters": chosen})})
        revision = write_design(session, "tune", changed, plan.features, f"best of {len(found)} configurations")
    given_up = sum(not one.finished for one in found)
    again = f", {resumed} of them remembered from an earlier search" if resumed else ""
    return Outcome(
        ok=True,
        summary=f"{strategy_id}: best of {len(found)} configurations has an inner loss of {best.loss:.5f} "
        f"({given_up} given up early{again}); all are in the ledger{idle}"
        f"{'' if revision else '; the design stays as it is'}",
        revision=revision,
        path=str(session.layout.ml_spec(strategy_id)),
        data=[
            {"trial": one.number + 1, "loss": one.loss if one.finished else None, **one.hyperparameters}
            for one in found[:SHOWN]
        ],
        next=[f"crypto-team ml-engineer train {strategy_id}"],
    )


def _without_effect(found: Sequence[TunedTrial]) -> str:
    """Say so where the settings that were searched change nothing."""
    losses = [one.loss for one in found if one.finished]
    if len(losses) > 1 and max(losses) == min(losses):
        return f"; all {len(losses)} that were finished have the same loss: what was searched changes nothing here"
    return ""
