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
    return run_check("DQ006", with_later(case, NEW, told_after=told_after, hole=hole))


def with_later(
    case: Case, name: str, *, told_after: pd.Timedelta, hole: bool = False, inner: bool = False, fold: int = 1
) -> Case:
    """Return a study with one more pair, listed in a third of a test part, with or without an earlier forecast."""
    assert case.meta is not None
    assert case.market is not None
    assert case.predictions is not None
    part = case.meta.folds[fold]
    listed = pd.Timestamp(part.test_start) + (pd.Timestamp(part.test_end) - pd.Timestamp(part.test_start)) / 3
    old = case.meta.pairs[0]
    bars = case.market[(case.market["time"] >= listed) & (case.market["pair"] == old)].assign(pair=name)
    rows = case.predictions[(case.predictions["part"] == "test") & (case.predictions["pair"] == old)].assign(pair=name)
    told = rows[rows["time"] >= listed + told_after]
    if inner:
        told = pd.concat([rows[rows["time"] >= listed + HOUR].head(1).assign(part="inner"), told])
    if hole:
        start = listed + told_after + 2 * HOUR
        told = told[(told["time"] < start) | (told["time"] >= start + 60 * HOUR)]
    return replace(
        case,
        meta=case.meta.model_copy(update={"pairs": [*case.meta.pairs, name]}),
        market=pd.concat([case.market, bars], ignore_index=True),
        predictions=pd.concat([case.predictions, told], ignore_index=True),
    )


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


@pytest.mark.parametrize(("wait", "outcome"), [(110 * HOUR, "passed"), (250 * HOUR, "refused")])
def test_every_new_pair_has_the_look_back_of_the_others(honest: Case, wait: pd.Timedelta, outcome: str) -> None:
    first = with_later(honest, NEW, told_after=100 * HOUR)
    found = run_check("DQ006", with_later(first, "NEWER/USD", told_after=wait, fold=2))
    assert found.outcome == outcome, found.explanation
    assert (outcome == "passed") == ("NEWER/USD" not in found.explanation)


@pytest.mark.parametrize(("inner", "outcome"), [(False, "passed"), (True, "refused")])
def test_who_forecast_a_new_pair_in_any_part_had_filled_its_look_back(honest: Case, inner: bool, outcome: str) -> None:
    found = run_check("DQ006", with_later(honest, NEW, told_after=100 * HOUR, inner=inner))
    assert found.outcome == outcome, found.explanation


def test_a_pair_that_was_always_there_has_nothing_to_fill(honest: Case) -> None:
    assert honest.predictions is not None
    test = honest.predictions[honest.predictions["part"] == "test"]
    late = honest.predictions[honest.predictions["time"] >= test["time"].min() + 100 * HOUR]
    assert run_check("DQ006", replace(honest, predictions=late)).outcome == "refused"
