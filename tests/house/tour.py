"""Runs the tour of the README and writes what the commands really print.

Run: ``python -m tests.house.tour`` to refresh the README. The candles are looked for beside the repository, or where
MARKET_DATA_DIR says.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = "from crypto_team.cli.main import run; run()"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
MAY_REFUSE = {"handoff"}
LONGEST_LINE = 150
MOST_ROWS = 60
LEARNING = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}")


def candles() -> Path | None:
    """Return the hourly candles that the tour uses, where they are on this machine."""
    folder = Path(os.environ.get("MARKET_DATA_DIR", ROOT.parent / "shared" / "market-data"))
    file = folder / "ohlcv" / "BTCUSD-1h-bitstamp-2018_2022.parquet"
    return file if file.is_file() else None


class Tour:
    """The console blocks of the README, run one after the other in one folder."""

    def __init__(self, folder: Path) -> None:
        self.home = self.folder = folder
        self.commands = 0

    def rendered(self, text: str) -> str:
        """Return the text with the output of every command as it is now."""
        return CONSOLE.sub(lambda block: f"```console\n{self._block(block[1])}```", text)

    def _block(self, block: str) -> str:
        lines: list[str] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                lines += [line, *self._output(line[2:])]
        return "".join(f"{line}\n" for line in lines)

    def _output(self, line: str) -> list[str]:
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            self.folder = (self.folder / words[1]).resolve()
        if words[0] != "crypto-team":
            return []
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=ENVIRONMENT,
        )
        if done.returncode not in ({0, 3} if words[1] in MAY_REFUSE else {0}):
            raise AssertionError(f"{line}\n{done.stdout}{done.stderr}")
        self.commands += 1
        text = (done.stdout + done.stderr).replace(f"{self.home.resolve()}/", "")
        return [_cut(one) for one in _few(text.splitlines())]


def _few(lines: list[str]) -> list[str]:
    """Leave out the rows of a long list, but not what comes after it."""
    if len(lines) <= MOST_ROWS:
        return lines
    tail = next((number for number in range(len(lines) - 1, 0, -1) if lines[number].startswith("  next:")), len(lines))
    return [*lines[:4], "...", *lines[tail - 1 :]]


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 3]}..."


def comparable(text: str) -> list[str]:
    """Return the lines of console blocks without what differs between runs: days, clock times, hashes, numbers.

    Widths of columns go with the numbers in them, so spaces and rules are folded.
    """
    lines = "\n".join(CONSOLE.findall(text)).splitlines()
    return [_without_numbers(line) for line in lines]


def _without_numbers(line: str) -> str:
    line = LEARNING.sub("LEARNING", line)
    line = re.sub(r"\b[0-9a-f]{10}\b", "COMMIT", line)
    line = re.sub(r"[-+−]?[0-9]+([.,:][0-9]+)*%?", "#", line)
    return re.sub(r"[\s─]+", " ", line).strip().removesuffix("...").rstrip()


def main() -> None:
    """Refresh the README."""
    source = candles()
    if source is None:
        raise SystemExit("the candles are not here: set MARKET_DATA_DIR")
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(source, Path(scratch) / "BTCUSD-1h.parquet")
        README.write_text(Tour(Path(scratch)).rendered(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
