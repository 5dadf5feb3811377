"""Tries that were made elsewhere count like those of the product's own tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.kb import trial_heads, trials
from crypto_team.kb.validate import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.conftest import Desk


@pytest.fixture
def strategy(desk: Desk) -> str:
    return str(desk.use("ml_engineer.new", name="edge", pair=["EDGE/USD"]).data["strategy_id"])


def returns(folder: Path, tries: int) -> Path:
    rng = np.random.default_rng(3)
    times = pd.date_range("2024-01-01", periods=24 * 100, freq="1h", tz="UTC")
    table = pd.DataFrame(rng.normal(0.0, 0.001, (times.size, tries)), columns=[f"try_{k}" for k in range(tries)])
    table.insert(0, "time", times)
    file = folder / "returns.csv"
    table.to_csv(file, index=False)
    return file


def test_returns_of_tries_are_booked_with_their_daily_sharpe_ratios(desk: Desk, strategy: str, tmp_path: Path) -> None:
    file = returns(tmp_path, 7)
    outcome = desk.use("ledger.import", strategy_id=strategy, file=file, source="returns")
    assert outcome.summary.endswith("the registry counts 7")
    found = trials.ledger(desk.layout)
    table = pd.read_csv(file, parse_dates=["time"]).set_index("time").resample("1D").sum()
    assert found.n_trials == 7
    assert found.sharpes == pytest.approx(list(table.mean() / table.std(ddof=1)))
    assert validate(desk.layout) == []


def test_the_same_file_is_booked_once(desk: Desk, strategy: str, tmp_path: Path) -> None:
    file = returns(tmp_path, 3)
    desk.use("ledger.import", strategy_id=strategy, file=file, source="returns")
    again = desk.try_("ledger.import", strategy_id=strategy, file=file, source="returns")
    assert not again.ok
    assert "was booked already" in again.summary
    assert "crypto-team ledger list --strategy-id STR-" in str(again)
    assert trials.ledger(desk.layout).n_trials == 3


def test_every_trial_of_an_optuna_study_counts_pruned_and_failed_ones_too(
    desk: Desk, strategy: str, tmp_path: Path
) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.disable_default_handler()
    journal = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    places = {
        "journal.log": optuna.storages.JournalStorage(journal),
        "study.db": f"sqlite:///{tmp_path / 'study.db'}",
    }

    def objective(trial: optuna.Trial) -> float:
        value = trial.suggest_float("x", 0.0, 1.0)
        if trial.number % 4 == 3:
            raise optuna.TrialPruned
        if trial.number % 5 == 4:
            raise ValueError
        return float(value)

    for number, (name, storage) in enumerate(places.items(), start=1):
        optuna.create_study(storage=storage).optimize(objective, n_trials=10 + number, catch=(ValueError,))
        outcome = desk.use("ledger.import", strategy_id=strategy, file=tmp_path / name, source="optuna")
        assert outcome.data["tries"] == 10 + number
    assert trials.ledger(desk.layout).n_trials == 23


def test_every_epoch_of_a_hyperopt_counts(desk: Desk, strategy: str, tmp_path: Path) -> None:
    file = tmp_path / "strategy.fthypt"
    file.write_text("".join(json.dumps({"loss": k / 7, "current_epoch": k}) + "\n" for k in range(40)))
    assert desk.use("ledger.import", strategy_id=strategy, file=file, source="hyperopt").data["tries"] == 40


@pytest.mark.parametrize(
    ("name", "text", "source", "says"),
    [
        ("a.csv", "day,x\n1,2\n", "returns", "no column called time"),
        ("a.csv", "time,x\nsoon,2\n", "returns", "missing or not a number"),
        ("a.csv", "time\n2024-01-01\n", "returns", "no try is in it"),
        ("a.fthypt", "{]\n", "hyperopt", "not JSON"),
        ("a.fthypt", "[1]\n", "hyperopt", "no epoch"),
        ("a.log", "hello\n", "optuna", "neither a journal nor a database"),
        ("a.db", "SQLite format 3\0 not really", "optuna", "no database of Optuna"),
        ("a.log", "", "optuna", "no try is in it"),
    ],
)
def test_files_that_are_something_else_are_clear_errors(
    desk: Desk, strategy: str, tmp_path: Path, name: str, text: str, source: str, says: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    outcome = desk.try_("ledger.import", strategy_id=strategy, file=file, source=source)
    assert not outcome.ok
    assert says in outcome.summary
    assert trials.ledger(desk.layout).n_trials == 0


def test_tries_that_are_only_remembered_are_disclosed_listed_and_verified(desk: Desk, strategy: str) -> None:
    desk.use("ledger.disclose", strategy_id=strategy, tries=300, note="by hand, in a notebook, in 2023")
    listed = desk.use("ledger.list")
    assert listed.data[0]["tries"] == 300
    verified = desk.use("ledger.verify")
    assert verified.data == [{"strategy": strategy, "tries": 300, "head": trial_heads.heads(desk.layout, strategy)[0]}]
    desk.layout.trial(strategy, listed.data[0]["trial"]).unlink()
    broken = desk.try_("ledger.verify")
    assert broken.exit_code == 1
    assert "differs from what was committed" in broken.findings[0].message
