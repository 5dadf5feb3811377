"""Where work runs: threads for our own learners, a limited child process for code that somebody else wrote."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crypto_team.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")
MOST_FILE_BYTES = 2_000_000_000
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")
_FORBIDDEN_EVENTS = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.kill",
    "ctypes.dlopen",
)
_FILE_EVENTS = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.truncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def parallel_map(function: Callable[[T], R], items: Sequence[T], *, workers: int = 2) -> list[R]:
    """Apply a function in threads and return the results in order; an error or Ctrl-C cancels what has not begun."""
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def child_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a child process: no secrets, its own home, one thread, our package importable."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    package_parent = str(Path(__file__).resolve().parent.parent)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    return {
        **kept,
        **threads,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": package_parent,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def run_child(command: Sequence[str], folder: Path, *, seconds: float, memory_mb: int) -> str:
    """Run a command in its own process group with limits; return its standard output.

    Raises
    ------
    WorkerError
        It failed, took too long, or used too much memory; the log stays in `folder`/child.log.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        cpu = int(seconds) + 5
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))

    log = folder / "child.log"
    with log.open("wb") as stream:
        child = subprocess.Popen(
            list(command),
            cwd=folder,
            env=child_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
            preexec_fn=limit,  # noqa: PLW1509 - only limits are set; no thread of ours holds a lock the child needs
        )
        try:
            output, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise WorkerError(
                f"the child process was stopped after {seconds:g} seconds",
                hint="make the code faster, or use less data",
            ) from None
        finally:
            _stop(child)
    if child.returncode:
        raise failure(log.read_text(errors="replace"), child.returncode)
    return output.decode(errors="replace")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def failure(log: str, code: int) -> WorkerError:
    """Turn the log of a failed child into one sentence: the last line of its traceback and where that was."""
    lines = [line for line in log.splitlines() if line.strip()]
    places = re.findall(r'File "([^"]+)", line (\d+)', log)
    own = [place for place in places if "crypto_team" not in place[0] and "importlib" not in place[0]]
    named = {"-9": "it was killed (out of memory?)", "-24": "it used up its CPU time", "-6": "it ran out of memory"}
    what = named.get(str(code)) or (lines[-1].strip()[:300] if lines else f"exit code {code}")
    where = f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else None
    return WorkerError(f"the code failed in its child process: {what}", where=where)


def run_limited(target: str, folder: Path, *, seconds: float = 120.0, memory_mb: int = 4096) -> None:
    """Call `package.module:function` with a folder in a guarded child; data go in and out as files of that folder.

    The child has no network, starts no processes, and writes to the folder alone.
    """
    run_child(
        [sys.executable, "-m", "crypto_team.executors", target, str(folder)],
        folder,
        seconds=seconds,
        memory_mb=memory_mb,
    )


def guard(folder: Path) -> None:
    """Refuse, from now on and for good, network, processes, and writes outside a folder. Called in the child."""
    root = str(folder.resolve())

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN_EVENTS):
            raise PermissionError(f"{event} is not allowed in feature and strategy code")
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            _inside(arguments[0], root)
        if event in _FILE_EVENTS:
            _inside(arguments[0], root)

    sys.addaudithook(watch)


def _inside(path: Any, root: str) -> None:
    if isinstance(path, int):
        return
    real = os.path.realpath(os.fsdecode(path))
    if real != os.devnull and not (real + os.sep).startswith(root + os.sep):
        raise PermissionError(f"writing outside of its own folder is not allowed: {Path(real).name}")


def _main(target: str, folder: str) -> None:
    """Run in the child: import the target with everything it needs, raise the guard, call it."""
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    guard(Path(folder))
    function(Path(folder))


if __name__ == "__main__":
    _main(*sys.argv[1:3])
