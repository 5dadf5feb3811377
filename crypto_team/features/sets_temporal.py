"""What the clock says, how long a regime or a trend has lasted, and how hours of a day and a week ago were.

Spans are those of hourly candles: lags of an hour, four, a day and a week.
"""

from __future__ import annotations

from typing import Final

FORMULAS: Final = (
    "hour_sin()",
    "hour_cos()",
    "weekday_sin()",
    "weekday_cos()",
    "session_asia()",
    "session_europe()",
    "session_us()",
    "session_overlap()",
    "weekend()",
    "time_to_funding(8)",
    "funding_clock()",
    "lag(ret(close, 1), {1, 4, 24, 168})",
    "vol_regime(close, 24, {240, 720})",
    "hmm(logret(close, 1), states=3, state={1, 3})",
    "adx(14) / highest(adx(14), {24, 96})",
    "efficiency_ratio(close, 24) / highest(efficiency_ratio(close, 24), 96)",
)
