"""Making a workspace, and putting one right after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import InputError
from crypto_team.kb import conflicts, editor_schemas, git, git_locks, hand_edits, health, views
from crypto_team.kb.documents import judge
from crypto_team.kb.files import write_atomic
from crypto_team.kb.kinds import ATTRIBUTES, IGNORED, kind_of
from crypto_team.kb.locks import locked
from crypto_team.kb.ownership import default_rules
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import carry_out, try_again
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Policy, Team

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.schemas.base import Document


_AUTHORED: Final = {"learning", "learning_event", "registry_event"}
"""Kinds that name their author, who is the only one to commit them."""


def init(path: Path) -> Layout:
    """Make a workspace in a folder: a git repository of its own, settings, an empty knowledge base.

    A folder inside somebody else's repository becomes a repository too: ids, commits and history of a knowledge base
    do not belong into a repository that only happens to lie around it. Calling it again on a workspace adds what is
    missing and changes nothing that is there.
    """
    if path.exists() and not path.is_dir():
        raise InputError("this is a file, not a folder", where=str(path), hint="choose another --path")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(
            f"the folder cannot be made: {problem.strerror}", where=str(path), hint="choose another --path"
        ) from problem
    root = path.resolve()
    layout = Layout(root)
    layout.inside(layout.knowledge)
    around = git.enclosing(root)
    if around is None or (around != root and not layout.crypto.exists()):
        git.init(root)
    layout.knowledge.mkdir(parents=True, exist_ok=True)
    settings: dict[Path, tuple[Document, str]] = {
        layout.team: (Team(), "team"),
        layout.policy: (Policy(), "policy"),
        layout.ownership: (default_rules(), "ownership"),
    }
    ignore, attributes = layout.crypto / ".gitignore", layout.crypto / ".gitattributes"
    with locked(layout, "init"):
        carry_out(layout)
        for file, (record, schema) in settings.items():
            if not file.exists():
                write_atomic(file, dump(record, schema=schema).encode(), scratch=layout.scratch)
        if not ignore.exists():  # an older workspace gets what it lacks of these from doctor --repair, as the lead
            write_atomic(ignore, ("\n".join(IGNORED) + "\n").encode())
            write_atomic(attributes, ATTRIBUTES.encode())
        if not health.missing_ignores(layout):  # of an older workspace; doctor --repair adds them
            editor_schemas.write(layout)
        new = [path for path in (*settings, ignore, attributes) if not git.tracked(root, path)]
        views.refresh(layout)
        git.commit(root, [*new, *views.paths(layout)], "Workspace for crypto-team", {"Crypto-Team-Tool": "init"})
    return layout


def repair(layout: Layout) -> list[str]:
    """Finish an interrupted operation, render stale views, commit what tools wrote; return what was done."""
    with locked(layout, "doctor"):
        swept = [f"removed {path.name}, left by a killed git" for path in git_locks.sweep(layout.root)]
        if git.unfinished(layout.root):
            return [*swept, *conflicts.resolve(layout)]  # whoever merges ends that first; git takes no other commit
        finished, _ = carry_out(layout)
        done = [*swept, *try_again(layout), *health.repair(layout)]
        done += [f"finished the interrupted write of {path.name}" for path in finished]
        done += [f"rendered {path.name}" for path in views.refresh(layout)]
        lead = {"Crypto-Team-Role": "lead", "Crypto-Team-Tool": "doctor"}
        files = [layout.crypto / name for name in (".gitignore", ".gitattributes")]
        git.commit(layout.root, files, "What git keeps, and how", lead)
        done += [f"committed {path.name}" for path in _kept(layout)]
    return done


def _kept(layout: Layout) -> list[Path]:
    """Commit sound files that nobody committed, each on behalf of its owner; return them. Broken ones stay as they are.

    A hook that refused a tool's commit leaves its files; nobody can say any more which tool it was.
    """
    waiting: dict[str, list[Path]] = {}
    for path in hand_edits.changed(layout, [layout.knowledge]):
        kind = kind_of(layout, path)
        if kind is not None and not hand_edits.flaws(layout, path):
            author = _author(layout, path, kind)
            waiting.setdefault(hand_edits.owner_of(kind, author), []).append(path)
    for owner, paths in waiting.items():
        git.commit(layout.root, paths, "Repair", {"Crypto-Team-Role": owner, "Crypto-Team-Tool": "doctor"})
    return [path for paths in waiting.values() for path in paths]


def _author(layout: Layout, path: Path, kind: Kind) -> str:
    """Return the role that a record says wrote it; the lead where it names none."""
    record = judge(layout, path, None).record if kind.name in _AUTHORED else None
    return str(getattr(record, "role", "lead"))
