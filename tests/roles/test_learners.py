"""Learners that are more than rows in, numbers out, pass through training, gates, replay and export like any other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.freqtrade.runtime import load_bundle
from crypto_team.gates.run import run_check
from crypto_team.roles import publishing
from crypto_team.roles.cases import gather
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk

LEARNERS = {
    "online_linear": ["learning_rate=0.02"],
    "lstm_cnn": ["sequence=4", "epochs=3", "scales=1,2", "hidden=8", "channels=4"],
    "horizons": ["member=ridge"],
    "linear_trees": ["n_estimators=20"],
}
REFITTED = {"linear_trees"}
LEAKS = [f"LK00{number}" for number in range(1, 9)]


@pytest.fixture(scope="module", params=sorted(LEARNERS))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    pytest.importorskip("torch")
    pytest.importorskip("river")
    scratch = tmp_path_factory.mktemp(request.param)
    desk = Desk(scratch / "work")
    desk.candles(scratch, bars=4_000, sharpe=8.0)
    desk.designed()
    desk.use("ml_engineer.set-labels", strategy_id="STR-001", also_horizon=["3", "24"])
    desk.use(
        "ml_engineer.set-model",
        strategy_id="STR-001",
        model=request.param,
        param=LEARNERS[request.param],
        refit=request.param in REFITTED,
    )
    desk.use("ml_engineer.train", strategy_id="STR-001")
    return desk


def test_it_is_rebuilt_to_the_bit_and_no_check_finds_a_leak(trained: Desk) -> None:
    case = gather(open_session(trained.folder, "lead"), "STR-001", with_replay=True)
    assert case.evidence_problems == []
    told = {code: run_check(code, case) for code in [*LEAKS, "PR003"]}
    assert {code: (one.outcome, one.explanation) for code, one in told.items() if one.outcome == "refused"} == {}
    assert told["PR003"].outcome == told["LK005"].outcome == told["LK008"].outcome == "passed"


def test_only_a_model_that_is_asked_to_is_fitted_again(trained: Desk) -> None:
    meta = publishing.stored_evidence(open_session(trained.folder, "lead"), "STR-001").meta
    again = meta.model in REFITTED
    assert meta.trained_with["model.refit"] == str(again).lower()
    assert all((one.refit_rows > one.train_rows + one.inner_rows) == again for one in meta.folds)


def test_a_fold_that_hides_what_was_learnt_later_is_refused(trained: Desk) -> None:
    case = gather(open_session(trained.folder, "lead"), "STR-001", with_replay=False)
    assert case.meta is not None
    folds = [one.model_copy(update={"later_labels": one.later_labels + 1}) for one in case.meta.folds]
    other = replace(case, meta=case.meta.model_copy(update={"folds": folds}))
    assert "labels were learnt after training" in run_check("LK008", other).explanation


def test_the_exported_models_give_the_signals_of_the_evidence(trained: Desk) -> None:
    evidence = publishing.stored_evidence(open_session(trained.folder, "lead"), "STR-001")
    market = evidence.tables.market
    frame = market.rename(columns={"time": "date"})[["date", "open", "high", "low", "close", "volume"]]
    signals = load_bundle(trained.layout.model_dir("STR-001")).signals(frame, "EDGE/USD")
    said = pd.Series(signals["signal"].to_numpy(), index=frame["date"])
    test = evidence.tables.predictions.query("part == 'test'")
    assert len(test) > 1_000
    assert np.array_equal(said[test["time"]].to_numpy(), test["signal"].to_numpy())
