"""Reading and writing the records of one strategy on behalf of a role."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from crypto_team.errors import NotFoundError
from crypto_team.kb import verdicts
from crypto_team.kb.kinds import KINDS
from crypto_team.kb.noting import noted
from crypto_team.kb.registry import entry
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump, load_record
from crypto_team.roles.design import checked
from crypto_team.schemas import FeatureSet, MlSpec, Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crypto_team.schemas.base import Document, Record, RoleId, Stage
    from crypto_team.schemas.registry import StrategyStatus
    from crypto_team.tools.session import Session

D = TypeVar("D", bound="Document")
R = TypeVar("R", bound="Record")


def utc_text(session: Session) -> str:
    """Return the session's time as documents write it."""
    return session.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def read(path: Path, model: type[D], *, missing: str) -> D:
    """Read one record; `missing` is the command that makes it."""
    if not path.exists():
        raise NotFoundError(f"there is no {path.name} yet", where=str(path), hint=missing)
    return load_record(path, model)


def ml_spec(session: Session, strategy_id: str) -> MlSpec:
    """Read `ml-spec.yaml` of a strategy."""
    entry(session.layout, strategy_id)
    return read(
        session.layout.ml_spec(strategy_id), MlSpec, missing="crypto-team ml-engineer new --name NAME --pair BASE/QUOTE"
    )


def feature_set(session: Session, strategy_id: str) -> FeatureSet:
    """Read `features.yaml` of a strategy."""
    return read(
        session.layout.features(strategy_id), FeatureSet, missing=f"crypto-team ml-engineer add-feature {strategy_id}"
    )


def change(session: Session, kind: str, path: Path, record: Document | str | bytes) -> Change:
    """Stage one file: the record in canonical form, against the revision that is on disk now."""
    content = record if isinstance(record, str | bytes) else dump(record, schema=KINDS[kind].schema)
    return Change(kind=kind, path=path, content=content, base_revision=revision_of(path))


def save(
    session: Session,
    role: RoleId,
    tool: str,
    strategy_id: str | None,
    changes: Sequence[Change],
    message: str,
    *,
    gate: str | None = None,
) -> str | None:
    """Commit the staged files as one operation of `role`; all of them or none.

    Raises
    ------
    RefusedError
        An event among them would lift a verdict of another role, and what that was about stays as it is.
    """
    verdicts.require_right(session.layout, changes)
    return commit_records(
        session.layout,
        role=role,
        tool=tool,
        strategy_id=strategy_id,
        changes=changes,
        message=message,
        gate=gate,
    )


def registry_change(
    session: Session,
    strategy_id: str,
    *,
    role: RoleId,
    event: str,
    stage: Stage | None = None,
    status: StrategyStatus | None = None,
    metrics: dict[str, float] | None = None,
) -> Change:
    """Stage one more event of a strategy; of its metrics, those that are not numbers are left out."""
    known = None if metrics is None else {name: value for name, value in metrics.items() if math.isfinite(value)}
    return noted(
        session.layout,
        strategy_id,
        time=utc_text(session),
        role=role,
        event=event,
        stage=stage,
        status=status,
        metrics=known,
    )


def removal(kind: str, path: Path) -> Change:
    """Stage the removal of one file."""
    return Change(kind=kind, path=path, content=None, base_revision=revision_of(path))


def given(**values: float | str | None) -> dict[str, float | str]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def revalidated(record: R, values: Mapping[str, object]) -> R:
    """Return the record with some values replaced; a value out of range is a usage error that names it."""
    return checked(type(record), record.model_dump() | dict(values))


def policy(session: Session) -> Policy:
    """Read the policy of the workspace."""
    return read(session.layout.policy, Policy, missing="crypto-team init")
