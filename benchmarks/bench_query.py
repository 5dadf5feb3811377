"""Questions to a registry of 100,000 entries, the index warm: wall time of the process minus that of Python itself.

`python benchmarks/bench_query.py 10000` takes another number of entries.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crypto_team.kb import git, workspace
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Registration, RegistryEvent
from crypto_team.schemas.registry import StrategyStatus

MOST_MS = 100.0
RUNS = 9
SETTINGS = ("-c", "gc.auto=0", "-c", "user.name=b", "-c", "user.email=b@localhost")
TIME = "2026-01-02T03:04:05Z"
STATUSES: tuple[StrategyStatus, ...] = ("draft", "refused", "approved", "in_progress")
MAIN = "import sys; from crypto_team.cli.main import main; sys.exit(main(sys.argv[1:]))"
QUESTIONS = {
    "one strategy": ["registry", "query", "SELECT * FROM strategies WHERE strategy_id = 'STR-777'"],
    "count by status": ["registry", "query", "SELECT status, count(*) AS n FROM strategies GROUP BY status"],
    "best 20": [
        "registry", "query",
        "SELECT strategy_id, value FROM metrics WHERE name = 'oos_sharpe' ORDER BY value DESC LIMIT 20",
    ],
    "best 20 approved, as json": [
        "registry", "query", "--format", "json",
        """SELECT s.strategy_id, s.name, m.value FROM metrics m JOIN strategies s USING (strategy_id)
        WHERE m.name = 'oos_sharpe' AND s.status = 'approved' ORDER BY m.value DESC LIMIT 20""",
    ],
    "list --where status": ["registry", "list", "--where", "status=approved", "--limit", "20"],
    "list --where metric, sorted": [
        "registry", "list", "--where", "metrics.oos_sharpe>=2.99", "--sort", "-metrics.oos_sharpe", "--limit", "20",
    ],
}  # fmt: skip


def fill(root: Path, count: int) -> None:
    """Make a workspace with so many registry entries, committed."""
    layout = workspace.init(root)
    layout.registry_dir.mkdir()
    for number in range(1, count + 1):
        strategy_id = f"STR-{number:03d}"
        entry = Registration(strategy_id=strategy_id, name=f"momentum_{number}", type="ml_based", created=TIME)
        event = RegistryEvent(
            strategy_id=strategy_id,
            time=TIME,
            role="ml_engineer",
            event="measured",
            stage="critic" if number % 3 else "ml_engineer",
            status=STATUSES[number % 4],
            metrics={"oos_sharpe": number * 7 % 3000 / 1000, "max_drawdown": -0.2},
        )
        layout.registry_events(strategy_id).mkdir()
        layout.registry_entry(strategy_id).write_text(dump(entry, schema="registry"), encoding="utf-8")
        place = layout.registry_event(strategy_id, event.event_id)
        place.write_text(dump(event, schema="registry_event"), encoding="utf-8")
    git.run(root, "add", "-A")
    git.run(root, *SETTINGS, "commit", "-q", "-m", "filled")


def wall_ms(arguments: list[str], root: Path) -> float:
    """Return the wall time of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, cwd=root)
    return (time.perf_counter() - start) * 1000


def median_ms(arguments: list[str], root: Path) -> tuple[float, float]:
    """Return the medians of wall time and of processor time; the second is the same on a busy machine."""
    wall, processor = [], []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(wall_ms(arguments, root))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(wall), statistics.median(processor) * 1000


def main(count: int) -> None:
    missed = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "work"
        fill(root, count)
        time.sleep(2.1)  # files younger than two seconds are hashed again
        first = wall_ms(["-c", MAIN, *QUESTIONS["one strategy"]], root)
        exact = wall_ms(["-c", MAIN, *QUESTIONS["one strategy"], "--exact"], root)
        (python, python_cpu), (click, _) = median_ms(["-c", "pass"], root), median_ms(["-c", "import click"], root)
        print(f"{count} entries; Python itself {python:.0f} ms, with click {click:.0f} ms")
        print(f"making the index          {first / 1000:8.1f} s (once)")
        print(f"looking at every file     {exact - python:8.0f} ms (after a tool or git wrote; every 30 s; --exact)")
        for title, arguments in QUESTIONS.items():
            wall, processor = median_ms(["-c", MAIN, *arguments], root)
            own, cpu = wall - python, processor - python_cpu
            share = f"{own / MOST_MS:.2f} of the target of {MOST_MS:.0f} ms"
            print(f"{title:<28}{own:6.0f} ms  ({share}), {cpu:4.0f} ms of processor time")
            missed += [title] if min(own, cpu) > MOST_MS else []
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
