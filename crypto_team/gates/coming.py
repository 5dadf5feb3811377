"""Whether what is held beside the forecasts follows the moves that are still to come (LK012)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import deviations
from crypto_team.gates.likeness import levels_of, mean_at_like

Floats = npt.NDArray[np.float64]
LEVELS, RECENT = 24, 5
SPANS = (24, 72, 168)
PAST = (1, 3, 6, 12, 24, 72, 168, 336)
LEAST_USUAL = 0.3
"""Share of a full position that like forecasts have to hold on average: elsewhere no side is left out or held."""
FEWEST_BLOCKS = 10
FURTHEST = 3.0
PLAUSIBLE_AHEAD = 0.02
"""Correlation of a choice beside the forecasts with the moves of the next day that somebody may have who knows more."""


@dataclass(frozen=True)
class Ahead:
    """The correlation of what is held with the moves of the next bars, and its lower limit."""

    span: int
    value: float
    low: float

    def words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"whether forecasts are followed has correlation {self.value:.2f}, at least {self.low:.2f}, with the moves "
            f"of the next {self.span} bars beyond past moves and forecasts"
        )


def coming(rows: pd.DataFrame, bars: int) -> Ahead | None:
    """Return the highest lower limit over the spans; None where nothing is left out or too little is known.

    Parameters
    ----------
    rows
        With `time` (milliseconds), `pair`, `fold`, `signal`, `position` and `move`, the return of the next bar, in
        order of time within each pair.
    bars
        How many of the last forecasts may have opened what is held now.

    Notes
    -----
    At each forecast the usual side is the sign of the mean position at like forecasts, and what is held there of it,
    less its mean at like forecasts, is correlated with the moves of the next bars on that side. What the same moves
    of the past, over eight spans, and the forecasts of the last bars explain is taken off both first. A filter that
    knows the past has none of the rest; one that knows what was left out afterwards, whatever the cells are, or
    draws a trend through what followed, has. The error is that of sums over blocks of twice the span, all pairs
    together, and the limit is at the budget of false alarms shared by the spans (`gates/alarms`).
    """
    side, held, kept = _followed(rows, bars)
    if not kept.any() or float(held[kept].std()) < 1e-9:
        return None
    noise = rows.groupby("pair")["move"].transform("std")
    move = (rows["move"] / noise).where(noise > 0.0, 0.0)
    known = _known(rows, move, side, bars)
    found = [_at(rows, move, side, held, kept, known, span) for span in SPANS]
    return max((each for each in found if each is not None), key=lambda each: each.low, default=None)


def _followed(rows: pd.DataFrame, bars: int) -> tuple[pd.Series[float], pd.Series[float], pd.Series[bool]]:
    """Return the usual side of each row, what is held of it beyond the usual, and where like forecasts are traded."""
    position = rows["position"]
    size = position.abs()
    full = float(size[size > 0.0].quantile(0.75)) if (size > 0.0).any() else 1.0
    recent = rows["signal"].groupby([rows["pair"], rows["fold"]]).transform(lambda x: x.rolling(bars, 1).mean())
    alike = [rows["fold"], levels_of(rows["signal"], LEVELS), levels_of(recent, RECENT)]
    usual = mean_at_like(position, alike)
    side = pd.Series(np.sign(usual), index=rows.index)
    of_side = (position * side).clip(lower=0.0) / full
    return side, of_side - mean_at_like(of_side, alike), usual.abs() >= LEAST_USUAL * full


def _known(rows: pd.DataFrame, move: pd.Series[float], side: pd.Series[float], bars: int) -> Floats:
    """Return what was known, shape (rows, k): past moves on the usual side, and forecasts of the last bars."""
    pair = rows["pair"]
    before = move.groupby(pair).shift(1).fillna(0.0)
    columns = [
        before.groupby(pair).transform(lambda x, n=span: x.rolling(n, 1).sum()) / math.sqrt(span) for span in PAST
    ]
    lean = rows["signal"] - rows.groupby("fold")["signal"].transform("median")
    lean = lean / max(float(lean.std()), 1e-12)
    columns += [lean, *(lean.groupby(pair).shift(lag).fillna(0.0) for lag in range(1, bars + 1))]
    columns.append(lean.groupby(pair).transform(lambda x: x.ewm(halflife=2.0 * bars).mean()))
    return np.column_stack([np.ones(len(rows)), *(column * side for column in columns)])


def _at(
    rows: pd.DataFrame,
    move: pd.Series[float],
    side: pd.Series[float],
    held: pd.Series[float],
    kept: pd.Series[bool],
    known: Floats,
    span: int,
) -> Ahead | None:
    ahead = side * move.groupby(rows["pair"]).transform(lambda x: x[::-1].rolling(span, span).sum()[::-1])
    there = (kept & np.isfinite(ahead)).to_numpy()
    block = rows["time"].to_numpy()[there] // (2 * span * _step(rows))
    if np.unique(block).size < FEWEST_BLOCKS:
        return None
    # One crash is one event: beyond three deviations it does not count more.
    scaled: Floats = ahead.to_numpy(dtype=np.float64)[there] / math.sqrt(span)
    moves: Floats = np.minimum(np.maximum(scaled, -FURTHEST), FURTHEST)
    left = _unexplained(np.asarray(held, dtype=np.float64)[there], known[there])
    right = _unexplained(moves, known[there])
    if min(float(left.std()), float(right.std())) < 1e-6:
        return None
    scale = there.sum() * float(left.std()) * float(right.std())
    sums = pd.Series(left * right).groupby(block).sum().to_numpy(dtype=np.float64)
    # About their mean: about 0 the value itself would be in the error, and n blocks never be sqrt(n) errors off.
    value, error = float(sums.sum()) / scale, math.sqrt(sums.size) * float(sums.std(ddof=1)) / scale
    return Ahead(span, value, value - deviations(sums.size - 1.0, len(SPANS)) * error)


def _step(rows: pd.DataFrame) -> int:
    """Return the milliseconds between bars."""
    times = np.unique(rows["time"].to_numpy())
    return max(1, int(np.median(np.diff(times)))) if times.size > 1 else 1


def _unexplained(values: Floats, known: Floats) -> Floats:
    return np.asarray(values - known @ np.linalg.lstsq(known, values, rcond=None)[0])
