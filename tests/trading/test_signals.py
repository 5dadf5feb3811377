from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_team.trading.signals import Entries, entries_exits, positions

Floats = npt.NDArray[np.float64]

SIGNALS = st.lists(
    st.one_of(st.sampled_from([0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0, np.nan]), st.floats(0, 1)), max_size=60
)
THRESHOLDS = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: (max(pair), min(pair)))


def engine(wishes: Entries, start: float = 0.0) -> Floats:
    """Trade as Freqtrade does: leave on an exit, enter when flat, drop entries that contradict another wish."""
    held, made = start, []
    for long_, leave_long, short, leave_short in zip(
        wishes.enter_long, wishes.exit_long, wishes.enter_short, wishes.exit_short, strict=True
    ):
        if (held > 0 and leave_long) or (held < 0 and leave_short):
            held = 0.0
        if held == 0.0:
            if long_ and not (leave_long or short):
                held = 1.0
            elif short and not (leave_short or long_):
                held = -1.0
        made.append(held)
    return np.array(made, dtype=np.float64)


@given(SIGNALS, THRESHOLDS, st.booleans(), st.booleans(), st.sampled_from([-1.0, 0.0, 1.0]))
@settings(max_examples=300, deadline=None)
def test_an_engine_on_entries_and_exits_holds_the_same_side(
    values: list[float], thresholds: tuple[float, float], long_short: bool, weighted: bool, start: float
) -> None:
    signal = np.array(values, dtype=np.float64)
    entry, leave = thresholds
    start = start if long_short else abs(start)
    held = positions(signal, entry=entry, exit=leave, long_short=long_short, confidence_weighted=weighted, start=start)
    expected = engine(entries_exits(signal, entry=entry, exit=leave, long_short=long_short), start)
    if weighted:
        # A position that opens at even odds has no size, whatever its side.
        expected = np.where(held == 0.0, 0.0, expected)
    assert np.array_equal(np.sign(held), expected)
    assert ((np.abs(held) <= 1.0) & np.isfinite(held)).all()


@given(SIGNALS, THRESHOLDS, st.booleans(), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_cutting_the_series_and_carrying_the_position_over_changes_nothing(
    values: list[float], thresholds: tuple[float, float], weighted: bool, cut: int
) -> None:
    signal = np.array(values, dtype=np.float64)
    entry, leave = thresholds

    def run(part: Floats, start: float) -> Floats:
        return positions(part, entry=entry, exit=leave, long_short=True, confidence_weighted=weighted, start=start)

    whole = run(signal, 0.0)
    first = run(signal[:cut], 0.0)
    if first.size and first[-1] == 0.0 and weighted:
        return
    second = run(signal[cut:], float(first[-1]) if first.size else 0.0)
    assert np.array_equal(np.concatenate([first, second]), whole)


def test_a_long_is_held_between_the_thresholds() -> None:
    signal = np.array([0.5, 0.6, 0.5, 0.41, 0.4, 0.59, 0.7, np.nan, 0.5])
    held = positions(signal, entry=0.6, exit=0.4, long_short=False)
    assert held.tolist() == [0, 1, 1, 1, 0, 0, 1, 0, 0]


def test_shorts_mirror_longs_and_turn_in_one_step() -> None:
    signal = np.array([0.7, 0.3, 0.5, 0.6, 0.5, 0.2, 0.6])
    assert positions(signal, entry=0.6, exit=0.4, long_short=True).tolist() == [1, -1, -1, 1, 1, -1, 1]
    mirrored = positions(1 - signal, entry=0.6, exit=0.4, long_short=True)
    assert mirrored.tolist() == [-1, 1, 1, -1, -1, 1, -1]


def test_entry_wins_where_both_thresholds_are_one() -> None:
    assert positions(np.array([0.5, 0.5, 0.4]), entry=0.5, exit=0.5, long_short=False).tolist() == [1, 1, 0]


def test_confidence_sets_the_size_at_entry_and_holds_it() -> None:
    signal = np.array([0.8, 0.95, 0.5, 0.3, 0.2, 0.65])
    held = positions(signal, entry=0.6, exit=0.4, long_short=True, confidence_weighted=True)
    assert held == pytest.approx([0.6, 0.6, 0.6, -0.4, -0.4, 0.3])


def test_a_position_held_before_keeps_its_size() -> None:
    held = positions(
        np.array([0.5, 0.7, 0.3, 0.9]), entry=0.6, exit=0.4, long_short=False, confidence_weighted=True, start=0.25
    )
    assert held == pytest.approx([0.25, 0.25, 0.0, 0.8])


def test_no_signal_gives_no_position() -> None:
    assert positions(np.empty(0), entry=0.6, exit=0.4, long_short=True).size == 0
    assert not positions(np.full(5, np.nan), entry=0.6, exit=0.4, long_short=True).any()


def test_a_long_only_strategy_never_wishes_for_a_short() -> None:
    wishes = entries_exits(np.array([0.0, 0.5, 1.0]), entry=0.6, exit=0.4, long_short=False)
    assert not wishes.enter_short.any()


def test_positions_do_not_look_ahead() -> None:
    rng = np.random.default_rng(2)
    signal = rng.random(400)
    changed = signal.copy()
    changed[200:] = rng.random(200)
    first, second = (positions(values, entry=0.8, exit=0.5, long_short=True) for values in (signal, changed))
    assert np.array_equal(first[:200], second[:200])
