"""Evidence whose trial vanished from a rewritten history is named."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from crypto_team.kb import trials
from crypto_team.kb.validate import validate

if TYPE_CHECKING:
    from tests.roles.conftest import Desk


def test_a_history_rewritten_without_the_trials_of_a_strategy_is_not_intact(desk: Desk) -> None:
    desk.use("ml_engineer.train", strategy_id=desk.designed())
    assert trials.ledger(desk.layout).problems == ()
    [booked] = trials.trials(desk.layout, "STR-001")

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=desk.folder, check=True, capture_output=True)

    git("checkout", "-q", "--orphan", "fresh")
    shutil.rmtree(desk.layout.trials_dir("STR-001"))
    git("add", "-A")
    git("commit", "-qm", "all at once")
    problems = trials.ledger(desk.layout).problems
    assert any(booked.trial_id in each and "not in the ledger" in each for each in problems)
    assert not desk.try_("ledger.verify").ok
    assert any(item.code == "ledger" for item in validate(desk.layout))


def test_a_strategy_that_nobody_made_is_not_told_to_be_trained(desk: Desk) -> None:
    told = desk.try_("verify", strategy_id="STR-404")
    assert "there is no strategy STR-404" in told.findings[0].message
    desk.designed()
    told = desk.try_("verify", strategy_id="STR-001")
    assert "no evidence yet" in told.findings[0].message
