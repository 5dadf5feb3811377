from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.importing import read_series
from crypto_team.data.quality import assess

MakeBars = Callable[..., pd.DataFrame]


def test_a_clean_series_is_good_and_has_no_notes(make_bars: MakeBars) -> None:
    quality = assess(make_bars(500), "1h")
    assert (quality.verdict, quality.notes) == ("good", [])
    assert (quality.expected_rows, quality.missing_rows, quality.longest_gap_bars) == (500, 0, 0)


@pytest.mark.parametrize(("missing", "verdict"), [(1, "good"), (10, "acceptable"), (40, "poor")])
def test_the_verdict_follows_the_share_of_missing_bars(make_bars: MakeBars, missing: int, verdict: str) -> None:
    quality = assess(make_bars(500).drop(range(100, 100 + missing)).reset_index(drop=True), "1h")
    assert quality.verdict == verdict
    assert (quality.missing_rows, quality.longest_gap_bars) == (missing, missing)
    assert quality.missing_share == missing / 500
    assert f"{missing} of 500 bars are missing" in quality.notes[0]
    assert any("DQ003 refuses" in note for note in quality.notes) == (verdict != "good")


def test_an_impossible_bar_is_counted_and_never_good(make_bars: MakeBars) -> None:
    bars = make_bars(500)
    bars.loc[7, "high"] = bars["low"].iloc[7] - 1
    quality = assess(bars, "1h")
    assert (quality.verdict, quality.ohlc_violations) == ("acceptable", 1)
    bars["high"] = bars["low"] - 1
    assert assess(bars, "1h").verdict == "poor"


def test_a_spike_that_comes_back_is_a_bad_tick_and_a_crash_is_an_event(make_bars: MakeBars) -> None:
    rng = np.random.default_rng(3)
    bars = make_bars(500)
    calm = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, 500)))
    spiked, crashed = calm.copy(), calm.copy()
    spiked[250] *= 2
    crashed[250:] *= 0.5
    counts = []
    for close in (calm, spiked, crashed):
        high, low = np.maximum(bars["high"], close) * 2, np.minimum(bars["low"], close) / 3
        counts.append(assess(bars.assign(close=close, high=high, low=low), "1h").outlier_rows)
    assert counts == [0, 1, 0]
    heavy = bars.assign(close=spiked, high=spiked * 9, low=1.0)
    heavy.loc[250, "volume"] = 1000.0
    assert assess(heavy, "1h").outlier_rows == 0


def test_a_market_that_stands_still_is_noticed(make_bars: MakeBars) -> None:
    bars = make_bars(500)
    columns = ["open", "high", "low", "close", "volume"]
    bars.loc[101:140, columns] = bars.loc[100, columns].to_numpy(np.float64)
    quality = assess(bars, "1h")
    assert (quality.verdict, quality.longest_stale_run_bars) == ("acceptable", 40)
    assert "stands still for 40 bars" in quality.notes[-1]
    assert assess(bars.assign(**dict.fromkeys(columns, 1.0)), "1h").verdict == "poor"


@pytest.mark.parametrize(("silent", "verdict"), [(5, "good"), (50, "acceptable"), (200, "poor")])
def test_bars_without_volume_are_counted(make_bars: MakeBars, silent: int, verdict: str) -> None:
    bars = make_bars(500)
    bars.loc[: silent - 1, "volume"] = 0.0
    quality = assess(bars, "1h")
    assert (quality.verdict, quality.zero_volume_rows) == (verdict, silent)


def test_two_bars_are_enough_for_a_verdict(make_bars: MakeBars) -> None:
    assert assess(make_bars(2), "1h").verdict == "good"
    assert assess(make_bars(1), "1h").expected_rows == 1


def test_real_market_data_is_read_and_judged(market_data: Path) -> None:
    for path in sorted((market_data / "ohlcv").glob("*.parquet")):
        base, timeframe = path.name.split("-")[:2]
        (series,) = read_series(path, pair=f"{base[:3]}/USD", timeframe=timeframe)
        quality = assess(series.frame, timeframe)
        daily = timeframe == "1d"
        assert quality.verdict == ("acceptable" if daily else "good"), (path.name, quality)
        assert quality.missing_rows == (34 if daily else 0), path.name
        assert quality.ohlc_violations == 0
        assert series.decimals <= 8, (path.name, series.decimals)


def test_real_funding_is_read(market_data: Path) -> None:
    for path in sorted((market_data / "funding").glob("*funding*.parquet")):
        (series,) = read_series(path, pair="BTC/USDT:USDT", timeframe=None, kind="funding")
        assert len(series.frame) > 150
        assert series.timeframe in {"8h", "4h"}, (path.name, series.timeframe)
