from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_team.errors import UsageError
from crypto_team.labels import (
    average_uniqueness,
    class_balance,
    classes_of,
    concurrency,
    cusum_events,
    forward_returns,
    make_labels,
    triple_barrier,
    uniqueness_weights,
)

CLOSE = np.array([100.0, 101, 100, 100, 98, 103])


def test_the_forward_return_ends_where_the_data_ends() -> None:
    found = forward_returns(CLOSE, 2)
    assert found[:4] == pytest.approx([0.0, -1 / 101, -0.02, 0.03])
    assert np.isnan(found[4:]).all()
    assert np.isnan(forward_returns(CLOSE, 6)).all()


def test_direction_is_up_only_above_zero() -> None:
    labels = make_labels(CLOSE, kind="direction", horizon_bars=1)
    assert labels.label.tolist()[:5] == [1, 0, 0, 0, 1]
    assert np.isnan(labels.label[5])
    assert labels.n_classes == 2


def test_regression_is_in_basis_points() -> None:
    labels = make_labels(CLOSE, kind="return", horizon_bars=1)
    assert labels.label[0] == pytest.approx(100)
    assert labels.n_classes == 0


def test_classes_count_the_thresholds_that_are_reached() -> None:
    labels = make_labels(CLOSE, kind="n_class", horizon_bars=1, thresholds_bps=[-150, 0, 150])
    assert labels.label.tolist()[:5] == [2, 1, 2, 0, 3]
    assert labels.n_classes == 4
    assert np.isnan(labels.label[5])
    assert classes_of(np.array([0.25, np.nan]), [2500.0])[0] == 1


def test_what_lies_before_a_bar_cannot_change_its_label() -> None:
    changed = CLOSE * np.array([3.0, 2.0, 1, 1, 1, 1])
    for kind in ("direction", "return"):
        first, second = (make_labels(close, kind=kind, horizon_bars=2).label for close in (CLOSE, changed))
        assert np.array_equal(first[2:], second[2:], equal_nan=True)


def test_unknown_prices_give_unknown_labels() -> None:
    close = CLOSE.copy()
    close[2] = np.nan
    for kind, thresholds in (("direction", []), ("return", []), ("n_class", [0.0])):
        label = make_labels(close, kind=kind, horizon_bars=1, thresholds_bps=thresholds).label  # type: ignore[arg-type]
        assert np.flatnonzero(np.isnan(label)).tolist() == [1, 2, 5]


@pytest.mark.parametrize("thresholds", [[], [20.0, -20.0], [5.0, 5.0]])
def test_thresholds_must_ascend(thresholds: list[float]) -> None:
    with pytest.raises(UsageError, match="ascending"):
        make_labels(CLOSE, kind="n_class", horizon_bars=1, thresholds_bps=thresholds)


def test_a_horizon_is_at_least_one_bar() -> None:
    with pytest.raises(UsageError, match="at least one bar"):
        make_labels(CLOSE, kind="direction", horizon_bars=0)


def test_class_balance_counts_known_labels_only() -> None:
    assert class_balance(np.array([0.0, 1, 1, np.nan, 1]), 3).tolist() == [0.25, 0.75, 0.0]
    assert np.isnan(class_balance(np.array([np.nan]), 2)).all()


def test_labels_that_do_not_overlap_are_unique() -> None:
    starts = np.array([0, 3, 6])
    assert average_uniqueness(starts, starts + 2).tolist() == [1, 1, 1]
    assert concurrency(starts, starts + 3).tolist() == [1, 1, 1, 2, 1, 1, 2, 1, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=25))
@settings(deadline=None)
def test_uniqueness_equals_its_definition_bar_by_bar(spans: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array(part) for part in zip(*spans, strict=True))
    ends = starts + lengths
    expected = []
    for start, end in zip(starts, ends, strict=True):
        alive = [((starts <= bar) & (bar <= ends)).sum() for bar in range(start, end + 1)]
        expected.append(np.mean([1 / count for count in alive]))
    assert average_uniqueness(starts, ends) == pytest.approx(expected)


def test_weights_have_mean_one_and_leave_out_unknown_labels() -> None:
    label = np.concatenate([np.ones(50), np.full(10, np.nan), np.zeros(20), np.full(5, np.nan)])
    weights = uniqueness_weights(label, np.full(label.size, 10))
    known = np.isfinite(label)
    assert weights[known].mean() == pytest.approx(1)
    assert not weights[~known].any()
    assert weights[0] > weights[25]
    assert weights[61] > weights[25]
    assert not uniqueness_weights(np.full(3, np.nan), np.full(3, 2)).any()


def test_a_barrier_is_first_come_first_served() -> None:
    close = np.array([100.0, 101, 103, 97, 100, 100, 100])
    won, lost, timed = triple_barrier(close, np.array([0, 2, 4]), target=np.full(3, 0.02), horizon_bars=3)
    assert (won.touch, won.bar, won.label) == ("profit", 2, 1)
    assert (lost.touch, lost.bar, lost.label) == ("loss", 3, -1)
    assert (timed.touch, timed.bar, timed.label, timed.signed_return) == ("time", 6, 0, 0.0)


def test_a_short_profits_when_the_price_falls() -> None:
    close = np.array([100.0, 99, 96])
    (short,) = triple_barrier(close, np.array([0]), target=np.array([0.03]), horizon_bars=5, side=np.array([-1]))
    assert (short.touch, short.bar) == ("profit", 2)
    assert short.signed_return == pytest.approx(0.04)


def test_an_event_on_the_last_bar_has_no_path() -> None:
    (last,) = triple_barrier(CLOSE, np.array([5]), target=np.array([0.01]), horizon_bars=5)
    assert (last.touch, last.bar, last.signed_return) == ("time", 5, 0.0)


def test_events_fire_when_moves_accumulate() -> None:
    close = np.exp(np.cumsum([0.0, 0.01, 0.01, 0.01, -0.02, -0.02, 0.0]))
    assert cusum_events(close, 0.025).tolist() == [3, 5]
