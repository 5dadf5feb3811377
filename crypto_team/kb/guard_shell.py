"""What a shell command may do to the knowledge base, as far as its words tell.

A shell can hide a path in more ways than anybody can list: this stops accidents, and CI stops the rest.
"""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from crypto_team.kb.paths import Layout, find_layout, looks_like_ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HARMLESS: Final = {
    "cat", "head", "tail", "ls", "grep", "rg", "wc", "diff", "stat", "file", "tree", "sort", "uniq", "cut", "jq",
    "less", "echo", "cd", "pwd", "true", "test", "sha256sum", "cmp", "crypto-team",
}  # fmt: skip
_GIT_READS: Final = {"log", "diff", "show", "status", "blame", "ls-files", "grep", "rev-parse", "cat-file"}
_GIT_VALUES: Final = {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env"}
"""Options of git itself whose value is the next word."""
_GIT_PATHS: Final = {"checkout", "restore", "rm", "mv", "clean", "checkout-index"}
"""What changes the files that it is told."""
_GIT_EVERYTHING: Final = {"stash", "apply", "am", "read-tree", "filter-branch", "update-index", "sparse-checkout"}
"""What changes files of the work tree wherever they lie, without a commit that would have to be judged."""
_THROWS_AWAY: Final = {"--hard", "--merge", "--keep", "-f", "--force", "--discard-changes"}
_FILE_MOVERS: Final = {"rm", "mv", "cp", "ln", "chmod", "chown", "rsync", "shred", "truncate", "touch", "install"}
_WRITES: Final = re.compile(r">|<\(|`|\$\(|\n")
_GLOB: Final = re.compile(r"[*?\[{]")


def refused(command: str, here: Path) -> str | None:
    """Return what is wrong about a command, None where it may run.

    What touches the knowledge base has to be a reader or crypto-team itself; of git everywhere in a workspace what
    puts files back, throws changes away, or takes a path that holds the knowledge base.
    """
    place = here.resolve() if here.exists() else None
    layout = find_layout(place) if place is not None else None
    inside = layout is not None and place is not None and place.is_relative_to(layout.crypto)
    named = ".crypto" in command.casefold() or inside
    try:
        parts = list(_programs(command))
    except ValueError:
        return "this command cannot be read" if named else None
    named = named or any(map(_may_be_ours, parts))
    if named and _WRITES.search(re.sub(r"2>&1|[12]?>\s*/dev/null", "", command)):
        return "a command that may write to the knowledge base"
    if named:
        guilty = next((words[0] for words in parts if not _reads(words)), None)
        return f"{guilty} may write to the knowledge base" if guilty is not None else None
    if layout is None:
        return None
    found = any(words[0] == "git" and _puts_back(words[1:], here, layout) for words in parts)
    return "git would change files of the knowledge base without a commit of a role" if found else None


def _programs(command: str) -> Iterator[list[str]]:
    """Yield the words of each program of a command line."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word and set(word) <= set("|&;()"):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def _may_be_ours(words: Sequence[str]) -> bool:
    """Say whether a shell may make `.crypto` of a part of some word: by quotes within the name, or by a glob.

    What begins like regular expressions do (`.*`) counts only for programs that take files and nothing else.
    """
    least = "." if words[0] in _FILE_MOVERS else ".c"
    return any(_part_may_be_ours(part.casefold(), least) for word in words for part in re.split(r"[/=:]", word))


def _part_may_be_ours(part: str, least: str) -> bool:
    if looks_like_ours(part):
        return True
    glob = _GLOB.search(part)
    pattern = re.sub(r"\{[^}]*\}?", "*", part)
    return glob is not None and part[: glob.start()].startswith(least) and fnmatchcase(".crypto", pattern)


def _reads(words: Sequence[str]) -> bool:
    if words[0] == "git":
        named = [word for word in words[1:] if not word.startswith("-")]
        return bool(named) and named[0] in _GIT_READS and not any(word.startswith("--output") for word in words)
    return words[0] in _HARMLESS and not any(word.startswith(("-o", "--output")) for word in words[1:])


def _puts_back(words: Sequence[str], here: Path, layout: Layout) -> bool:
    """Say whether a git command may change files of the knowledge base other than by commits."""
    given = iter(words)
    action = next((word for word in given if not _skipped(word, given)), "")
    rest = list(given)
    options, alone = {word for word in rest if word.startswith("-")}, action == "clean" and not _paths(action, rest)
    if action in {"reset", "checkout", "switch"} and _THROWS_AWAY & options:
        return True
    if action in _GIT_EVERYTHING:
        return not (action == "stash" and rest[:1] in (["list"], ["show"]))
    only_index = action == "restore" and "--staged" in options and not {"-W", "--worktree"} & options
    if action not in _GIT_PATHS or only_index or {"-n", "--dry-run"} & options:
        return False
    return alone or any(_holds(word, here, layout) for word in _paths(action, rest))


def _skipped(word: str, rest: Iterator[str]) -> bool:
    """Say whether a word is an option of git itself, and take its value along."""
    if word in _GIT_VALUES:
        next(rest, None)
    return word.startswith("-")


def _paths(action: str, words: Sequence[str]) -> list[str]:
    """Return what may be paths: behind `--` all of them; of a checkout without it whatever is no option."""
    if "--" in words:
        return list(words[words.index("--") + 1 :])
    plain = [word for word in words if not word.startswith("-")]
    new_branch = {"-b", "-B", "--orphan", "--detach", "-d"} & set(words)
    return [] if action == "checkout" and new_branch else plain


def _holds(word: str, here: Path, layout: Layout) -> bool:
    """Say whether a path, or what a glob of git matches, may be or hold the knowledge base."""
    if word.startswith(":"):
        return True  # magic of git: from the root, by attributes, all but
    parts = PurePosixPath(word).parts
    fixed = next((number for number, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    return _contains(here.joinpath(*parts[:fixed]), layout)


def _contains(place: Path, layout: Layout) -> bool:
    """Say whether a place is the knowledge base, lies in it, or holds it."""
    real = place.resolve()
    return layout.crypto.resolve().is_relative_to(real) or real.is_relative_to(layout.crypto.resolve())
