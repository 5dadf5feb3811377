"""Three engines agree, complexity is earned, and the kill switch ends a crash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.registry import run_check


def simple_of(case: Case, signal: np.ndarray) -> pd.DataFrame:
    assert case.returns is not None
    test = case.returns.test
    columns = ["time", "pair", "fold", "label", "forward_return"]
    return test[columns].assign(signal=signal, event=signal).reset_index(drop=True)


def own_signal(case: Case) -> np.ndarray:
    assert case.returns is not None
    return case.returns.test["signal"].to_numpy(dtype=np.float64)


def test_online_features_and_models_give_what_the_batch_gave(honest: Case) -> None:
    result = run_check("LK010", honest)
    assert result.outcome == "passed", result.explanation
    assert "computed one by one" in result.explanation


def test_a_stored_signal_that_the_online_engine_does_not_give_is_refused(honest: Case) -> None:
    assert honest.predictions is not None
    table = honest.predictions.copy()
    test = table["part"] == "test"
    table.loc[test, "signal"] = table.loc[test, "signal"].shift(-1).fillna(0.5)
    result = run_check("LK010", replace(honest, predictions=table))
    assert result.outcome == "refused"
    assert "signal differs" in result.explanation


def test_an_exported_strategy_that_disagrees_is_refused_by_name(honest: Case) -> None:
    assert honest.backtest is not None
    other = honest.backtest.model_copy(update={"signal_agreement": 0.98})
    result = run_check("LK010", replace(honest, backtest=other))
    assert result.outcome == "refused"
    assert "BT-001" in result.explanation


def test_a_model_that_is_the_simple_one_replaces_nothing(honest: Case) -> None:
    result = run_check("OF016", replace(honest, simple=simple_of(honest, own_signal(honest))))
    assert result.outcome == "passed"
    assert "the simplest one itself" in result.explanation


def test_a_model_that_adds_nothing_passes_and_is_told_so(honest: Case) -> None:
    noisy = own_signal(honest) + 0.001 * np.random.default_rng(3).standard_normal(len(own_signal(honest)))
    result = run_check("OF016", replace(honest, simple=simple_of(honest, noisy)))
    assert result.outcome == "passed", result.explanation


def test_a_model_far_worse_than_the_simple_one_is_refused(honest: Case) -> None:
    assert honest.returns is not None
    forward = honest.returns.test["forward_return"].fillna(0.0).to_numpy()
    knowing = own_signal(honest) + 2.0 * forward
    result = run_check("OF016", replace(honest, simple=simple_of(honest, knowing)))
    assert result.outcome == "refused"
    assert "trade the simple model" in result.explanation


def test_without_the_simple_model_there_is_not_enough_evidence(honest: Case) -> None:
    assert run_check("OF016", replace(honest, simple=None)).outcome == "not_enough_evidence"
    half = simple_of(honest, own_signal(honest)).iloc[::2]
    assert run_check("OF016", replace(honest, simple=half)).outcome == "not_enough_evidence"


def test_the_drill_ends_with_nothing_held(honest: Case) -> None:
    result = run_check("RK008", honest)
    assert result.outcome == "passed", result.explanation
    assert "nothing held from day" in result.explanation


@pytest.mark.parametrize("levels", [[], [0.1, 0.15], [0.3, 0.4, 0.5, 0.6]])
def test_breakers_that_never_stop_or_stop_too_late_are_refused(honest: Case, levels: list[float]) -> None:
    assert honest.risk is not None
    risk = honest.risk.model_copy(update={"breakers": levels})
    assert run_check("RK008", replace(honest, risk=risk)).outcome == "refused"
