"""The causality audit: a Python feature is recomputed with another future, and nothing up to the cut may change.

Static findings only explain; a probe refuses. Formulas need no probe: no operator can look ahead.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import WorkerError
from crypto_team.features.python_features import COLUMNS, compute_many
from crypto_team.features.verdicts import ColumnVerdict, column_noise, compared, unsteady

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Values = npt.NDArray[np.float64]
PRICES = list(COLUMNS[:4])
RARE_CUTS_EACH, CLOCK_CUTS, WHOLE_CUTS = 3, 24, 12
LEAST_PAST = 20
CALENDAR_CYCLE, DATED = pd.Timedelta(days=28 * 365 + 7), "another date"
MOST_BARS, TAIL_BARS = 6_000, 1_500
PROBES = ("truncated", "another path", "scaled x10", "scaled x0.1", "unknown (NaN)", "permuted")


@dataclass(frozen=True, slots=True)
class _Variant:
    probe: str
    cut: int
    frame: pd.DataFrame


def audit_python(
    code_path: Path, function: str, bars: Mapping[str, pd.DataFrame], *, seed: int | None = None
) -> list[ColumnVerdict]:
    """Probe a function on the candles of every pair.

    Parameters
    ----------
    code_path
        Python file; it runs in guarded child processes only.
    function
        Name of the function in it.
    bars
        Regular bars by pair.
    seed
        Seed of cuts and replaced futures, to repeat an audit. Without one every audit cuts elsewhere, so that nobody
        can try until a leak falls between the cuts; the verdict names the seed.

    Returns
    -------
    list
        One verdict per column and pair: the first probe that a column failed, or that it survived all.
    """
    seed = secrets.randbits(32) if seed is None else seed
    verdicts = []
    for number, (pair, frame) in enumerate(sorted(bars.items())):
        rng = np.random.default_rng(seed + number)
        try:
            parts = [_audit_part(code_path, function, pair, part, rng) for part in _parts(frame, rng)]
            parts.append(_audit_whole(code_path, function, pair, frame[["timestamp", *COLUMNS]], rng))
        except WorkerError as problem:
            text = f"the function cannot be run on {pair}: {problem.what}"
            verdicts.append(ColumnVerdict(function, False, "run", -1, -1, np.nan, np.nan, text))
            continue
        # A column is as good as its worst part.
        worst = [min(found, key=lambda verdict: verdict.causal) for found in zip(*parts, strict=False)]
        verdicts += [replace(verdict, explanation=f"{verdict.explanation} (seed {seed})") for verdict in worst]
    return verdicts


def _parts(frame: pd.DataFrame, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
    """Yield the last bars and, of a long series, as many from a random place before them."""
    plain = frame[["timestamp", *COLUMNS]]
    yield plain.iloc[-MOST_BARS:].reset_index(drop=True)
    earlier = len(frame) - MOST_BARS
    if earlier > 0:
        start = int(rng.integers(0, max(1, earlier - MOST_BARS + 1)))
        yield plain.iloc[start : start + MOST_BARS].reset_index(drop=True)


def _audit_part(
    code_path: Path, function: str, pair: str, frame: pd.DataFrame, rng: np.random.Generator
) -> list[ColumnVerdict]:
    variants = list(_variants(frame, rng))
    whole, again, *others = compute_many(code_path, function, [frame, frame, *(item.frame for item in variants)])
    columns = {values.shape[1] for values in (whole, again, *others)}
    if len(columns) > 1 or not whole.shape[1]:
        text = f"the number of columns depends on the bars of {pair}, or there is none"
        return [ColumnVerdict(function, False, "run", -1, -1, np.nan, np.nan, text)]
    verdicts = []
    for column, name in enumerate(_names(function, whole)):
        base, noise = whole[:, column], column_noise(whole[:, column], again[:, column])
        verdict = unsteady(name, pair, base, again[:, column], noise)
        for item, values in zip(variants, others, strict=True):
            verdict = verdict or compared(name, pair, (item.probe, item.cut), base, values[:, column], noise)
        verdicts.append(verdict or _survived(name, pair, len(variants)))
    return verdicts


def _audit_whole(
    code_path: Path, function: str, pair: str, frame: pd.DataFrame, rng: np.random.Generator
) -> list[ColumnVerdict]:
    """Compare what training computes, all bars alone, with all bars among other jobs and with all bars up to some cuts.

    A function that behaves while it is probed, because it sees few bars or other jobs, gives itself away here.
    """
    anywhere = _usable(np.arange(len(frame)), len(frame))
    cuts = sorted(int(cut) for cut in rng.choice(anywhere, size=min(WHOLE_CUTS, anywhere.size), replace=False))
    alone = compute_many(code_path, function, [frame])[0]
    moved = frame.assign(timestamp=frame["timestamp"] + CALENDAR_CYCLE)
    among, elsewhen, *others = compute_many(
        code_path, function, [frame, moved, *(frame.iloc[: cut + 1] for cut in cuts)]
    )
    if {values.shape[1] for values in (alone, among, elsewhen, *others)} != {alone.shape[1]} or not alone.shape[1]:
        text = f"the number of columns depends on the bars of {pair}, or there is none"
        return [ColumnVerdict(function, False, "run", -1, -1, np.nan, np.nan, text)]
    verdicts = []
    for column, name in enumerate(_names(function, alone)):
        base = alone[:, column]
        noise = column_noise(base, among[:, column])
        verdict = unsteady(name, pair, base, among[:, column], noise)
        verdict = verdict or _dated(name, pair, base, elsewhen[:, column], noise)
        for cut, values in zip(cuts, others, strict=True):
            verdict = verdict or compared(name, pair, ("truncated", cut), base, values[:, column], noise)
        verdicts.append(verdict or _survived(name, pair, len(cuts)))
    return verdicts


def _dated(name: str, pair: str, whole: Values, moved: Values, noise: Values) -> ColumnVerdict | None:
    """Refuse a column that knows the date itself: a table of what happened when cannot be told from it.

    Hours, weekdays, days of the month and months are the same a cycle of the calendar later.
    """
    found = compared(name, pair, (DATED, len(whole) - 1), whole, moved, noise)
    if found is None:
        return None
    text = f"the same bars of {pair} give other values 28 years later, when hours, weekdays and months are the same"
    return replace(found, explanation=f"{text}: the column looks up the date itself")


def _names(function: str, values: Values) -> list[str]:
    """Name the columns that a function returned."""
    return [function] if values.shape[1] == 1 else [f"{function}[{column}]" for column in range(values.shape[1])]


def _survived(name: str, pair: str, count: int) -> ColumnVerdict:
    text = f"{count} replaced futures of {pair}, each in a process of its own, changed nothing up to the cut"
    return ColumnVerdict(name, True, "all", -1, -1, np.nan, np.nan, text)


def _rare_cuts(frame: pd.DataFrame, rng: np.random.Generator) -> list[int]:
    """Choose cuts at the end and at rare rows, where leaks like to hide."""
    n = len(frame)
    times = frame["timestamp"].dt
    volume = frame["volume"].to_numpy(np.float64)
    move = np.abs(np.diff(np.log(frame["close"].to_numpy(np.float64)), prepend=np.nan))
    kinds = (
        np.flatnonzero((times.day == 1).to_numpy() & (times.hour == 0).to_numpy()),
        np.flatnonzero(volume == 0.0),
        np.argsort(-np.nan_to_num(move))[:20],
        np.argsort(-volume)[:20],
    )
    chosen = [n - 2, n - 3]
    for rare in kinds:
        inside = _usable(rare, n)
        chosen += rng.choice(inside, size=min(RARE_CUTS_EACH, inside.size), replace=False).tolist()
    return sorted({cut for cut in chosen if cut >= 0})


def _clock_cuts(frame: pd.DataFrame, rng: np.random.Generator) -> list[int]:
    """Choose cuts at random, but at every hour of the day and all days of the week: leaks may wait for the clock."""
    n = len(frame)
    times = frame["timestamp"].dt
    hours, days = times.hour.to_numpy(), times.day_of_week.to_numpy()
    chosen = set()
    for number in range(CLOCK_CUTS):
        fits = _usable(np.flatnonzero((hours == number % 24) & (days == number % 7)), n)
        anywhere = _usable(np.arange(n), n)
        if anywhere.size:
            chosen.add(int(rng.choice(fits if fits.size else anywhere)))
    return sorted(chosen)


def _usable(rows: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Keep rows with some past, so that honest functions have bars to run on, and with a future."""
    return rows[(rows >= min(n - 2, max(1, n // LEAST_PAST))) & (rows <= n - 2)]


def _variants(frame: pd.DataFrame, rng: np.random.Generator) -> Iterator[_Variant]:
    """Yield the frame with other futures; rare cuts get two probes, the probes take turns."""
    for number, cut in enumerate(_rare_cuts(frame, rng)):
        yield _Variant("truncated", cut, frame.iloc[: cut + 1])
        probe = PROBES[1 + number % (len(PROBES) - 1)]
        yield _Variant(probe, cut, replaced(frame, cut, probe, rng))
    for number, cut in enumerate(rng.permutation(_clock_cuts(frame, rng)).tolist()):
        probe = PROBES[number % len(PROBES)]
        changed = frame.iloc[: cut + 1] if probe == "truncated" else replaced(frame, cut, probe, rng)
        yield _Variant(probe, cut, changed)


def replaced(frame: pd.DataFrame, cut: int, probe: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return the frame with its bars after `cut` replaced as the probe says; bars up to the cut are the same."""
    made = frame.iloc[: cut + 1 + TAIL_BARS].copy()
    later = slice(cut + 1, None)
    prices, volume = made[PRICES].to_numpy(np.float64).copy(), made["volume"].to_numpy(np.float64).copy()
    if probe.startswith("scaled"):
        factor = 10.0 if probe.endswith("x10") else 0.1
        prices[later] *= factor
        volume[later] *= factor
    elif probe.startswith("unknown"):
        prices[later], volume[later] = np.nan, np.nan
    else:
        order = rng.permutation(len(made) - cut - 1)
        volume[later] = volume[later][order]
        prices[later] = prices[later][order] if probe == "permuted" else _another_path(prices, cut, order)
    made[PRICES] = prices
    made["volume"] = volume
    return made


def _another_path(prices: Values, cut: int, order: npt.NDArray[np.int64]) -> Values:
    """Return the later bars in another order, chained on the close at the cut so that no jump gives them away."""
    close = prices[:, 3]
    moves = np.diff(np.log(close))[cut:][order]
    path = close[cut] * np.exp(np.cumsum(moves))
    shapes = prices[cut + 1 :][order] / close[cut + 1 :][order][:, None]
    made: Values = shapes * path[:, None]
    return made
