"""The ledger keeps what was tried, so that gates can ask whether the choice was luck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crypto_team.errors import EvidenceError
from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.registry import run_check
from crypto_team.kb import store, trials
from crypto_team.roles.cases import gather
from crypto_team.tools.session import open_session
from crypto_team.validation.trial_returns import packed, side_by_side, unpacked

if TYPE_CHECKING:
    from crypto_team.gates.case import Case
    from tests.roles.conftest import Desk


def case_of(desk: Desk) -> Case:
    return gather(open_session(desk.folder, "critic"), "STR-001", with_replay=False)


def test_candidates_of_a_sweep_and_its_winner_are_one_table_without_copies(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.sweep", strategy_id=strategy_id, trials=4, features_per_trial=3)
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    case = case_of(desk)
    assert case.trial_returns is not None
    assert case.returns is not None
    # Days, the evidence, four candidates, and the training, which is the winner again.
    assert case.trial_returns.shape == (case.returns.daily.size, 1 + 1 + 4 + 1)
    assert np.allclose(case.trial_returns["0"], case.returns.daily, atol=1e-7)
    told = run_check("OF011", case)
    assert told.value is not None
    assert "the best of 4 trials" in told.explanation
    assert run_check("OF014", case).value is not None
    assert run_check("OF015", case).outcome == "passed"


def test_a_strategy_that_was_trained_once_chose_nothing(desk: Desk) -> None:
    desk.use("ml_engineer.train", strategy_id=desk.designed())
    desk.use("ml_engineer.train", strategy_id="STR-001")
    case = case_of(desk)
    assert run_check("OF011", case).outcome == run_check("OF015", case).outcome == "passed"
    assert "nothing was chosen" in run_check("OF011", case).explanation


def test_seeds_of_one_design_are_found_and_a_lost_object_is_no_pass(desk: Desk) -> None:
    strategy_id = desk.designed()
    for seed in (1, 2, 3):
        desk.use(
            "ml_engineer.set-model",
            strategy_id=strategy_id,
            model="lightgbm",
            param=["n_estimators=10", "subsample=0.5"],
            seed=seed,
        )
        desk.use("ml_engineer.train", strategy_id=strategy_id)
    booked = trials.trials(desk.layout, strategy_id)
    assert [item.random_seed for item in booked] == [1, 2, 3]
    assert len({item.seedless for item in booked}) == 1 < len({item.fingerprint for item in booked})
    case = case_of(desk)
    assert case.seeds is not None
    different = len({item.predictions_hash for item in booked})
    assert len(case.seeds) == different
    assert case.seeds["chosen"].sum() == 1
    gone = booked[0].returns
    assert gone is not None
    store.get(desk.layout, gone).unlink()
    lost = case_of(desk)
    told = run_check("OF011", lost)
    assert told.outcome == "not_enough_evidence"
    assert any("is not in the store" in each for each in lost.evidence_problems)


def test_trials_over_other_days_are_not_compared_and_files_that_are_none_are_named() -> None:
    import pandas as pd

    days = pd.date_range("2024-01-01", periods=100, tz="UTC", name="time")
    rng = np.random.default_rng(1)
    own, late = pd.Series(rng.normal(size=100), days), pd.Series(rng.normal(size=100), days.shift(50))
    kept = unpacked(packed([own, own * 2]), where="here")
    assert packed([own, own * 2]) == packed([own, own * 2])
    assert side_by_side(own, [kept, unpacked(packed([late]), where="here")]).shape == (100, 1 + 3)
    with pytest.raises(EvidenceError, match="cannot be read"):
        unpacked(b"nothing", where="here")
