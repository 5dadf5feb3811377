"""The evidence manifest of a strategy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.kb import registry
from crypto_team.kb.files import sha256
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import EvidenceManifest

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def load_manifest(layout: Layout, strategy_id: str) -> EvidenceManifest:
    """Read the manifest of a strategy; without one it has not been trained."""
    path = layout.evidence(strategy_id)
    if not path.exists():
        registry.entry(layout, strategy_id)  # a strategy that nobody made is told as that
        raise NotFoundError(
            f"{strategy_id} has no evidence yet", where=str(path), hint=f"crypto-team ml-engineer train {strategy_id}"
        )
    return load_record(path, EvidenceManifest)


def manifest_digest(manifest: EvidenceManifest) -> str:
    """Return one hash over the names and hashes of all objects."""
    named = {name: item.sha256 for name, item in sorted(manifest.objects.items())}
    return sha256(json.dumps(named, sort_keys=True).encode())
