"""Thresholds near the stated one are traded anew: a spike is refused, a plateau is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.plateau import neighbours
from crypto_team.gates.registry import run_check


@pytest.mark.parametrize(
    ("entry", "leave", "expected"),
    [
        (0.55, 0.45, [(0.54, 0.46), (0.56, 0.44)]),
        (0.6, 0.5, [(0.58, 0.495), (0.62, 0.505)]),
        (0.51, 0.5, [(0.505, 0.495), (0.515, 0.505)]),
        (0.5, 0.5, [(0.505, 0.505)]),
    ],
)
def test_neighbours_lie_a_fifth_of_the_distance_away(
    entry: float, leave: float, expected: list[tuple[float, float]]
) -> None:
    assert neighbours(entry, leave) == expected


def signalled(case: Case, signal: pd.Series) -> Case:
    """The case with other probabilities of a rise in its test rows."""
    assert case.predictions is not None
    table = case.predictions.copy()
    test = table["part"] == "test"
    table.loc[test, "p_1"] = signal[test]
    table["p_0"] = 1.0 - table["p_1"]
    return replace(case, predictions=table)


def test_the_honest_strategy_stands_on_a_plateau(honest: Case) -> None:
    told = run_check("OF014", honest)
    assert told.outcome == "passed", told.explanation
    assert told.value is not None
    assert told.value > 0.5


def test_a_threshold_that_alone_earns_is_a_spike(honest: Case) -> None:
    assert honest.meta is not None
    assert honest.predictions is not None
    assert honest.returns is not None
    entry = honest.meta.signal.entry_threshold
    table = honest.predictions
    rng = np.random.default_rng(3)
    # Right just above the threshold, and wrong beyond what a fifth more asks for: nobody would know of the next step.
    above = entry + 0.1 * (entry - 0.5)
    far = entry + 0.5 * (entry - 0.5)
    frame = honest.returns.predictions
    move = frame["forward_return"].fillna(0.0).to_numpy()
    picked = rng.random(len(table))
    near = np.where(move > 0, above, 0.5)
    wrong = np.where(move > 0, 0.5, far)
    made = pd.Series(np.where(picked < 0.8, near, wrong), table.index)
    told = run_check("OF014", signalled(honest, made))
    assert told.outcome == "refused", told.explanation
    assert told.next


def test_what_does_not_earn_has_no_plateau(honest: Case) -> None:
    assert honest.predictions is not None
    told = run_check("OF014", signalled(honest, 1.0 - honest.predictions["p_1"]))
    assert told.outcome == "refused"
    assert "does not earn" in told.explanation
    assert run_check("OF014", replace(honest, market=None)).outcome == "not_enough_evidence"
