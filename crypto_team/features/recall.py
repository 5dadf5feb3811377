"""Whether a column looks its knowledge of the future up in a table, by what it makes of prices a percent away.

A table of what came after each bar is an honest function of the past: no other future changes it. But a table knows its
own bars only. So all bars are computed once more with prices and volumes that never were: a percent higher, and each
off by a fiftieth of its usual move. What is computed from the past hardly changes by that and ranks later returns as
before; what was looked up is gone.

Both are asked for, knowledge of later returns and its loss: features of digits or of equal closes change with every
price, too, but know nothing of what comes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from crypto_team.features.probes import PRICES, Decision, Source
from crypto_team.features.python_frames import OHLCV
from crypto_team.features.verdicts import ColumnVerdict, robust_spread

if TYPE_CHECKING:
    from collections.abc import Mapping

Values = npt.NDArray[np.float64]
REMEMBERED: Final = "other prices"
PRICE_SCALE, OTHER_SCALE = 1.0137, 1.0219
JITTER: Final = 0.02
"""Share of the median absolute return by which each bar is moved."""
HORIZONS: Final = (1, 3, 12)
LEAST_ROWS: Final = 200
USUAL, LEAST_TOLD = 0.1, 50
TINY: Final = 1e-9
LEAST_T: Final = 6.0
KEPT: Final = 0.5
"""Honest features keep nearly all of what they know when prices move by so little."""


def other_prices(sources: Mapping[str, Source], rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return all frames with other prices and volumes: scaled, and every bar moved by itself as a whole."""
    usual = _usual_move(sources[OHLCV])
    return {name: _moved(item, usual, rng) for name, item in sources.items()}


def _usual_move(own: Source) -> float:
    close = close_of(own)
    moves = np.abs(np.diff(close) / close[:-1]) if close.size > 1 else np.empty(0)
    known = moves[np.isfinite(moves) & (moves > 0.0)]
    return float(np.median(known)) if known.size else 1e-3


def _moved(item: Source, usual: float, rng: np.random.Generator) -> pd.DataFrame:
    made, prices = item.frame.copy(), set(item.columns(PRICES))
    # Highs stay the highest of their bar: all its prices move together.
    together = np.exp(JITTER * usual * rng.standard_normal(len(made)))
    for place in item.numbers():
        if not pd.api.types.is_float_dtype(made.dtypes.iloc[place]):
            continue
        values = made.iloc[:, place].to_numpy(dtype=np.float64)
        scale = PRICE_SCALE if place in prices else OTHER_SCALE
        made.isetitem(place, values * scale * together)
    return made


def close_of(own: Source) -> Values:
    """Return the closes; empty where no column is called so."""
    places = own.columns(frozenset({"close"}))
    return own.frame.iloc[:, places[0]].to_numpy(dtype=np.float64) if places else np.empty(0)


def remembered(
    columns: Mapping[str, Values], others: Mapping[str, Values], own: Source, decision: Decision
) -> dict[str, ColumnVerdict]:
    """Refuse columns whose knowledge of later returns is lost on other prices.

    Parameters
    ----------
    columns, others
        Values on the bars as they are, and on the bars of :func:`other_prices`; shape (bars,) each.
    own
        The bars as they are.
    decision
        Whether a row decides at its bar's close or already at its open.

    Returns
    -------
    dict
        Verdicts by name, of refused columns only. Knowledge is the rank correlation with the returns of the next 1, 3
        and 12 bars, or with their size, at least six of its errors (n / h of n rows count); lost is half of it or more.
    """
    targets = returns_ahead(close_of(own), decision)
    found = {}
    for name, values in columns.items():
        if name not in others or others[name].shape != values.shape:
            continue
        told = lost(values, others[name], targets)
        if told is not None:
            row, knows = told
            text = f"{knows} once prices and volumes are a percent higher: what it knows of later bars was looked up"
            before, after = float(values[row]), float(others[name][row])
            found[name] = ColumnVerdict(name, False, REMEMBERED, row, row, before, after, f"{text}, not computed")
    return found


def returns_ahead(close: Values, decision: Decision) -> dict[tuple[int, str], Values]:
    """Return what comes after the decision of each row: returns over the next bars, and their size; NaN at the end."""
    made: dict[tuple[int, str], Values] = {}
    lag = int(decision == "open")
    # A row that decides at the open knows the close of the bar before.
    known = close[: close.size - lag]
    for horizon in (each for each in HORIZONS if each < known.size):
        ahead = np.full(close.size, np.nan)
        ahead[lag : close.size - horizon] = known[horizon:] / known[:-horizon] - 1.0
        made[horizon, "return"] = ahead
        made[horizon, "size of the return"] = np.abs(ahead)
    return made


def lost(values: Values, other: Values, targets: Mapping[tuple[int, str], Values]) -> tuple[int, str] | None:
    """Return the first row that changed, and what was known and is lost by half or more; None where it is kept.

    Parameters
    ----------
    values, other
        A column on the bars as they are, and on other ones; shape (bars,).
    targets
        What comes later, as :func:`returns_ahead` gives it.
    """
    known = np.isfinite(values)
    if known.sum() < LEAST_ROWS or np.ptp(values[known]) == 0.0:
        return None
    # What is unknown on other bars knows nothing there, whatever stands in its place.
    filled = np.where(np.isfinite(other), other, np.median(values[known]))
    for (horizon, what), ahead in targets.items():
        for rows in _looks(values, known & np.isfinite(ahead)):
            before = ranked(values[rows], ahead[rows])
            if abs(before) * np.sqrt(rows.sum() / horizon) < LEAST_T:
                continue
            after = ranked(filled[rows], ahead[rows])
            if after / before >= KEPT:
                continue
            row = int(np.flatnonzero(rows & (filled != values))[0])
            text = f"it ranks the {what} over the next {horizon} bar(s) with {before:.3f} on {int(rows.sum())} bars"
            return row, f"{text}, and with {after:.3f}"
    return None


def gone(values: Values, other: Values, targets: Mapping[tuple[int, str], Values], least_t: float) -> str | None:
    """Say what the difference of a column on the bars as they are and on others knows; None where that is nothing.

    It is what was looked up, however little of the column that is. Knowledge is as of :func:`remembered`, at least
    `least_t` of its errors, on rows that differ beyond rounding.
    """
    known = np.isfinite(values) & np.isfinite(other)
    apart = np.where(known, values - np.where(known, other, 0.0), 0.0)
    rounding = TINY * robust_spread(values)
    changed = known & (np.abs(apart) > rounding)
    if rounding > 0.0:
        # Days since a date differ by one number in another year; how that is rounded tells the hour, and ranks.
        apart = np.round(apart / rounding) * rounding
    for (horizon, what), ahead in targets.items():
        rows = changed & np.isfinite(ahead)
        if rows.sum() < LEAST_ROWS:
            continue
        knows = ranked(apart[rows], ahead[rows])
        if abs(knows) * np.sqrt(rows.sum() / horizon) >= least_t:
            text = f"what differs ranks the {what} over the next {horizon} bar(s) with {knows:.3f}"
            return f"{text} on {int(rows.sum())} bars"
    return None


def _looks(values: Values, known: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Return all known rows, and those but the usual value: a table answers that where it knows nothing."""
    told, counts = np.unique(values[known], return_counts=True)
    looks = [known]
    if counts.size and counts.max() >= USUAL * known.sum():
        looks.append(known & (values != told[counts.argmax()]))
    return [rows for rows in looks if rows.sum() >= LEAST_TOLD]


def ranked(values: Values, ahead: Values) -> float:
    """Return the rank correlation, 0 without spread."""
    if np.ptp(values) == 0.0 or np.ptp(ahead) == 0.0:
        return 0.0
    return float(np.corrcoef(_ranks(values.tobytes()), _ranks(ahead.tobytes()))[0, 1])


@lru_cache(maxsize=64)
def _ranks(values: bytes) -> Values:
    """Return ranks; every column is held to the same returns, whose ranks are the dearest part."""
    return np.asarray(rankdata(np.frombuffer(values, dtype=np.float64)))
