"""Pairs that are left out by what they lost are told from pairs that are left out by what was known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates.spells import PLAUSIBLE_WORSE, quiet_spells
from crypto_team.gates.statistics import DAY_MS

PAIRS, PARTS, BARS = 8, 8, 400
HOUR_MS = DAY_MS // 24


def traded(seed: int, *, edge: float = 0.05) -> pd.DataFrame:
    """Hourly rows of eight pairs that move together a little, long or short by the sign of a weak forecast."""
    rng = np.random.default_rng(seed)
    market = rng.normal(size=(PARTS * BARS, 1))
    moves = 0.5 * market + rng.normal(size=(PARTS * BARS, PAIRS))
    signal = edge * moves + rng.normal(size=moves.shape)
    rows = pd.DataFrame({
        "time": np.tile(np.arange(PARTS * BARS) * HOUR_MS, PAIRS),
        "pair": np.repeat([f"P{each}" for each in range(PAIRS)], PARTS * BARS),
        "fold": np.tile(np.repeat(np.arange(PARTS), BARS), PAIRS),
        "signal": signal.T.ravel(),
        "move": moves.T.ravel() / 100.0,
    })  # fmt: skip
    return rows.assign(position=np.sign(rows["signal"]))


def without(rows: pd.DataFrame, off: pd.Series[bool]) -> pd.DataFrame:
    return rows.assign(position=rows["position"].where(~off, 0.0))


def by_part(rows: pd.DataFrame) -> pd.Series[float]:
    return (rows["position"] * rows["move"]).groupby([rows["pair"], rows["fold"]]).transform("sum")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_that_are_off_where_they_lost_are_told(seed: int) -> None:
    rows = traded(seed)
    found = quiet_spells(without(rows, by_part(rows) < 0.0), 4)
    assert found is not None
    assert found.low > PLAUSIBLE_WORSE
    assert "test part" in found.words()


@pytest.mark.parametrize("seed", [1, 2])
def test_sides_that_lost_and_sizes_that_follow_the_outcome_are_told(seed: int) -> None:
    rows = traded(seed)
    side = np.sign(rows["position"])
    gain = (rows["position"] * rows["move"]).groupby([rows["pair"], rows["fold"], side]).transform("sum")
    found = quiet_spells(without(rows, gain < 0.0), 4)
    assert found is not None
    assert found.low > PLAUSIBLE_WORSE
    small = rows.assign(position=rows["position"].where(by_part(rows) >= 0.0, rows["position"] / 4.0))
    found = quiet_spells(small, 4)
    assert found is not None
    assert found.low > PLAUSIBLE_WORSE


def sized(rows: pd.DataFrame, small: pd.Series[bool]) -> pd.DataFrame:
    return rows.assign(position=rows["position"].where(~small, rows["position"] / 4.0))


def costs(rows: pd.DataFrame, cost_bps: float) -> pd.Series[float]:
    changed = rows["position"].groupby([rows["pair"], rows["fold"]]).diff().fillna(rows["position"]).abs()
    return changed * cost_bps / 1e4


@pytest.mark.parametrize("seed", [2, 3])
def test_pairs_that_are_small_where_they_lost_after_costs_are_told(seed: int) -> None:
    rows = traded(seed, edge=0.02)
    net = rows["position"] * rows["move"] - costs(rows, 1.0)
    found = quiet_spells(sized(rows, net.groupby([rows["pair"], rows["fold"]]).transform("sum") < 0.0), 4, 1.0)
    assert found is not None
    assert found.low > PLAUSIBLE_WORSE
    assert "small size" in found.words()


@pytest.mark.parametrize("kind", ["past losses", "losses within", "dead pairs"])
def test_pairs_that_are_small_by_what_was_known_are_not(kind: str) -> None:
    lows = []
    for seed in range(6):
        rows = traded(seed, edge=0.12)
        rng = np.random.default_rng(seed + 200)
        cell = rows["pair"] + rows["fold"].astype(str)
        net = rows["position"] * rows["move"] - costs(rows, 1.0)
        if kind == "past losses":
            small = net.groupby(cell).transform("sum").groupby(rows["pair"]).shift(BARS).fillna(1.0) < 0.0
        elif kind == "losses within":
            before = net.groupby(cell).cumsum().groupby(cell).shift(1).fillna(0.0)
            small = before.groupby(cell).cummin() < -0.03
        else:
            small = cell.map({each: rng.random() < 0.4 for each in cell.unique()}).astype(bool)
            rows["move"] = rows["move"].where(~small, rng.normal(size=len(rows)) / 100.0)
        found = quiet_spells(sized(rows, small), 4, 1.0)
        lows.append(0.0 if found is None else found.low)
    assert max(lows) <= PLAUSIBLE_WORSE, lows


@pytest.mark.parametrize("change", [sized, without])
def test_dead_pairs_that_lose_together_are_not(change: Callable[..., pd.DataFrame]) -> None:
    """All dead pairs of a part win or lose as one: six of eight parts that lose are no knowledge."""
    lows = []
    for seed in range(6):
        rows = traded(seed, edge=0.12)
        rng = np.random.default_rng(seed + 200)
        cell = rows["pair"] + rows["fold"].astype(str)
        dead = cell.map({each: rng.random() < 0.4 for each in cell.unique()}).astype(bool)
        common = rng.normal(size=PARTS * BARS)[rows["time"] // HOUR_MS] * np.sign(rows["position"])
        rows["move"] = rows["move"].where(~dead, (common + 0.5 * rng.normal(size=len(rows))) / 100.0)
        found = quiet_spells(change(rows, dead), 4, 1.0)
        lows.append(0.0 if found is None else found.low)
    assert max(lows) <= PLAUSIBLE_WORSE, lows


def test_small_sizes_are_told_where_most_spells_are_small() -> None:
    """A mean over rows of which most are small is small itself, and hides them."""
    rows = traded(2, edge=0.0)
    net = rows["position"] * rows["move"] - costs(rows, 3.0)
    lost = net.groupby([rows["pair"], rows["fold"]]).transform("sum") < 0.0
    assert lost.mean() > 0.6
    found = quiet_spells(sized(rows, lost), 4, 3.0)
    assert found is not None
    assert found.low > PLAUSIBLE_WORSE


@pytest.mark.parametrize("kind", ["chance", "past losses", "whole market", "dead pairs"])
def test_pairs_that_are_off_by_what_was_known_are_not(kind: str) -> None:
    lows = []
    for seed in range(12):
        rows = traded(seed, edge=0.1)
        rng = np.random.default_rng(seed + 100)
        cell = rows["pair"] + rows["fold"].astype(str)
        if kind == "dead pairs":
            # Forecasts are worth nothing in some cells, and a filter knows which: they lose half of the time.
            dead = cell.map({each: rng.random() < 0.4 for each in cell.unique()})
            rows["move"] = rows["move"].where(~dead, rng.normal(size=len(rows)) / 100.0)
            off = dead
        elif kind == "past losses":
            gain = by_part(rows)
            before = gain.groupby(rows["pair"]).shift(BARS)
            off = before.fillna(1.0) < 0.0
        elif kind == "whole market":
            off = rows["fold"].isin(rng.choice(PARTS, 3, replace=False))
        else:
            off = cell.map({each: rng.random() < 0.4 for each in cell.unique()})
        found = quiet_spells(without(rows, off.astype(bool)), 4)
        lows.append(0.0 if found is None else found.low)
    assert max(lows) <= PLAUSIBLE_WORSE, lows


def test_a_rule_that_is_never_quiet_shows_nothing() -> None:
    found = quiet_spells(traded(5), 4)
    assert found is None or found.low <= PLAUSIBLE_WORSE
