"""Wherever a network is fitted or asked it gets its windows: in rankings, tuning and combinatorial cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.models.registry import resolve
from crypto_team.validation import cpcv, evidence_tables, scores, tuning
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.fold_fit import fitted_selection
from crypto_team.validation.panel import Panel
from crypto_team.validation.prediction import FoldModel, fold_signal
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import run

pytest.importorskip("torch")
PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]


@pytest.fixture
def late(panel_of: PanelOf) -> Panel:
    """The sign of the next return is what the second feature was three bars ago: a row alone knows nothing of it."""
    panel = panel_of(edge=0.0, columns=3, pairs=("BTC/USDT",))
    told = np.roll(np.nan_to_num(panel.features[:, 1]), 3).astype(np.float64)
    forward = np.where(np.isfinite(panel.forward_return), 0.01 * told, np.nan)
    label = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
    return replace(panel, forward_return=forward, label=label, next_return=forward)


@pytest.fixture
def network(settings_of: SettingsOf) -> WalkForwardSettings:
    given = resolve("gru", {"sequence": 5, "hidden": 12, "learning_rate": 0.02, "epochs": 10})
    return replace(settings_of("gru"), hyperparameters=given)


def test_a_ranking_keeps_the_feature_that_matters_some_bars_back(late: Panel, network: WalkForwardSettings) -> None:
    selection, _ = fitted_selection(late, np.arange(50, 1_500), replace(network, max_features=1))
    assert [late.names[column] for column in selection.kept] == ["f1"]


def test_tuning_judges_a_network_on_windows(late: Panel, network: WalkForwardSettings) -> None:
    split = tuning.InnerSplit(np.arange(50, 1_000), np.arange(1_010, 1_300))
    # The log loss of a coin is 0.693.
    assert tuning.loss_on(late, split, network) < 0.5


def test_combinatorial_cross_validation_asks_a_network_on_windows(late: Panel, network: WalkForwardSettings) -> None:
    paths = cpcv.run(late, network, cpcv.Scheme(groups=4, tested=1))
    known = paths["label"].notna().to_numpy()
    told, came = paths["signal"].to_numpy()[known], paths["label"].to_numpy()[known]
    assert scores.auc(told, came) > 0.8


@pytest.mark.parametrize("most", [20_000, 300])
def test_stored_features_give_every_sampled_signal_of_a_network_again(
    late: Panel, network: WalkForwardSettings, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(evidence_tables, "SAMPLE_ROWS", most)
    short = resolve("gru", {"sequence": 5, "hidden": 4, "epochs": 1})
    result = run(late, replace(network, hyperparameters=short))
    sample = evidence_tables.features_sample(late, result)
    assert len(sample) <= most
    test = result.predictions[result.predictions["part"] == "test"]
    asked, history = 0, 4
    for fold in result.folds:
        model = FoldModel.load(result.models[fold.model_file])
        told = fold_signal(model, {name: sample[name].to_numpy() for name in model.inputs}).signal
        known = sample.assign(told=told).merge(test[test["fold"] == fold.fold], on=["time", "pair"], how="left")
        follows = np.diff(milliseconds(sample["time"]), prepend=0) == late.timeframe_ms
        run_length = np.array([follows[max(0, row - history + 1) : row + 1].sum() for row in range(len(sample))])
        whole = (run_length == history) & known["signal"].notna().to_numpy()
        asked += int(whole.sum())
        assert np.allclose(known["told"][whole], known["signal"][whole], rtol=0.0, atol=1e-12)
    stored = test.merge(sample[["time", "pair"]], on=["time", "pair"])
    assert asked == len(test) if most == 20_000 else 0 < asked >= len(stored) // 2
