"""Writing files so that a reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from crypto_team.errors import CryptoTeamError

DISK_HINTS: Final = {
    errno.ENOSPC: "free some disk space and run the command again",
    errno.EDQUOT: "your quota on this disk is used up; free some space and run the command again",
    errno.EFBIG: "files may not grow that large here; raise the limit (ulimit -f) and run the command again",
    errno.EACCES: "check who owns the folder and its permissions",
    errno.EROFS: "the file system is read-only; use another folder",
}
"""What to do about a disk that does not take a file."""


def write_atomic(path: Path, content: bytes, *, scratch: Path | None = None) -> None:
    """Write a file by temp + fsync + rename + fsync of the folder.

    `scratch` is a folder on the same file system for the temporary file, so that a kill leaves nothing beside `path`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=scratch or path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        sync_folder(path.parent)
    except OSError as problem:
        raise disk_error(path, problem) from problem


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(path: Path, problem: OSError) -> CryptoTeamError:
    """Turn a failed write into an error that says what to do; the old content is still there."""
    return CryptoTeamError(
        f"cannot write: {problem.strerror or problem}; the file is as it was",
        where=str(path),
        hint=DISK_HINTS.get(problem.errno or 0, "check the disk and run the command again"),
    )


def revision_of(path: Path) -> str | None:
    """Return the hash of what is on disk, None where there is no file."""
    return sha256(path.read_bytes()) if path.exists() else None


def sha256(content: bytes) -> str:
    """Return the hash as documents write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
