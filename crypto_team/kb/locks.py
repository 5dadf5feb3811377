"""One writer at a time: an advisory lock in the git directory that the system frees when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crypto_team.errors import LockTimeoutError
from crypto_team.kb import git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout

WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.02


@contextmanager
def locked(layout: Layout, holder: str, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the write lock of the workspace, shared by all worktrees of its repository.

    Raises
    ------
    LockTimeoutError
        Somebody else held it for `wait_seconds`; the error names the holder.
    """
    path = git.common_dir(layout.root) / "crypto-team" / "write.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _in_turn(handle, path, wait_seconds)
        os.truncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "holder": holder}).encode(), 0)
        git.HELD.add(handle)
        yield
    finally:
        git.HELD.discard(handle)
        os.close(handle)


def _in_turn(handle: int, path: Path, wait_seconds: float) -> None:
    """Take the lock as the only one who waits for it: whoever just had it cannot take it again before the others."""
    until = time.monotonic() + wait_seconds
    turn = os.open(path.with_name("turn.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(turn, handle, path, until)
        _acquire(handle, handle, path, until)
    finally:
        os.close(turn)


def _acquire(wanted: int, handle: int, path: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(wanted, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise LockTimeoutError(
                    f"the workspace is being written by {_holder(handle)}",
                    where=str(path),
                    hint="wait for it to finish and run the command again",
                ) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _holder(handle: int) -> str:
    """Return who wrote their name into the lock file."""
    try:
        found = json.loads(os.pread(handle, 4096, 0))
        return f"{found['holder']} (process {found['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
