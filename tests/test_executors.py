from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from crypto_team.errors import WorkerError
from crypto_team.executors import Host, child_environment, run_child, run_limited


def python(code: str, folder: Path, *, seconds: float = 30.0, memory_mb: int = 1024) -> str:
    return run_child([sys.executable, "-c", code], folder, seconds=seconds, memory_mb=memory_mb)


def test_a_child_sees_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_API_SECRET", "hunter2")
    assert "hunter2" not in python("import os; print(dict(os.environ))", tmp_path)
    assert child_environment(tmp_path)["HOME"] == str(tmp_path)


def test_a_child_that_takes_too_long_is_stopped_with_its_own_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\np = subprocess.Popen(['sleep', '300'])\nprint(p.pid, file=open('pid', 'w'))\np.wait()"
    )
    with pytest.raises(WorkerError, match="stopped after 1 seconds"):
        python(code, tmp_path, seconds=1.0)
    pid = int((tmp_path / "pid").read_text())
    assert _ends(pid), "the grandchild outlived its parent"


def _ends(pid: int, within: float = 20.0) -> bool:
    """Whether process `pid` ends within that many seconds: a killed process is gone only once it has been scheduled."""
    status = Path(f"/proc/{pid}/stat")
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if status.read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_wants_too_much_memory_fails_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="MemoryError"):
        python("x = bytearray(4 * 2**30)", tmp_path, memory_mb=512)


def test_the_place_of_a_failure_is_named_without_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def f():\n    raise KeyError('volume')\nf()\n")
    with pytest.raises(WorkerError) as caught:
        run_child([sys.executable, str(tmp_path / "mine.py")], tmp_path, seconds=30, memory_mb=1024)
    assert caught.value.where == "mine.py:2"
    assert "Traceback" not in str(caught.value)


JOBS = """
from pathlib import Path

def twice(folder):
    (folder / "out").write_text(str(2 * int((folder / "in").read_text())))

def peek(folder):
    (folder / "out").write_text((folder.parent / "other" / "in").read_text())

def talk(folder):
    print("x" * 100_000)
    raise ValueError("the last word")

def leave(folder):
    import ctypes
    library = ctypes.CDLL(None)
    number = library.shmget(4711, 4096, 0o3600)
    (folder / "out").write_text("new" if number >= 0 else "there already")

def fork(folder):
    import os
    os.fork()

def killed(folder):
    bytearray(10**9)

def libraries(folder):
    with open("/proc/self/maps") as maps:
        (folder / "out").write_text(str(".so" in maps.read()))

def secrets(folder):
    with open("/proc/self/environ", "rb") as environment:
        (folder / "out").write_bytes(environment.read())

def others(folder):
    import os
    with open(f"/proc/{os.getppid()}/maps") as maps:
        (folder / "out").write_text(maps.read())
"""

LISTEN = """
def listen(folder):
    import sys
    (folder / "heard").write_text(sys.stdin.readline())
    peek(folder)
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """Two jobs, and the module they run, in a folder that children import from."""
    for name, text in (("one", "1"), ("other", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in").write_text(text)
    (tmp_path / "work.py").write_text(JOBS)
    return tmp_path


def test_every_job_gets_a_process_of_its_own(jobs: Path) -> None:
    run_limited("work:twice", jobs, jobs=["one", "other"], seconds=30)
    assert [(jobs / name / "out").read_text() for name in ("one", "other")] == ["2", "4"]


def test_a_job_cannot_see_another(jobs: Path) -> None:
    with pytest.raises(WorkerError, match="reading outside of its own folder is not allowed"):
        run_limited("work:peek", jobs, jobs=["one"], seconds=30)
    assert not (jobs / "one" / "out").exists()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc on this system")
def test_a_job_may_ask_which_libraries_it_has_loaded_and_nothing_else_of_processes(jobs: Path) -> None:
    run_limited("work:libraries", jobs, jobs=["one"], seconds=30)
    assert (jobs / "one" / "out").read_text() == "True"
    for wish in ("secrets", "others"):
        with pytest.raises(WorkerError, match="reading outside of its own folder is not allowed"):
            run_limited(f"work:{wish}", jobs, jobs=["other"], seconds=30)


def test_a_job_leaves_no_shared_memory_to_another(jobs: Path) -> None:
    if not _can_isolate():
        pytest.skip("this kernel gives no space of its own")
    run_limited("work:leave", jobs, jobs=["one", "other"], seconds=30)
    assert [(jobs / name / "out").read_text() for name in ("one", "other")] == ["new", "new"]


def test_a_job_cannot_fork(jobs: Path) -> None:
    with pytest.raises(WorkerError, match=r"os\.fork is not allowed"):
        run_limited("work:fork", jobs, jobs=["one"], seconds=30)


def _can_isolate() -> bool:
    code = "from crypto_team.sandbox import isolate; print(isolate())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_the_last_line_of_a_failed_job_is_told_and_not_what_it_printed(jobs: Path) -> None:
    with pytest.raises(WorkerError, match="ValueError: the last word") as caught:
        run_limited("work:talk", jobs, jobs=["one"], seconds=30)
    assert caught.value.where == "work.py:12"
    assert "xxx" not in str(caught.value)


def test_a_job_that_wants_too_much_memory_fails(jobs: Path) -> None:
    with pytest.raises(WorkerError, match="MemoryError"):
        run_limited("work:killed", jobs, jobs=["one"], seconds=30, memory_mb=512)


def host(folder: Path, target: str, **limits: int) -> Host:
    return Host(target, folder, modules=(), seconds=30, memory_mb=limits.get("memory_mb", 2048), at_once=2)


def test_a_host_runs_jobs_as_often_as_it_is_asked(jobs: Path) -> None:
    with host(jobs, "work:twice") as child:
        child.run(["one", "other"], seconds=30)
        (jobs / "one" / "in").write_text("5")
        child.run(["one"], seconds=30)
    assert [(jobs / name / "out").read_text() for name in ("one", "other")] == ["10", "4"]


def test_a_job_of_a_host_cannot_see_another_nor_what_it_is_told(jobs: Path) -> None:
    (jobs / "work.py").write_text(JOBS + LISTEN)
    (jobs / "third").mkdir()
    with host(jobs, "work:listen") as child:
        child.run(["one", "other", "third"], seconds=30)
    assert (jobs / "one" / "heard").read_text() == ""
    assert "not allowed" in (jobs / "one" / "job.log").read_text()
    assert not (jobs / "one" / "out").exists()


def test_a_job_that_dies_leaves_the_other_jobs_of_its_host_alone(jobs: Path) -> None:
    (jobs / "one" / "in").write_text("no number")
    with host(jobs, "work:twice") as child:
        child.run(["one", "other"], seconds=30)
    assert (jobs / "other" / "out").read_text() == "4"
    assert not (jobs / "one" / "out").exists()


def test_jobs_of_a_host_that_take_too_long_are_an_error(jobs: Path) -> None:
    (jobs / "work.py").write_text("import time\n\ndef sleep(folder):\n    time.sleep(60)\n")
    with host(jobs, "work:sleep") as child, pytest.raises(WorkerError, match=r"stopped after 0\.5 seconds"):
        child.run(["one"], seconds=0.5)


def test_a_host_that_cannot_start_says_why(jobs: Path) -> None:
    with host(jobs, "work:absent") as child, pytest.raises(WorkerError, match="no attribute 'absent'"):
        child.run(["one"], seconds=30)
