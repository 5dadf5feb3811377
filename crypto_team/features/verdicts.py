"""What a probe says about one column: whether two runs are equal, up to where, and by how much they may differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
STEADY = 1e-6
ROUNDING = 1e-9
LAST_DIGITS = 1e-12
"""Matrix products and transforms over another number of rows add in another order; a model fitted on them, too."""
VANISHING = 1e-9
UNKNOWN = "values"
"""The probe that a column without a single known number fails."""


@dataclass(frozen=True, slots=True)
class ColumnVerdict:
    """What the probes found about one column of one function.

    `cut` is the last bar that both futures share, `row` a bar at or before it whose value changed nevertheless.
    """

    column: str
    causal: bool
    probe: str
    cut: int
    row: int
    expected: float
    got: float
    explanation: str


def column_noise(whole: Values, again: Values) -> Values:
    """Return row by row how far two runs on the same bars differ: all 0 for a deterministic function.

    Row by row, because the noise of one row must not excuse a change in another.
    """
    gaps = np.abs(whole - again)
    return np.where(np.isfinite(gaps), gaps, 0.0)


def robust_spread(values: Values) -> float:
    """Return how far the known values spread, whatever a few huge ones do: a range of percentiles, 0 for a constant.

    It is the interquartile range, and for a column that is mostly one value the widest of 5-95 % and 1-99 % that is
    not 0.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0
    ranges = (float(np.subtract(*np.percentile(known, [100 - cut, cut]))) for cut in (25, 5, 1))
    return next((found for found in ranges if found > 0.0), 0.0)


def unproven(found: ColumnVerdict, values: Values) -> ColumnVerdict:
    """Return the verdict on a column, which is none where no number of it is known: every future agrees on nothing."""
    if not found.causal or np.isfinite(values).any():
        return found
    text = "no number of it is known on these bars: nothing was probed (is its look-back longer than they are?)"
    return replace(found, causal=False, probe=UNKNOWN, explanation=text)


def unsteady(name: str, pair: str, whole: Values, again: Values, noise: Values) -> ColumnVerdict | None:
    """Refuse a function whose values are left to chance: a leak could hide in the noise, and no run can be repeated."""
    differs = (np.isnan(whole) != np.isnan(again)) | (np.isinf(whole) & (whole != again))
    wrong = np.flatnonzero(differs | (noise > STEADY * robust_spread(whole)))
    if not wrong.size:
        return None
    row = int(wrong[0])
    text = f"the same bars of {pair} give other values in another process: chance without a fixed seed"
    return ColumnVerdict(name, False, "repeated", len(whole) - 1, row, float(whole[row]), float(again[row]), text)


def rounding(values: Values) -> Values:
    """Return row by row how far honest arithmetic may move a value when later rows change how many rows there are.

    It is :data:`LAST_DIGITS` of the value and of the column's spread: a hundredth of the smallest leak that
    arithmetic with 64 bits could still use. Where a value vanishes beside the spread, a leak of that size would be all
    of it, so only what the last bits of the spread give is let pass there.
    """
    size = np.abs(np.where(np.isfinite(values), values, 0.0))
    spread = robust_spread(values)
    last_bits = 64.0 * float(np.finfo(np.float64).eps)
    return LAST_DIGITS * size + np.where(size > VANISHING * spread, LAST_DIGITS, last_bits) * spread


def compared(
    name: str, pair: str, tried: tuple[str, int], whole: Values, values: Values, noise: Values
) -> ColumnVerdict | None:
    """Compare the values up to the cut of a probe, exactly but for rounding and each row's noise over repeated runs."""
    probe, cut = tried
    before, now = whole[: cut + 1], values[: cut + 1]
    same = (before == now) | (np.isnan(before) & np.isnan(now)) | (np.abs(before - now) <= 2.0 * noise[: cut + 1])
    # Hardly any column differs at all: what rounding may do is worked out for those that do.
    if not same.all():
        same |= np.abs(before - now) <= rounding(whole)[: cut + 1]
    wrong = np.flatnonzero(~same)
    if not wrong.size:
        return None
    row = int(wrong[-1])
    text = f"{wrong.size} value(s) of {pair} up to the cut changed when only later bars did ({probe})"
    return ColumnVerdict(name, False, probe, cut, row, float(before[row]), float(now[row]), text)


def dated(
    name: str, pair: str, tried: tuple[str, int], whole: Values, values: Values, noise: Values
) -> ColumnVerdict | None:
    """Refuse a column that knows the date itself: a table of what happened when cannot be told from it.

    Hours, weekdays, days of the month and months are the same a cycle of the calendar later. What is computed from
    seconds since 1970 rounds otherwise then: so much is let pass.
    """
    clock = ROUNDING * (robust_spread(whole) + np.abs(np.where(np.isfinite(whole), whole, 0.0)))
    found = compared(name, pair, tried, whole, values, np.maximum(noise, clock))
    if found is None:
        return None
    text = f"the same bars of {pair} give other values 28 years later, when hours, weekdays and months are the same"
    return replace(found, explanation=f"{text}: the column looks up the date itself")
