"""Letting the gates judge the corpus: what was refused, by which checks, and whether for the right reason."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from crypto_team.features.frame_audit import audit_frames
from crypto_team.gates.case import LedgerView
from crypto_team.gates.corpus import evidence_bad
from crypto_team.gates.corpus.evidence_honest import HONEST, Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.corpus.feature_market import market, together
from crypto_team.gates.corpus.feature_source import CorpusFeature
from crypto_team.gates.corpus.honest_features import honest_features
from crypto_team.gates.corpus.leaking_features import leaking_features
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.luck import against_luck
from crypto_team.gates.policy import IMPORTED
from crypto_team.gates.registry import find
from crypto_team.gates.run import run_gate
from crypto_team.schemas.gate import Policy
from crypto_team.validation.significance import moments

Kind = Literal[
    "leaking feature",
    "honest feature",
    "bad evidence",
    "honest evidence",
    "noise",
    "leaking strategy",
    "honest strategy",
]
LEAK_GROUPS = 3
"""Leaks that read the clock of the process would hide each other in one file."""


@dataclass(frozen=True)
class Judged:
    """One piece of the corpus after its trial; `right` says whether it was refused for what is wrong with it.

    `undecided` says that it did not pass only because checks found too little evidence; it counts as refused.
    """

    kind: Kind
    name: str
    what: str
    refused: bool
    right: bool
    codes: tuple[str, ...] = ()
    seed: int = 0
    undecided: bool = False


def feature_files() -> dict[str, tuple[Kind, list[CorpusFeature]]]:
    """Return the features of the corpus in groups that are audited together, by a name for each."""
    leaks = list(leaking_features())
    groups: dict[str, tuple[Kind, list[CorpusFeature]]] = {
        f"leaking {k}": ("leaking feature", leaks[k::LEAK_GROUPS]) for k in range(LEAK_GROUPS)
    }
    return {"honest": ("honest feature", list(honest_features())), **groups}


def judge_features(group: str, seed: int) -> list[Judged]:
    """Audit one group of features, each as a column of one function."""
    kind, features = feature_files()[group]
    frame, aux = market()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.py"
        together(features, path)
        audit = audit_frames(path, "features", frame, aux, seed=seed)
    verdicts = {item.column: item for item in audit.verdicts}
    return [
        Judged(kind, item.name, item.mechanism, not causal, True, () if causal else ("LK001",), seed)
        for item in features
        for causal in (verdicts[item.name].causal,)
    ]


@lru_cache(maxsize=4)
def _study(design: Design, seed: int) -> Study:
    return study(design, seed)


def judge_fault(name: str, seed: int) -> Judged:
    """Judge one fault of evidence."""
    fault = evidence_bad.FAULTS[name]
    parts = fault.breaker(_study(fault.design, seed), np.random.default_rng([seed, 99]))
    codes, _ = _refused_by(parts)
    return Judged("bad evidence", name, fault.what, bool(codes), bool(fault.codes & set(codes)), codes, seed)


def judge_honest(name: str, seed: int) -> Judged:
    """Judge one honest study."""
    codes, undecided = _refused_by(_study(HONEST[name], seed).parts)
    return Judged("honest evidence", name, "an edge, honestly measured", bool(codes), True, codes, seed, undecided)


def _refused_by(parts: EvidenceParts) -> tuple[tuple[str, ...], bool]:
    """Return the checks that did not pass, and whether none of them refuses outright.

    The evidence is written down and read again as a stranger's.
    """
    with tempfile.TemporaryDirectory() as folder:
        case = case_from_folder(parts.write(Path(folder)))
    report = run_gate(IMPORTED, case, Policy())
    failed = [item for item in report.results if item.outcome != "passed"]
    return tuple(item.code for item in failed), bool(failed) and all(item.outcome != "refused" for item in failed)


def judge_noise(tries: int, seed: int, *, days: int = 500, repeats: int = 100) -> list[Judged]:
    """Choose the best of many strategies without skill, again and again; the ledger knows all of them (OF010)."""
    rng = np.random.default_rng([seed, tries])
    probability = find("OF010").settings["probability"].default
    found = []
    for number in range(repeats):
        returns = rng.standard_t(5, size=(tries, days)) * 0.01
        sharpes = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        best = moments(returns[int(sharpes.argmax())])
        ledger = LedgerView(n_trials=tries, sharpes=tuple(sharpes.tolist()), chain_ok=True)
        refused = against_luck(best, ledger, probability).outcome != "passed"
        what = f"the best of {tries:,} strategies of noise"
        found.append(Judged("noise", f"{tries} tries, {number}", what, refused, True, ("OF010",), seed))
    return found


def fault_names() -> Sequence[str]:
    """Return the names of all faults of evidence."""
    return list(evidence_bad.FAULTS)


def honest_names() -> Sequence[str]:
    """Return the names of all designs of honest studies."""
    return list(HONEST)
