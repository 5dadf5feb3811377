"""How long it takes to book a trial when the ledger holds few or many: it should be the same.

python benchmarks/bench_ledger.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crypto_team.kb import git, ids, trial_heads, trials, workspace
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import RegistryEntry, Trial

SIZES = (10, 1_000, 10_000)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPEATS = 7


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
    entry = RegistryEntry(
        strategy_id="STR-001",
        name="many",
        type="ml_based",
        stage="ml_engineer",
        status="draft",
        created="2026-01-01T00:00:00Z",
        updated="2026-01-01T00:00:00Z",
    )
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


def seconds(folder: Path, size: int) -> tuple[float, float]:
    """Return median wall seconds of finding the heads and writing the record, and of the whole with its commit."""
    layout = Layout(folder)
    trial_heads.heads(layout, "STR-001")
    found, whole = [], []
    for number in range(REPEATS):
        started = time.perf_counter()
        made = trial(size + number, trial_heads.heads(layout, "STR-001"))
        trials.anchor(layout, made)
        found.append(time.perf_counter() - started)
        change = Change("trial", layout.trial("STR-001", made.trial_id), dump(made, schema="trial"))
        commit_records(layout, role="ml_engineer", tool="train", strategy_id="STR-001", changes=[change], message="t")
        whole.append(time.perf_counter() - started)
        trials.count(layout)
    return statistics.median(found), statistics.median(whole)


def main() -> None:
    """Print one line for each size."""
    first = None
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            filled(Path(name), size)
            booking, whole = seconds(Path(name), size)
        first = first or whole
        print(f"{size:>6} trials: chain {booking * 1e3:6.1f} ms, booked and committed {whole * 1e3:6.1f} ms, "
              f"{whole / first:.2f}x of {SIZES[0]}")  # fmt: skip


if __name__ == "__main__":
    main()
