"""The standard set of features, and some of them against pandas, on 200,000 random bars (CPU time, one thread)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.features.plan import compile_formulas
from crypto_team.features.sets import SETS

BARS, REPEATS = 200_000, 5
Floats = npt.NDArray[np.float64]


def _candles() -> dict[str, Floats]:
    rng = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(0.004 * rng.standard_t(4, BARS)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.002, BARS)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.002, BARS)))
    return {"open": open_, "high": high, "low": low, "close": close, "volume": rng.lognormal(3.0, 1.0, BARS)}


CANDLES = _candles()
FRAME = pd.DataFrame(CANDLES)
TIMES = 3_600_000 * np.arange(BARS, dtype=np.int64)


def _rsi_pandas() -> pd.Series:
    move = FRAME.close.diff()
    up = move.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    return 100 * up / (up + (-move.clip(upper=0)).ewm(alpha=1 / 14, adjust=False).mean())


RIVALS: dict[str, Callable[[], pd.Series]] = {
    "zscore(close, 48)": lambda: (FRAME.close - FRAME.close.rolling(48).mean()) / FRAME.close.rolling(48).std(ddof=0),
    "std(ret(close, 1), 24)": lambda: FRAME.close.pct_change().rolling(24).std(),
    "skew(ret(close, 1), 48)": lambda: FRAME.close.pct_change().rolling(48).skew(),
    "kurt(ret(close, 1), 48)": lambda: FRAME.close.pct_change().rolling(48).kurt(),
    "rank(close, 168)": lambda: FRAME.close.rolling(168).rank(pct=True),
    "rsi(close, 14)": _rsi_pandas,
    "(close - lowest(low, 20)) / (highest(high, 20) - lowest(low, 20))": lambda: (
        (FRAME.close - FRAME.low.rolling(20).min()) / (FRAME.high.rolling(20).max() - FRAME.low.rolling(20).min())
    ),
}


def _seconds(function: Callable[[], object]) -> float:
    function()
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def main() -> None:
    features = SETS["standard"]
    plan = compile_formulas([item.formula for item in features])
    whole = _seconds(lambda: plan.compute(CANDLES, TIMES))
    print(
        f"standard set: {len(features)} features x {BARS:,} bars in {whole:.2f} s ({BARS / whole / 1e6:.2f} M bars/s)"
    )
    for formula, rival in RIVALS.items():
        own = compile_formulas([formula])
        ours, theirs = _seconds(partial(own.compute, CANDLES, TIMES)), _seconds(rival)
        found, expected = own.compute(CANDLES, TIMES)[:, 0], rival().to_numpy()
        assert np.allclose(found[500:], expected[500:], rtol=1e-3, atol=1e-3), formula
        print(f"{formula:66} {1e3 * ours:7.1f} ms, pandas {1e3 * theirs:7.1f} ms: {theirs / ours:5.1f} times faster")


if __name__ == "__main__":
    main()
