"""Rebuilding evidence from data hash, specification, code and seed, and saying exactly what differs."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.kb.evidence import load_manifest
from crypto_team.roles import publishing, training

if TYPE_CHECKING:
    from crypto_team.gates.case import ReplayResult
    from crypto_team.tools.session import Session


def replay(session: Session, strategy_id: str) -> ReplayResult:
    """Retrain a strategy in memory and compare every object with the stored one, hash by hash."""
    from crypto_team.gates.case import ReplayResult
    from crypto_team.validation.evidence_io import write

    manifest = load_manifest(session.layout, strategy_id)
    plan = training.design(session, strategy_id)
    differences: list[str] = []
    if plan.fingerprint != manifest.spec_hash:
        differences.append("the design changed since it was trained (specification, features, code or candles)")
    prepared = training.panel(plan, session)
    result = training.walk_forward(plan, prepared, session)
    rebuilt = training.evidence(plan, prepared, result, declared_n_trials=_declared(session, strategy_id))
    with tempfile.TemporaryDirectory(dir=session.layout.scratch) as folder:
        names = write(rebuilt, Path(folder))
        fresh = {name: hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() for name in names}
    for name in sorted(fresh.keys() | manifest.objects.keys()):
        stored = manifest.objects.get(name)
        if stored is None:
            differences.append(f"{name}: rebuilt, but not in the stored evidence")
        elif name not in fresh:
            differences.append(f"{name}: stored, but not rebuilt")
        elif stored.sha256 != f"sha256:{fresh[name]}":
            differences.append(f"{name}: stored {stored.sha256[:19]}, rebuilt sha256:{fresh[name][:12]}")
    return ReplayResult(equal=not differences, differences=tuple(differences))


def _declared(session: Session, strategy_id: str) -> int:
    """Return the number of trials that the stored evidence declares; it is part of what is compared."""
    return publishing.stored_evidence(session, strategy_id).meta.declared_n_trials
