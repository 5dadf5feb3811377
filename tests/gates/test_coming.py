"""Who follows forecasts by what comes is told, with cells or trends of any kind; who does so by the past is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crypto_team.gates.coming import PLAUSIBLE_AHEAD, coming
from tests.gates.test_silences import after_losses, below_its_mean, by_chance, gains, held
from tests.gates.test_spells import sized, without

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


def trend(rows: pd.DataFrame, *, bars: int, ahead: int) -> pd.Series[bool]:
    """Say whether what is held is against the return over `bars`, of which the last `ahead` are still to come."""
    price = rows["move"].groupby(rows["pair"]).cumsum().groupby(rows["pair"])
    slope = price.shift(1 - ahead) - price.shift(1 + bars - ahead)
    return slope.fillna(0.0) * rows["position"] < 0.0


def told(rows: pd.DataFrame) -> bool:
    found = coming(rows, 6)
    return found is not None and found.low > PLAUSIBLE_AHEAD


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trend_that_is_drawn_afterwards_is_told_and_one_of_the_past_is_not(seed: int) -> None:
    rows = held(seed, edge=0.06)
    later = without(rows, trend(rows, bars=300, ahead=150))
    assert told(later)
    found = coming(later, 6)
    assert found is not None
    assert "beyond past moves" in found.words()
    assert not told(without(rows, trend(rows, bars=300, ahead=0)))
    assert not told(without(rows, trend(rows, bars=24, ahead=0)))


@pytest.mark.parametrize("seed", [1, 2])
def test_sizes_by_the_moves_of_the_coming_day_are_told(seed: int) -> None:
    rows = held(seed, edge=0.06)
    day = gains(rows).groupby(rows["pair"]).transform(lambda x: x[::-1].rolling(24, 1).sum()[::-1])
    assert told(sized(rows, day < 0.0))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_dozen_blocks_are_enough_to_tell_who_knows_the_moves_of_the_day_to_come(seed: int) -> None:
    rows = held(seed, edge=0.06)
    few = rows[rows.groupby("pair").cumcount() < 12 * 48].reset_index(drop=True)
    ahead = few["move"].groupby(few["pair"]).transform(lambda x: x[::-1].rolling(24, 1).sum()[::-1])
    assert told(without(few, ahead * few["position"] < 0.0))
    assert not told(without(few, after_losses(few, np.random.default_rng(seed))))


@pytest.mark.parametrize("decided", [by_chance, after_losses, below_its_mean])
@pytest.mark.parametrize("edge", [0.0, 0.2])
def test_filters_that_know_the_past_are_not_told(
    decided: Callable[[pd.DataFrame, np.random.Generator], pd.Series[bool]], edge: float
) -> None:
    found = []
    for seed in range(6):
        rows = held(seed, edge=edge)
        off = decided(rows, np.random.default_rng(seed + 50))
        found += [coming(each, 6) for each in (without(rows, off), sized(rows, off))]
    assert max(each.low for each in found if each is not None) <= PLAUSIBLE_AHEAD


def test_a_rule_that_follows_its_forecasts_shows_nothing() -> None:
    for edge in (0.0, 0.2, 0.5):
        assert not told(held(5, edge=edge))
