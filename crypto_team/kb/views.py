"""Generated lists with the names that agents know: registry.yaml, learnings.md, data-catalog/sources.yaml.

They are written on the default branch only, so that branches never conflict on them; tools read the entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git, learnings, registry
from crypto_team.kb.files import write_atomic
from crypto_team.kb.yaml import dump_data, load_record
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

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
        for entry in registry.entries(layout)
    ]
    sources = [
        load_record(path, Dataset).model_dump(
            mode="json",
            include={"dataset_id", "exchange", "pair", "timeframe", "kind", "rows", "first", "last", "content_hash"},
        )
        for path in sorted(layout.datasets_dir.glob("DS-*.yaml"))
    ]
    return {
        layout.registry_view: _NOTE.format(source="registry/*.yaml") + dump_data({"strategies": strategies}),
        layout.learnings_view: learnings.render_view(layout),
        layout.sources_view: _NOTE.format(source="data-catalog/datasets/*.yaml") + dump_data({"datasets": sources}),
    }


def stale(layout: Layout) -> list[Path]:
    """Return the views that do not hold what they should; none of them on other branches than the default one."""
    if git.branch(layout.root) != git.default_branch(layout.root):
        return []
    return [path for path, text in render(layout).items() if not path.exists() or path.read_text() != text]


def refresh(layout: Layout) -> list[Path]:
    """Write the views that changed, on the default branch only; return them."""
    if git.branch(layout.root) != git.default_branch(layout.root):
        return []
    written = []
    for path, text in render(layout).items():
        if not path.exists() or path.read_text() != text:
            write_atomic(path, text.encode(), scratch=layout.scratch)
            written.append(path)
    return written
