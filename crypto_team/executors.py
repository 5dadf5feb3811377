"""Where code that somebody else wrote runs: in limited child processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, cast

from crypto_team.errors import WorkerError
from crypto_team.sandbox import PLAN, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FILE_BYTES = 2_000_000_000
_MEMORY = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in (("hugetlb", 1), ("mmap_threshold", 2**25), ("trim_threshold", 2**28), ("top_pad", 2**25))
)
"""Arrays come and go in every job: memory is taken in large pieces, where the system has them, and kept."""
_PACKAGE = Path(__file__).resolve().parent
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")


def child_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a child process: no secrets, its own home, one thread, our package importable."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    return {
        **kept,
        **threads,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(_PACKAGE.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_WAIT_POLICY": "PASSIVE",
        "GLIBC_TUNABLES": _MEMORY,
    }


def run_child(command: Sequence[str], folder: Path, *, seconds: float, memory_mb: int) -> str:
    """Run a command in its own process group with limits; return its standard output.

    Raises
    ------
    WorkerError
        It failed, took too long, or used too much memory; the log stays in `folder`/child.log.
    """
    log = folder / "child.log"
    with log.open("wb") as stream:
        child = _begun(command, folder, stream, seconds=seconds, memory_mb=memory_mb)
        try:
            output, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise _late(seconds) from None
        finally:
            _stop(child)
    if child.returncode:
        raise failure(tail(log), child.returncode)
    return output.decode(errors="replace")


def _begun(
    command: Sequence[str],
    folder: Path,
    log: IO[bytes],
    *,
    seconds: float,
    memory_mb: int,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, with limits for each of its processes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        cpu = int(seconds) + 5
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))

    return subprocess.Popen(
        list(command),
        cwd=folder,
        env=child_environment(folder),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
        preexec_fn=limit,  # noqa: PLW1509 - only limits are set; no thread of ours holds a lock the child needs
    )


class LateError(WorkerError):
    """The time was over before the work was done."""


def _late(seconds: float) -> LateError:
    return LateError(
        f"the child process was stopped after {seconds:g} seconds", hint="make the code faster, or use less data"
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def failure(log: str, code: int) -> WorkerError:
    """Turn the log of a failed child into one sentence: the last line of its traceback and where that was."""
    lines = [line for line in log.splitlines() if line.strip()]
    places = re.findall(r'File "([^"]+)", line (\d+)', log)
    library = ("crypto_team", "importlib", "site-packages", "/lib/python", "<")
    own = [place for place in places if not any(word in place[0] for word in library)]
    named = {"-9": "it was killed (out of memory?)", "-24": "it used up its CPU time", "-6": "it ran out of memory"}
    what = named.get(str(code)) or (lines[-1].strip()[:300] if lines else f"exit code {code}")
    where = f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else None
    return WorkerError(f"the code failed in its child process: {what}", where=where)


def run_limited(
    target: str,
    folder: Path,
    *,
    jobs: Sequence[str] = (),
    modules: Sequence[str] = (),
    seconds: float = 120.0,
    memory_mb: int = 4096,
) -> None:
    """Call `package.module:function` with folders in guarded child processes; data go in and out as files.

    Parameters
    ----------
    target
        The function; it takes a folder.
    folder
        Where the data lie.
    jobs
        Names of sub-folders. Each goes to a process of its own that cannot see the others; none means the folder.
    modules
        Libraries that the code imports, loaded once for all jobs.
    seconds, memory_mb
        Limits of all jobs together, and of each process.

    Raises
    ------
    WorkerError
        A job failed, took too long or used too much memory.

    Notes
    -----
    A job has no network, starts no processes, and sees only its folder and the Python installation. Python's audit
    hooks hold that everywhere, the kernel (Landlock) where it can, for libraries that open files themselves.
    """
    # A file, and not the command line: no job may learn how many others there are.
    plan = {"target": target, "jobs": list(jobs) or ["."], "modules": list(modules)}
    (folder / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    command = [sys.executable, "-m", "crypto_team.sandbox", str(folder)]
    run_child(command, folder, seconds=seconds, memory_mb=memory_mb)


class Host:
    """A guarded child process that stays: its libraries are loaded once, and each job is a fork of it.

    Jobs are folders below `folder`, each handed to `package.module:function` in a process that sees nothing else, with
    what `run_limited` forbids. A job that dies leaves the others alone.
    """

    def __init__(
        self, target: str, folder: Path, *, modules: Sequence[str], seconds: float, memory_mb: int, at_once: int
    ) -> None:
        plan = {"target": target, "jobs": [], "modules": list(modules), "at_once": at_once}
        (folder / PLAN).write_text(json.dumps(plan), encoding="utf-8")
        self._log = (folder / "child.log").open("wb")
        command = [sys.executable, "-m", "crypto_team.sandbox", str(folder)]
        self._child = _begun(command, folder, self._log, seconds=seconds, memory_mb=memory_mb, stdin=subprocess.PIPE)
        self._folder = folder
        self._asked, self._told = cast("IO[bytes]", self._child.stdin), cast("IO[bytes]", self._child.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _stop(self._child)
        for stream in (self._asked, self._told, self._log):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def run(self, jobs: Sequence[str], *, seconds: float) -> None:
        """Run jobs and wait for all of them; what they wrote lies in their folders.

        Raises
        ------
        WorkerError
            They took too long, or the host itself ended.
        """
        with contextlib.suppress(BrokenPipeError):
            self._asked.write(json.dumps(list(jobs)).encode() + b"\n")
            self._asked.flush()
        if not select.select([self._told], [], [], seconds)[0]:
            raise _late(seconds)
        if not self._told.readline():
            code = self._child.wait()
            raise failure(tail(self._folder / "child.log"), code)
