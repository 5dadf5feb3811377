"""Generated lists with the names that agents know: registry.yaml, learnings.md, data-catalog/sources.yaml.

They are written on the default branch only, so that branches never conflict on them; tools read the entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from crypto_team.errors import DocumentError
from crypto_team.kb import git, learnings
from crypto_team.kb.files import write_atomic
from crypto_team.kb.locks import locked
from crypto_team.kb.yaml import dump_data, load_record
from crypto_team.schemas import Dataset, Document, RegistryEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout

D = TypeVar("D", bound=Document)
_NOTE = "# Generated from {source}; edits are overwritten. Tools read the entries, not this list.\n"


def render(layout: Layout) -> dict[Path, str]:
    """Return what every view has to hold now."""
    strategies = [
        {
            "strategy_id": entry.strategy_id,
            "name": entry.name,
            "type": entry.type,
            "stage": entry.stage,
            "status": entry.status,
            "updated": entry.updated,
            "metrics": entry.metrics,
        }
        for entry in _sound(
            sorted(layout.registry_dir.glob("STR-*.yaml")), lambda path: load_record(path, RegistryEntry)
        )
    ]
    sources = [
        dataset.model_dump(
            mode="json",
            include={"dataset_id", "exchange", "pair", "timeframe", "kind", "rows", "first", "last", "content_hash"},
        )
        for dataset in _sound(sorted(layout.datasets_dir.glob("DS-*.yaml")), lambda path: load_record(path, Dataset))
    ]
    claims = list(_sound(sorted(layout.learnings_dir.glob("*.md")), learnings.load))
    return {
        layout.registry_view: _NOTE.format(source="registry/*.yaml") + dump_data({"strategies": strategies}),
        layout.learnings_view: learnings.render_view(claims),
        layout.sources_view: _NOTE.format(source="data-catalog/datasets/*.yaml") + dump_data({"datasets": sources}),
    }


def _sound(paths: Iterable[Path], load: Callable[[Path], D]) -> Iterator[D]:
    """Yield the records that can be read: a file broken by hand must not stop everybody; `validate` names it."""
    for path in paths:
        try:
            yield load(path)
        except DocumentError:
            continue


def paths(layout: Layout) -> list[Path]:
    """Return the views that are kept on this branch: all on the default branch, none elsewhere."""
    if git.branch(layout.root) != git.default_branch(layout.root):
        return []
    return [layout.registry_view, layout.learnings_view, layout.sources_view]


def stale(layout: Layout) -> list[Path]:
    """Return the views of this branch that do not hold what they should."""
    if not paths(layout):
        return []
    return [path for path, text in render(layout).items() if not _holds(path, text)]


def _holds(path: Path, text: str) -> bool:
    """Say whether a list is a regular file with this text; whatever else lies there is written anew."""
    return path.is_file() and not path.is_symlink() and path.read_bytes() == text.encode()


def write(layout: Layout) -> list[Path]:
    """Write and commit the views that changed; return them. Finishes an interrupted operation first."""
    from crypto_team.kb.writer import carry_out

    with locked(layout, "views"):
        carry_out(layout)
        written = refresh(layout)
        git.commit(layout.root, paths(layout), "Generated lists", {"Crypto-Team-Tool": "views"})
    return written


def refresh(layout: Layout) -> list[Path]:
    """Write the views that changed, on the default branch only; return them."""
    if not paths(layout):
        return []
    written = []
    for path, text in render(layout).items():
        if not _holds(path, text):
            write_atomic(path, text.encode(), scratch=layout.scratch)
            written.append(path)
    return written
