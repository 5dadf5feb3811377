"""What can be known before anything is fitted is refused before a trial is booked, and where possible at set-model."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from crypto_team.cli.table import TOOLS
from crypto_team.kb import trials
from crypto_team.kb.yaml import load_record
from crypto_team.models import readiness
from crypto_team.roles import tuning
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk


def _booked(desk: Desk) -> int:
    return sum(trial.n_trials for trial in trials.trials(desk.layout))


def _edit(desk: Desk, *changes: str) -> None:
    """Change the design by hand, as nobody checks it."""
    arguments = {"document": "STR-001/ml-spec.yaml", "set": list(changes)}
    outcome = call(TOOLS["edit"], open_session(desk.folder, "ml_engineer"), arguments)
    assert outcome.ok, outcome


@pytest.mark.parametrize(
    ("model", "param", "says"),
    [
        ("stacking", ["members=foo"], "two or more different members"),
        ("gru", ["hidden=-4"], "hidden is -4"),
        ("lightgbm", ["max_bin=1"], "max_bin"),
    ],
)
def test_set_model_refuses_what_the_learner_does_not_take(
    designed: Desk, model: str, param: list[str], says: str
) -> None:
    outcome = designed.try_("ml_engineer.set-model", strategy_id="STR-001", model=model, param=param)
    assert outcome.exit_code == 2
    assert says in outcome.summary + str(outcome.findings)


def test_set_model_refuses_a_package_that_is_missing(designed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(readiness, "find_spec", lambda one: None if one in {"shap", "catboost"} else found(one))
    for arguments in ({"model": "catboost"}, {"model": "random_forest", "ranking": "shap"}):
        outcome = designed.try_("ml_engineer.set-model", strategy_id="STR-001", **arguments)
        assert outcome.exit_code == 2
        assert "pip install 'crypto-team[ml]'" in str(outcome.findings) + outcome.summary + str(outcome.next)


@pytest.mark.parametrize("tool", ["train", "tune", "sweep"])
def test_a_design_that_cannot_be_trained_costs_no_trial(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "work")
    desk.candles(tmp_path, bars=2_000, sharpe=8.0)
    strategy_id = desk.designed()
    hand_made = [
        ("/model/hyperparameters", '{"l3": 1.0}', "l3"),
        ("/model/hyperparameters", '{"l2": -1.0}', "l2"),
        ("/model/training/window", "rolling_1900bars", "folds"),
    ]
    window = load_record(desk.layout.ml_spec(strategy_id), MlSpec).model.training.window
    for place, value, says in hand_made:
        _edit(desk, f"{place}={value}")
        outcome = desk.try_(f"ml_engineer.{tool}", strategy_id=strategy_id)
        assert not outcome.ok
        assert says in outcome.summary + str(outcome.findings)
        assert _booked(desk) == 0
        _edit(desk, "/model/hyperparameters={}", f"/model/training/window={window}")
    if tool == "tune":
        monkeypatch.setattr(tuning, "find_spec", lambda _: None)
        assert desk.try_("ml_engineer.tune", strategy_id=strategy_id, trials=3).exit_code == 2
        assert _booked(desk) == 0
