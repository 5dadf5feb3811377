"""CPU time of `crypto-team --help` against `python -c "import click"`, the best of several runs."""

from __future__ import annotations

import resource
import subprocess
import sys

RUNS = 10
HELP = "import sys; from crypto_team.cli.main import main; sys.exit(main(['--help']))"


def cpu_seconds(code: str) -> float:
    best = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main() -> None:
    click, shown = cpu_seconds("import click"), cpu_seconds(HELP)
    print(f"import click        {click:.3f} s")
    print(f"crypto-team --help  {shown:.3f} s  ({shown / click:.2f} times; target: at most 2)")
    if shown > 2 * click:
        sys.exit(1)


if __name__ == "__main__":
    main()
