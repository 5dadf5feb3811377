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
    from crypto_team.schemas import EvidenceManifest
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence


def replay(session: Session, strategy_id: str) -> ReplayResult:
    """Retrain a strategy in memory, compare every object with the stored one by hash, and say what differs where."""
    from crypto_team.gates.case import ReplayResult

    manifest = load_manifest(session.layout, strategy_id)
    plan = training.design(session, strategy_id)
    differences: list[str] = []
    if plan.fingerprint != manifest.spec_hash:
        differences.append("the design changed since it was trained (specification, features, code or candles)")
    prepared = training.panel(plan, session)
    result = training.walk_forward(plan, prepared, session)
    stored = publishing.stored_evidence(session, strategy_id)
    rebuilt = training.evidence(plan, prepared, result, declared_n_trials=stored.meta.declared_n_trials)
    differences += _unlike(session, manifest, stored, rebuilt)
    return ReplayResult(equal=not differences, differences=tuple(differences))


def _unlike(session: Session, manifest: EvidenceManifest, stored: Evidence, rebuilt: Evidence) -> list[str]:
    """Compare by hash; where an object differs, read the rebuilt ones back and say what parted the contents."""
    from crypto_team.validation.evidence_diff import differences
    from crypto_team.validation.evidence_io import read, write

    with tempfile.TemporaryDirectory(dir=session.layout.scratch) as folder:
        names = write(rebuilt, Path(folder))
        fresh = {name: hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() for name in names}
        known = {name: item.sha256.removeprefix("sha256:") for name, item in manifest.objects.items()}
        unlike = [name for name in sorted(fresh.keys() | known.keys()) if fresh.get(name) != known.get(name)]
        said = differences(stored, read(Path(folder))) if unlike else []
    hashes = [
        f"{name}: stored sha256:{known.get(name, 'nothing')[:12]}, rebuilt sha256:{fresh.get(name, 'nothing')[:12]}"
        for name in unlike
    ]
    return [*said, *hashes]
