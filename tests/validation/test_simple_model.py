from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crypto_team.validation import evidence_io, walk_forward
from crypto_team.validation.evidence_tables import conform
from crypto_team.validation.panel import Panel
from crypto_team.validation.scores import auc
from crypto_team.validation.settings import WalkForwardSettings

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]


def test_the_simplest_model_sees_the_rows_and_columns_of_each_fold(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    panel = panel_of(edge=0.3)
    result = walk_forward.run(panel, settings_of("lightgbm"))
    test = result.predictions[result.predictions["part"] == "test"]
    joined = test.merge(result.simple, on=["time", "pair", "fold"], suffixes=("", "_simple"))
    assert len(joined) == len(test) == len(result.simple)
    assert np.array_equal(joined["label"], joined["label_simple"], equal_nan=True)
    known = joined["label"].notna()
    assert auc(joined.loc[known, "event"].to_numpy(), joined.loc[known, "label"].to_numpy()) > 0.55
    assert not np.allclose(joined["signal"], joined["signal_simple"])


def test_a_simple_strategy_equals_its_own_simplest_model(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    settings = replace(settings_of("logistic"), calibration="shrunk")
    result = walk_forward.run(panel_of(edge=0.3), settings)
    own = result.predictions[result.predictions["part"] == "test"].groupby("time")["return_net"].mean()
    beside = result.baselines[result.baselines["name"] == "simple_model"].set_index("time")["return_net"]
    assert beside.to_numpy() == pytest.approx(own.to_numpy(), nan_ok=True)


def test_a_regression_is_compared_with_a_linear_regression(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    result = walk_forward.run(panel_of(edge=0.3), settings_of("lightgbm", n_classes=0))
    assert result.simple["event"].between(0.0, 1.0).all()


def test_evidence_from_before_there_was_a_simplest_model_reads_as_empty(tmp_path: Path) -> None:
    assert evidence_io.read_table(tmp_path, "simple").empty
    assert list(conform("simple", evidence_io.read_table(tmp_path, "simple"), where="here").columns)[:2] == [
        "time",
        "pair",
    ]
