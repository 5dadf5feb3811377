"""Online learners in the walk-forward: they learn on inside the test part, and the evidence can be asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.gates.streams import learnt_otherwise
from crypto_team.models.registry import MODELS, resolve
from crypto_team.models.streams import Stream
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation import metrics, scores
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.evidence_tables import prediction_hash
from crypto_team.validation.panel import Panel, panel_rows
from crypto_team.validation.prediction import FoldModel, fold_signal
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import WalkForwardResult, run

pytest.importorskip("river")
PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]
ONLINE = sorted(name for name, one in MODELS.items() if one.online)


def _turning(panel: Panel) -> Panel:
    """Let the first feature mean the opposite in every other stretch of 15 days."""
    turned = np.where(((panel.time - panel.time.min()) // (15 * 86_400_000)) % 2 == 0, 1.0, -1.0)
    features = panel.features.copy()
    features[:, 0] *= turned.astype(np.float32)
    return replace(panel, features=features)


@pytest.fixture(scope="module", params=ONLINE)
def made(request: pytest.FixtureRequest, panel_of: PanelOf, settings_of: SettingsOf) -> tuple[Panel, WalkForwardResult]:
    name = request.param
    more = {"learning_rate": 0.05} if name == "online_linear" else {"update_rows": 48, "n_estimators": 40}
    panel = panel_of(edge=0.5, columns=3)
    return panel, run(panel, replace(settings_of(name), hyperparameters=resolve(name, more)))


def test_the_file_of_a_fold_gives_every_prediction_of_the_evidence_by_its_time(
    made: tuple[Panel, WalkForwardResult],
) -> None:
    panel, result = made
    test = metrics.out_of_sample_rows(result.predictions)
    for one in result.folds[::2]:
        fold = FoldModel.load(result.models[one.model_file])
        rows = test[test["fold"] == one.fold].sample(frac=0.3, random_state=1)
        columns = [panel.names.index(name) for name in fold.inputs]
        values = panel.features[panel_rows(panel, rows)][:, columns]
        told = fold_signal(fold, dict(zip(fold.inputs, values.T, strict=True)), milliseconds(rows["time"]))
        assert np.array_equal(told.signal, rows["signal"].to_numpy())


def test_the_evidence_says_how_many_labels_were_learnt_and_every_one_was_over(
    made: tuple[Panel, WalkForwardResult],
) -> None:
    panel, result = made
    for one in result.folds:
        model = FoldModel.load(result.models[one.model_file]).model
        assert isinstance(model, Stream)
        known = panel.usable[panel_rows(panel, result.predictions[result.predictions["fold"] == one.fold])]
        assert one.later_labels == len(model.lessons) == known.sum()
        assert (model.lessons.known == model.lessons.opened + 3_600_000).all()


def test_nothing_behind_a_bar_moves_its_prediction(
    made: tuple[Panel, WalkForwardResult], settings_of: SettingsOf
) -> None:
    panel, before = made
    fold = before.folds[2]
    middle = int(milliseconds(before.predictions["time"])[before.predictions["fold"] == 2].mean())
    unknown = panel.label_end > middle
    changed = replace(panel, label=np.where(unknown, 1.0 - panel.label, panel.label))
    name = FoldModel.load(before.models[fold.model_file]).model_name
    more = {"learning_rate": 0.05} if name == "online_linear" else {"update_rows": 48, "n_estimators": 40}
    after = run(changed, replace(settings_of(name), hyperparameters=resolve(name, more), workers=2))
    rows = (before.predictions["fold"] == 2) & (milliseconds(before.predictions["time"]) <= middle)
    assert rows.sum() > 100
    assert before.predictions.loc[rows, "p_raw_1"].equals(after.predictions.loc[rows, "p_raw_1"])
    assert prediction_hash(before.predictions) != prediction_hash(after.predictions)


def test_a_learner_that_goes_on_beats_itself_standing_still_where_the_market_turns(
    panel_of: PanelOf, settings_of: SettingsOf
) -> None:
    panel = _turning(panel_of(edge=0.6, columns=3))
    areas = {}
    for rows in (1, 1_000_000):
        given = resolve("online_linear", {"learning_rate": 0.05, "update_rows": rows})
        result = run(panel, replace(settings_of("online_linear"), hyperparameters=given, calibration="none"))
        areas[rows] = scores.auc(*scores.events(metrics.out_of_sample_rows(result.predictions)))
    assert areas[1] > areas[1_000_000] + 0.05


def test_labels_that_were_learnt_too_early_or_are_others_are_refused(
    made: tuple[Panel, WalkForwardResult],
) -> None:
    panel, result = made
    meta = EvidenceMeta.model_construct(pairs=panel.pairs, horizon_bars=1, timeframe="1h")
    fold = result.folds[1]
    model = FoldModel.load(result.models[fold.model_file]).model
    assert isinstance(model, Stream)
    assert not list(learnt_otherwise(model, fold, result.predictions, meta))
    right = model.lessons
    model.lessons = replace(right, known=right.known - 3_600_000)
    assert "before their horizon was over" in "".join(learnt_otherwise(model, fold, result.predictions, meta))
    model.lessons = replace(right, labels=1.0 - right.labels)
    assert "are not those of the predictions" in "".join(learnt_otherwise(model, fold, result.predictions, meta))
    model.lessons = right
    silent = fold.model_copy(update={"later_labels": 0})
    assert "the fold says that 0 labels" in "".join(learnt_otherwise(model, silent, result.predictions, meta))


def test_labels_learnt_later_count_as_those_of_the_training_do(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    panel = panel_of(edge=0.3)
    rarely = panel.forward_return > np.nanquantile(panel.forward_return, 0.8)
    rare = replace(panel, label=np.where(np.isfinite(panel.label), rarely, np.nan))
    alike = replace(settings_of("online_linear"), calibration="none")
    assert _later_weights(rare, alike) is None
    balanced = _later_weights(rare, replace(alike, class_weights="balanced"))
    assert balanced is not None
    weight, label = balanced
    ratio = weight[label == 1.0].mean() / weight[label == 0.0].mean()
    assert ratio == pytest.approx(4.0, rel=0.25)
    assert np.unique(weight).size == 2
    long = replace(rare, label_end=rare.time + 8 * 3_600_000, touched=rare.time + 8 * 3_600_000)
    unique = _later_weights(long, replace(alike, label_weights="uniqueness"))
    assert unique is not None
    assert np.median(unique[0]) == pytest.approx(1.0, rel=0.05)


def _later_weights(panel: Panel, settings: WalkForwardSettings) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weights and labels of what the second fold learns after its training; its file keeps both."""
    result = run(panel, settings)
    model = FoldModel.load(result.models[result.folds[1].model_file]).model
    assert isinstance(model, Stream)
    return None if model.lessons.weight is None else (model.lessons.weight, model.lessons.labels)
