"""Where work runs: threads for our own learners, a limited child process for code that somebody else wrote."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crypto_team.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")
MOST_FILE_BYTES = 2_000_000_000
LOG_TAIL_BYTES = 65_536
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")
_PACKAGE = Path(__file__).resolve().parent
_SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/opt", "/nix/store"),
    *("/etc/ld.so.cache", "/etc/localtime", "/proc", "/sys/devices/system", "/sys/fs/cgroup", "/dev/urandom"),
)
_FORBIDDEN_EVENTS = (
    *("socket.__new__", "socket.connect", "socket.bind", "socket.send", "socket.getaddrinfo", "socket.gethostby"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.kill", "os.fork"),
)
_FILE_EVENTS = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.truncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Landlock (Linux 5.13, unified syscall numbers): rights by bit, and how many of them each version knows.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _NO_NEW_PRIVILEGES = 444, 445, 446, 38
_NEW_IPC, _NEW_USER = 0x08000000, 0x10000000
_EXECUTE, _WRITE, _READ, _LIST, _CUT = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_RIGHTS = 16


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
        raise failure(_tail(log), child.returncode)
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
    library = ("crypto_team", "importlib", "site-packages", "/lib/python", "<")
    own = [place for place in places if not any(word in place[0] for word in library)]
    named = {"-9": "it was killed (out of memory?)", "-24": "it used up its CPU time", "-6": "it ran out of memory"}
    what = named.get(str(code)) or (lines[-1].strip()[:300] if lines else f"exit code {code}")
    where = f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else None
    return WorkerError(f"the code failed in its child process: {what}", where=where)


def _tail(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return stream.read().decode(errors="replace")


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
    plan = json.dumps({"jobs": list(jobs) or ["."], "modules": list(modules)})
    command = [sys.executable, "-m", "crypto_team.executors", target, str(folder), plan]
    run_child(command, folder, seconds=seconds, memory_mb=memory_mb)


def readable() -> tuple[Path, ...]:
    """Return what every child may read: the Python installation, this package, system libraries."""
    parent = [_PACKAGE.parent] if _PACKAGE.parent.name in {"site-packages", "dist-packages"} else []
    libraries = [Path(item) for item in os.environ.get("LD_LIBRARY_PATH", "").split(":") if item]
    roots = [Path(sys.prefix), Path(sys.base_prefix), _PACKAGE, *parent, *libraries, *map(Path, _SYSTEM)]
    return tuple(dict.fromkeys(root.resolve() for root in roots if root.exists()))


def guard(folder: Path) -> None:
    """Refuse, from now on and for good, network, processes, and files elsewhere. Called in the child."""
    root = str(folder.resolve())
    roots = (root, os.devnull, *(str(item) for item in readable()))

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN_EVENTS):
            raise PermissionError(f"{event} is not allowed in feature and strategy code")
        if event == "open" and isinstance(arguments[2], int):
            writing = arguments[2] & _WRITING
            _inside(arguments[0], (root, os.devnull) if writing else roots, "writing" if writing else "reading")
        if event in _FILE_EVENTS:
            _inside(arguments[0], (root,), "writing")

    sys.addaudithook(watch)


def _inside(path: Any, roots: Sequence[str], what: str) -> None:
    if isinstance(path, int):
        return
    real = os.path.realpath(os.fsdecode(path))
    if not any((real + os.sep).startswith(root + os.sep) for root in roots):
        raise PermissionError(f"{what} outside of its own folder is not allowed: {Path(real).name}")


def confine(folder: Path) -> bool:
    """Let the kernel refuse files elsewhere and TCP, for this thread and what it starts; False where it cannot."""
    if sys.platform != "linux":
        return False
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    version = int(library.syscall(_CREATE_RULESET, None, 0, 1))
    if version < 1:
        return False
    rights = (1 << _RIGHTS_BY_VERSION.get(version, _NEWEST_RIGHTS)) - 1
    # Rights on files, on TCP (from version 4), and on signals and abstract sockets (from version 6).
    handled = struct.pack("=QQQ", rights, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = library.syscall(_CREATE_RULESET, handled, len(handled), 0)
    rules = [(item, _EXECUTE | _READ | _LIST) for item in readable()]
    # Import looks for the package in its parent folder; the files beside it are nobody's business.
    rules += [(_PACKAGE.parent, _LIST), (Path(os.devnull), _READ | _WRITE | _CUT), (folder, rights)]
    for path, allowed in rules:
        on_file = allowed if path.is_dir() else allowed & (_EXECUTE | _READ | _WRITE | _CUT)
        place = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
        library.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", on_file & rights, place), 0)
        os.close(place)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return int(library.syscall(_RESTRICT_SELF, ruleset, 0)) == 0


def isolate() -> bool:
    """Leave the shared memory of System V, which is no file, for a space of one's own; False where that is refused."""
    if sys.platform != "linux":
        return False
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    return any(library.unshare(flags) == 0 for flags in (_NEW_IPC, _NEW_IPC | _NEW_USER))


def _in_own_process(function: Callable[[Path], None], folder: Path) -> None:
    """Call the function in a fork that sees its own folder only; leave with its code if it fails."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(folder)
            os.environ.update(HOME=str(folder), TMPDIR=str(folder))
            isolate()
            confine(folder)
            guard(folder)
            function(folder)
            code = 0
        except BaseException:  # noqa: BLE001 - whatever happens is for the log; nothing may run on in the fork
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        if code < 0:
            signal.raise_signal(-code)
        sys.exit(code)


def _main(target: str, folder: str, plan: str) -> None:
    """Run in the child: load what is trusted, then give every job a process of its own."""
    os.dup2(2, 1)  # what the code prints belongs into the log, which has a limit
    module, _, name = target.partition(":")
    confine(Path(folder))
    function = getattr(importlib.import_module(module), name)
    wanted = json.loads(plan)
    for library in wanted["modules"]:
        with contextlib.suppress(Exception):  # what cannot be loaded is reported where the code imports it
            importlib.import_module(library)
    gc.freeze()  # what is loaded stays shared with the forks
    for job in wanted["jobs"]:
        _in_own_process(function, Path(folder, job))


if __name__ == "__main__":
    _main(*sys.argv[1:4])
