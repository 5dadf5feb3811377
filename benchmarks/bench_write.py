"""How long one write of a registry entry takes, lists and commit included, when there are few or many strategies.

python benchmarks/bench_write.py
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from pathlib import Path

from bench_query import fill

from crypto_team.kb import views
from crypto_team.kb.noting import noted
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import commit_records

SIZES = (10, 1_000, 10_000)
REPEATS = 7
TIME = "2026-02-03T04:05:06Z"


def spent() -> float:
    """Return the processor seconds of this process and of the git processes that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def written(layout: Layout, number: int) -> None:
    """Write one entry as tools do."""
    strategy_id = f"STR-{number:03d}"
    change = noted(layout, strategy_id, time=TIME, role="critic", event="looked at")
    commit_records(layout, role="critic", tool="note", strategy_id=strategy_id, changes=[change], message="looked at")


def main() -> None:
    """Print one line for each number of strategies."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            layout = Layout(Path(name))
            fill(layout.root, size)
            views.write(layout)
            time.sleep(2.1)  # files this young are read again
            views.refresh(layout)
            wall, processor, lists = [], [], []
            for number in range(1, REPEATS + 1):
                started, before = time.perf_counter(), spent()
                written(layout, number)
                wall.append(time.perf_counter() - started)
                processor.append(spent() - before)
                before = spent()
                views.current(layout)
                lists.append(spent() - before)
            before = spent()
            assert views.render(layout) == views.current(layout)
            full = spent() - before
        print(f"{size:>6} strategies: {statistics.median(wall) * 1e3:7.1f} ms a write, "
              f"{statistics.median(processor) * 1e3:7.1f} ms of processor time, of which the lists "
              f"{statistics.median(lists) * 1e3:6.1f} ms; a full rendering takes {full * 1e3:8.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
