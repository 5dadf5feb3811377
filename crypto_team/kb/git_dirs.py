"""Where a work tree keeps what is git's, found without starting git: each start costs as much as a small write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def work_tree(root: Path) -> Path | None:
    """Return the folder at or above `root` that has a git directory; None outside of a repository."""
    return next((folder for folder in (root, *root.parents) if private(folder, above=False)), None)


def private(root: Path, *, above: bool = True) -> Path | None:
    """Return the git directory of the work tree of `root`; None outside of a repository."""
    for folder in (root, *(root.parents if above else ())):
        mark = folder / ".git"
        if (mark / "HEAD").is_file():
            return mark
        if mark.is_file():
            text = mark.read_text(encoding="utf-8", errors="replace").strip()
            return (folder / text.removeprefix("gitdir:").strip()).resolve()
    return None


def common(root: Path) -> Path | None:
    """Return the git directory that all work trees of the repository share; None outside of a repository."""
    found = private(root)
    if found is None:
        return None
    mark = found / "commondir"
    return (found / mark.read_text(encoding="utf-8").strip()).resolve() if mark.is_file() else found.resolve()
