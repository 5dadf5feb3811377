from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.validation import tuning
from crypto_team.validation.panel import Panel
from crypto_team.validation.splits import walk_forward
from crypto_team.validation.tuning import SPACES, inner_splits, remembered, tune
from tests.validation.conftest import make_settings


@pytest.fixture(scope="module")
def panel(panel_of: Callable[..., Panel]) -> Panel:
    return panel_of(edge=0.2)


def test_the_search_sees_no_row_of_any_test_part(panel: Panel) -> None:
    settings = make_settings("ridge")
    first = walk_forward(np.unique(panel.time), settings.geometry)[0]
    for split in inner_splits(panel, settings):
        assert panel.label_end[split.judge].max() <= first.test_start
        assert panel.label_end[split.fit].max() <= panel.time[split.judge].min() - first.gap_ms


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


def test_every_learner_with_a_space_can_search_it(panel: Panel, tmp_path: Path) -> None:
    for model in SPACES:
        settings = make_settings(model)
        if "epochs" in settings.hyperparameters:
            brief = {**settings.hyperparameters, "epochs": 1, "sequence": 6}
            settings = replace(settings, hyperparameters=brief)
        found = tune(panel, settings, trials=2, journal=tmp_path / f"{model}.log", name=model)
        assert len(found) == 2
        assert np.isfinite(found[0].loss)


def test_an_empty_space_is_told_with_the_learners_that_have_one(panel: Panel, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tuning space of none is empty"):
        tune(panel, replace(make_settings("ridge"), model="none"), trials=2, journal=tmp_path / "a.log", name="a")


def test_one_class_only_names_the_inner_split(panel: Panel) -> None:
    flat = replace(panel, label=np.where(np.isfinite(panel.label), 1.0, np.nan))
    with pytest.raises(InputError, match="inner split 1 of the earliest training window has one class only"):
        inner_splits(flat, make_settings("ridge"))
