from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crypto_team.kb import store, trials
from crypto_team.roles import path_study
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk


def test_paths_of_a_design_are_stored_and_no_trial(desk: Desk) -> None:
    strategy_id = desk.designed()
    missing = desk.try_("quant_analyst.cross-validate", strategy_id=strategy_id)
    assert "no evidence yet" in f"{missing.summary} {missing.findings}"
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    before = len(trials.trials(desk.layout))
    outcome = desk.use("quant_analyst.cross-validate", strategy_id=strategy_id, groups=5, tested=2, embargo_bars=12)
    assert [row["path"] for row in outcome.data] == [0, 1, 2, 3]
    assert len(trials.trials(desk.layout)) == before == 1
    session = open_session(desk.folder, "quant_analyst")
    found = path_study.study(session, strategy_id, groups=5, tested=2, embargo_bars=12)
    assert found.rows == outcome.data
    paths = pd.read_parquet(store.get(session.layout, found.stored.sha256))
    assert len(paths) == found.stored.rows
    assert np.isfinite(paths["signal"]).all()
    assert found.metrics["path_sharpe_lowest"] <= found.metrics["path_sharpe_median"]


def test_a_scheme_that_tests_everything_is_a_usage_error(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    outcome = desk.try_("quant_analyst.cross-validate", strategy_id=strategy_id, groups=3, tested=3)
    assert outcome.exit_code == 2


def test_paths_of_a_design_that_was_not_trained_are_refused(desk: Desk, tmp_path: Path) -> None:
    """Otherwise designs could be tried without limit on the bars that the walk-forward tests, and none be counted."""
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    scheme: dict[str, Any] = {"strategy_id": strategy_id, "groups": 4, "tested": 1}
    desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="logistic", param=["l2=50"])
    refused = desk.try_("quant_analyst.cross-validate", **scheme)
    assert refused.exit_code == 3
    assert "model.hyperparameters.l2 is 50" in f"{refused.summary} {refused.findings}"
    desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="logistic", param=["l2=2"])
    desk.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=0.6)
    assert desk.try_("quant_analyst.cross-validate", **scheme).exit_code == 3
    desk.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=0.54)
    desk.use("quant_analyst.cross-validate", **scheme)
    desk.candles(tmp_path, bars=4_400, sharpe=8.0)
    longer = desk.try_("quant_analyst.cross-validate", **scheme)
    assert longer.exit_code == 3
    assert "candles" in f"{longer.summary} {longer.findings}"
