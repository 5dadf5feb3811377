"""Small functions over the git command: argument lists, no shell, no inherited GIT_* variables, no skipped hooks."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError, LockTimeoutError
from crypto_team.kb import git_dirs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NETWORK_SECONDS = 30.0
_COMMIT_TRIES = 40
_ORIGIN = "refs/remotes/origin/HEAD"
_STAGED = ("diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff")
_MATTERS = r"^((user|author|committer)\.(name|email)|core\.hookspath|commit\.(gpgsign|cleanup)|i18n\.commitencoding)$"
_USUAL = ("refs/heads/main", "refs/heads/master")
_SETTINGS = ("core.fsmonitor=false", "gc.autoDetach=false", "maintenance.autoDetach=false")
HELD: set[int] = set()
"""Write locks that this process holds: git children inherit them, so that a killed parent's git still counts."""
NAMED = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"}


def _environment() -> dict[str, str]:
    """Return the environment without GIT_* (a hook in a linked worktree leaks GIT_DIR)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in NAMED}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def attempt(
    folder: Path,
    *arguments: str,
    stdin: bytes | None = None,
    extra: Mapping[str, str] | None = None,
    inherit_index: bool = False,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git and return what came of it, whatever that is.

    `extra` is added to the environment; `inherit_index` keeps the index that git gave to the hook which runs us. What
    does not end within `timeout` seconds counts as failed with 124.
    """
    # A repository that somebody else prepared must not name a program that `git status` then starts.
    # What cleans up behind a commit must not outlive it, because it would keep the write lock.
    quiet = [part for name in _SETTINGS for part in ("-c", name)]
    command = ["git", *quiet, "-C", str(folder), *arguments]
    environment = _environment() | dict(extra or {})
    if inherit_index and os.environ.get("GIT_INDEX_FILE"):
        environment["GIT_INDEX_FILE"] = str(Path(os.environ["GIT_INDEX_FILE"]).absolute())
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            env=environment,
            timeout=timeout,
            pass_fds=tuple(HELD),
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, b"", f"no answer within {timeout:.0f} seconds".encode())
    except FileNotFoundError as problem:
        raise CryptoTeamError("git is not installed", hint="install git and run the command again") from problem


def run(folder: Path, *arguments: str, stdin: bytes | None = None, inherit_index: bool = False) -> str:
    """Run git and return its output without the last newline; a failure is a foreseen error with git's words."""
    done = attempt(folder, *arguments, stdin=stdin, inherit_index=inherit_index)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise CryptoTeamError(f"git {arguments[0]} failed: {words}", where=str(folder))
    return done.stdout.decode(errors="replace").rstrip("\n")


def enclosing(folder: Path) -> Path | None:
    """Return the root of the work tree that the folder lies in, None outside of any."""
    found = attempt(folder, "rev-parse", "--show-toplevel").stdout.decode(errors="replace").rstrip("\n")
    return Path(found).resolve() if found else None


def init(folder: Path) -> None:
    """Make a repository whose first branch is main."""
    run(folder, "init", "-q", "-b", "main")


def common_dir(folder: Path) -> Path:
    """Return the git directory that all worktrees share."""
    found = git_dirs.common(folder)
    return found if found is not None else (folder / run(folder, "rev-parse", "--git-common-dir")).resolve()


def head(folder: Path) -> str | None:
    """Return the commit that is checked out, None before the first."""
    done = attempt(folder, "rev-parse", "-q", "--verify", "HEAD")
    return done.stdout.decode().strip() or None


def branch(folder: Path) -> str | None:
    """Return the branch that is checked out, None when HEAD is detached."""
    done = attempt(folder, "symbolic-ref", "-q", "--short", "HEAD")
    return done.stdout.decode().strip() or None


def default_branch(folder: Path) -> str:
    """Return the branch that views are written on: what origin calls HEAD, else main or master, else this one."""
    listed = run(folder, "for-each-ref", "--format=%(refname) %(symref)", _ORIGIN, *_USUAL).splitlines()
    known = dict(line.split(" ", 1) for line in listed)
    if known.get(_ORIGIN):
        return known[_ORIGIN].removeprefix("refs/remotes/origin/")
    found = next((name for name in _USUAL if name in known), None)
    return found.removeprefix("refs/heads/") if found else branch(folder) or "main"


def create_ref(folder: Path, name: str, content: bytes) -> bool:
    """Create a ref to a blob; False where somebody has it or is making it. Atomic over processes and worktrees."""
    blob = run(folder, "hash-object", "-w", "--stdin", stdin=content)
    done = attempt(folder, "update-ref", name, blob, "")  # an empty old value: nothing may be there
    words = done.stderr.decode(errors="replace").strip()
    taken = done.returncode and (
        ".lock': File exists" in words or attempt(folder, "rev-parse", "-q", "--verify", name).returncode == 0
    )
    if done.returncode and not taken:
        raise CryptoTeamError(f"git cannot keep the ref {name}: {words}", where=str(folder))
    return not taken


def empty_tree(folder: Path) -> str:
    """Return the name of the folder without files, in the hash that the repository uses."""
    return run(folder, "hash-object", "-t", "tree", "--stdin", stdin=b"")


def delete_ref(folder: Path, name: str, content: bytes | None = None) -> None:
    """Delete a ref; with `content` only while it points there."""
    expected = [run(folder, "hash-object", "--stdin", stdin=content)] if content is not None else []
    attempt(folder, "update-ref", "-d", name, *expected)


def refs(folder: Path, prefix: str) -> list[str]:
    """Return the full names of the refs under a prefix."""
    return run(folder, "for-each-ref", "--format=%(refname)", prefix).splitlines()


def changed_since_commit(folder: Path, paths: Sequence[Path]) -> list[str]:
    """Return which of the paths differ from the last commit or are not tracked."""
    listed = run(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--", *map(str, paths))
    return [item[3:] for item in listed.split("\0") if item]


def tree(folder: Path, path: Path) -> str | None:
    """Return the hash of a folder as the last commit has it, None where it has no such folder."""
    inner = Path(os.path.relpath(path, folder)).as_posix()
    done = attempt(folder, "rev-parse", "-q", "--verify", f"HEAD:./{inner}")
    return done.stdout.decode().strip() or None


def blobs(folder: Path, path: Path) -> dict[str, str]:
    """Return the object name of every tracked file under a path, by file name."""
    found = (line.partition("\t") for line in run(folder, "ls-files", "-s", "-z", "--", str(path)).split("\0") if line)
    return {name.rpartition("/")[2]: fields.split()[1] for fields, _, name in found}


def hidden(folder: Path, path: Path) -> list[str]:
    """Return the tracked files under a path whose changes git was told not to see."""
    listed = run(folder, "ls-files", "-v", "-z", "--", str(path)).split("\0")
    return [item[2:] for item in listed if item and (item[0].islower() or item[0] == "S")]


def unfinished(folder: Path) -> str | None:
    """Return what git is in the middle of that forbids commits of single files: `merge`, `cherry-pick`, or None."""
    private = git_dirs.private(folder) or folder / run(folder, "rev-parse", "--git-dir")
    marks = {"MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick"}
    return next((name for mark, name in marks.items() if (private / mark).exists()), None)


def _settings(folder: Path) -> set[str]:
    """Return which settings that matter to a commit are made somewhere."""
    found = attempt(folder, "config", "--name-only", "--get-regexp", _MATTERS)
    return set(found.stdout.decode(errors="replace").lower().split())


def _identity(folder: Path, settings: set[str]) -> list[str]:
    """Return settings that name a committer where the machine has none."""
    if {"user.name", "user.email"} <= settings:
        return []
    if attempt(folder, "var", "GIT_COMMITTER_IDENT").returncode == 0 and run(
        folder, "config", "--default", "", "user.name"
    ):
        return []
    return ["-c", "user.name=crypto-team", "-c", "user.email=crypto-team@localhost"]


def commit(folder: Path, paths: Sequence[Path], message: str, trailers: Mapping[str, str]) -> str | None:
    """Commit exactly these paths with trailers; None where nothing changed. Retries while others hold the index.

    The message becomes one line, so that no text of a user can pose as a trailer.
    """
    names = sorted({str(path) for path in paths if path.exists() or tracked(folder, path)})
    if not names:
        return None
    text = " ".join(message.split()) + "\n\n" + "".join(f"{key}: {value}\n" for key, value in trailers.items())
    for number in range(_COMMIT_TRIES):
        done = attempt(folder, "add", "-A", "-f", "--", *names)
        if done.returncode == 0:
            staged = run(folder, *_STAGED, "--", *names)
            if not staged:
                return None
            settings = _settings(folder)
            identity = _identity(folder, settings)
            made = _commit_staged(folder, identity, settings, staged, text)
            if made:
                return made
            done = _commit_once(folder, identity, names, text)
        words = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode == 0:
            return head(folder)
        if "index.lock" not in words and "cannot lock ref" not in words:
            raise CryptoTeamError(
                f"git refused the commit: {words.strip()[:500] or 'a hook did, and said nothing'}",
                where=str(folder),
                hint="the files are written, not committed; mend what git says, then crypto-team doctor --repair",
            )
        time.sleep(random.uniform(0.01, 0.05) * min(number + 1, 10))  # noqa: S311 - jitter, not a secret
    raise LockTimeoutError(
        "the git index stayed locked",
        where=str(folder / run(folder, "rev-parse", "--git-path", "index.lock")),
        hint="when no git process runs any more, remove this file; the next command then finishes this operation",
    )


def unstage(folder: Path, paths: Sequence[Path]) -> None:
    """Take files out of what the next commit of anybody would carry; they stay as they are in the work tree."""
    verb = ("reset", "-q") if head(folder) else ("rm", "-q", "--cached", "--ignore-unmatch")
    attempt(folder, *verb, "--", *map(str, paths))


def _commit_staged(folder: Path, identity: list[str], settings: set[str], staged: str, text: str) -> str | None:
    """Commit what is staged without a look at everything else, where that is the same; return the commit if so."""
    from crypto_team.kb import git_large  # which stands on this module

    plain = settings <= {"user.name", "user.email"}
    return git_large.commit(folder, identity, staged, text) if plain and git_large.possible(folder) else None


def _commit_once(folder: Path, identity: list[str], names: list[str], text: str) -> subprocess.CompletedProcess[bytes]:
    said = {
        f"CRYPTO_TEAM_{key.upper()}": value
        for line in text.splitlines()
        for mark, key in (("Crypto-Team-Role: ", "role"), ("Crypto-Team-Tool: ", "tool"))
        for value in [line.removeprefix(mark)]
        if line.startswith(mark)
    }
    arguments = [*identity, "commit", "-q", "--only", "-F", "-", "--", *names]
    return attempt(folder, *arguments, stdin=text.encode(), extra=said)


def tracked(folder: Path, path: Path) -> bool:
    """Return whether git tracks a file."""
    return attempt(folder, "ls-files", "--error-unmatch", "--", str(path)).returncode == 0


def last_trailer(folder: Path, key: str, path: Path) -> str | None:
    """Return a trailer of the newest commit that touched a path."""
    pattern = f"%(trailers:key={key},valueonly)"
    found = run(folder, "log", "-1", f"--format={pattern}", "--", str(path)).strip()
    return found or None
