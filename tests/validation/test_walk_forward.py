from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.errors import InputError
from crypto_team.models.registry import MODELS, resolve
from crypto_team.schemas.features import Ranking
from crypto_team.validation import metrics, scores
from crypto_team.validation.evidence_tables import prediction_hash
from crypto_team.validation.panel import Panel, panel_rows
from crypto_team.validation.prediction import FoldModel, consecutive
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import WalkForwardResult, run

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]
DAY = 86_400_000
# Networks and ensembles take minutes; what they share with these is tested once, below.
LIGHT = sorted(name for name, learner in MODELS.items() if not learner.ordered)


@pytest.fixture(scope="module")
def result(panel_of: PanelOf, settings_of: SettingsOf) -> WalkForwardResult:
    return run(panel_of(edge=0.3), settings_of())


@pytest.mark.parametrize("model", LIGHT)
def test_noise_has_no_skill_out_of_sample(model: str, panel_of: PanelOf, settings_of: SettingsOf) -> None:
    areas = []
    for seed in range(3):
        predictions = run(panel_of(edge=0.0, seed=seed), settings_of(model)).predictions
        areas.append(scores.auc(*scores.events(metrics.out_of_sample_rows(predictions))))
    # 3 x 2,400 test rows: the standard error of the mean area is 0.007.
    assert abs(float(np.mean(areas)) - 0.5) < 0.025


@pytest.mark.parametrize("model", LIGHT)
def test_a_planted_edge_is_found(model: str, panel_of: PanelOf, settings_of: SettingsOf) -> None:
    predictions = run(panel_of(edge=0.3), settings_of(model)).predictions
    assert scores.auc(*scores.events(metrics.out_of_sample_rows(predictions))) > 0.55


def test_a_regression_finds_the_planted_edge_in_basis_points(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    result = run(panel_of(edge=0.3), settings_of("ridge", n_classes=0))
    test = metrics.out_of_sample_rows(result.predictions)
    assert scores.ic(test["expected_bps"].to_numpy(), test["forward_return"].to_numpy()) > 0.15
    assert test["expected_bps"].std() == pytest.approx(30.0, rel=0.5)
    assert test["signal"].between(0.0, 1.0).all()
    assert metrics.out_of_sample(result.predictions).auc is None


def test_nothing_after_the_test_start_changes_what_a_fold_learns(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    panel, settings = panel_of(edge=0.3), settings_of()
    before = run(panel, settings)
    start = int(np.datetime64(before.folds[2].test_start.rstrip("Z"), "ms").astype(np.int64))
    rng = np.random.default_rng(1)
    later = panel.time >= start
    # A label that is already known at the test start is allowed to matter, nothing else is.
    unknown = panel.label_end > start
    changed = replace(
        panel,
        features=np.where(later[:, None], rng.standard_normal(panel.features.shape), panel.features).astype(np.float32),
        label=np.where(unknown, 1.0 - panel.label, panel.label),
        forward_return=np.where(unknown, -panel.forward_return, panel.forward_return),
    )
    after = run(changed, settings)
    for fold in range(3):
        name = before.folds[fold].model_file
        assert before.models[name] == after.models[name]
    earlier = before.predictions["fold"] < 2
    columns = ["p_raw_1", "p_1", "signal"]
    assert before.predictions.loc[earlier, columns].equals(after.predictions.loc[earlier, columns])
    assert before.models[before.folds[4].model_file] != after.models[after.folds[4].model_file]


def test_repeated_runs_give_the_same_bits_whatever_the_number_of_workers(
    panel_of: PanelOf, settings_of: SettingsOf, result: WalkForwardResult
) -> None:
    again = run(panel_of(edge=0.3), settings_of(workers=2))
    assert again.models == result.models
    assert prediction_hash(again.predictions) == prediction_hash(result.predictions)
    assert again.noise.equals(result.noise)
    assert again.baselines.equals(result.baselines)


def test_the_stored_file_predicts_what_the_evidence_says_row_by_row(
    panel_of: PanelOf, result: WalkForwardResult
) -> None:
    panel = panel_of(edge=0.3)
    test = metrics.out_of_sample_rows(result.predictions)
    rows = test[test["fold"] == 3].iloc[::37]
    fold = FoldModel.load(result.models["fold_03.json"])
    columns = [panel.names.index(name) for name in fold.features]
    for at, expected in zip(panel_rows(panel, rows), rows["signal"], strict=True):
        assert fold.signal(panel.block(np.array([at]), columns)).signal[0] == expected


def test_training_rows_are_purged_from_the_calibration_tail_and_the_test_part(result: WalkForwardResult) -> None:
    fitted = result.preprocessing.groupby(["fold", "stage"])["fitted_to"].max().dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    inner_start = result.preprocessing[result.preprocessing["stage"] == "calibration"].set_index("fold")["fitted_from"]
    for fold in result.folds:
        assert fitted[fold.fold, "scaler"] < fold.inner_start
        assert fitted[fold.fold, "selection"] < fold.inner_start
        assert fold.inner_start <= inner_start[fold.fold].strftime("%Y-%m-%dT%H:%M:%SZ")
        assert fitted[fold.fold, "calibration"] < fold.train_end < fold.test_start
        assert fold.gap_bars == 24


def test_every_test_bar_of_every_pair_is_predicted_also_where_features_are_unknown(
    panel_of: PanelOf, settings_of: SettingsOf
) -> None:
    panel = panel_of(edge=0.3)
    holes = panel.features.copy()
    holes[np.arange(len(holes)) % 50 == 0] = np.nan
    test = metrics.out_of_sample_rows(run(replace(panel, features=holes), settings_of()).predictions)
    assert len(test) == 5 * 10 * 24 * 2
    assert test["signal"].notna().all()
    assert not test.duplicated(["pair", "time"]).any()


def test_positions_carry_over_between_adjoining_folds(result: WalkForwardResult) -> None:
    test = metrics.out_of_sample_rows(result.predictions)
    for _, rows in test.groupby("pair"):
        position, signal = rows["position"].to_numpy(), rows["signal"].to_numpy()
        cost = rows["return_gross"].to_numpy() - rows["return_net"].to_numpy()
        known = np.isfinite(cost)
        expected = np.abs(np.diff(position, prepend=0.0)) * 7e-4
        assert np.allclose(cost[known], expected[known], atol=1e-15)
        seam = np.flatnonzero(np.diff(rows["fold"].to_numpy()) == 1) + 1
        kept = [at for at in seam if 0.5 < signal[at] < 0.52 and position[at - 1] > 0.0]
        assert all(position[at] == position[at - 1] for at in kept)


def test_tables_are_consistent_with_the_folds(result: WalkForwardResult) -> None:
    sums = result.importances.groupby("fold")["value"].sum()
    assert np.allclose(sums, 1.0)
    for fold in result.folds:
        kept = result.preprocessing.query("fold == @fold.fold and stage == 'selection' and kept")["feature"]
        assert sorted(kept) == sorted(fold.selected)
    assert set(result.skill["part"]) == {"inner", "test"}
    assert set(result.baselines["name"]) == {"buy_and_hold", "random", "ma_cross", "previous_sign", "simple_model"}
    assert result.noise["signal_rank_correlation"].between(0.5, 1.0).all()


def test_too_little_history_says_how_much_is_needed(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    with pytest.raises(InputError, match="3 folds fit into 1560 usable bars, 5 are needed") as caught:
        run(panel_of(edge=0.0, days=65), settings_of())
    assert "bring 384 more bars (1944 in all), or set window to 336bars or less" in str(caught.value)


def test_progress_is_reported_once_for_each_fold(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    seen: list[tuple[float, str]] = []
    run(panel_of(edge=0.0), settings_of("ridge"), progress=lambda share, what: seen.append((share, what)))
    assert [what for _, what in seen] == [f"fold {number} of 5" for number in range(1, 6)]
    assert seen[-1][0] == 1.0


def test_a_network_sees_the_bars_before_a_row_in_training_in_the_evidence_and_from_its_file(
    panel_of: PanelOf, settings_of: SettingsOf
) -> None:
    panel = panel_of(edge=0.0, columns=3, pairs=("BTC/USDT",))
    # The sign of the next return is what the first feature was three bars ago: a single row knows nothing of it.
    told = np.roll(np.nan_to_num(panel.features[:, 0]), 3).astype(np.float64)
    forward = np.where(np.isfinite(panel.forward_return), 0.01 * told, np.nan)
    label = np.where(np.isfinite(forward), (forward > 0.0).astype(np.float64), np.nan)
    panel = replace(panel, forward_return=forward, label=label, next_return=forward)
    settings = replace(
        settings_of("gru"), hyperparameters=resolve("gru", {"sequence": 5, "hidden": 16, "learning_rate": 0.01})
    )
    result = run(panel, settings)
    assert scores.auc(*scores.events(metrics.out_of_sample_rows(result.predictions))) > 0.8
    fold = FoldModel.load(result.models[result.folds[-1].model_file])
    assert fold.history == 4
    stored = result.predictions[(result.predictions["fold"] == result.folds[-1].fold)]
    stored = stored[stored["part"] == "test"]
    rows = panel_rows(panel, stored)
    matrix = panel.features[:, [panel.names.index(name) for name in fold.features]]
    alone = [fold.signal(consecutive(matrix[row - 4 : row + 1], np.array([4]))).signal[0] for row in rows[:5]]
    assert np.array_equal(alone, stored["signal"].to_numpy()[:5])


@pytest.mark.parametrize("ranking", ["rfe", "shap", "chain"])
@pytest.mark.parametrize("model", ["lightgbm", "logistic"])
def test_the_feature_that_moves_the_market_survives_every_ranking(
    panel_of: PanelOf, settings_of: SettingsOf, ranking: Ranking, model: str
) -> None:
    settings = replace(settings_of(model), ranking=ranking, max_features=2, calibration="beta")
    made = run(panel_of(edge=0.5), settings)
    assert all("f0" in one.selected and len(one.selected) <= 2 for one in made.folds)
    assert ranking == "chain" or all(len(one.selected) == 2 for one in made.folds)
