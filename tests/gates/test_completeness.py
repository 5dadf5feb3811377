"""A pair that was listed later may fill its look-back first; what is left out elsewhere is not excused by that."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.registry import run_check
from crypto_team.schemas.gate import CheckResult

HOUR = pd.Timedelta("1h")
NEW = "NEW/USD"


def listed_later(case: Case, *, told_after: pd.Timedelta, hole: bool = False) -> CheckResult:
    """Judge a study with a second pair that was listed in the middle of the second test part."""
    assert case.meta is not None
    assert case.market is not None
    assert case.predictions is not None
    fold = case.meta.folds[1]
    listed = pd.Timestamp(fold.test_start) + (pd.Timestamp(fold.test_end) - pd.Timestamp(fold.test_start)) / 3
    bars = case.market[case.market["time"] >= listed].assign(pair=NEW)
    told = case.predictions[case.predictions["time"] >= listed + told_after].assign(pair=NEW)
    if hole:
        start = listed + told_after + 2 * HOUR
        told = told[(told["time"] < start) | (told["time"] >= start + 60 * HOUR)]
    later = replace(
        case,
        meta=case.meta.model_copy(update={"pairs": [*case.meta.pairs, NEW]}),
        market=pd.concat([case.market, bars], ignore_index=True),
        predictions=pd.concat([case.predictions, told], ignore_index=True),
    )
    return run_check("DQ006", later)


@pytest.mark.parametrize(
    ("told_after", "hole", "outcome"),
    [
        (0 * HOUR, False, "passed"),
        (100 * HOUR, False, "passed"),
        (100 * HOUR, True, "refused"),
        (40 * 24 * HOUR, False, "refused"),
    ],
)
def test_a_new_pair_has_thirty_days_to_fill_its_look_back(
    honest: Case, told_after: pd.Timedelta, hole: bool, outcome: str
) -> None:
    found = listed_later(honest, told_after=told_after, hole=hole)
    assert found.outcome == outcome, found.explanation


def test_a_pair_that_was_always_there_has_nothing_to_fill(honest: Case) -> None:
    assert honest.predictions is not None
    test = honest.predictions[honest.predictions["part"] == "test"]
    late = honest.predictions[honest.predictions["time"] >= test["time"].min() + 100 * HOUR]
    assert run_check("DQ006", replace(honest, predictions=late)).outcome == "refused"
