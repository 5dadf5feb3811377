from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory
from crypto_team.validation import cpcv
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]
HOUR = 3_600_000


def test_every_combination_is_purged_on_both_sides_of_what_it_tests(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.0)
    long = replace(panel, label_end=panel.time + 12 * HOUR)
    made = cpcv.splits(long, cpcv.Scheme(groups=5, tested=2, embargo_bars=7), gap_bars=12)
    assert [split.tested for split in made] == list(combinations(range(5), 2))
    parts = cpcv.group_rows(long, 5)
    for split in made:
        assert not set(split.train) & set(split.test)
        for group in split.tested:
            first, last = long.time[parts[group]].min(), long.time[parts[group]].max()
            before = split.train[long.time[split.train] < first]
            behind = split.train[long.time[split.train] > last]
            if before.size:
                # As the walk-forward keeps its distance from a test part.
                nearest = long.label_end[before].max()
                assert nearest <= first - 12 * HOUR
                assert nearest == first - 12 * HOUR or group - 1 in split.tested
            if behind.size:
                assert long.time[behind].min() >= last + (12 + 7) * HOUR


def test_without_an_embargo_of_its_own_both_sides_keep_the_distance_of_the_walk_forward(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.0)
    own, stated = (
        cpcv.splits(panel, cpcv.Scheme(groups=5, tested=1, embargo_bars=embargo), gap_bars=9) for embargo in (None, 9)
    )
    assert all(np.array_equal(one.train, other.train) for one, other in zip(own, stated, strict=True))
    parts, middle = cpcv.group_rows(panel, 5), own[2].train
    last = panel.label_end[parts[2]].max()
    assert panel.time[middle][panel.time[middle] > last].min() == last + 9 * HOUR


@pytest.mark.parametrize("model", ["horizons", "lightgbm", "blending"])
def test_what_a_tested_group_brought_changes_nothing_that_is_learnt(
    panel_of: PanelOf, settings_of: SettingsOf, model: str
) -> None:
    panel, settings = panel_of(edge=0.2, days=30), settings_of(model)
    panel = replace(panel, label_end=panel.time + 6 * HOUR)
    split = cpcv.splits(panel, cpcv.Scheme(groups=4, tested=1), gap_bars=6)[1]
    rng = np.random.default_rng(0)
    label, came, following = panel.label.copy(), panel.forward_return.copy(), panel.next_return.copy()
    label[split.test] = 1.0 - label[split.test]
    came[split.test], following[split.test] = rng.normal(0.0, 0.05, (2, split.test.size))
    changed = replace(panel, label=label, forward_return=came, next_return=following)
    y = panel.label[split.train]
    told = []
    for each in (panel, changed):
        learner = factory(model).create(ModelSettings(2, settings.hyperparameters, 1))
        learner.fit(each.samples(split.train, [0, 1, 2]), y)
        told.append(learner.save())
    assert told[0] == told[1]


def test_groups_are_spans_of_time_shared_by_all_pairs(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.0)
    parts = cpcv.group_rows(panel, 6)
    assert (
        sorted(np.concatenate(parts).tolist()) == np.flatnonzero(panel.time <= panel.time[panel.usable].max()).tolist()
    )
    for earlier, later in pairwise(parts):
        assert panel.time[earlier].max() < panel.time[later].min()


def test_every_path_covers_every_bar_once_and_finds_the_planted_edge(
    panel_of: PanelOf, settings_of: SettingsOf
) -> None:
    panel = panel_of(edge=0.3)
    paths = cpcv.run(panel, settings_of("logistic"), cpcv.Scheme(groups=5, tested=2))
    assert paths["path"].nunique() == 4
    rows = paths.groupby("path").size()
    assert rows.nunique() == 1
    assert not paths.duplicated(["path", "pair", "time"]).any()
    assert np.isfinite(paths["signal"]).all()
    table = cpcv.path_table(paths)
    assert (table["information_coefficient"] > 0.1).all()
    noise = cpcv.path_table(cpcv.run(panel_of(edge=0.0), settings_of("logistic"), cpcv.Scheme(groups=5, tested=2)))
    assert noise["information_coefficient"].abs().mean() < 0.06


def test_the_same_panel_gives_the_same_paths(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    scheme = cpcv.Scheme(groups=4, tested=1)
    first, second = (cpcv.run(panel_of(edge=0.1), settings_of("lightgbm"), scheme) for _ in range(2))
    assert first.equals(second)


@pytest.mark.parametrize(("groups", "tested"), [(4, 4), (3, 0), (20, 2)])
def test_a_scheme_without_training_rows_is_refused(groups: int, tested: int) -> None:
    with pytest.raises(UsageError, match="scheme"):
        cpcv.Scheme(groups=groups, tested=tested)


def test_too_short_a_history_says_so(panel_of: PanelOf) -> None:
    with pytest.raises(InputError, match="too few for 16 groups"):
        cpcv.group_rows(panel_of(edge=0.0, days=20), 16)
