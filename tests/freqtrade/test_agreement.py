"""The must-have: real Freqtrade sees, candle by candle, the very signals that walk-forward stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crypto_team.freqtrade import job
from crypto_team.freqtrade.results import signal_agreement

from .bundles import Trained, make_spec, train

pytestmark = [pytest.mark.freqtrade, pytest.mark.slow]


def _agreement(trained: Trained, workdir: Path) -> tuple[float, int, job.BacktestRun]:
    run = job.backtest(trained.request(), workdir)
    share, count = signal_agreement(run.signals, trained.result.predictions, trained.spec.signal)
    return share, count, run


def _assert_equal_bits(trained: Trained, run: job.BacktestRun) -> None:
    test = trained.result.predictions[trained.result.predictions["part"] == "test"]
    stored = test.set_index(["pair", "time"])["signal"].sort_index()
    seen = run.signals.set_index(["pair", "date"])["signal"].reindex(stored.index)
    np.testing.assert_array_equal(seen.to_numpy(), stored.to_numpy())


def test_a_long_only_strategy_agrees_on_every_candle_of_every_pair(tmp_path: Path) -> None:
    trained = train(tmp_path / "strategy", make_spec(["BTC/USDT", "ETH/USDT"]), late=100)
    share, count, run = _agreement(trained, tmp_path / "run")
    assert share == 1.0
    assert count == (trained.result.predictions["part"] == "test").sum()
    _assert_equal_bits(trained, run)
    assert run.open_trades_left == 0
    assert len(run.trades) > 20


def test_shorts_sized_by_confidence_and_a_python_feature_agree_too(tmp_path: Path) -> None:
    pair = "BTC/USDT:USDT"
    spec = make_spec(
        [pair],
        market={"exchange": "binance", "pairs": [pair], "timeframe": "1h", "trading_mode": "futures"},
        signal={
            "entry_threshold": 0.53,
            "exit_threshold": 0.5,
            "side": "long_short",
            "position_sizing": "confidence_weighted",
        },
    )
    trained = train(tmp_path / "strategy", spec, python=True)
    share, _, run = _agreement(trained, tmp_path / "run")
    assert share == 1.0
    _assert_equal_bits(trained, run)
    assert run.trades["is_short"].any()
    assert not run.trades["is_short"].all()
    signal = run.signals.set_index("date")["signal"]
    decided = signal.loc[run.trades["open_date"] - (signal.index[1] - signal.index[0])].to_numpy()
    np.testing.assert_allclose(run.trades["stake_amount"], 1000.0 * np.abs(2.0 * decided - 1.0), rtol=1e-3)


RETURNS: dict[str, object] = {
    "type": "regression",
    "kind": "return",
    "definition": "return over four bars",
    "horizon": "4bars",
    "horizon_bars": 4,
}


def test_a_regression_over_a_set_of_horizons_agrees(tmp_path: Path) -> None:
    pairs = ["BTC/USDT", "ETH/USDT"]
    model = make_spec(pairs).model.model_copy(update={"primary": "horizons", "hyperparameters": {"member": "ridge"}})
    spec = make_spec(pairs, target=RETURNS | {"horizon_set": [2, 12]}, model=model.model_dump())
    trained = train(tmp_path / "strategy", spec, late=100)
    assert {"expected_bps_2", "expected_bps_12"} <= set(trained.result.predictions)
    share, count, run = _agreement(trained, tmp_path / "run")
    assert share == 1.0
    assert count == (trained.result.predictions["part"] == "test").sum()
    _assert_equal_bits(trained, run)
    assert len(run.trades) > 20


def test_a_regression_agrees_and_its_lookahead_analysis_is_clean(tmp_path: Path) -> None:
    spec = make_spec(["BTC/USDT"])
    model = spec.model.model_copy(update={"primary": "ridge", "hyperparameters": {}})
    regression = make_spec(["BTC/USDT"], target=RETURNS, model=model.model_dump())
    trained = train(tmp_path / "strategy", regression)
    share, _, run = _agreement(trained, tmp_path / "run")
    assert share == 1.0
    _assert_equal_bits(trained, run)
    finding = job.lookahead(trained.request(), tmp_path / "lookahead")
    assert finding.verdict == "clean", finding
