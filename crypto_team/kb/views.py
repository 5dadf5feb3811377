"""Generated lists with the names that agents know: registry.yaml, learnings.md, data-catalog/sources.yaml.

They are written on the default branch only, so that branches never conflict on them; tools read the entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team.errors import DocumentError
from crypto_team.kb import git, learnings, registry
from crypto_team.kb.files import write_atomic
from crypto_team.kb.locks import locked
from crypto_team.kb.view_cache import Shown, fresh, shown
from crypto_team.kb.yaml import dump_data, load_record
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout

_NOTE = "# Generated from {source}; edits are overwritten. Tools read the entries, not this list.\n"
_SUMMARY: Final = {"strategy_id", "name", "type", "stage", "status", "updated", "metrics"}
_SOURCE: Final = {"dataset_id", "exchange", "pair", "timeframe", "kind", "rows", "first", "last", "content_hash"}


@dataclass(frozen=True, slots=True)
class View:
    """One generated list: which files it is made from, what each of them adds, and how that becomes a text."""

    path: Path
    folder: Path
    pattern: str
    show: Callable[[Path], Shown | None]
    join: Callable[[Sequence[str]], str]


def _views(layout: Layout) -> list[View]:
    return [
        View(layout.registry_view, layout.registry_dir, "STR-*.yaml", _strategy, _strategies),
        View(layout.learnings_view, layout.learnings_dir, "*.md", _claim, learnings.joined_view),
        View(layout.sources_view, layout.datasets_dir, "DS-*.yaml", _dataset, _datasets),
    ]


def _strategy(path: Path) -> Shown:
    entry = registry.at(path)
    listed = {
        "strategy_id": entry.strategy_id,
        "name": entry.name,
        "type": entry.type,
        "stage": entry.stage,
        "status": entry.status,
        "updated": entry.updated,
        "metrics": entry.metrics,
    }
    return Shown(path.name, dump_data([listed]))


def _strategies(items: Sequence[str]) -> str:
    return _NOTE.format(source="registry/*.yaml") + _listed("strategies", items)


def _dataset(path: Path) -> Shown:
    return Shown(path.name, dump_data([load_record(path, Dataset).model_dump(mode="json", include=_SOURCE)]))


def _datasets(items: Sequence[str]) -> str:
    return _NOTE.format(source="data-catalog/datasets/*.yaml") + _listed("datasets", items)


def _listed(name: str, items: Sequence[str]) -> str:
    """Join the items of a list as the canonical form of the whole would show them: a list is not indented."""
    return f"{name}:\n" + "".join(items) if items else f"{name}: []\n"


def _claim(path: Path) -> Shown | None:
    claim = learnings.at(path)
    return Shown(f"{claim.created} {claim.learning_id}", learnings.quoted(claim)) if learnings.stands(claim) else None


def _sound(show: Callable[[Path], Shown | None]) -> Callable[[Path], Shown | None]:
    """Leave out what cannot be read: a file broken by hand must not stop everybody; `validate` names it."""

    def shown_or_none(path: Path) -> Shown | None:
        try:
            return show(path)
        except DocumentError:
            return None

    return shown_or_none


def render(layout: Layout) -> dict[Path, str]:
    """Return what every view has to hold now, from every entry."""
    return {
        view.path: view.join([item.text for item in fresh(view.folder, view.pattern, _sound(view.show))])
        for view in _views(layout)
    }


def current(layout: Layout) -> dict[Path, str]:
    """Return the same, reading only entries that changed since the last time; needs the write lock."""
    return {
        view.path: view.join([item.text for item in shown(layout, view.folder, view.pattern, _sound(view.show))])
        for view in _views(layout)
    }


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


def refresh(layout: Layout, kept: Sequence[Path] | None = None) -> list[Path]:
    """Write the views that changed, on the default branch only; return them. `kept` is what `paths` says."""
    if not (paths(layout) if kept is None else kept):
        return []
    written = []
    for path, text in current(layout).items():
        if not _holds(path, text):
            write_atomic(path, text.encode(), scratch=layout.scratch)
            written.append(path)
    return written
