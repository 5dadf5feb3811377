from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.features.transformers import FittedInput
from crypto_team.validation import foreseeable
from crypto_team.validation.foreseeable import foreseen, foreseen_returns, known_of, known_of_returns
from crypto_team.validation.panel import Panel

PanelOf = Callable[..., Panel]


def _rows(panel: Panel) -> np.ndarray:
    return np.flatnonzero(panel.usable & (panel.time < np.quantile(panel.time, 0.8)))


def test_a_plain_line_tells_how_strong_the_planted_edge_is(panel_of: PanelOf) -> None:
    found = []
    for edge in (0.0, 0.2, 0.5):
        panel = panel_of(edge=edge)
        found.append(foreseen(panel, _rows(panel), 2))
    none, some, much = (float(one.slopes[1]) for one in found)
    assert abs(none) < 4.0 / np.sqrt(found[0].worth * 0.25)
    assert 0.15 < some < 0.5 < much
    # The score of class 0 is that of class 1 turned round, and so is what it moves.
    assert [float(one.slopes[0]) for one in found] == pytest.approx([none, some, much], abs=1e-6)
    assert found[1].worth == pytest.approx(_rows(panel).size / 2, rel=0.01)


def test_nothing_outside_the_fitted_rows_changes_what_a_plain_line_tells(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.3)
    rows = _rows(panel)
    outside = np.setdiff1d(np.arange(panel.time.size), rows)
    features, label = panel.features.copy(), panel.label.copy()
    features[outside], label[outside] = 9.0, 1.0
    changed = foreseen(replace(panel, features=features, label=label), rows, 2)
    assert np.array_equal(changed.slopes, foreseen(panel, rows, 2).slopes)


def test_a_fitted_column_is_not_read_because_it_has_seen_every_block(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.0)
    features = panel.features.copy()
    features[:, 3] = np.nan_to_num(panel.label)
    told = replace(panel, features=features)
    rows = _rows(panel)
    assert foreseen(told, rows, 2).slopes[1] > 2.0
    hidden = replace(told, fitted={"f3": FittedInput("scaler", {}, features[:, :1], ("x",))})
    assert abs(foreseen(hidden, rows, 2).slopes[1]) < 0.3


def test_labels_that_overlap_a_block_are_not_learnt_from(panel_of: PanelOf, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(edge=0.0)
    hour = ((panel.time - panel.time[0]) // panel.timeframe_ms).astype(np.float32)
    panel = replace(panel, label_end=panel.time + 24 * panel.timeframe_ms, features=hour[:, None], names=["hour"])
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def line(x: np.ndarray, target: np.ndarray, unseen: np.ndarray) -> np.ndarray:
        seen.append((x[:, 0], unseen[:, 0]))
        return np.random.default_rng(0).normal(size=(len(unseen), target.shape[1]))

    monkeypatch.setattr(foreseeable, "_line", line)
    foreseen(panel, _rows(panel), 2)
    assert len(seen) == foreseeable.BLOCKS
    for taught, block in seen:
        assert taught[taught < block.min()].max(initial=-1e9) <= block.min() - 24
        assert taught[taught >= block.min()].min(initial=1e9) >= block.max() + 24
    # Of 24 labels that overlap in each of two pairs every eleventh or twelfth row is read.
    assert 1 / 12 <= sum(block.size for _, block in seen) / _rows(panel).size < 1 / 10


def test_too_few_rows_tell_nothing_and_the_rates_are_still_known(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.5)
    few = _rows(panel)[:40]
    assert np.isnan(foreseen(panel, few, 2).slopes).all()
    known = known_of(panel, few, None, 2, 10.0)
    assert known.rates.sum() == pytest.approx(1.0)
    assert known.of(1).plain == (0.0, 0.0)


def test_a_plain_line_tells_returns_as_strongly_as_they_are_planted(panel_of: PanelOf) -> None:
    found = []
    for edge in (0.0, 0.2, 0.5):
        panel = panel_of(edge=edge)
        rows = _rows(panel)
        came = panel.forward_return[rows] * 1e4
        found.append(foreseen_returns(panel, rows, came, panel.known_at[rows]))
        # In any unit, and with any mean: what is measured is a correlation.
        assert foreseen_returns(panel, rows, 3.0 * came + 50.0, panel.known_at[rows]) == pytest.approx(found[-1])
    none, some, much = (slope for slope, _ in found)
    assert abs(none) < 4.0 / np.sqrt(found[0][1])
    assert abs(none) < some < much < 1.0


def test_nothing_outside_the_fitted_rows_changes_what_a_plain_line_tells_of_returns(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.3)
    rows = _rows(panel)
    outside = np.setdiff1d(np.arange(panel.time.size), rows)
    features = panel.features.copy()
    features[outside] = 9.0
    told = panel.forward_return[rows], panel.known_at[rows]
    assert foreseen_returns(replace(panel, features=features), rows, *told) == foreseen_returns(panel, rows, *told)
    constant = np.ones(rows.size), panel.known_at[rows]
    assert (
        foreseen_returns(panel, rows, *constant)
        == foreseen_returns(panel, rows[:20], told[0][:20], told[1][:20])
        == (0, 0)
    )


def test_weights_of_the_fit_say_what_level_raw_returns_lean_on(panel_of: PanelOf) -> None:
    panel = panel_of(edge=0.3)
    rows = _rows(panel)
    came, weight = panel.forward_return[rows] * 1e4, np.arange(rows.size, dtype=np.float64)
    plain, weighed = (known_of_returns(panel, rows, one, came, panel.known_at[rows]) for one in (None, weight))
    assert plain.mean == plain.taught == weighed.mean == came.mean()
    assert weighed.taught == pytest.approx((came @ weight) / weight.sum())
    assert plain.plain == weighed.plain != (0.0, 0.0)
