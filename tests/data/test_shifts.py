"""The same candles under other dates are found with the span between them; other markets are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.shifts import shift_between

HOUR = 3600


def closes(seed: int, bars: int = 3_000, start: str = "2022-01-01") -> pd.Series[float]:
    rng = np.random.default_rng(seed)
    index = pd.date_range(start, periods=bars, freq="h", tz="UTC")
    return pd.Series(100.0 * np.exp(np.cumsum(0.01 * rng.standard_t(4, bars))), index=index)


@pytest.mark.parametrize("span", ["364D", "-90D", "45min", "1s"])
def test_moved_dates_are_found(span: str) -> None:
    known = closes(1)
    own = (known * 1.003).shift(freq=pd.Timedelta(span))
    assert shift_between(known, own, (HOUR, HOUR)) == pd.Timedelta(span)


def test_a_part_with_holes_and_a_little_noise_is_found() -> None:
    known, rng = closes(2), np.random.default_rng(9)
    part = known.iloc[700:2_500] * np.exp(0.0002 * rng.normal(size=1_800))
    own = part[rng.random(part.size) > 0.02].shift(freq=pd.Timedelta("400D"))
    assert shift_between(known.drop(known.index[50:60]), own, (HOUR, HOUR)) == pd.Timedelta("400D")


def test_longer_bars_are_found_both_ways() -> None:
    known = closes(3, 6_000)
    own = known.iloc[3::4].shift(freq=pd.Timedelta("364D"))
    assert shift_between(known, own, (HOUR, 4 * HOUR)) == pd.Timedelta("364D")
    assert shift_between(own, known, (4 * HOUR, HOUR)) == -pd.Timedelta("364D")


def test_other_markets_are_no_moved_ones() -> None:
    known = closes(4)
    assert shift_between(known, closes(5, start="2023-01-01"), (HOUR, HOUR)) is None
    assert shift_between(known, known[::-1].set_axis(known.index), (HOUR, HOUR)) is None
    # One crash in each is alike, and nothing else.
    quiet = [closes(seed) ** 0.001 for seed in (6, 7)]
    for each, at in zip(quiet, (500, 900), strict=True):
        each.iloc[at:] *= 0.5
    assert shift_between(quiet[0], quiet[1], (HOUR, HOUR)) is None


@pytest.mark.parametrize("steps", [(HOUR, 1_000), (60, 86_400)])
def test_bars_that_do_not_fit_into_each_other_are_not_compared(steps: tuple[int, int]) -> None:
    assert shift_between(closes(8), closes(8), steps) is None
