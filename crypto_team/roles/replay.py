"""Rebuilding evidence from data hash, specification, code and seed, and saying exactly what differs."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.yaml import parse, read_text
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
    stored = publishing.stored_evidence(session, strategy_id)
    differences = _design_changes(session, strategy_id, plan, stored) if plan.fingerprint != manifest.spec_hash else []
    prepared = training.panel(plan, session)
    result = training.walk_forward(plan, prepared, session)
    rebuilt = training.evidence(plan, prepared, result, declared_n_trials=stored.meta.declared_n_trials)
    differences += _unlike(session, manifest, stored, rebuilt)
    return ReplayResult(equal=not differences, differences=tuple(differences))


def _design_changes(session: Session, strategy_id: str, plan: training.Design, stored: Evidence) -> list[str]:
    """Say which settings are not those that were trained with, and where they stand."""
    from crypto_team.validation.trained_with import changed_since

    changed = changed_since(stored.meta, plan.spec, plan.features, plan.code_dir.parent)
    if not changed:
        return ["the design changed since it was trained (code or candles; every setting is as it was)"]
    return [f"the design changed since it was trained: {_place(session, strategy_id, line)}{line}" for line in changed]


def _place(session: Session, strategy_id: str, line: str) -> str:
    """Return `file:line:col: ` of a setting that a line begins with; empty where it does not stand in a document."""
    setting = line.split(" is ", maxsplit=1)[0]
    named = setting.startswith(("features.", "feature_selection."))
    path = session.layout.features(strategy_id) if named else session.layout.ml_spec(strategy_id)
    document = parse(read_text(path), path.name)
    pointer = f"/{setting.replace('.', '/')}"
    if setting.startswith("features."):
        names = [str(each["name"]) for each in document.data.get("features", [])]
        found = [name for name in names if setting.startswith(f"features.{name}.") or setting == f"features.{name}"]
        if found:
            pointer = (
                f"/features/{names.index(found[0])}{setting.removeprefix(f'features.{found[0]}').replace('.', '/')}"
            )
    place = document.places.get(pointer)
    return f"{path.name}:{place[0]}:{place[1]}: " if place else ""


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
