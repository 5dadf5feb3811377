"""What runs in a guarded child process: each job in a process that sees its own folder and nothing of other jobs."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import signal
import struct
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOG_TAIL_BYTES = 65_536
_PACKAGE = Path(__file__).resolve().parent
_SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/opt", "/nix/store"),
    *(
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/filesystems",
        "/sys/devices/system",
        "/sys/fs/cgroup",
        "/dev/urandom",
    ),
)
_OWN = ("/proc/self/maps", "/proc/self/status", "/proc/self/cgroup")
"""What libraries read of their own process: thread pools ask which libraries are loaded. It tells nothing of data."""
_FORBIDDEN_EVENTS = (
    *("socket.__new__", "socket.connect", "socket.bind", "socket.send", "socket.getaddrinfo", "socket.gethostby"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.kill", "os.fork"),
)
_FILE_EVENTS = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.truncate",
    "os.chown",
    "os.utime",
    "os.setxattr",
    "os.removexattr",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Landlock (Linux 5.13, unified syscall numbers): rights by bit, and how many of them each version knows.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _NO_NEW_PRIVILEGES = 444, 445, 446, 38
_NEW_IPC, _NEW_USER, _NEW_PID, _NEW_NET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_KILLED, _MOST_FILES = 128, 4096
PLAN, LOG, ATTEMPTS = "plan.json", "job.log", "attempts.log"
_EXECUTE, _WRITE, _READ, _LIST, _CUT = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_RIGHTS = 16


def tail(log: Path) -> str:
    """Return the end of a log."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return stream.read().decode(errors="replace")


@cache
def readable() -> tuple[Path, ...]:
    """Return what every child may read: the Python installation, this package, system libraries."""
    parent = [_PACKAGE.parent] if _PACKAGE.parent.name in {"site-packages", "dist-packages"} else []
    libraries = [Path(item) for item in os.environ.get("LD_LIBRARY_PATH", "").split(":") if item]
    roots = [Path(sys.prefix), Path(sys.base_prefix), _PACKAGE, *parent, *libraries, *map(Path, _SYSTEM)]
    return tuple(dict.fromkeys(root.resolve() for root in roots if root.exists()))


def guard(folder: Path) -> None:
    """Refuse, from now on and for good, network, processes, and files elsewhere. Called in the child.

    What was refused is noted in :data:`ATTEMPTS`, for code that goes on without what it was refused.
    """
    root = str(folder.resolve())
    roots = (root, os.devnull, *(str(item) for item in readable()))
    note = os.open(folder / ATTEMPTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        try:
            _allowed(event, arguments, root, roots)
        except PermissionError as refused:
            # Libraries look into folders when they are imported; that tells nobody's data, and no story either.
            if event == "open" and isinstance(arguments[0], str | bytes) and Path(os.fsdecode(arguments[0])).is_dir():
                raise
            try:
                os.write(note, f"{refused}\n".encode(errors="replace"))
            except OSError:
                os._exit(1)  # whoever closes the book has something to hide
            raise

    sys.addaudithook(watch)


def _allowed(event: str, arguments: tuple[Any, ...], root: str, roots: Sequence[str]) -> None:
    if event.startswith(_FORBIDDEN_EVENTS):
        raise PermissionError(f"{event} is not allowed in feature and strategy code")
    if event == "open" and isinstance(arguments[2], int):
        writing = arguments[2] & _WRITING
        _inside(arguments[0], (root, os.devnull) if writing else roots, "writing" if writing else "reading")
    if event in _FILE_EVENTS:
        _inside(arguments[0], (root,), "writing")
    if event == "open" or event in _FILE_EVENTS:
        named = (item for item in arguments[:2] if isinstance(item, str | bytes))
        if any(Path(os.fsdecode(item)).name == ATTEMPTS for item in named):
            raise PermissionError(f"{ATTEMPTS} is written by the guard alone")


def _inside(path: Any, roots: Sequence[str], what: str) -> None:
    if isinstance(path, int):
        return
    if what == "reading" and os.fsdecode(path) in _OWN:
        return
    real = os.path.realpath(os.fsdecode(path))
    if not any((real + os.sep).startswith(root + os.sep) for root in roots):
        raise PermissionError(f"{what} outside of its own folder is not allowed: {Path(real).name}")


def attempts(folder: Path) -> tuple[str, ...]:
    """Return what a job was refused, each thing once, in order."""
    path = folder / ATTEMPTS
    if path.is_symlink() or not path.is_file():
        return ()
    return tuple(dict.fromkeys(path.read_text(encoding="utf-8", errors="replace").splitlines()))


def confine(folder: Path, *, host: bool = False) -> bool:
    """Let the kernel refuse files elsewhere and TCP, for this thread and what it starts; False where it cannot.

    A job may read of its own process what :data:`_OWN` names. Its host has to leave it that: what the host may not
    read none of its jobs may.
    """
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
    rules += [(path, _READ) for path in ([Path("/proc")] if host else map(Path, _OWN)) if path.exists()]
    for path, allowed in rules:
        on_file = allowed if path.is_dir() else allowed & (_EXECUTE | _READ | _WRITE | _CUT)
        place = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
        library.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", on_file & rights, place), 0)
        os.close(place)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return int(library.syscall(_RESTRICT_SELF, ruleset, 0)) == 0


def isolate() -> bool:
    """Leave process numbers, network, shared memory and queues for spaces of one's own; False where that is refused.

    The next fork is the first process of its space: when it ends, the kernel ends whatever it started, and it can
    neither name nor signal nor limit any process outside.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    spaces = _NEW_IPC | _NEW_PID | _NEW_NET
    return any(library.unshare(flags) == 0 for flags in (spaces | _NEW_USER, spaces))


def _begin(function: Callable[[Path], None], folder: Path) -> int:
    """Call the function in a process that sees its own folder only; return the process to wait for.

    Between us and the job stands a process that enters the new spaces; nothing but a log of its own and the folder is
    handed on, so that no job can leave a trace for the next.
    """
    log = folder / LOG
    outer = os.fork()
    if outer == 0:
        isolate()
        inner = os.fork()
        if inner == 0:
            _job(function, folder, log)
        code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        os._exit(code if code >= 0 else _KILLED - code)
    return outer


def _leave_with(code: int, log: Path) -> None:
    """End as the job ended, if it failed, and tell the end of its log."""
    if code:
        sys.stderr.write(tail(log) if log.is_file() else "")
        sys.stderr.flush()
        if code > _KILLED:
            signal.raise_signal(code - _KILLED)
        sys.exit(code)


def _job(function: Callable[[Path], None], folder: Path, log: Path) -> NoReturn:
    """Become the job: its own folder, its own log, no file of the parent, no argument that tells of others."""
    code = 1
    try:
        sys.argv[:] = [""]
        os.chdir(folder)
        os.environ.update(HOME=str(folder), TMPDIR=str(folder))
        place = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for standard in (1, 2):
            os.dup2(place, standard)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(3, _MOST_FILES)
        confine(folder)
        guard(folder)
        function(folder)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever happens is for the log; nothing may run on in the fork
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _serve(function: Callable[[Path], None], folder: Path, at_once: int, answers: int) -> None:
    """Run the jobs of each line that comes in, some at once and in random order; say when they have ended."""
    for line in sys.stdin:
        jobs = json.loads(line)
        random.SystemRandom().shuffle(jobs)
        running = 0
        for job in jobs:
            if running == at_once:
                os.wait()
                running -= 1
            _begin(function, folder / job)
            running += 1
        for _ in range(running):
            os.wait()
        os.write(answers, b"\n")


def _main(folder: str) -> None:
    """Run in the child: load what is trusted, then give every job a process of its own, in random order.

    Whatever a job might leave behind, it cannot know which job comes after it.
    """
    answers = os.dup(1)
    os.dup2(2, 1)  # what the code prints belongs into the log, which has a limit
    plan = Path(folder, PLAN)
    wanted = json.loads(plan.read_text(encoding="utf-8"))
    plan.unlink()
    sys.argv[:] = [""]
    module, _, name = wanted["target"].partition(":")
    confine(Path(folder), host=True)
    target = importlib.import_module(module)
    function = getattr(target, name)
    getattr(target, "prepare", list)()  # what every job would have to load for itself
    for library in wanted["modules"]:
        with contextlib.suppress(Exception):  # what cannot be loaded is reported where the code imports it
            importlib.import_module(library)
    gc.freeze()  # what is loaded stays shared with the forks
    if "at_once" in wanted:
        _serve(function, Path(folder), wanted["at_once"], answers)
        return
    jobs = wanted["jobs"]
    random.SystemRandom().shuffle(jobs)
    for job in jobs:
        code = os.waitstatus_to_exitcode(os.waitpid(_begin(function, Path(folder, job)), 0)[1])
        _leave_with(code, Path(folder, job, LOG))


if __name__ == "__main__":
    _main(sys.argv[1])
