"""Lock files that a killed git left behind: found and removed, never while a git process is at work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crypto_team.kb import git

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESSES: Final = Path("/proc")
_QUIET_SECONDS: Final = 60.0
"""How old a lock has to be where the machine does not tell which processes run."""


def leftovers(folder: Path) -> list[Path]:
    """Return the lock files of index, HEAD and refs, of this work tree and of what all work trees share."""
    shared = git.common_dir(folder)
    private = (folder / git.run(folder, "rev-parse", "--git-dir")).resolve()
    found = [path for place in {shared, private} for pattern in ("*.lock",) for path in place.glob(pattern)]
    return sorted([*found, *(shared / "refs").rglob("*.lock")])


def sweep(folder: Path) -> list[Path]:
    """Remove the lock files of git processes that are gone; return them. The caller holds the write lock.

    The write lock is inherited by the git processes that tools start, so whoever holds it knows that none of those is
    alive; what a user runs is looked for among the processes of the machine.
    """
    found = leftovers(folder)
    if not found or _at_work(folder, found):
        return []
    for path in found:
        path.unlink(missing_ok=True)
    return found


def _at_work(folder: Path, locks: list[Path]) -> bool:
    """Return whether a git process may be at work in one of the work trees."""
    if not (_PROCESSES / "self" / "cwd").exists():
        ages = [time.time() - path.stat().st_mtime for path in locks if path.exists()]
        return any(age < _QUIET_SECONDS for age in ages)
    roots = [git.common_dir(folder), *_work_trees(folder)]
    return any(place is None or any(place.is_relative_to(root) for root in roots) for place in _places_of_git())


def _work_trees(folder: Path) -> list[Path]:
    listed = git.run(folder, "worktree", "list", "--porcelain", "-z").split("\0")
    return [Path(line.removeprefix("worktree ")).resolve() for line in listed if line.startswith("worktree ")]


def _places_of_git() -> Iterator[Path | None]:
    """Yield the folder of every git process; None where the machine does not tell."""
    for process in _PROCESSES.iterdir():
        if not process.name.isdigit():
            continue
        try:
            if not (process / "comm").read_text().startswith("git") or _gone(process):
                continue
            yield (process / "cwd").readlink()
        except FileNotFoundError:
            continue
        except OSError:
            yield None


def _gone(process: Path) -> bool:
    """Return whether a process has ended and only waits for its parent to ask."""
    return (process / "stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
