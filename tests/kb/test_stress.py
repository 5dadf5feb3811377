"""The short form of `make stress`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "stress_kb.py"


def test_writers_that_are_killed_lose_nothing_they_were_told_was_kept() -> None:
    small = ["--processes", "4", "--writes", "6", "--worktrees", "2", "--kills", "3", "--pause", "0.5"]
    done = subprocess.run([sys.executable, str(SCRIPT), *small], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = re.search(r"24 of 24 writes acknowledged, ([0-9]+) kills", done.stdout)
    assert kills is not None, done.stdout
    assert int(kills[1]) > 0
