"""Measures the computing of features on a random history."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Floats = npt.NDArray[np.float64]

MOST_UPDATES = 2_000
STEP_MS = 60_000


def random_columns(bars: int, seed: int = 7) -> tuple[dict[str, Floats], npt.NDArray[np.int64]]:
    """Make candles of one minute with fat tails, and their times."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.0005 * rng.standard_t(4, bars)))
    open_ = np.concatenate([[100.0], close[:-1]])
    spread = np.abs(rng.normal(0.0, 0.0003, (2, bars)))
    high, low = np.maximum(open_, close) * (1.0 + spread[0]), np.minimum(open_, close) * (1.0 - spread[1])
    volume = rng.lognormal(3.0, 1.0, bars)
    trades, bought = np.ceil(volume), volume * rng.random(bars)
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    columns |= {
        "trades": trades,
        "taker_buy_volume": bought,
        "quote_volume": volume * close,
        "vwap": (high + low) / 2.0,
    }
    times = STEP_MS * np.arange(bars, dtype=np.int64)
    times.setflags(write=False)
    return columns, times


def measured(
    formulas: Sequence[str], bars: int, repeats: int, progress: Callable[[float, str], None]
) -> list[dict[str, Any]]:
    """Return figures: CPU time over the history, memory, and time of an update."""
    from crypto_team.features.plan import compile_formulas

    columns, times = random_columns(bars)
    plan = compile_formulas(formulas)
    out = np.empty((len(formulas), bars), dtype=np.float32)
    spent = []
    for number in range(repeats + 1):
        progress(0.8 * number / (repeats + 1), f"run {number + 1} of {repeats + 1} over the history")
        start = time.process_time()
        plan.compute(columns, times, out=out)
        spent.append(time.process_time() - start)
    seconds = statistics.median(spent[1:])
    progress(0.8, "bar by bar")
    updates = _updates(formulas, columns, times)
    program = plan.program
    working = (program.cells + program.memory) * 8 / 1e6
    return [
        {"figure": "history, CPU seconds", "value": round(seconds, 4)},
        {"figure": "history, million bars a second", "value": round(bars / seconds / 1e6, 3)},
        {"figure": "nanoseconds per value", "value": round(1e9 * seconds / bars / len(formulas), 2)},
        {"figure": "working memory above the output, MB", "value": round(working, 2)},
        {"figure": "steps of the machine", "value": program.size},
        {"figure": "update per bar, median microseconds", "value": round(float(np.median(updates)), 1)},
        {
            "figure": "update per bar, 99th percentile microseconds",
            "value": round(float(np.quantile(updates, 0.99)), 1),
        },
    ]


def _updates(formulas: Sequence[str], columns: dict[str, Floats], times: npt.NDArray[np.int64]) -> list[float]:
    """Return the microseconds of updates after a warm-up."""
    from crypto_team.features.online import OnlineFeatures

    online = OnlineFeatures(formulas)
    spent = []
    for row in range(min(times.size, MOST_UPDATES)):
        bar = {"timestamp": int(times[row]), **{name: float(values[row]) for name, values in columns.items()}}
        start = time.thread_time()
        online.update(bar)
        spent.append(1e6 * (time.thread_time() - start))
    return spent[len(spent) // 4 :]
