"""A look at a feature sees no bar that a result is claimed for."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.kb import trials
from crypto_team.kb.yaml import load_record
from crypto_team.roles import candles
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.tools.session import open_session
from crypto_team.trading.durations import bars as to_bars
from crypto_team.validation.scores import rank_ic
from tests.roles.conftest import Desk


def test_a_feature_is_looked_at_before_the_first_test_part_and_nothing_is_booked(designed: Desk) -> None:
    spec = load_record(designed.layout.ml_spec("STR-001"), MlSpec)
    assert spec.target is not None
    window = to_bars(spec.model.training.window.split("_", 1)[1], "1h")
    [row] = designed.use("ml_engineer.test-feature", strategy_id="STR-001", formula="roc(close, 24)").data
    assert row["bars"] == window - 24
    close = candles.research(open_session(designed.folder, "ml_engineer"), spec.market, []).bars["EDGE/USD"]["close"]
    before = close.to_numpy()[:window]
    ahead = np.full(window, np.nan)
    ahead[:-12] = before[12:] / before[:-12] - 1.0
    change = np.full(window, np.nan)
    change[24:] = before[24:] / before[:-24] - 1.0
    assert row["rank_ic"] == pytest.approx(rank_ic(change, ahead), abs=1e-3)
    assert not trials.trials(designed.layout)
