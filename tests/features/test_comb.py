"""Leaks that sit on one row in a hundred: the comb names rows, a cut there proves them; honest columns are cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.features.comb import TEETH, Comb, combs, suspects
from crypto_team.features.frame_audit import audit_frames
from crypto_team.features.probes import Decision, Source, source, variant
from crypto_team.features.python_frames import OHLCV

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Column = Callable[[pd.DataFrame], pd.Series]

BARS = 12_000


def scattered(bars: pd.DataFrame) -> np.ndarray:
    return np.random.default_rng(5).random(len(bars)) < 0.01


def ahead(bars: pd.DataFrame, column: str = "close") -> pd.Series:
    return bars[column].shift(-1).fillna(bars[column]) / bars[column] - 1.0


def mixed(values: pd.Series, bars: pd.DataFrame, other: pd.Series) -> pd.Series:
    return values.where(~scattered(bars), other)


LEAKS: dict[str, Column] = {
    "a little of the next return": lambda d: mixed(
        d["close"].pct_change(5), d, d["close"].pct_change(5) + 0.05 * ahead(d)
    ),
    "the next close in a mean": lambda d: mixed(d["close"].rolling(20).mean(), d, d["close"].shift(-1)),
    "the next close in an average": lambda d: mixed(d["close"].ewm(span=40).mean(), d, d["close"].shift(-1)),
    "the next sign": lambda d: mixed(np.sign(d["close"].diff(3)), d, np.sign(ahead(d))),
    "the next high": lambda d: mixed(d["high"].rolling(24).max(), d, d["high"].shift(-1)),
    "the next volume": lambda d: mixed(d["volume"].rolling(10).mean(), d, d["volume"].shift(-1)),
}
REMEMBERING: dict[str, Column] = {
    "a little of the next return in one of 200 bars": lambda d: mixed(
        d["close"].pct_change(200), d, d["close"].pct_change(200) + 0.05 * ahead(d)
    ),
    "a little of the next return beside a mean of 300 bars": lambda d: mixed(
        d["close"] / d["close"].rolling(300).mean(), d, d["close"] / d["close"].rolling(300).mean() + 0.05 * ahead(d)
    ),
    "a little of the next return beside two lags": lambda d: mixed(
        d["close"].shift(1) / d["close"].shift(180), d, d["close"].shift(1) / d["close"].shift(180) + 0.1 * ahead(d)
    ),
}
HONEST: dict[str, Column] = {
    "long return": lambda d: d["close"].pct_change(200),
    "long mean": lambda d: d["close"] / d["close"].rolling(300).mean(),
    "long average": lambda d: d["close"].ewm(span=400).mean() / d["close"],
    "long deviation": lambda d: d["close"].pct_change().rolling(240).std(),
    "return": lambda d: d["close"].pct_change(5),
    "mean": lambda d: d["close"] / d["close"].rolling(80).mean(),
    "average": lambda d: d["close"].ewm(span=40).mean() / d["close"],
    "rank": lambda d: d["close"].rolling(24).rank(pct=True),
    "sum of all": lambda d: (np.sign(d["close"].diff()) * d["volume"]).cumsum(),
    "highest of all": lambda d: d["high"].cummax() / d["close"],
    "lag": lambda d: d["close"].pct_change().shift(20),
    "other values on some rows": lambda d: mixed(d["close"].rolling(20).mean(), d, d["close"]),
}


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    return {OHLCV: source(planted_market(seed=3, bars=BARS, timeframe="1h", oracle_sharpe=2.0).frame, OHLCV)}


def values(column: Column, frame: pd.DataFrame) -> np.ndarray:
    return column(frame).to_numpy(np.float64)


def proven(column: Column, sources: dict[str, Source], seed: int, decision: Decision = "close") -> bool:
    """Say whether a cut at a row that the combs name shows the leak."""
    rng = np.random.default_rng(seed)
    base = values(column, sources[OHLCV].frame)
    runs = [(item, {"x": values(column, item.frames[OHLCV])}) for item in combs(sources, decision, rng)]
    for row in suspects({"x": base}, runs, decision):
        for probe in ("truncated", "another path"):
            found = values(column, variant(sources, row, probe, decision, rng).frames[OHLCV])
            if not np.array_equal(found[: row + 1], base[: row + 1], equal_nan=True):
                return True
    return False


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_of_one_bar_on_one_row_in_a_hundred_is_proven(sources: dict[str, Source], name: str, seed: int) -> None:
    assert proven(LEAKS[name], sources, seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", REMEMBERING)
def test_a_small_leak_is_told_apart_from_a_long_memory(sources: dict[str, Source], name: str, seed: int) -> None:
    assert proven(REMEMBERING[name], sources, seed)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_column_is_cleared_by_the_cuts(sources: dict[str, Source], name: str) -> None:
    assert not proven(HONEST[name], sources, 0)


def test_a_column_that_decides_at_the_open_may_use_it_and_not_the_close(sources: dict[str, Source]) -> None:
    opened = sources[OHLCV].frame["open"]
    assert not proven(lambda d: d["open"].pct_change(3), sources, 0, "open")
    assert proven(lambda d: mixed(d["open"].pct_change(3), d, d["close"] / opened[: len(d)]), sources, 0, "open")


def test_teeth_are_many_and_only_they_are_changed(sources: dict[str, Source]) -> None:
    own = sources[OHLCV].frame
    made = combs(sources, "close", np.random.default_rng(1))
    for least in {item.least for item in made}:
        distinct = {tuple(item.teeth) for item in made if item.least == least}
        assert sum(map(len, distinct)) >= TEETH
    for item in made:
        assert (np.diff(item.teeth) >= item.least).all()
        changed = np.flatnonzero((item.frames[OHLCV]["close"] != own["close"]).to_numpy())
        assert np.array_equal(changed, item.teeth)
        assert item.frames[OHLCV]["timestamp"].equals(own["timestamp"])


def test_few_bars_have_few_teeth_and_no_bars_none() -> None:
    for bars in (10, 40, 300):
        frame = planted_market(seed=3, bars=2_000, timeframe="1h", oracle_sharpe=2.0).frame.iloc[:bars]
        made = combs({OHLCV: source(frame, OHLCV)}, "close", np.random.default_rng(1))
        assert all(isinstance(item, Comb) and item.teeth.size for item in made)


def test_the_audit_refuses_the_leak_and_not_its_neighbour(sources: dict[str, Source], tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        "import numpy as np\nimport pandas as pd\n\n\ndef features(d):\n"
        "    c, m = d['close'], np.random.default_rng(5).random(len(d)) < 0.01\n"
        "    ahead = c.shift(-1).fillna(c) / c - 1.0\n"
        "    small, other = c.pct_change(5), c.pct_change(5)\n"
        "    small[m] += 0.05 * ahead[m]\n"
        "    return pd.DataFrame({'leak': small, 'honest': other})\n"
    )
    for seed in range(2):
        found = {
            item.column: item for item in audit_frames(code, "features", sources[OHLCV].frame, {}, seed=seed).verdicts
        }
        assert found["honest"].causal
        assert not found["leak"].causal
        assert found["leak"].row == found["leak"].cut
