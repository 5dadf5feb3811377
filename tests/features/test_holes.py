"""A bar of another pair that is missing is unknown at its own row: over a history, over one cut there, and live."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.features.composition import composed_columns
from crypto_team.features.online import OnlineFeatures
from crypto_team.features.plan import compile_formulas
from crypto_team.features.surroundings import Frame, Surroundings
from tests.features.worlds import PAIRS, World, world

if TYPE_CHECKING:
    from pathlib import Path

OWN, ETH, SOL = PAIRS
FORMULAS = (
    f'of("{ETH}", close)',
    f'of("{ETH}", ret(close, 1)) - ret(close, 1)',
    f'of("{ETH}", on("4h", close))',
    f'of("{ETH}", on("4h", ret(close, 1)))',
    f'on("4h", of("{ETH}", close))',
    f'of("{ETH}", of("{SOL}", close))',
    f'of("{SOL}", of("{ETH}", ret(close, 2)))',
    f'of("{ETH}", of("{OWN}", close))',
    f'of("{ETH}", session("asian"))',
    f'basket("{ETH},{SOL}", ret(close, 2))',
    f'basket("{OWN},{ETH},{SOL}", on("4h", ret(close, 1)))',
)
ROWS = 130
HOLES = {ETH: (60, 61, 62, 63, 64, 65, 66, 90), SOL: (64, 65, 66, 67, *range(110, ROWS))}


def _without(frame: Frame, rows: tuple[int, ...]) -> Frame:
    kept = np.setdiff1d(np.arange(frame.times.size), rows)
    return Frame({name: values[kept] for name, values in frame.columns.items()}, frame.times[kept], frame.step)


@pytest.fixture(scope="module")
def holed() -> World:
    """Return bars of which the second pair lacks two stretches, and the third one and its end."""
    made = world(ROWS)
    frames = {pair: _without(frame, HOLES.get(pair, ())) for pair, frame in made.around.frames.items()}
    return replace(made, around=Surroundings(OWN, frames))


def _batch(place: World, rows: int = ROWS) -> np.ndarray:
    """Compute the formulas with what was known at the close of the last of some bars."""
    end = int(place.frame.closes[rows - 1]) + 1
    frame, around, plan = place.frame.before(end), place.around.before(end), compile_formulas(FORMULAS, "1h")
    return plan.doubles({**frame.columns, **composed_columns(plan.formulas, frame, around)}, frame.times)


def _bar(frame: Frame, row: int) -> dict[str, float]:
    return {"timestamp": int(frame.times[row]), **{name: float(values[row]) for name, values in frame.columns.items()}}


def _live(online: OnlineFeatures, place: World, first: int, last: int = ROWS) -> np.ndarray:
    """Feed the bars that are there, those of other pairs before the own one that closes with them."""
    found = []
    for row in range(first, last):
        for pair in (ETH, SOL):
            other = place.around.frames[pair]
            for number in np.flatnonzero(other.times == place.frame.times[row]):
                online.update({"pair": pair, **_bar(other, int(number))})
        found.append(online.update(_bar(place.frame, row)))
    return np.array(found)


def _online() -> OnlineFeatures:
    return OnlineFeatures(FORMULAS, timeframe="1h", pair=OWN)


def _warmed(place: World, rows: int) -> OnlineFeatures:
    frame, online = place.frame, _online()
    times = pd.to_datetime(frame.times[:rows], unit="ms", utc=True)
    bars = pd.DataFrame({"timestamp": times, **{name: values[:rows] for name, values in frame.columns.items()}})
    online.warm_up(bars, place.around.before(int(frame.closes[rows - 1]) + 1))
    return online


def test_a_hole_is_the_same_in_the_whole_history_in_one_that_ends_there_and_live(holed: World) -> None:
    whole = _batch(holed)
    cut = np.array([_batch(holed, rows)[-1] for rows in range(1, ROWS + 1)])
    live = _live(_online(), holed, 0)
    for column, formula in enumerate(FORMULAS):
        assert cut[:, column].tobytes() == whole[:, column].tobytes(), formula
        assert live[:, column].tobytes() == whole[:, column].tobytes(), formula
    assert np.isnan(whole[60:67, :2]).all()
    assert np.isnan(whole[90, :2]).all()
    assert np.isnan(whole[110:, 5]).all()
    assert np.isfinite(whole[50]).all()
    assert np.isfinite(whole[[67, 89, 91], 0]).all()


@pytest.mark.parametrize("rows", [58, *range(60, 69), 90, 91, 92, 111, 120])
def test_a_history_that_ends_at_a_hole_goes_on_live_as_the_whole_one(rows: int, holed: World) -> None:
    assert _live(_warmed(holed, rows), holed, rows).tobytes() == _batch(holed)[rows:].tobytes()


def test_an_engine_goes_on_from_a_state_saved_in_a_hole(holed: World, tmp_path: Path) -> None:
    online = _warmed(holed, 50)
    _live(online, holed, 50, 64)
    online.save(tmp_path / "state.npz")
    again = _online()
    again.restore(tmp_path / "state.npz")
    assert _live(again, holed, 64).tobytes() == _batch(holed)[64:].tobytes()


def test_a_pair_that_ends_before_the_own_one_is_unknown_at_once(holed: World) -> None:
    frames = holed.around.frames
    before = frames[ETH].before(int(holed.frame.closes[100]) + 1)
    ended = replace(holed, around=Surroundings(OWN, {**frames, ETH: before}))
    found = _batch(ended)
    assert np.isfinite(found[100, 0])
    assert np.isnan(found[101:, 0]).all()
    assert _live(_online(), ended, 0).tobytes() == found.tobytes()


def _flat(frame: Frame, rows: tuple[int, ...]) -> Frame:
    """Put candles into holes as Freqtrade does: the last close, no volume."""
    inner = [row for row in rows if row < ROWS - 20]
    columns = {name: values.copy() for name, values in frame.columns.items()}
    for row in inner:
        for name in ("open", "high", "low", "close"):
            columns[name][row] = columns["close"][row - 1]
        columns["volume"][row] = 0.0
    return _without(Frame(columns, frame.times, frame.step), tuple(set(rows) - set(inner)))


def test_a_flat_candle_in_which_nothing_was_traded_is_a_missing_one(holed: World) -> None:
    frames = {pair: _flat(frame, HOLES.get(pair, ())) for pair, frame in world(ROWS).around.frames.items()}
    filled = replace(holed, around=Surroundings(OWN, frames))
    expected = _batch(holed)
    assert _batch(filled).tobytes() == expected.tobytes()
    assert _live(_online(), filled, 0).tobytes() == expected.tobytes()
    assert _live(_warmed(filled, 63), filled, 63).tobytes() == expected[63:].tobytes()


def test_an_own_bar_in_which_nothing_was_traded_counts_except_to_other_pairs(holed: World) -> None:
    own = _flat(holed.frame, (40, 41, 42))
    quiet = World(own, Surroundings(OWN, {**holed.around.frames, OWN: own}))
    found, before = _batch(quiet), _batch(holed)
    assert _live(_online(), quiet, 0).tobytes() == found.tobytes()
    assert np.isnan(found[40:43, 7]).all()  # of(ETH, of(own pair, close))
    assert np.isfinite(found[40:43, 1]).all()
    assert np.isfinite(before[40:43, 7]).all()
