"""Rules between documents: who belongs together, and numbers that stand in more than one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import MlSpec, RegistryEntry
from crypto_team.schemas.ml_spec import HEADLINE
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout


def contradictions(layout: Layout) -> Iterator[Finding]:
    """Yield documents that miss their other half, and registry numbers that the specification does not confirm."""
    for folder in sorted(layout.strategies_root.glob("STR-*")):
        if folder.is_symlink() or not folder.is_dir():
            continue  # that is a finding of its own
        yield from _halves(layout, folder)
    for path in sorted(layout.registry_dir.glob("STR-*.yaml")):
        if path.is_symlink() or not path.is_file():
            continue
        yield from _numbers(layout, path)


def _halves(layout: Layout, folder: Path) -> Iterator[Finding]:
    git = f"git log --oneline -- {folder.relative_to(layout.root)} shows when it went"
    if not (layout.registry_dir / f"{folder.name}.yaml").exists():
        yield _finding("incomplete", f"{folder.name} has no entry in the registry", folder, git)
    present = {name: (folder / name).exists() for name in ("ml-spec.yaml", "features.yaml")}
    if any(present.values()) and not all(present.values()):
        absent = next(name for name, there in present.items() if not there)
        yield _finding("incomplete", f"{absent} of {folder.name} is missing", folder / absent, git)


def _numbers(layout: Layout, path: Path) -> Iterator[Finding]:
    """Compare the headline numbers of the registry with those of the specification, which the gates recompute."""
    try:
        entry = load_record(path, RegistryEntry)
        spec = load_record(layout.ml_spec(entry.strategy_id), MlSpec) if entry.type == "ml_based" else None
    except CryptoTeamError:
        return  # a broken document is a finding already
    measured = spec.out_of_sample if spec else None
    for name, value in sorted(entry.metrics.items()):
        field = HEADLINE.get(name)
        stated = getattr(measured, field) if field and measured else None
        if spec and stated != value:
            yield _finding(
                "claim",
                f"metrics.{name} says {value}, ml-spec.yaml says {stated}",
                path,
                f"restore the file with git, or measure again: crypto-team ml-engineer train {entry.strategy_id}",
            )


def _finding(code: str, message: str, path: Path, hint: str | None = None) -> Finding:
    return Finding(code=code, severity="error", message=message, file=str(path), line=1, col=1, hint=hint)
