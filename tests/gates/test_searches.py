"""Who chose by the test is told from who chose inside, by the table of trials alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.registry import run_check


def tried(chosen: str, *, count: int = 40, seed: int = 1, linked: float = 0.0) -> pd.DataFrame:
    """Trials whose outer scores follow the inner ones by `linked`; `chosen` names how one was picked."""
    rng = np.random.default_rng(seed)
    inner = rng.normal(1.0, 0.5, count)
    outer = linked * inner + rng.normal(0.5, 0.5, count)
    if chosen == "outer best":
        # The best out of sample, and by its inner score in the middle.
        inner[outer.argmax()] = np.median(inner)
    if chosen == "ties":
        inner[:] = 1.0
    picked = {"inner best": inner.argmax(), "some": int(rng.integers(count))}.get(chosen, outer.argmax())
    return pd.DataFrame(
        {
            "configuration": [f"t{each}" for each in range(count)],
            "inner_score": inner,
            "outer_score": outer,
            "chosen": np.arange(count) == picked,
        }
    )


def outcome(trials: pd.DataFrame) -> str:
    return run_check("OF011", Case("STR-001", trials=trials)).outcome


def test_a_trial_that_is_best_by_the_test_and_ordinary_inside_was_chosen_by_the_test() -> None:
    found = run_check("OF011", Case("STR-001", trials=tried("outer best")))
    assert found.outcome == "refused"
    assert "chosen by the test" in found.explanation
    assert "number 20" in found.explanation or "number 21" in found.explanation


@pytest.mark.parametrize(("chosen", "count"), [("inner best", 40), ("ties", 40), ("outer best", 12), ("some", 40)])
def test_honest_choices_ties_and_few_trials_are_not_refused(chosen: str, count: int) -> None:
    told = [outcome(tried(chosen, count=count, seed=seed)) for seed in range(30)]
    refusals = told.count("refused")
    # A choice at random meets the outer best of forty now and then.
    assert refusals <= (1 if chosen == "some" else 0)
    assert "missing: evidence: trial_returns.parquet" in run_check("OF011", Case("S", trials=tried("ties"))).explanation


def test_the_outer_best_that_is_nearly_the_inner_best_is_left_alone() -> None:
    trials = tried("inner best")
    trials["outer_score"] = trials["inner_score"]
    second = trials["inner_score"].rank(ascending=False) == 2
    trials.loc[second, "outer_score"] = 9.0
    trials["chosen"] = second
    assert outcome(trials) == "not_enough_evidence"


def test_scores_that_are_not_known_say_nothing() -> None:
    trials = tried("outer best")
    assert outcome(trials.assign(inner_score=np.nan)) == "not_enough_evidence"
    assert outcome(trials.drop(columns="inner_score")) == "not_enough_evidence"
    assert outcome(trials.assign(chosen=False)) == "not_enough_evidence"


def equal_trials(sharpe: float, seed: int, *, count: int = 10, days: int = 450) -> pd.DataFrame:
    """Daily returns of trials of one true Sharpe ratio a year."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(days, 1)) * 0.9**0.5
    return pd.DataFrame(common + rng.normal(size=(days, count)) * 0.1**0.5 + sharpe / 365**0.5)


def test_alike_trials_that_all_earn_are_not_refused_for_their_order_and_noise_is() -> None:
    good = [run_check("OF011", Case("STR-001", trial_returns=equal_trials(4.0, seed))) for seed in range(12)]
    assert {told.outcome for told in good} == {"passed"}
    assert max(told.value or 0.0 for told in good) > 0.2
    noise = [run_check("OF011", Case("STR-001", trial_returns=equal_trials(0.0, seed))) for seed in range(12)]
    assert sum(told.outcome == "refused" for told in noise) >= 7
