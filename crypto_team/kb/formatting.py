"""The canonical form of the files that tools own, and older shapes brought to the present one.

What was booked or handed over stays as it is, byte for byte: a trial that ended, a handoff record, and every artifact
that a handoff is about (another byte would void it). Settings are edited by people and keep their comments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team import schemas
from crypto_team.errors import DocumentError
from crypto_team.kb import learnings
from crypto_team.kb.documents import plain, version_of
from crypto_team.kb.editor_schemas import without_line
from crypto_team.kb.files import revision_of
from crypto_team.kb.handoffs import record_paths
from crypto_team.kb.kinds import ANY, SETTINGS, kind_of
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump, load_record, read_text
from crypto_team.kb.yaml_splice import splice
from crypto_team.schemas.migrations import latest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId
    from crypto_team.schemas.outcome import Finding

_KEPT: Final = {"trial", "handoff", "holdout_look", "registry_event", "learning_event"}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A file that is not as it should be. `frozen`: a handoff is about these bytes, so nobody changes them."""

    path: Path
    kind: Kind
    text: str
    frozen: bool


def rewrites(layout: Layout, *, old_only: bool = False) -> Iterator[Rewrite]:
    """Yield the files of tools that are not in canonical form, or with `old_only` those of an older shape.

    Files that break their schema are no matter of form; `validate` names them.
    """
    for path in sorted(layout.knowledge.rglob("*")):
        kind = kind_of(layout, path)
        if kind is None or kind.schema is None or kind.name in _KEPT or path.is_symlink() or not path.is_file():
            continue
        text = read_text(path)
        if old_only is (version_of(text) >= latest(kind.schema)):
            continue  # an older shape is no matter of form either: branches that are under way need not all migrate
        try:
            wanted = canonical(path, kind.schema)
        except DocumentError:
            continue
        # The line for editors says where their schema lies, nothing about the record: another one stays.
        if without_line(wanted) != without_line(text):
            yield Rewrite(path, kind, wanted, _frozen(layout, path, kind))


def canonical(path: Path, schema: str) -> str:
    """Return a record as tools write it."""
    if schema == "learning":
        return learnings.render(learnings.load(path))
    return dump(load_record(path, schemas.RECORDS[schema]), schema=schema)


def _frozen(layout: Layout, path: Path, kind: Kind) -> bool:
    """Say whether a handoff may be about this file."""
    if kind.owner == ANY or not path.is_relative_to(layout.strategies_root):
        return False
    return bool(record_paths(layout, path.relative_to(layout.strategies_root).parts[0]))


def findings(layout: Layout) -> list[Finding]:
    """Return what `fmt` would change; what it leaves, because a handoff is about it, is nothing to do about."""
    return [
        plain("format", "not in canonical form", item.path, "crypto-team fmt")
        for item in rewrites(layout)
        if not item.frozen
    ]


def apply(layout: Layout, found: list[Rewrite], *, role: RoleId, tool: str, message: str) -> list[Path]:
    """Rewrite files, for each kind on behalf of the role that owns it; return those that changed."""
    by_owner: dict[str, list[Rewrite]] = {}
    for item in found:
        if not item.frozen:
            by_owner.setdefault(role if item.kind.owner == ANY else item.kind.owner, []).append(item)
    for owner, items in by_owner.items():
        changes = [Change(item.kind.name, item.path, item.text, revision_of(item.path)) for item in items]
        acting: RoleId = owner  # type: ignore[assignment]  # the owner of a kind that is neither `any` nor the gate's
        commit_records(layout, role=acting, tool=tool, strategy_id=None, changes=changes, message=message)
    return [item.path for items in by_owner.values() for item in items]


def old_settings(layout: Layout) -> dict[Path, str]:
    """Return the settings of an older shape with the new version spliced in, comments kept."""
    made = {}
    for name, kind in SETTINGS.items():
        path = layout.crypto / name
        if not path.is_file():
            continue
        text = read_text(path)
        if version_of(text) < latest(kind) and "\nschema_version:" in f"\n{text}":
            made[path] = splice(text, "/schema_version", latest(kind), where=str(path))
    return made
