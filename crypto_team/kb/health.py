"""What has to be true of the machine and the workspace besides the documents: each check says what to do about it."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import conflicts, editor_schemas, git, ids, journal
from crypto_team.kb.index_store import code_stamp, place, remove
from crypto_team.kb.kinds import ATTRIBUTES, IGNORED

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

OLDEST_GIT: Final = (2, 31)
_LEFT_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `ok`, `note` (works, but know it) or `bad`, and what to do."""

    name: str
    state: str
    detail: str
    next: str | None = None


def machine() -> list[Check]:
    """Look at git, SQLite and the YAML parser of this machine."""
    return [_git(), _full_text(), _parser()]


def _git() -> Check:
    try:
        text = git.run(_anywhere(), "--version")
    except CryptoTeamError as problem:
        return Check("git", "bad", problem.what, problem.hint)
    found = re.search(r"(\d+)\.(\d+)", text)
    new = found is not None and (int(found[1]), int(found[2])) >= OLDEST_GIT
    wanted = ".".join(map(str, OLDEST_GIT))
    return Check("git", "ok" if new else "bad", text, None if new else f"install git {wanted} or newer")


def _anywhere() -> Path:
    from pathlib import Path

    return Path(os.sep)


def _full_text() -> Check:
    with sqlite3.connect(":memory:") as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
        except sqlite3.OperationalError:
            hint = "install a Python whose SQLite has FTS5 (python.org and every major distribution have it)"
            return Check("sqlite", "bad", f"SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)", hint)
    return Check("sqlite", "ok", f"SQLite {sqlite3.sqlite_version} with FTS5")


def _parser() -> Check:
    if hasattr(yaml, "CSafeLoader"):
        return Check("yaml", "ok", f"PyYAML {yaml.__version__} with libyaml")
    return Check(
        "yaml", "note", f"PyYAML {yaml.__version__} without libyaml: reading is ten times slower", "install libyaml"
    )


def workspace(layout: Layout) -> list[Check]:
    """Look at what a workspace has besides its documents."""
    return [
        _interrupted(layout),
        _refused(layout),
        _index(layout),
        _ignore(layout),
        _attributes(layout),
        _editors(layout),
        _left_over(layout),
        _hooks(layout),
        _repository(layout),
        _ids(layout),
    ]


def _interrupted(layout: Layout) -> Check:
    if journal.pending(layout):
        return Check("journal", "bad", "an interrupted operation waits to be finished", "crypto-team doctor --repair")
    return Check("journal", "ok", "no operation was interrupted")


def _refused(layout: Layout) -> Check:
    waiting = [operation.message for _, operation in journal.refused(layout).values() if journal.waiting(operation)]
    if waiting:
        lack = f"{len(waiting)} write(s) whose commit git refused: {'; '.join(waiting[:3])}"
        return Check("commits", "bad", lack, "crypto-team doctor --repair, once its hook lets it")
    return Check("commits", "ok", "no commit of a tool was refused")


def _index(layout: Layout) -> Check:
    path = place(layout)
    if path is None or not path.exists():
        return Check("index", "ok", "not made yet: the first question makes it")
    trouble = index_trouble(path)
    if trouble:
        return Check("index", "bad", trouble, "crypto-team doctor --repair")
    return Check("index", "ok", f"{path.stat().st_size / 1e6:.1f} MB, rebuildable, in {path.parent}")


def index_trouble(path: Path) -> str | None:
    """Say what is wrong with the file of an index; one of another version is only made anew, which is no trouble."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            stamp = connection.execute("SELECT value FROM meta WHERE name = 'code'").fetchone()
            if answer == "ok" and stamp and stamp[0] == code_stamp():
                connection.execute("SELECT count(*) FROM texts").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as problem:
        return f"the index cannot be read: {problem}"
    return None if answer == "ok" else f"the index is damaged: {answer}"


def _ignore(layout: Layout) -> Check:
    missing = missing_ignores(layout)
    if missing:
        lack = f".crypto/.gitignore lacks {', '.join(missing)}"
        # Copies of schemas in git are a nuisance; data or evidence there are a harm.
        state = "note" if missing == [f"{editor_schemas.FOLDER}/"] else "bad"
        return Check("gitignore", state, lack, "crypto-team doctor --repair")
    return Check("gitignore", "ok", "market data and evidence stay out of git")


def _attributes(layout: Layout) -> Check:
    if (layout.crypto / ".gitattributes").exists():
        return Check("gitattributes", "ok", "git keeps every byte as it is")
    lack = "settings of git or of the repository may change line ends of what was hashed"
    return Check("gitattributes", "note", lack, "crypto-team doctor --repair")


def missing_ignores(layout: Layout) -> list[str]:
    """Return what `.crypto/.gitignore` should name and does not."""
    path = layout.crypto / ".gitignore"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [name for name in IGNORED if name not in lines]


def _editors(layout: Layout) -> Check:
    count = len(editor_schemas.missing(layout))
    if count:
        lack = f"editors lack {count} schema(s) of this version"
        return Check("schemas", "note", lack, "crypto-team doctor --repair")
    return Check("schemas", "ok", "editors find the schemas of this version in .crypto/schemas")


def _left_over(layout: Layout) -> Check:
    count = len(left_over(layout))
    if count:
        return Check("scratch", "note", f"{count} temporary file(s) of killed processes", "crypto-team doctor --repair")
    return Check("scratch", "ok", "no temporary files are left")


def left_over(layout: Layout) -> list[Path]:
    """Return temporary files that no living process can still be writing: older than a day."""
    folder = layout.store / "scratch"
    if not folder.is_dir():
        return []
    limit = time.time() - _LEFT_SECONDS
    return [path for path in folder.glob(".new-*") if path.is_file() and path.stat().st_mtime < limit]


def _hooks(layout: Layout) -> Check:
    found = git.attempt(layout.root, "config", "--get", "core.hooksPath").stdout.decode(errors="replace").strip()
    if found:
        return Check("hooks", "note", f"git takes its hooks from {found}", "see that you know who wrote them")
    return Check("hooks", "ok", "git takes its hooks from this repository")


def _repository(layout: Layout) -> Check:
    busy = git.unfinished(layout.root)
    if busy:
        step = "crypto-team doctor --repair" if conflicts.unmerged(layout) else conflicts.conclusion(layout)
        return Check("repository", "bad", f"git is in the middle of a {busy}", f"{step}, or git {busy} --abort")
    return Check("repository", "ok", f"on {git.branch(layout.root) or 'no branch (detached)'}")


def _ids(layout: Layout) -> Check:
    waiting = ids.provisional(layout)
    if waiting:
        lack = f"{len(waiting)} provisional id(s) that the remote has not confirmed: {', '.join(waiting[:5])}"
        return Check("ids", "note", lack, "crypto-team ids sync")
    return Check("ids", "ok", "no id is provisional")


def repair(layout: Layout) -> list[str]:
    """Put right what can be put right without losing anything; return what was done. Needs the write lock."""
    done = []
    path = place(layout)
    if path is not None and path.exists() and index_trouble(path):
        remove(path)
        done.append("removed the damaged index; the next question makes a new one")
    attributes = layout.crypto / ".gitattributes"
    if not attributes.exists():
        attributes.write_text(ATTRIBUTES, encoding="utf-8")
        done.append("told git to keep every byte as it is")
    missing = missing_ignores(layout)
    if missing:
        ignore = layout.crypto / ".gitignore"
        text = ignore.read_text(encoding="utf-8", errors="replace") if ignore.is_file() else ""
        ignore.write_text(text.rstrip("\n") + "\n" * bool(text) + "\n".join(missing) + "\n", encoding="utf-8")
        done.append(f"told git to ignore {', '.join(missing)}")
    if editor_schemas.write(layout):
        done.append("wrote the schemas for editors")
    for left in left_over(layout):
        left.unlink(missing_ok=True)
        done.append(f"removed {left.name}")
    return done
