from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.models.base import Hyperparameter
from crypto_team.models.registry import MODELS, resolve
from crypto_team.validation import tuning
from crypto_team.validation.fold_rows import fold_rows
from crypto_team.validation.panel import Panel
from crypto_team.validation.search_spaces import SPACES, Dimension, space, start
from crypto_team.validation.splits import walk_forward
from crypto_team.validation.tuning import inner_splits, remembered, tune
from tests.validation.conftest import make_settings


@pytest.fixture(scope="module")
def panel(panel_of: Callable[..., Panel]) -> Panel:
    return panel_of(edge=0.2)


def test_the_search_sees_neither_a_test_part_nor_what_calibrates_the_first_fold(panel: Panel) -> None:
    settings = make_settings("ridge")
    first = walk_forward(np.unique(panel.time), settings.geometry)[0]
    rows = fold_rows(panel, first, settings)
    for split in inner_splits(panel, settings):
        assert panel.label_end[split.judge].max() <= rows.inner_start - first.gap_ms
        assert panel.label_end[split.fit].max() <= panel.time[split.judge].min() - first.gap_ms
        assert not np.intersect1d(split.judge, rows.inner).size
    assert np.isin(np.concatenate([split.judge for split in inner_splits(panel, settings)]), rows.fit).all()


def test_rows_count_in_the_loss_as_they_do_in_training(panel_of: Callable[..., Panel]) -> None:
    panel = panel_of(edge=0.5)
    rarely = panel.forward_return > np.nanquantile(panel.forward_return, 0.85)
    rare = replace(panel, label=np.where(np.isfinite(panel.label), rarely, np.nan))
    balanced = replace(make_settings("logistic"), class_weights="balanced")
    split = inner_splits(rare, balanced)[0]
    # Knowing nothing costs ln 2 where both classes count alike, and the entropy of their rates where rows do.
    assert 0.6 < tuning.loss_on(rare, split, balanced) < np.log(2.0)
    assert tuning.loss_on(rare, split, replace(balanced, class_weights="none")) < 0.5


def test_the_search_finds_a_penalty_that_is_better_than_a_crushing_one(panel: Panel, tmp_path: Path) -> None:
    settings = replace(make_settings("logistic"), hyperparameters={"l2": 30.0, "clip": 5.0})
    found = tune(panel, settings, trials=8, journal=tmp_path / "a.log", name="a")
    assert found[0].hyperparameters["l2"] < 5.0
    crushing = next(one for one in found if one.number == 0)
    assert crushing.hyperparameters["l2"] == 30.0
    assert found[0].loss < crushing.loss


def test_a_killed_search_goes_on_and_ends_like_an_uninterrupted_one(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings("ridge")
    whole = tune(panel, settings, trials=7, journal=tmp_path / "a.log", name="a")
    seen: list[int] = []

    def stop(trial: tuning.TunedTrial) -> None:
        seen.append(trial.number)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(panel, settings, trials=7, journal=tmp_path / "b.log", name="b", on_trial=stop)
    assert remembered(tmp_path / "b.log", "b", settings) == 3
    assert tune(panel, settings, trials=7, journal=tmp_path / "b.log", name="b") == whole


def test_every_learner_has_a_space_and_its_defaults_lie_in_it() -> None:
    assert set(SPACES) == set(MODELS)
    for model in MODELS:
        settings = make_settings(model)
        dimensions = space(settings)
        assert {one.name for one in dimensions} == set(start(settings, dimensions))


@pytest.mark.parametrize("model", sorted(SPACES))
def test_every_learner_can_search_its_space(model: str, panel: Panel, tmp_path: Path) -> None:
    brief: dict[str, Hyperparameter] = {"epochs": 1, "sequence": 6, "gru.epochs": 1, "gru.sequence": 6}
    known = {**MODELS[model].defaults, **MODELS[model].quick}
    members = str(known.get("members", ""))
    brief = {key: value for key, value in brief.items() if key in known or key.split(".")[0] in members.split(",")}
    settings = replace(make_settings(model), hyperparameters=resolve(model, {**MODELS[model].quick, **brief}))
    found = tune(panel, settings, trials=2, journal=tmp_path / f"{model}.log", name=model)
    assert len(found) == 2
    assert np.isfinite(found[0].loss)
    assert found[0].hyperparameters != found[1].hyperparameters


def test_one_searches_what_one_names(panel: Panel, tmp_path: Path) -> None:
    found = tune(
        panel, make_settings("lightgbm"), trials=4, journal=tmp_path / "a.log", name="a",
        own_space=["num_leaves=3:5", "learning_rate=0.05:0.2:log", "shared_bins=true|false"],
    )  # fmt: skip
    for one in found:
        assert set(one.hyperparameters) == {"num_leaves", "learning_rate", "shared_bins"}
        assert one.hyperparameters["num_leaves"] in {3, 4, 5}
        assert 0.05 <= float(one.hyperparameters["learning_rate"]) <= 0.2
        assert isinstance(one.hyperparameters["shared_bins"], bool)


def test_hyperparameters_of_members_are_searched_with_the_ensemble() -> None:
    names = {one.name for one in space(make_settings("blending"))}
    assert {"shrink", "lightgbm.num_leaves", "ridge.l2"} <= names
    assert space(make_settings("blending"), ["lightgbm.num_leaves=3:7"]) == (Dimension("lightgbm.num_leaves", 3, 7),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("num_leaves", "is no range"),
        ("num_leaves=5", "is no range"),
        ("num_leaves=3:31:lin", "is no range"),
        ("num_leaves=31:3", "the first number has to be the lower one"),
        ("learning_rate=0:1:log", "above 0"),
        ("num_leafs=3:31", "did you mean num_leaves"),
        ("num_leaves=2.5:31", "num_leaves is int"),
        ("shared_bins=true:false", "true or false are listed"),
    ],
)
def test_a_range_that_cannot_be_searched_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        space(make_settings("lightgbm"), [text])
    assert says in f"{caught.value} {caught.value.hint}"


def test_one_class_only_names_the_inner_split(panel: Panel) -> None:
    flat = replace(panel, label=np.where(np.isfinite(panel.label), 1.0, np.nan))
    with pytest.raises(InputError, match="inner split 1 of the earliest training window has one class only"):
        inner_splits(flat, make_settings("ridge"))
