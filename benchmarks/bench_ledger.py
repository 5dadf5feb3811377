"""How long it takes to book a trial when the ledger holds few or many: it should be the same.

python benchmarks/bench_ledger.py
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crypto_team.kb import git, ids, trial_heads, trials, workspace
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Registration, Trial

SIZES = (10, 1_000, 10_000)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPEATS = 15


def trial(number: int, previous: list[str]) -> Trial:
    """Return the number-th trial of STR-001."""
    return Trial(
        trial_id=ids.new_trial_id(NOW + timedelta(minutes=number)),
        strategy_id="STR-001",
        kind="train",
        booked="2026-01-01T00:00:00Z",
        status="finished",
        fingerprint=f"sha256:{number:064x}",
        predictions_hash=f"sha256:{number:064x}",
        sharpe_per_period=[0.01],
        previous=previous,
    )


def filled(folder: Path, size: int) -> None:
    """Make a workspace whose ledger holds so many trials, in one commit."""
    layout = workspace.init(folder)
    entry = Registration(strategy_id="STR-001", name="many", type="ml_based", created="2026-01-01T00:00:00Z")
    layout.registry_dir.mkdir(parents=True, exist_ok=True)
    layout.registry_entry("STR-001").write_text(dump(entry, schema="registry"))
    head: list[str] = []
    for number in range(size):
        made = trial(number, head)
        path = layout.trial("STR-001", made.trial_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(made, schema="trial"))
        head = [made.booking]
    git.run(layout.root, "add", "-A")
    git.run(layout.root, "commit", "-q", "-m", "many", "--no-verify")


def spent() -> float:
    """Return the processor seconds of this process and of the git processes that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def seconds(folder: Path, size: int) -> tuple[float, float]:
    """Return the median wall seconds and processor seconds of booking a trial: chain, anchor, record and commit."""
    layout = Layout(folder)
    trial_heads.heads(layout, "STR-001")
    wall, processor = [], []
    for number in range(REPEATS):
        started, before = time.perf_counter(), spent()
        made = trial(size + number, trial_heads.heads(layout, "STR-001"))
        trials.anchor(layout, made)
        change = Change("trial", layout.trial("STR-001", made.trial_id), dump(made, schema="trial"))
        commit_records(layout, role="ml_engineer", tool="train", strategy_id="STR-001", changes=[change], message="t")
        wall.append(time.perf_counter() - started)
        processor.append(spent() - before)
    return statistics.median(wall), statistics.median(processor)


def main() -> None:
    """Print one line for each size."""
    first = None
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            filled(Path(name), size)
            wall, processor = seconds(Path(name), size)
        first = first or (wall, processor)
        print(f"{size:>6} trials: booked and committed in {wall * 1e3:6.1f} ms ({wall / first[0]:.2f}x of {SIZES[0]}), "
              f"{processor * 1e3:6.1f} ms of processor time ({processor / first[1]:.2f}x)")  # fmt: skip


if __name__ == "__main__":
    main()
