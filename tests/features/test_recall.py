"""A table of the future in the code is told from what is computed, even where it answers the past only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.features.frame_audit import audit_frames
from crypto_team.features.probes import source
from crypto_team.features.python_frames import OHLCV
from crypto_team.features.recall import other_prices, remembered

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.features.probes import Decision


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    made = planted_market(seed=5, bars=3_000, timeframe="1h", oracle_sharpe=6.0).frame
    # Ticks of a cent and closes that repeat, as exchanges have them.
    return made.assign(**{name: made[name].round(2) for name in ("open", "high", "low", "close")})


def looked_up(table: dict[str, float], keys: list[str]) -> np.ndarray:
    return np.array([table.get(key, 0.5) for key in keys])


def level_keys(bars: pd.DataFrame) -> list[str]:
    return [f"{a:.2f}|{b:.3f}" for a, b in zip(bars["close"], bars["volume"], strict=True)]


def move_keys(bars: pd.DataFrame) -> list[str]:
    return [f"{each:.6f}" for each in bars["close"].pct_change()]


def computed(bars: pd.DataFrame, train: pd.DataFrame) -> dict[str, np.ndarray]:
    up = (train["close"].shift(-1) > train["close"]).astype(float)
    wild = train["close"].pct_change().shift(-1).abs()
    known = slice(500, 1_100)
    c, v = bars["close"], bars["volume"]
    tables = {
        "leak_levels": (level_keys, up),
        "leak_moves": (move_keys, up),
        "leak_size": (level_keys, wild / wild.max()),
    }
    made = {
        name: looked_up(dict(zip(keys(train)[known], ahead[known], strict=True)), keys(bars))
        for name, (keys, ahead) in tables.items()
    }
    honest = {
        "ok_move": c.pct_change(),
        "ok_volatility": c.pct_change().rolling(24).std(),
        "ok_volume": np.log(v / v.rolling(12).mean()),
        "ok_sign": np.sign(c.diff()),
        "ok_same": (c == c.shift(1)).astype(float),
        "ok_digit": (c * 100).round() % 10,
        "ok_round": ((c * 100).round() % 100 == 0).astype(float),
        "ok_level": (c > 100.0).astype(float),
        "ok_rank": c.rolling(50).rank(),
        "ok_hash": (c * 7919.0) % 1.0,
    }
    return made | {name: each.to_numpy(dtype=float) for name, each in honest.items()}


@pytest.mark.parametrize("decision", ["close", "open"])
def test_tables_are_refused_and_what_is_computed_is_not(bars: pd.DataFrame, decision: Decision) -> None:
    own = source(bars, OHLCV)
    other = other_prices({OHLCV: own}, np.random.default_rng(1))[OHLCV]
    lag = int(decision == "open")
    first, second = (
        {name: np.concatenate([np.full(lag, np.nan), each[: each.size - lag]]) for name, each in made.items()}
        for made in (computed(bars, bars), computed(other, bars))
    )
    found = remembered(first, second, own, decision)
    assert set(found) == {name for name in first if name.startswith("leak")}, found
    assert "looked up" in found["leak_levels"].explanation


def test_other_prices_keep_the_order_inside_each_bar_and_the_times(bars: pd.DataFrame) -> None:
    own = source(bars, OHLCV)
    other = other_prices({OHLCV: own}, np.random.default_rng(2))[OHLCV]
    assert other["timestamp"].equals(bars["timestamp"])
    assert (other["high"] >= other[["open", "close", "low"]].max(axis=1) - 1e-9).all()
    assert np.corrcoef(other["close"].pct_change()[1:], bars["close"].pct_change()[1:])[0, 1] > 0.99


def test_a_literal_memory_of_the_future_fails_the_audit(tmp_path: Path, bars: pd.DataFrame) -> None:
    known = slice(500, 1_500)
    up = (bars["close"].shift(-1) > bars["close"]).astype(int)
    table = dict(zip(level_keys(bars)[known], up[known].tolist(), strict=True))
    code = tmp_path / "features.py"
    code.write_text(
        f"import pandas as pd\nT = {table!r}\n\n\ndef features(ohlcv, aux=None):\n"
        '    keys = [f"{a:.2f}|{b:.3f}" for a, b in zip(ohlcv["close"], ohlcv["volume"])]\n'
        '    move = ohlcv["close"].pct_change()\n'
        '    return pd.DataFrame({"memory": [T.get(key, 0.5) for key in keys], "move": move}, index=ohlcv.index)\n'
    )
    found = {each.column: each for each in audit_frames(code, "features", bars, {}, seed=3).verdicts}
    assert not found["memory"].causal
    assert found["memory"].probe == "other prices"
    assert found["move"].causal
