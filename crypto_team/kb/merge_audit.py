"""What a merge decided itself: where its content is not what git makes of its parents without a conflict.

A merge that keeps both sides decides nothing, whoever makes it. Every other content (a side that was preferred, a
conflict that was resolved, a line that was added) is a change by whoever committed the merge. Judged for each merge of
a range, so that nothing depends on which of several merge bases a comparison would start from: what a parent holds
and no role took back is in the result, over any number of merges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git, git_range

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange

_PLAIN: Final = ("-c", "merge.renames=false", "-c", "merge.directoryRenames=false", "-c", "core.bare=true")
_MERGE: Final = ("merge-tree", "--write-tree", "--allow-unrelated-histories", "--no-messages", "--name-only", "-z")
_NAMED: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "crypto-team"), ("EMAIL", "crypto-team@localhost"), ("DATE", "@0 +0000"))
}


def decided(root: Path, commit: Commit) -> dict[str, FileChange]:
    """Return what a merge made otherwise than git does by itself, by path; a conflict counts whatever came of it.

    Raises
    ------
    CryptoTeamError
        git is older than 2.38 and cannot merge without a work tree, or an object is not here.
    """
    tree, conflicts = _merged(root, commit.parents)
    found = {item.path: item for item in git_range.between(root, tree, commit.name)}
    own = {item.path: item for item in commit.changes}
    # The change against the parents says more than the one against a file with marks of a conflict.
    chosen = {path: own.get(path, item) for path, item in found.items()}
    for path in conflicts - chosen.keys():
        sides = [item for parent in commit.parents for item in git_range.between(root, parent, commit.name)]
        chosen |= {item.path: item for item in sides if item.path == path}
    return chosen


def conflicts(root: Path, ours: str, theirs: str) -> set[str]:
    """Return the paths, from the root of the repository, that git cannot merge itself.

    Raises
    ------
    CryptoTeamError
        git is older than 2.38, or one of the commits is not there.
    """
    sides = (
        git.run(root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}") for name in (ours, theirs)
    )
    return _merged(root, tuple(sides))[1]


def _merged(root: Path, parents: tuple[str, ...]) -> tuple[str, set[str]]:
    """Merge commits one after the other; return the tree, and the paths that had a conflict."""
    folder = git.common_dir(root)
    # Neither the index nor a work tree: attributes of a proposal must not choose how its merge is judged.
    extra = {"GIT_DIR": str(folder), "GIT_INDEX_FILE": str(folder / "no-such-index"), **_NAMED}
    tip, tree, conflicts = parents[0], "", set[str]()
    for number, parent in enumerate(parents[1:], start=1):
        done = git.attempt(folder, *_PLAIN, *_MERGE, tip, parent, extra=extra)
        if done.returncode not in {0, 1} or not done.stdout:
            words = done.stderr.decode(errors="replace").strip()[:300]
            hint = "judging merges needs git 2.38 or newer, and the whole history"
            raise CryptoTeamError(f"git cannot merge {tip[:10]} and {parent[:10]} again: {words}", hint=hint)
        tree, *names = filter(None, done.stdout.decode(errors="replace").split("\0"))
        conflicts.update(names)
        if number < len(parents) - 1:
            made = git.attempt(folder, "commit-tree", tree, "-p", tip, "-p", parent, "-m", "merge", extra=extra)
            tip = made.stdout.decode().strip()
    return tree, conflicts


def against_parents(root: Path, commit: Commit) -> list[FileChange]:
    """Return what a merge changed or removed of what its parents hold, once for each parent."""
    sides = (git_range.between(root, parent, commit.name) for parent in commit.parents)
    return [item for side in sides for item in side if item.status != "A"]
