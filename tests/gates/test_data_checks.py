"""Each check of the data passes on honest evidence and refuses evidence that was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.registry import run_check

CODES = ("DQ001", "DQ002", "DQ003", "DQ004", "DQ006", "DQ007", "DQ008")


@pytest.mark.parametrize("code", CODES)
def test_honest_evidence_passes(honest: Case, code: str) -> None:
    result = run_check(code, honest)
    assert result.outcome == "passed", result.explanation


def changed(frame: pd.DataFrame | None, column: str, row: int, value: object) -> pd.DataFrame:
    assert frame is not None
    copy = frame.copy()
    copy.loc[copy.index[row], column] = value
    return copy


def losers_dropped(case: Case) -> Case:
    frame = case.predictions
    assert frame is not None
    worst = frame[frame["part"] == "test"].nsmallest(400, "return_net").index
    return replace(case, predictions=frame.drop(worst))


def holes_in_the_bars(case: Case) -> Case:
    assert case.bars is not None
    pair, frame = next(iter(case.bars.items()))
    keep = np.random.default_rng(0).random(len(frame)) > 0.03
    return replace(case, bars={**case.bars, pair: frame[keep].reset_index(drop=True)})


def impossible_candle(case: Case) -> Case:
    assert case.bars is not None
    pair, frame = next(iter(case.bars.items()))
    return replace(case, bars={**case.bars, pair: changed(frame, "high", 100, 1.0)})


def unregistered(case: Case) -> Case:
    assert case.datasets is not None
    return replace(case, datasets={"DS-001": case.datasets["DS-001"]})


def file_changed(case: Case) -> Case:
    return replace(case, dataset_hashes={**(case.dataset_hashes or {}), "DS-001": "sha256:" + "1" * 64})


def market_end_missing(case: Case) -> Case:
    assert case.market is not None
    return replace(case, market=case.market[case.market["time"] < case.market["time"].iloc[2000]])


def market_bar_removed(case: Case) -> Case:
    assert case.market is not None
    return replace(case, market=case.market.drop(case.market.index[1500]))


def more_training_rows_than_bars(case: Case) -> Case:
    assert case.meta is not None
    first = case.meta.folds[0].model_copy(update={"train_rows": 100_000})
    return replace(case, meta=case.meta.model_copy(update={"folds": [first, *case.meta.folds[1:]]}))


def duplicated_rows(case: Case) -> Case:
    assert case.predictions is not None
    test = case.predictions[case.predictions["part"] == "test"]
    return replace(case, predictions=pd.concat([case.predictions, test.nlargest(50, "return_net")], ignore_index=True))


def overlapping_training(case: Case) -> Case:
    assert case.meta is not None
    folds = [fold.model_copy(update={"train_end": fold.test_end}) for fold in case.meta.folds]
    return replace(case, meta=case.meta.model_copy(update={"folds": folds}))


@pytest.mark.parametrize(
    ("code", "tamper", "says"),
    [
        ("DQ001", unregistered, "not registered"),
        ("DQ001", file_changed, "the file now has"),
        ("DQ001", lambda c: replace(c, market=changed(c.market, "close", 50, 1.0)), "bars differ"),
        ("DQ001", market_bar_removed, "leaves out 1 bars"),
        ("DQ002", market_end_missing, "after the last test"),
        ("DQ002", more_training_rows_than_bars, "training rows"),
        ("DQ003", holes_in_the_bars, "missing"),
        ("DQ003", impossible_candle, "1 inconsistent candles"),
        ("DQ006", losers_dropped, "least coverage"),
        ("DQ007", lambda c: replace(c, predictions=changed(c.predictions, "label", 4000, 0.5)), "label: 1"),
        ("DQ007", lambda c: replace(c, predictions=changed(c.predictions, "forward_return", 7, 0.1)), "return: 1"),
        (
            "DQ007",
            lambda c: replace(c, predictions=changed(c.predictions, "label_end", 7, c.predictions["time"].iloc[0])),
            "label_end: 1",
        ),
        ("DQ008", duplicated_rows, "50 rows occur twice"),
        ("DQ008", overlapping_training, "own training range"),
    ],
)
def test_tampered_evidence_is_refused(honest: Case, code: str, tamper: Callable[[Case], Case], says: str) -> None:
    result = run_check(code, tamper(honest))
    assert result.outcome == "refused"
    assert says in result.explanation
    assert result.next


def test_four_folds_are_not_enough_evidence(honest: Case) -> None:
    assert honest.predictions is not None
    short = honest.predictions[honest.predictions["fold"] < 4]
    result = run_check("DQ004", replace(honest, predictions=short))
    assert (result.outcome, result.value) == ("not_enough_evidence", 4.0)


def test_a_fold_with_more_features_than_rows_allow_is_refused(honest: Case) -> None:
    assert run_check("DQ004", honest, {"folds": 5, "rows_per_feature": 1000, "test_rows": 30}).outcome == "refused"
