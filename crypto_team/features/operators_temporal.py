"""Operators on time: what the clock says at the opening of the bar; no column needed, never unknown."""

from __future__ import annotations

import numpy as np

from crypto_team.features.operators import Floats, Rule, Times, operator

HOUR_MS, DAY_MS, WEEK_MS = 3_600_000, 86_400_000, 604_800_000
MONDAY_OFFSET_MS = 3 * DAY_MS  # 1970-01-01 was a Thursday


def _cycle(times: Times, length_ms: int, offset_ms: int = 0) -> Floats:
    """Return the angle of a time in its cycle, in radians."""
    return 2.0 * np.pi * (((times + offset_ms) % length_ms) / length_ms)


@operator("temporal", lambda: 0)
def hour_sin(times: Times) -> Floats:
    """Sine of the time of day (UTC, bar open)."""
    return np.sin(_cycle(times, DAY_MS))


@operator("temporal", lambda: 0)
def hour_cos(times: Times) -> Floats:
    """Cosine of the time of day (UTC, bar open)."""
    return np.cos(_cycle(times, DAY_MS))


@operator("temporal", lambda: 0)
def weekday_sin(times: Times) -> Floats:
    """Sine of the time of week (UTC, bar open, the week starts on Monday)."""
    return np.sin(_cycle(times, WEEK_MS, MONDAY_OFFSET_MS))


@operator("temporal", lambda: 0)
def weekday_cos(times: Times) -> Floats:
    """Cosine of the time of week (UTC, bar open, the week starts on Monday)."""
    return np.cos(_cycle(times, WEEK_MS, MONDAY_OFFSET_MS))


def _between(times: Times, first_hour: int, last_hour: int) -> Floats:
    moment = times % DAY_MS
    return np.where((moment >= first_hour * HOUR_MS) & (moment < last_hour * HOUR_MS), 1.0, 0.0)


@operator("temporal", lambda: 0)
def session_asia(times: Times) -> Floats:
    """1 from 00:00 to 08:00 UTC, else 0."""
    return _between(times, 0, 8)


@operator("temporal", lambda: 0)
def session_europe(times: Times) -> Floats:
    """1 from 07:00 to 16:00 UTC, else 0."""
    return _between(times, 7, 16)


@operator("temporal", lambda: 0)
def session_us(times: Times) -> Floats:
    """1 from 13:00 to 22:00 UTC, else 0."""
    return _between(times, 13, 22)


@operator("temporal", lambda: 0)
def funding_clock(times: Times) -> Floats:
    """Share of the 8 hours to the next funding that has passed, 0 to 1."""
    return (times % (8 * HOUR_MS)) / (8 * HOUR_MS)


@operator("temporal", lambda: 0, rule=Rule(lambda n: 24 % n == 0, "n has to divide the 24 hours of a day"))
def time_to_funding(times: Times, n: int = 8) -> Floats:
    """Hours from the bar's open to the next funding, paid every n hours from 00:00 UTC on; above 0, at most n."""
    return (n * HOUR_MS - times % (n * HOUR_MS)) / HOUR_MS


@operator("temporal", lambda: 0)
def weekend(times: Times) -> Floats:
    """1 on Saturday and Sunday (UTC, bar open), else 0."""
    return ((times + 3 * DAY_MS) % WEEK_MS >= 5 * DAY_MS).astype(np.float64)


@operator("temporal", lambda: 0)
def session_overlap(times: Times) -> Floats:
    """1 from 13:00 to 16:00 UTC, when Europe and the US both trade, else 0."""
    return _between(times, 13, 16)
