from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import EvidenceError
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.ml_spec import Signal, Target
from crypto_team.validation import evidence_io, evidence_tables
from crypto_team.validation.clock import utc_times
from crypto_team.validation.evidence_io import Evidence
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import run

ZERO_HASH = "sha256:" + "0" * 64


def _bars(panel: Panel, pair: int) -> pd.DataFrame:
    own = panel.pair_index == pair
    close = 100.0 * np.cumprod(1.0 + np.nan_to_num(panel.next_return[own]))
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return pd.DataFrame({"timestamp": utc_times(panel.time[own]), **prices, "volume": 1.0, "filled": False})


@pytest.fixture(scope="module")
def evidence(panel_of: Callable[..., Panel], settings_of: Callable[..., WalkForwardSettings]) -> Evidence:
    panel, settings = panel_of(edge=0.3), settings_of()
    result = run(panel, settings)
    meta = EvidenceMeta(
        strategy_id="STR-001",
        timeframe="1h",
        pairs=panel.pairs,
        periods_per_year=8760.0,
        horizon_bars=1,
        gap_bars=24,
        cost_bps_per_side=7.0,
        target=Target(type="classification", kind="direction", definition="up in 1 bar", horizon="1h", horizon_bars=1),
        signal=Signal(entry_threshold=0.52, exit_threshold=0.5, side="long_short"),
        model="lightgbm",
        hyperparameters=dict(settings.hyperparameters),
        calibration="platt",
        window="rolling_30d",
        test="10d",
        step="10d",
        feature_names=panel.names,
        random_seed=42,
        versions={"lightgbm": "4"},
        dataset_ids=["DS-001"],
        dataset_hashes=[ZERO_HASH],
        data_hash=ZERO_HASH,
        declared_n_trials=1,
        folds=result.folds,
    )
    market = evidence_tables.market_table({pair: _bars(panel, at) for at, pair in enumerate(panel.pairs)})
    features = evidence_tables.features_sample(panel, result)
    return Evidence(meta, evidence_tables.tables_from(result, market=market, features=features), result.models)


def test_the_same_evidence_gives_the_same_bytes(evidence: Evidence, tmp_path: Path) -> None:
    names = evidence_io.write(evidence, tmp_path / "a")
    assert names == evidence_io.write(evidence, tmp_path / "b")
    assert "meta.yaml" in names
    assert "models/fold_00.json" in names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_is_read_is_what_was_written_and_writes_the_same_bytes_again(evidence: Evidence, tmp_path: Path) -> None:
    names = evidence_io.write(evidence, tmp_path / "a")
    again = evidence_io.read(tmp_path / "a")
    assert again.meta == evidence.meta
    assert again.models == evidence.models
    evidence_io.write(again, tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert evidence_io.prediction_hash(again.tables.predictions) == evidence_io.prediction_hash(
        evidence.tables.predictions
    )


def test_one_changed_bit_changes_the_prediction_hash(evidence: Evidence) -> None:
    changed = evidence.tables.predictions.copy()
    signal = changed["signal"].to_numpy(copy=True)
    signal[7] = np.nextafter(signal[7], 1.0)
    changed["signal"] = signal
    assert evidence_io.prediction_hash(changed) != evidence_io.prediction_hash(evidence.tables.predictions)


def test_the_order_of_columns_does_not_change_the_prediction_hash(evidence: Evidence) -> None:
    table = evidence.tables.predictions
    assert evidence_io.prediction_hash(table[sorted(table.columns)]) == evidence_io.prediction_hash(table)


def test_features_of_the_sample_are_those_of_the_panel(evidence: Evidence, panel_of: Callable[..., Panel]) -> None:
    panel, sample = panel_of(edge=0.3), evidence.tables.features
    row = sample.iloc[100]
    own = (panel.time == row["time"].value // 1_000_000) & (panel.pair_index == panel.pairs.index(row["pair"]))
    at = int(np.flatnonzero(own)[0])
    for name in sample.columns[2:]:
        assert np.array_equal(row[name], panel.features[at, panel.names.index(name)], equal_nan=True)


@pytest.mark.parametrize("name", ["meta.yaml", "skill.parquet", "models/fold_02.json"])
def test_a_missing_file_is_named(evidence: Evidence, tmp_path: Path, name: str) -> None:
    evidence_io.write(evidence, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(EvidenceError, match=f"{Path(name).name}: evidence file is missing"):
        evidence_io.read(tmp_path)


@pytest.mark.parametrize("name", ["meta.yaml", "predictions.parquet", "models/fold_02.json"])
@pytest.mark.parametrize("damage", [b"", b"{ broken: [", b"\xff\xfe\x00PAR1"])
def test_a_damaged_file_is_an_evidence_error(evidence: Evidence, tmp_path: Path, name: str, damage: bytes) -> None:
    evidence_io.write(evidence, tmp_path)
    (tmp_path / name).write_bytes(damage)
    with pytest.raises(EvidenceError, match=Path(name).name):
        evidence_io.read(tmp_path)


def test_a_table_that_breaks_its_contract_is_an_evidence_error(evidence: Evidence, tmp_path: Path) -> None:
    evidence_io.write(evidence, tmp_path)
    evidence.tables.noise.drop(columns="repeat").to_parquet(tmp_path / "noise.parquet")
    with pytest.raises(EvidenceError, match="table noise lacks the columns repeat"):
        evidence_io.read(tmp_path)


@pytest.mark.parametrize("columns", [["p_1"], ["p_raw_0", "p_raw_1"], ["p_0", "p_1", "p_raw_0", "p_raw_1"]])
def test_forecast_columns_are_complete_or_the_table_is_refused(evidence: Evidence, columns: list[str]) -> None:
    with pytest.raises(EvidenceError, match="forecast columns"):
        evidence_tables.conform("predictions", evidence.tables.predictions.drop(columns=columns), where="x")
