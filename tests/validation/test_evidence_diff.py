"""Where two evidence sets part is said by table, column, row and value."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.schemas.ml_spec import Signal, Target
from crypto_team.validation.evidence_diff import differences
from crypto_team.validation.evidence_io import Evidence
from crypto_team.validation.evidence_tables import EvidenceTables

HASH = "sha256:" + "0" * 64
TIMES = pd.date_range("2024-01-01", periods=4, freq="1h", tz="UTC")


def table(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"time": TIMES, "pair": "BTC/USDT", "fold": [0, 0, 1, 1], **columns})


@pytest.fixture
def stored() -> Evidence:
    meta = EvidenceMeta.model_construct(
        target=Target(type="classification", kind="direction", definition="up", horizon="1h", horizon_bars=1),
        signal=Signal(),
        versions={"lightgbm": "4"},
        random_seed=42,
        folds=[FoldRange.model_construct(fold=0, selected=["a"], model_hash=HASH)],
    )
    tables = EvidenceTables(
        predictions=table(p_1=[0.5, 0.6, 0.7, float("nan")]),
        market=table(close=[1.0, 2.0, 3.0, 4.0]),
        features=table(a=[1.0, 2.0, 3.0, 4.0]),
        importances=table(value=[1.0, 0.0, 1.0, 0.0]),
        preprocessing=table(mean=[0.0, 0.0, 0.0, 0.0]),
        noise=table(value=[1.0] * 4),
        skill=table(value=[1.0] * 4),
        baselines=table(value=[1.0] * 4),
        simple=table(value=[1.0] * 4),
    )
    return Evidence(meta, tables, {"fold_000.json": json.dumps({"learner": "x", "sigma_bps": 1.0}).encode()})


def changed(stored: Evidence, name: str, column: str, row: int, value: float) -> Evidence:
    made = getattr(stored.tables, name).copy()
    made.loc[row, column] = value
    return replace(stored, tables=replace(stored.tables, **{name: made}))


def test_equal_evidence_has_no_differences_and_unknown_equals_unknown(stored: Evidence) -> None:
    assert differences(stored, stored) == []


def test_the_first_row_that_differs_is_named_with_both_values(stored: Evidence) -> None:
    assert differences(stored, changed(stored, "predictions", "p_1", 2, 0.75)) == [
        (
            "predictions.parquet, column p_1: 1 of 4 rows differ, the first at row 2 (time 2024-01-01 02:00:00+00:00, "
            "pair BTC/USDT, fold 1): stored 0.7, rebuilt 0.75; largest difference 0.05"
        )
    ]


def test_what_comes_first_in_the_making_is_said_first(stored: Evidence) -> None:
    both = changed(changed(stored, "predictions", "p_1", 0, 0.1), "market", "close", 3, 5.0)
    assert [line.partition(".")[0] for line in differences(stored, both)] == ["market", "predictions"]


def test_a_number_that_became_unknown_differs(stored: Evidence) -> None:
    [line] = differences(stored, changed(stored, "features", "a", 1, float("nan")))
    assert "stored 2.0, rebuilt nan" in line


def test_rows_and_columns_that_are_missing_are_said(stored: Evidence) -> None:
    shorter = replace(stored, tables=replace(stored.tables, noise=stored.tables.noise.head(3)))
    renamed = stored.tables.skill.rename(columns={"value": "worth"})
    assert differences(stored, shorter) == ["noise.parquet: 4 rows stored, 3 rebuilt"]
    assert differences(stored, replace(stored, tables=replace(stored.tables, skill=renamed))) == [
        "skill.parquet: columns only stored: value; only rebuilt: worth"
    ]


def test_fields_folds_and_parts_of_models_are_named(stored: Evidence) -> None:
    fold = stored.meta.folds[0].model_copy(update={"selected": ["b"]})
    meta = stored.meta.model_copy(update={"random_seed": 43, "folds": [fold]})
    model = json.dumps({"learner": "y", "sigma_bps": 1.0}).encode()
    assert differences(stored, Evidence(meta, stored.tables, {"fold_000.json": model})) == [
        "meta.yaml random_seed: stored 42, rebuilt 43",
        "meta.yaml fold 0: selected ['a'] -> ['b']",
        "models/fold_000.json: learner differ",
    ]


def test_of_a_mapping_only_the_key_that_differs_is_said_with_both_values(stored: Evidence) -> None:
    def made(period: int) -> Evidence:
        formula = json.dumps({"formula": f"zscore(ret(close, 24), {period})", "lookback": 192})
        settings = {"type": '"ml_based"', "market.exchange": '"bitstamp"', "features.z": formula, "seed": "42"}
        return replace(stored, meta=stored.meta.model_copy(update={"trained_with": settings}))

    assert differences(made(168), made(167)) == [
        (
            "meta.yaml trained_with: features.z: formula: stored zscore(ret(close, 24), 168), "
            "rebuilt zscore(ret(close, 24), 167)"
        )
    ]


def test_long_values_are_shown_where_they_part(stored: Evidence) -> None:
    def made(last: str) -> Evidence:
        return replace(stored, meta=stored.meta.model_copy(update={"versions": {"numpy": f"{'1' * 200}{last}"}}))

    [line] = differences(made("5"), made("6"))
    assert line.endswith(f"stored ...{'1' * 30}5, rebuilt ...{'1' * 30}6")


def test_folds_that_shift_alike_are_one_line(stored: Evidence) -> None:
    def made(day: int) -> Evidence:
        folds = [FoldRange.model_construct(fold=k, test_start=f"2024-0{k + 1}-0{day}", model_hash=HASH) for k in (0, 1)]
        return replace(stored, meta=stored.meta.model_copy(update={"folds": folds}))

    assert differences(made(1), made(2)) == [
        "meta.yaml fold 0: test_start 2024-01-01 -> 2024-01-02; the same fields of 1 more folds"
    ]
