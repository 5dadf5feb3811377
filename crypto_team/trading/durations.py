"""Durations as people write them, in bars of a timeframe."""

from __future__ import annotations

import re

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import UsageError

DAYS_PER_YEAR = 365
_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def bars(duration: str, timeframe: str) -> int:
    """Return a duration (`24bars`, `90m`, `1d`) as a whole number of bars.

    Raises
    ------
    UsageError
        Not a duration, or not a whole number of bars.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,8})(bars|m|h|d|w)", duration)
    if not found:
        raise UsageError(f"{duration!r} is no duration of at least one bar", hint="for example 24bars, 4h, 63d")
    count = int(found[1])
    if found[2] == "bars":
        return count
    seconds = count * _UNITS[found[2]]
    whole, rest = divmod(seconds, timeframe_seconds(timeframe))
    if rest or not whole:
        raise UsageError(f"{duration} is not a whole number of {timeframe} bars", hint=f"a multiple of {timeframe}")
    return whole


def periods_per_year(length: str) -> float:
    """Return how many periods of a length (`5m`, `1h`, `1w`) a year of 365 days has: crypto trades around the clock."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})(m|h|d|w)", length)
    if not found:
        raise UsageError(f"{length!r} is no length of a period", hint="for example 5m, 1h, 1d")
    return DAYS_PER_YEAR * 86_400 / (int(found[1]) * _UNITS[found[2]])
