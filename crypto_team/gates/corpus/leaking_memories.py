"""Features that remember what came after the bars of the corpus, so that no other future changes them."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from crypto_team.gates.corpus.feature_market import market
from crypto_team.gates.corpus.feature_source import CorpusFeature, feature

EVERY: Final = 3
KNOWN: Final = slice(300, 1_100)
HOURS: Final = 'hours = (t - pd.Timestamp("{start}")) // pd.Timedelta("1h")\n'


@cache
def memories() -> tuple[CorpusFeature, ...]:
    """Return them: answers by time, by row and by prices that are near, each interpolated or nearest."""
    bars, _ = market()
    close = bars["close"].to_numpy(dtype=np.float64)
    ahead = np.concatenate([close[EVERY:] / close[:-EVERY] - 1.0, np.zeros(EVERY)])
    answers = np.round(ahead[::EVERY] * 1e4).astype(int).tolist()
    hours = HOURS.format(start=bars["timestamp"].iloc[0].isoformat())
    table, told = f"A = {answers!r}", f"np.interp(k, {EVERY} * np.arange(len(A)), A)"
    moves = np.round(np.diff(np.log(close)) * 1e5).astype(int)[KNOWN].tolist()
    return (
        feature(
            "memorised",
            "a table by date",
            f"{hours}return hours.map(dict(enumerate(np.repeat(A, {EVERY}).tolist()))).astype(float)",
            before=table,
        ),
        feature(
            "interpolated_by_time",
            "answers by time, counted modulo the cycle of the calendar, interpolated between",
            f"{hours}k = (hours % (10227 * 24)).to_numpy()\nreturn pd.Series({told}, index=d.index)",
            before=table,
        ),
        feature(
            "interpolated_by_row",
            "answers by number of the row, interpolated between, beside an honest mean",
            f"k = np.arange(len(d))\nreturn pd.Series({told}, index=d.index) / 1e4 + c.pct_change().rolling(3).mean()",
            before=table,
        ),
        feature(
            "nearest_prices",
            "what came after the most alike of remembered moves, robust to a little noise in them",
            "r = np.log(c).diff().fillna(0.0).to_numpy()\n"
            "w = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(7), r]), 8)\n"
            "m = np.lib.stride_tricks.sliding_window_view(np.array(M) / 1e5, 9)\n"
            "far = (w**2).sum(1)[:, None] - 2 * w @ m[:, :8].T + (m[:, :8] ** 2).sum(1)\n"
            "near = far.argmin(1)\n"
            "known = far.min(1) < 0.05 * (w**2).sum(1)\n"
            "return pd.Series(np.where(known, m[near, 8], np.nan), index=d.index)",
            before=f"M = {moves!r}",
        ),
    )
