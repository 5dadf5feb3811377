"""Many processes write to one knowledge base over several worktrees and are killed -9 at random.

Every write that was acknowledged has to be committed, no id may be there twice, every file has to be whole, and no lock
may stay. `python benchmarks/stress_kb.py --processes 16 --writes 200 --worktrees 4 --kills 3 --seed 1`
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crypto_team.errors import LockTimeoutError  # noqa: E402
from crypto_team.kb import git, git_locks, ids, journal, learnings, validate, workspace  # noqa: E402
from crypto_team.kb.locks import locked  # noqa: E402
from crypto_team.kb.paths import Layout  # noqa: E402
from crypto_team.kb.writer import Change, commit_records  # noqa: E402
from crypto_team.kb.yaml import dump  # noqa: E402
from crypto_team.schemas import Registration  # noqa: E402

TIME = "2026-01-02T03:04:05Z"


def write(layout: Layout, name: str, number: int) -> str:
    """Make one record, every fifth time a strategy with a new id, else a learning; return its path."""
    if number % 5 == 0:
        strategy_id = ids.allot(layout, "STR")
        entry = Registration(
            strategy_id=strategy_id,
            name="stress",
            type="ml_based",
            created=TIME,
            links={"writer": f"{name}-{number}"},
        )
        change = Change("registry", layout.registry_entry(strategy_id), dump(entry, schema="registry"))
    else:
        claim = learnings.make(
            "critic",
            title=f"{name} {number}",
            text=os.urandom(8).hex(),
            scope="all",
            evidence=[],
            tags=[],
            severity="info",
            now=datetime(2026, 1, 2, tzinfo=UTC),
        )
        change = Change("learning", layout.learning(claim.learning_id), learnings.render(claim))
    commit_records(layout, role="critic", tool="stress", strategy_id=None, changes=[change], message=f"{name} {number}")
    return change.path.relative_to(layout.root).as_posix()


def work(root: Path, acknowledged: Path, writes: int) -> None:
    """Write until so many writes are acknowledged; each is booked only after the knowledge base said yes."""
    layout = Layout(root)
    with acknowledged.open("a") as book:
        done = len(acknowledged.read_text().splitlines())
        while done < writes:
            try:
                path = write(layout, acknowledged.stem, done)
            except LockTimeoutError:
                continue
            book.write(path + "\n")
            book.flush()
            os.fsync(book.fileno())
            done += 1


def start(root: Path, book: Path, writes: int) -> subprocess.Popen[bytes]:
    """Start one writer as the head of its own group of processes."""
    command = [sys.executable, __file__, "--work", str(root), "--book", str(book), "--writes", str(writes)]
    return subprocess.Popen(command, start_new_session=True)


def hammer(trees: list[Path], folder: Path, options: argparse.Namespace) -> int:
    """Run all writers to their end and kill each of them so many times, alone or with its git; return the kills."""
    chance = random.Random(options.seed)  # noqa: S311 - a seeded schedule, not a secret
    books = [folder / f"writer{number}.txt" for number in range(options.processes)]
    for book in books:
        book.touch()
    running = {book: start(trees[number % len(trees)], book, options.writes) for number, book in enumerate(books)}
    left, kills = dict.fromkeys(books, options.kills), 0
    while any(child.poll() is None for child in running.values()):
        time.sleep(chance.uniform(0.0, options.pause))
        book = chance.choice(books)
        child = running[book]
        if child.poll() is not None or not left[book]:
            continue
        if chance.random() < 0.5:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
        left[book] -= 1
        kills += 1
        running[book] = start(Path(trees[books.index(book) % len(trees)]), book, options.writes)
    failed = [child.returncode for child in running.values() if child.returncode]
    assert not failed, f"writers ended with {failed}"
    return kills


def judge(trees: list[Path], folder: Path) -> dict[str, int]:
    """Count what must be zero, and what was acknowledged."""
    acknowledged = lost = invalid = stuck = 0
    names: Counter[str] = Counter()
    for number, tree in enumerate(trees):
        layout = Layout(tree)
        workspace.repair(layout)
        committed = set(git.run(tree, "ls-tree", "-r", "--name-only", "HEAD").splitlines())
        books = [book for book in folder.glob("writer*.txt") if int(book.stem[6:]) % len(trees) == number]
        said = [line for book in books for line in book.read_text().splitlines()]
        acknowledged += len(said)
        lost += sum(name not in committed or not (tree / name).is_file() for name in said)
        names.update(path.stem for path in layout.registry_dir.glob("STR-*.yaml"))
        invalid += len(validate.validate(layout)) + len(git.changed_since_commit(tree, [layout.knowledge]))
        stuck += len(git_locks.leftovers(tree)) + journal.pending(layout)
    with locked(Layout(trees[0]), "judge", wait_seconds=0):
        pass
    torn = git.attempt(trees[0], "fsck", "--connectivity-only", "--no-dangling").returncode
    twice = sum(count - 1 for count in names.values())
    return {
        "acknowledged": acknowledged,
        "lost": lost,
        "torn": torn,
        "twice": twice,
        "invalid": invalid,
        "locks": stuck,
    }


def main() -> int:
    """Run the stress test, or be one of its writers."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("processes", 16), ("writes", 200), ("worktrees", 4), ("kills", 3), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pause", type=float, default=1.0, help="Longest time between two kills, in seconds.")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--book", type=Path)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.book, options.writes)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        layout = workspace.init(folder / "work")
        trees = [folder / f"tree{number}" for number in range(options.worktrees)]
        for number, tree in enumerate(trees):
            git.run(layout.root, "worktree", "add", "-q", str(tree), "-b", f"side{number}")
        began = time.monotonic()
        kills = hammer(trees, folder, options)
        seconds = time.monotonic() - began
        found = judge(trees, folder)
    wanted = options.processes * options.writes
    print(f"{found['acknowledged']} of {wanted} writes acknowledged, {kills} kills, {seconds:.0f} s")
    print(", ".join(f"{name}: {value}" for name, value in found.items() if name != "acknowledged"))
    broken = found["acknowledged"] != wanted or any(value for name, value in found.items() if name != "acknowledged")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
