"""The predictions of a FreqAI backtest become evidence, and what cannot be made again is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from crypto_team.cli.main import main
from crypto_team.data.importing import to_freqtrade
from crypto_team.data.synthetic import planted_market
from crypto_team.errors import EvidenceError, InputError
from crypto_team.executors import child_environment
from crypto_team.freqtrade.freqai_evidence import convert
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.policy import IMPORTED
from crypto_team.gates.run import run_gate
from crypto_team.schemas.gate import Policy

BARS, WINDOW_BARS, HORIZON = 24 * 75, 24 * 5, 4
FIRST_WINDOW = 24 * 30
STRATEGY = """
import numpy as np
from freqtrade.strategy import IStrategy


class Sample(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 30
    stoploss = -0.5
    minimal_roi = {"0": 10.0}

    def feature_engineering_expand_all(self, dataframe, period, **kwargs):
        dataframe["%-roc-period"] = dataframe["close"].pct_change(period)
        return dataframe

    def set_freqai_targets(self, dataframe, **kwargs):
        self.freqai.class_names = ["down", "up"]
        later = dataframe["close"].shift(-self.freqai_info["feature_parameters"]["label_period_candles"])
        dataframe["&s-move"] = np.where(later > dataframe["close"], "up", "down")
        return dataframe

    def populate_indicators(self, dataframe, metadata):
        return self.freqai.start(dataframe, metadata, self)

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["do_predict"] == 1).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe
"""


def candles(user_data: Path) -> dict[str, pd.DataFrame]:
    """Write hourly candles of two pairs as Freqtrade stores them."""
    (user_data / "data").mkdir(parents=True)
    made = {}
    for number, coin in enumerate(("BTC", "ETH")):
        market = planted_market(seed=5 + number, bars=BARS, timeframe="1h", oracle_sharpe=3.0)
        made[f"{coin}/USDT"] = to_freqtrade(market.frame)
        made[f"{coin}/USDT"].to_feather(user_data / "data" / f"{coin}_USDT-1h.feather")
    return made


def predictions_of(frame: pd.DataFrame, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return what FreqAI stores for some candles, column by column as a real run does."""
    dates = {"date": frame["date"].reset_index(drop=True)}
    if kind == "return":
        values = rng.normal(0.0, 0.005, len(frame))
        return pd.DataFrame({**dates, "&-move": values, "&-move_mean": 0.0, "&-move_std": 0.01, "do_predict": 1.0})
    up = rng.uniform(0.2, 0.8, len(frame))
    names = np.where(up > 0.5, "up", "down")
    shares = {"down": 1.0 - up, "down_mean": 0, "down_std": 0, "up": up, "up_mean": 0, "up_std": 0}
    return pd.DataFrame({**dates, "&s-move": names, **shares, "do_predict": 1.0})


def run_of(user_data: Path, kind: str = "direction", **settings: Any) -> Path:
    """Write the folder that a FreqAI backtest leaves."""
    source = user_data / "models" / "first"
    folder = source / "backtesting_predictions"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for pair, frame in candles(user_data).items():
        for first in range(FIRST_WINDOW, BARS, WINDOW_BARS):
            rows = frame.iloc[first : first + WINDOW_BARS]
            stop = int(rows["date"].iloc[0].timestamp())
            name = f"cb_{pair.partition('/')[0].lower()}_{stop}_prediction.feather"
            predictions_of(rows, kind, rng).to_feather(folder / name)
    parameters = {"label_period_candles": HORIZON, **settings}
    training = {"n_estimators": 10, "random_state": 7}
    freqai = {
        "train_period_days": 20,
        "feature_parameters": parameters,
        "model_training_parameters": training,
    }
    document = {"freqai": freqai, "timeframe": "1h", "pairs": ["BTC/USDT", "ETH/USDT"]}
    (source / "run_params.json").write_text(json.dumps(document), encoding="utf-8")
    return source


def outcomes(folder: Path) -> dict[str, str]:
    report = run_gate(IMPORTED, case_from_folder(folder), Policy())
    return {item.code: item.outcome for item in report.results}


@pytest.mark.parametrize("kind", ["direction", "return"])
def test_predictions_become_evidence_whose_labels_and_windows_hold(tmp_path: Path, kind: str) -> None:
    folder = convert(run_of(tmp_path, kind), tmp_path / "evidence", cost_bps=10.0)
    found = outcomes(folder)
    kept = ("PR001", "PR012", "DQ003", "DQ004", "DQ005", "DQ006", "DQ007", "DQ008", "LK004", "LK008")
    assert {code: found[code] for code in kept} == dict.fromkeys(kept, "passed")
    # What FreqAI does not keep is not taken on trust.
    assert {found[code] for code in ("LK005", "LK006", "OF001", "OF007")} == {"not_enough_evidence"}
    # The predictions are chance.
    assert found["OF010"] == "refused"


def test_training_ends_with_the_last_row_that_has_a_label(tmp_path: Path) -> None:
    folder = convert(run_of(tmp_path), tmp_path / "evidence", cost_bps=10.0)
    table = pd.read_parquet(folder / "predictions.parquet")
    fold = yaml.safe_load((folder / "folds.yaml").read_text())["folds"][0]
    first = table["time"].min()
    assert pd.Timestamp(fold["train_end"]) == first - pd.Timedelta(hours=HORIZON)
    assert fold["gap_bars"] == HORIZON


def test_other_runs_beside_it_count_as_trials(tmp_path: Path) -> None:
    source = run_of(tmp_path)
    for name in ("second", "third"):
        (source.parent / name / "backtesting_predictions").mkdir(parents=True)
    (source.parent / "no run").mkdir()
    meta = yaml.safe_load((convert(source, tmp_path / "evidence", cost_bps=10.0) / "meta.yaml").read_text())
    assert meta["n_trials"] == 3
    assert meta["random_seed"] == 7


def test_a_folder_without_predictions_says_which_one_to_give(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no FreqAI predictions") as caught:
        convert(tmp_path, tmp_path / "evidence", cost_bps=10.0)
    assert "user_data/models/IDENTIFIER" in str(caught.value.hint)


def test_settings_that_lack_the_horizon_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="label_period_candles"):
        convert(run_of(tmp_path, label_period_candles=None), tmp_path / "evidence", cost_bps=10.0)


def test_a_target_that_is_no_return_is_an_error(tmp_path: Path) -> None:
    source = run_of(tmp_path, "return")
    for path in (source / "backtesting_predictions").glob("*.feather"):
        table = pd.read_feather(path)
        table.assign(**{"&-move": np.arange(len(table)) * 10.0}).to_feather(path)
    with pytest.raises(EvidenceError, match="no return as a fraction"):
        convert(source, tmp_path / "evidence", cost_bps=10.0)


def test_classes_that_cannot_be_made_again_are_an_error(tmp_path: Path) -> None:
    source = run_of(tmp_path)
    for path in (source / "backtesting_predictions").glob("*.feather"):
        pd.read_feather(path).rename(columns={"up": "high", "down": "low"}).to_feather(path)
    with pytest.raises(EvidenceError, match="up and down can be made again"):
        convert(source, tmp_path / "evidence", cost_bps=10.0)


def test_missing_candles_are_an_error_that_lists_what_is_there(tmp_path: Path) -> None:
    source = run_of(tmp_path)
    (tmp_path / "data" / "ETH_USDT-1h.feather").unlink()
    with pytest.raises(InputError, match="no 1h candles of ETH/USDT"):
        convert(source, tmp_path / "evidence", cost_bps=10.0)


def test_the_command_imports_a_freqai_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = run_of(tmp_path)
    out = tmp_path / "out"
    code = main(["evidence", "import", str(source), "--from", "freqai", "--out", str(out), "--format", "json"])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert {path.name for path in out.iterdir()} == {"meta.yaml", "folds.yaml", "predictions.parquet", "market.parquet"}


@pytest.mark.slow
def test_a_real_freqai_backtest_is_imported_and_judged(tmp_path: Path) -> None:
    pytest.importorskip("freqtrade")
    user_data = tmp_path / "user_data"
    candles(user_data)
    (user_data / "strategies").mkdir()
    (user_data / "strategies" / "sample.py").write_text(STRATEGY, encoding="utf-8")
    script = Path(__file__).parent / "freqai_backtest.py"
    command = [sys.executable, str(script), str(user_data), "LightGBMClassifier"]
    done = subprocess.run(command, env=child_environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = convert(user_data / "models" / "example", tmp_path / "evidence", cost_bps=10.0)
    table = pd.read_parquet(folder / "predictions.parquet")
    assert table["p_0"].add(table["p_1"]).sub(1.0).abs().max() < 1e-9
    assert table["fold"].nunique() > 5
    found = outcomes(folder)
    kept = ("PR001", "DQ005", "DQ006", "DQ007", "DQ008", "LK004", "LK008")
    assert {code: found[code] for code in kept} == dict.fromkeys(kept, "passed")
