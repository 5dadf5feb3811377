from __future__ import annotations

import importlib.util
from pathlib import Path

from crypto_team.gates.corpus.evidence_bad import FAULTS

WORK = Path(__file__).parents[3] / "benchmarks" / "peers_work.py"


def test_the_comparison_with_peers_has_a_row_for_every_fault_and_a_fault_for_every_row() -> None:
    spec = importlib.util.spec_from_file_location("peers_work", WORK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert {module.fault_class(name) for name in FAULTS} == set(module.CLASSES.values())
