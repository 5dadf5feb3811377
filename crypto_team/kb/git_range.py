"""What the commits of a range changed, and files as they were at a commit. Read-only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.kb import git, git_dirs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINK: Final = "120000"
SUBMODULE: Final = "160000"
HEAD_TRAILER: Final = "Crypto-Team-Head"
"""The trailer in which a commit announces the digest of the handoff record that it adds."""
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_ID = re.compile(r"[0-9a-f]{7,64}")
_TRAILER = re.compile(r"^(Crypto-Team-[A-Za-z-]+): (.+)$")


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that a commit changed: `status` is A, M, D or T, `mode` and `blob` what it became.

    `old` is the blob before, with several parents that of the first.
    """

    path: str
    status: str
    mode: str
    blob: str
    old: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit with its author's address, its trailers and what it changed against all of its parents."""

    name: str
    author: str
    subject: str
    trailers: dict[str, list[str]]
    changes: tuple[FileChange, ...]
    parents: tuple[str, ...] = ()

    def trailer(self, key: str) -> str | None:
        """Return a trailer that is said exactly once; two contradicting ones say nothing."""
        found = set(self.trailers.get(f"Crypto-Team-{key}", ()))
        return found.pop() if len(found) == 1 else None


def resolve(folder: Path, name: str) -> str:
    """Return the hash of the commit that `name` means: HEAD, a branch, a remote branch or a commit id, and one only.

    git itself prefers a tag to a branch, and a branch to a remote one, of the same name: whoever may push a tag could
    choose what a range is judged against. Tags count by their full name, `refs/tags/NAME`, only.

    Raises
    ------
    UsageError
        More than one ref is called so.
    NotFoundError
        There is no such commit here, for example in a shallow clone.
    """
    stem, steps = re.fullmatch(r"(.*?)((?:[~^][0-9]*)*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    full = stem if stem == "HEAD" or _ID.fullmatch(stem) else _ref(folder, stem)
    words = f"{full}{steps}^{{commit}}"
    done = git.attempt(folder, "rev-parse", "-q", "--verify", "--end-of-options", words)
    found = done.stdout.decode().strip()
    if not full or done.returncode or not found:
        hint = "fetch it first: git fetch --no-tags origin BRANCH (in CI: fetch-depth: 0)"
        raise NotFoundError(f"there is no commit or branch {name[:80]!r}", where=str(folder), hint=hint)
    return found


def _ref(folder: Path, name: str) -> str:
    """Return the one ref that a name means, or an abbreviated commit id that no ref is called; empty where none is."""
    places = ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/")
    asked = {f"{place}{name}" for place in places if f"{place}{name}".startswith("refs/")}
    asked.add(f"refs/remotes/{name}/HEAD")
    listed = git.run(folder, "for-each-ref", "--format=%(refname)", *sorted(asked)).splitlines()
    carriers = [name] if name in listed else sorted(asked.intersection(listed))
    if len(carriers) > 1:
        hint = f"write out which one is meant: {' or '.join(carriers)}"
        raise UsageError(f"{len(carriers)} refs are called {name[:80]!r}: {', '.join(carriers)}", hint=hint)
    if not carriers:
        return name if _SHORT_ID.fullmatch(name) else ""
    if carriers[0] != name and carriers[0].startswith("refs/tags/"):
        hint = f"tags can be pushed by more people than branches; where this one is meant: {carriers[0]}"
        raise UsageError(f"{name[:80]!r} is a tag, not a branch", hint=hint)
    return carriers[0]


def require_history(folder: Path) -> None:
    """Refuse a clone whose history was cut off: what is not here cannot be checked."""
    if git.run(folder, "rev-parse", "--is-shallow-repository") == "true":
        hint = "git fetch --unshallow (in CI: fetch-depth: 0)"
        raise NotFoundError("this clone is shallow; commits of the range may be missing", where=str(folder), hint=hint)


def commits(folder: Path, base: str, tip: str = "HEAD") -> list[Commit]:
    """Return the commits that are in `tip` and not in `base`, oldest first."""
    names = git.run(folder, "rev-list", "--reverse", "--topo-order", f"{base}..{resolve(folder, tip)}").split()
    return [_commit(folder, name) for name in names]


def _commit(folder: Path, name: str) -> Commit:
    shown = git.run(
        folder, "show", "-s", "--no-show-signature", "--format=%ae%x00%s%x00%P%x00%(trailers:only,unfold)", name
    )
    author, subject, parents, text = shown.split("\0", 3)
    trailers: dict[str, list[str]] = {}
    for line in text.splitlines():
        found = _TRAILER.match(line)
        if found:
            trailers.setdefault(found[1], []).append(found[2].strip())
    raw = git.run(folder, "diff-tree", "-r", "-c", "--root", "--raw", "-z", "--no-commit-id", "--no-abbrev",
                  "--no-renames", "--no-ext-diff", name)  # fmt: skip
    return Commit(name, author, subject, trailers, tuple(parsed(raw)), tuple(parents.split()))


def merged_base(folder: Path, base: str, tip: str = "HEAD") -> str | None:
    """Return the newest commit of `base` that `tip` holds; None where they have nothing in common."""
    done = git.attempt(folder, "merge-base", base, tip)
    return done.stdout.decode().strip() or None


def between(folder: Path, start: str, tip: str) -> list[FileChange]:
    """Return what differs between two commits, whatever lies between them."""
    raw = git.run(folder, "diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", start,
                  tip)  # fmt: skip
    return parsed(raw)


def parsed(raw: str) -> list[FileChange]:
    """Read `--raw -z` output, also that of merges, where a path counts only if it differs from every parent."""
    pieces = raw.split("\0")
    found = []
    for head, path in zip(pieces[::2], pieces[1::2], strict=False):
        parents = len(head) - len(head.lstrip(":"))
        fields = head.lstrip(":").split(" ")
        modes, blobs, status = fields[: parents + 1], fields[parents + 1 : -1], fields[-1]
        one = "D" if set(modes[-1]) == {"0"} else status[-1]
        found.append(FileChange(path, one, modes[-1], blobs[-1], blobs[0]))
    return found


def staged(folder: Path) -> list[FileChange]:
    """Return what the index that git hands to its hooks would commit."""
    against = git.head(folder) or git.empty_tree(folder)
    raw = git.run(folder, "diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff",
                  against, inherit_index=True)  # fmt: skip
    return parsed(raw)


def content(folder: Path, commit: str, path: str) -> bytes | None:
    """Return a file as it was at a commit, None where it was not there; links are not followed."""
    done = git.attempt(folder, "cat-file", "blob", f"{commit}:{path}")
    return None if done.returncode else done.stdout


def listed(folder: Path, commit: str, path: str) -> list[str]:
    """Return the names of the files directly in a folder as it was at a commit; none where it was not there."""
    done = git.attempt(folder, "ls-tree", "-z", "--name-only", "--end-of-options", f"{commit}:{path}")
    return [] if done.returncode else [name for name in done.stdout.decode(errors="replace").split("\0") if name]


def workspaces(folder: Path, commit: str) -> list[str]:
    """Return the path of every `.crypto` folder that a commit holds, from the root of the repository."""
    listed = git.run(folder, "ls-tree", "-r", "-d", "-z", "--name-only", "--full-tree", commit).split("\0")
    return [name for name in listed if name.rpartition("/")[2] == ".crypto"]


def sizes(folder: Path, names: Sequence[str]) -> dict[str, int]:
    """Return how large blobs are, without reading them; those that are not here are left out."""
    asked = "".join(f"{name}\n" for name in dict.fromkeys(names))
    said = git.run(folder, "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked.encode())
    fields = [line.split() for line in said.splitlines()]
    return {name: int(size) for name, size in (item for item in fields if len(item) == 2) if size.isdecimal()}


def blob(folder: Path, name: str) -> bytes:
    """Return the bytes of a blob."""
    done = git.attempt(folder, "cat-file", "blob", name)
    return done.stdout


def prefix(folder: Path) -> str:
    """Return the path of a folder from the root of its work tree, empty or with a slash at its end."""
    top = git_dirs.work_tree(folder)
    if top is None:
        return git.run(folder, "rev-parse", "--show-prefix")
    inner = folder.relative_to(top).as_posix()
    return "" if inner == "." else f"{inner}/"
