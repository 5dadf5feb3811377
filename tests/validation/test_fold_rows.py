from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.validation.fold_rows import FoldRows, known_to, weights_of
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]


def _lopsided(panel: Panel) -> Panel:
    """Leave one up in four."""
    known = np.isfinite(panel.label)
    return replace(panel, label=np.where(known, (np.arange(panel.label.size) % 4 == 0).astype(np.float64), np.nan))


def test_balanced_classes_count_alike_whatever_their_number(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    panel = _lopsided(panel_of(edge=0.1))
    rows = np.flatnonzero(panel.usable)[:800]
    plain, balanced = settings_of("logistic"), replace(settings_of("logistic"), class_weights="balanced")
    assert weights_of(panel, rows, plain) is None
    weight = weights_of(panel, rows, balanced)
    assert weight is not None
    up = panel.label[rows] == 1.0
    assert weight.mean() == pytest.approx(1.0)
    assert weight[up].sum() == pytest.approx(weight[~up].sum())
    both = weights_of(panel, rows, replace(balanced, label_weights="uniqueness"))
    assert both is not None
    assert both.mean() == pytest.approx(1.0)


def test_a_fold_knows_plain_and_taught_rates_of_its_fitted_rows(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    panel = _lopsided(panel_of(edge=0.1))
    usable = np.flatnonzero(panel.usable)
    rows = FoldRows(usable[:800], usable[800:900], usable[900:1000], usable[:900], 0)
    known = known_to(panel, rows, replace(settings_of("logistic"), class_weights="balanced"))
    assert known.rates == pytest.approx([0.75, 0.25], abs=0.02)
    assert known.taught == pytest.approx([0.5, 0.5])
    assert 1.0 <= known.independent <= 100.0
