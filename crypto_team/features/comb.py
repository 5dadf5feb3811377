"""A comb of changed bars: it finds rows at which it is worth to cut, where a leak sits on few random rows.

A cut shows a leak of one bar only at the very row that leaks: where that is one row in a hundred, 460 cuts are needed
to find one of them with 99 %. A comb changes single bars all over the history in one run. Whatever remembers changes
then behind every tooth, so a comb proves nothing; but a row just *before* a tooth that changes unlike rows between
teeth do is suspicious, and a cut right there proves it or clears the column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from crypto_team.features.probes import PRICES, Decision, Source
from crypto_team.features.python_frames import OHLCV

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
DENSE, SPARSE = (16, 44), (96, 160)
"""Bars between teeth. Behind a tooth of a sparse comb, windows of 90 bars have forgotten it before the next one."""
TEETH: Final = 620
MOST_RUNS: Final = 12
MOVE: Final = 0.05
ZONE: Final = 3
"""Leaks that reach further ahead are found by the cuts themselves."""
SUSPICIOUS: Final = 3.0
MOST_ROWS, ROWS_EACH = 12, 2
LONG: Final = 1_000
"""Bars behind a tooth over which a column's own memory is told apart from what it knows of the next tooth."""
LEAST_TEETH: Final = 8


@dataclass(frozen=True)
class Comb:
    """Bars that are changed, the least number of bars between them, and the frames with the changes."""

    teeth: Rows
    least: int
    frames: Mapping[str, pd.DataFrame]


def combs(sources: Mapping[str, Source], decision: Decision, rng: np.random.Generator) -> list[Comb]:
    """Make dense combs, each once in one direction and once in the other, and sparse ones in random directions.

    As many of each as it takes to have 620 teeth, if twelve are enough: then one of them stands behind a row of those
    that leak with more than 99 %, where one row in a hundred leaks.
    """
    own = sources[OHLCV]
    others = {name: item.frame for name, item in sources.items() if name != OHLCV}
    made: list[Comb] = []
    for least, most in (DENSE, SPARSE):
        directions = (1.0, -1.0) if (least, most) == DENSE else (1.0,)
        runs, count = 0, 0
        while runs < MOST_RUNS and count < TEETH:
            teeth = np.cumsum(rng.integers(least, most + 1, own.opens.size // least + 1))
            teeth = teeth[teeth < own.opens.size]
            signs = rng.choice([-1.0, 1.0], teeth.size)
            if teeth.size:
                frames = [changed(own, teeth, direction * signs, decision) for direction in directions]
                made += [Comb(teeth, least, {OHLCV: frame, **others}) for frame in frames]
            runs, count = runs + len(directions), count + teeth.size
    return made


def changed(own: Source, teeth: Rows, signs: Values, decision: Decision) -> pd.DataFrame:
    """Move the prices of some bars by 5 %, and double or halve what else they hold.

    Where features decide at the open, the open stays.
    """
    made, prices = own.frame.copy(), set(own.columns(PRICES))
    kept = set(own.columns(frozenset({"open"}))) if decision == "open" else set()
    for place in own.numbers():
        if place in kept:
            continue
        values = made.iloc[:, place].to_numpy(dtype=np.float64).copy()
        values[teeth] *= np.exp(MOVE * signs) if place in prices else np.exp2(signs)
        made.isetitem(place, values)
    return made


def suspects(
    columns: Mapping[str, Values],
    results: Sequence[tuple[Comb, Mapping[str, Values]]],
    decision: Decision,
) -> list[int]:
    """Return rows to cut at, the most suspicious first.

    Parameters
    ----------
    columns
        Values of the columns on the bars as they are.
    results
        Combs, each with the values of the columns on its bars.
    decision
        Whether a row decides at its bar's close or already at its open.

    Returns
    -------
    list
        At most 12 rows, at most two of each column.

    Notes
    -----
    What a changed bar leaves behind changes from row to row by D. Rows up to three before a tooth are compared with
    rows between teeth that lie as far behind the last one: a column is suspicious where its largest |D| before a tooth
    is over three times the largest one between, or where a change begins there out of nothing and never does between.
    A column that remembers more than the bars between teeth is moved by older ones too. Where nothing was found, |D| is
    divided by what is usual as far behind each of the last teeth (the median over all of them), and rows before a tooth
    are compared with the rows between in this measure.
    """
    first: list[tuple[float, int]] = []
    second: list[tuple[float, int]] = []
    for name, base in columns.items():
        runs = [(item, _jumps(base, values[name])) for item, values in results if _fits(base, values.get(name))]
        late = int(decision == "open")
        rows = [row for item, found in runs for row in _of_run(*found, item.teeth + late, item.least)]
        rows = _best(row for row in rows if row[0] > SUSPICIOUS)
        first += rows
        if not rows:
            sparse = [(item, found[0]) for item, found in runs if item.least == SPARSE[0]]
            rows = [row for item, jumps in sparse for row in _remembering(jumps, item.teeth + late, item.least)]
            second += _best(rows)
    chosen = [row for found in (first, second) for _, row in sorted(found, reverse=True)]
    return list(dict.fromkeys(chosen))[:MOST_ROWS]


def _best(scored: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return the most suspicious rows, each once: both directions of a comb name the same."""
    made = {row: score for score, row in sorted(scored)}
    return sorted(((score, row) for row, score in made.items()), reverse=True)[:ROWS_EACH]


def _fits(base: Values, values: Values | None) -> bool:
    return values is not None and values.shape == base.shape


def _jumps(base: Values, values: Values) -> tuple[Values, npt.NDArray[np.bool_]]:
    """Return how much the change of each row differs from that of the row before, and where a change begins."""
    moved = _moved(base, values)
    return np.abs(np.diff(moved, prepend=0.0)), (moved != 0.0) & (np.roll(moved, 1) == 0.0)


def _zones(size: int, teeth: Rows, least: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which rows lie before a tooth, and which between teeth, as far behind the last one."""
    before = np.zeros(size, dtype=bool)
    for back in range(1, ZONE + 1):
        before[np.maximum(teeth - back, 0)] = True
    place = np.arange(size)
    last = np.searchsorted(teeth, place, side="right") - 1
    return before, (last >= 0) & (place - teeth[last] >= least - ZONE) & ~before


def _of_run(jumps: Values, begun: npt.NDArray[np.bool_], teeth: Rows, least: int) -> list[tuple[float, int]]:
    """Score the rows before the teeth of one run; only those worth a look are returned."""
    before, between = _zones(jumps.size, teeth, least)
    usual = float(jumps[between].max(initial=0.0))
    large = np.flatnonzero(before & (jumps > SUSPICIOUS * usual))
    found = [(float(jumps[row] / usual) if usual > 0.0 else np.inf, int(row)) for row in large]
    if not begun[between].any():
        found += [(np.inf, int(row)) for row in np.flatnonzero(before & begun)]
    return found


def _remembering(jumps: Values, teeth: Rows, least: int) -> list[tuple[float, int]]:
    """Score the rows before the teeth of one run by what is usual as far behind each of the last teeth.

    One row in a hundred between teeth may be unusual too; where more are, nothing can be told.
    """
    whole = teeth[teeth + LONG < jumps.size]
    before, between = _zones(jumps.size, teeth, least)
    if whole.size < LEAST_TEETH or not between.any():
        return []
    behind = np.median(jumps[whole[:, None] + np.arange(LONG)], axis=0)
    usual = np.full(jumps.size, float(np.quantile(jumps[between], 0.9)))
    for tooth in teeth:
        part = usual[tooth : tooth + LONG]
        np.maximum(part, behind[: part.size], out=part)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(jumps > 0.0, jumps / usual, 0.0)
    loud = float(np.quantile(score[between], 0.99, method="higher"))
    if not np.isfinite(loud):
        return []
    least_score = SUSPICIOUS * max(loud, 1.0)
    return [(float(score[row]), int(row)) for row in np.flatnonzero(before & (score > least_score))]


def _moved(base: Values, values: Values) -> Values:
    """Return how far each row moved, 0 where it did not; a value that appears or vanishes moved by the whole spread."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap = values - base
    known = np.isfinite(base) & np.isfinite(values)
    same = (base == values) | (np.isnan(base) & np.isnan(values))
    spread = float(np.ptp(base[np.isfinite(base)])) if np.isfinite(base).any() else 1.0
    return np.where(same, 0.0, np.where(known, gap, max(spread, 1.0)))
