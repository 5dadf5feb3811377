"""How long the gate takes on 200,000 predictions without refits: CPU seconds, in all and of the slowest checks.

`python benchmarks/bench_gate.py [--predictions N]`. The study is an honest one of the corpus, only longer, judged as a
stranger's folder: read, recomputed, every check. The audit of 100 Python features on 20,000 bars
(`features_audit.py`) is measured beside it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

import features_audit

from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.policy import IMPORTED, resolve
from crypto_team.gates.registry import find, run_check
from crypto_team.schemas.gate import Policy

PAIRS, FOLDS = 4, 10
MOST_SECONDS = 10.0
SHOWN = 8


def cpu() -> float:
    """Return the CPU seconds of this process and of the children that ended."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(item.ru_utime + item.ru_stime for item in spent)


def gate(predictions: int) -> float:
    """Judge a folder with so many test rows; return CPU seconds."""
    test = predictions // (PAIRS * FOLDS)
    # One trial and a wide training window; the size of the test part is what counts.
    design = Design(pairs=PAIRS, test=test, train=2_000, bars=2_400 + FOLDS * test, trials=1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = study(design, 1).parts.write(Path(scratch))
        start = cpu()
        case = case_from_folder(folder)
        read = cpu() - start
        spent = {}
        for code, settings in resolve(IMPORTED, Policy()).items():
            before = cpu()
            run_check(code, case, settings)
            spent[code] = cpu() - before
    rows = int((case.predictions["part"] == "test").sum()) if case.predictions is not None else 0
    total = read + sum(spent.values())
    print(f"gate: {rows:,} test predictions, {total:.1f} CPU-s ({read:.1f} of it reading), {len(spent)} checks")
    for code, seconds in sorted(spent.items(), key=lambda item: -item[1])[:SHOWN]:
        print(f"  {code} {find(code).title}: {seconds:.2f} s")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=int, default=200_000)
    parser.add_argument("--only", choices=("gate", "audit"))
    asked = parser.parse_args()
    if asked.only != "audit":
        total = gate(asked.predictions)
        assert total < MOST_SECONDS
    if asked.only != "gate":
        features_audit.main()


if __name__ == "__main__":
    main()
