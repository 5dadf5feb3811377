"""What validation of documents cannot see: whether stored evidence and candles are still what was registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import store
from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Dataset
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout


def damaged(layout: Layout) -> list[Finding]:
    """Hash every object of evidence and every dataset; what is absent or differs is a finding.

    Broken documents are left to validation. Datasets are skipped where the packages that read them are not installed.
    """
    return [*_evidence(layout), *_datasets(layout)]


def _evidence(layout: Layout) -> Iterator[Finding]:
    for path in sorted(layout.strategies_root.glob("STR-*/evidence.yaml")):
        try:
            manifest = load_manifest(layout, path.parent.name)
        except CryptoTeamError:
            continue
        for name, item in sorted(manifest.objects.items()):
            try:
                store.get(layout, item.sha256)
            except CryptoTeamError as problem:
                yield _finding("evidence", f"{path.parent.name} {name}: {problem.what}", problem, path)


def _datasets(layout: Layout) -> Iterator[Finding]:
    try:
        from crypto_team.data.registered import read_registered
    except ModuleNotFoundError:
        return
    for path in sorted(layout.datasets_dir.glob("DS-*.yaml")):
        try:
            dataset = load_record(path, Dataset)
        except CryptoTeamError:
            continue
        try:
            read_registered(layout.data_file(dataset.path), dataset)
        except CryptoTeamError as problem:
            yield _finding("dataset", problem.what, problem, path)


def _finding(code: str, message: str, problem: CryptoTeamError, path: Path) -> Finding:
    return Finding(
        code=code, severity="error", message=message, file=problem.where or str(path), line=1, col=1, hint=problem.hint
    )
