"""A training that was killed goes on where it stopped, to the evidence of an uninterrupted one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_team.kb import trials
from crypto_team.kb.evidence import load_manifest
from crypto_team.roles.replay import replay
from crypto_team.tools.session import open_session
from crypto_team.validation import fold_queue
from tests.roles.conftest import Desk

KILLED = """
import os, signal, sys
from pathlib import Path
from crypto_team.cli.table import TOOLS
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session
def kill(share, text):
    if text.startswith("fold 2 of"):
        os.kill(os.getpid(), signal.SIGKILL)
session = open_session(Path(sys.argv[1]), "ml_engineer", progress=kill)
call(TOOLS["ml_engineer.train"], session, {"strategy_id": sys.argv[2]})
"""


def test_a_training_killed_between_folds_is_resumed_to_the_same_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = Desk(tmp_path / "whole"), Desk(tmp_path / "killed")
    for desk in (whole, killed):
        desk.candles(tmp_path, bars=4_000, sharpe=8.0)
        desk.designed()
    whole.use("ml_engineer.train", strategy_id="STR-001")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(killed.folder), "STR-001"], check=False, timeout=240)
    assert ended.returncode == -signal.SIGKILL
    assert not killed.layout.evidence("STR-001").exists()
    kept = len(list((killed.layout.store / "folds").glob("*.fold")))
    assert kept >= 2
    fitted: list[int] = []
    original = fold_queue.fit_fold

    def counted(panel, fold, *rest):
        fitted.append(fold.index)
        return original(panel, fold, *rest)

    monkeypatch.setattr(fold_queue, "fit_fold", counted)
    killed.use("ml_engineer.train", strategy_id="STR-001")
    one, two = (load_manifest(desk.layout, "STR-001") for desk in (whole, killed))
    assert one.objects == two.objects
    assert one.spec_hash == two.spec_hash
    # The killed attempt was the same one, so it is no second try.
    assert trials.ledger(killed.layout).n_trials == 1
    folds = sum(name.startswith("models/") for name in two.objects)
    assert len(fitted) == folds - kept
    replayed = replay(open_session(killed.folder, "ml_engineer"), "STR-001")
    assert replayed.equal
    assert len(fitted) == folds - kept + folds, "a replay fits every fold anew"
