"""Stretches at rest that begin and end anywhere are told where they were left out afterwards, not where by the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates.silences import silences
from tests.gates.test_spells import BARS, PAIRS, PARTS, sized, traded, without

if TYPE_CHECKING:
    from collections.abc import Callable

TOTAL = PARTS * BARS


def held(seed: int, *, edge: float) -> pd.DataFrame:
    """Return rows whose positions are held for some bars: the side of a smooth forecast."""
    rows = traded(seed, edge=edge)
    smooth = rows["signal"].groupby(rows["pair"]).transform(lambda x: x.rolling(6, 1).mean())
    return rows.assign(signal=smooth, position=np.sign(smooth))


def cells(rows: pd.DataFrame, width: int, offset: int) -> pd.Series[str]:
    place = rows.groupby("pair").cumcount()
    return rows["pair"] + ((place + offset) // width).astype(str)


def gains(rows: pd.DataFrame) -> pd.Series[float]:
    return rows["position"] * rows["move"]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("width", [150, 240])
def test_cells_of_any_width_that_are_off_because_they_lost_are_told(seed: int, width: int) -> None:
    rows = held(seed, edge=0.03)
    lost = gains(rows).groupby(cells(rows, width, 91)).transform("sum") < 0.0
    for changed in (without(rows, lost), sized(rows, lost)):
        found = silences(changed, 6)
        assert found is not None
        assert found.told, found.words()
        assert "would have lost" in found.words()


def test_days_in_which_all_pairs_together_lost_are_told() -> None:
    rows = held(4, edge=0.03)
    block = (rows.groupby("pair").cumcount() + 40) // 60
    lost = gains(rows).groupby(block).transform("sum") < 0.0
    found = silences(without(rows, lost), 6)
    assert found is not None
    assert found.told, found.words()


@pytest.mark.parametrize("moves", [0.0, 1e-9, 0.02], ids=["constant", "almost constant", "pegged"])
def test_a_pair_that_does_not_move_hides_nothing(moves: float) -> None:
    rows = held(4, edge=0.03)
    block = (rows.groupby("pair").cumcount() + 40) // 60
    usual = without(rows, gains(rows).groupby(block).transform("sum") < 0.0)
    still = usual[usual["pair"] == usual["pair"].iloc[0]].assign(pair="STILL", move=lambda x: moves * x["move"])
    alone, found = silences(usual, 6, 1.0), silences(pd.concat([usual, still], ignore_index=True), 6, 1.0)
    assert alone is not None
    assert alone.told, alone.words()
    assert found is not None
    assert found.told, found.words()


def test_prices_that_never_move_show_nothing() -> None:
    assert silences(held(4, edge=0.03).assign(move=0.0), 6, 1.0) is None


def by_chance(rows: pd.DataFrame, rng: np.random.Generator) -> pd.Series[bool]:
    cell = cells(rows, 240, 91)
    return cell.map({each: rng.random() < 0.4 for each in cell.unique()}).astype(bool)


def after_losses(rows: pd.DataFrame, _rng: np.random.Generator) -> pd.Series[bool]:
    gain = gains(rows).groupby(rows["pair"])
    return gain.transform(lambda x: x.rolling(300, 1).sum().shift(1)).fillna(0.0) < 0.0


def after_a_gain(rows: pd.DataFrame, _rng: np.random.Generator) -> pd.Series[bool]:
    """Take the profit of the month and rest until the next: stretches at work end because they won."""
    earned = gains(rows).groupby(cells(rows, 300, 0))
    return earned.transform(lambda x: x.cumsum().shift(1).fillna(0.0).cummax()) > 0.05


def below_its_mean(rows: pd.DataFrame, _rng: np.random.Generator) -> pd.Series[bool]:
    """Rest while what would have been earned is below its moving mean, and begin again when it is above."""
    equity = gains(rows).groupby(rows["pair"]).cumsum()
    known = equity.groupby(rows["pair"]).shift(1).fillna(0.0)
    return known < known.groupby(rows["pair"]).transform(lambda x: x.rolling(200, 1).mean())


@pytest.mark.parametrize("decided", [by_chance, after_losses, after_a_gain, below_its_mean])
@pytest.mark.parametrize("edge", [0.0, 0.08])
def test_stretches_at_rest_by_what_was_known_are_not_told(
    decided: Callable[[pd.DataFrame, np.random.Generator], pd.Series[bool]], edge: float
) -> None:
    told = []
    for seed in range(8):
        rows = held(seed, edge=edge)
        off = decided(rows, np.random.default_rng(seed + 50))
        found = [silences(each, 6, 1.0) for each in (without(rows, off), sized(rows, off))]
        told += [each.words() for each in found if each is not None and each.told]
    assert told == []


def test_pairs_that_are_known_to_be_dead_are_not_told() -> None:
    told = []
    for seed in range(8):
        rows = held(seed, edge=0.08)
        off = by_chance(rows, np.random.default_rng(seed + 70))
        rng = np.random.default_rng(seed + 90)
        rows["move"] = rows["move"].where(~off, rng.normal(size=PAIRS * TOTAL) / 100.0)
        found = silences(without(rows, off), 6, 1.0)
        told += [found.words()] if found is not None and found.told else []
    assert told == []


def test_a_rule_that_is_never_at_rest_shows_nothing() -> None:
    assert silences(traded(5), 4) is None
