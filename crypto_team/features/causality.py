"""The causality audit: a Python feature is recomputed with another future, and nothing up to the cut may change.

Static findings only explain; a probe refuses. Formulas need no probe: no operator can look ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import WorkerError
from crypto_team.features.python_features import COLUMNS, compute_many

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Values = npt.NDArray[np.float64]
PRICES = list(COLUMNS[:4])
RANDOM_CUTS, RARE_CUTS_EACH = 6, 3
MOST_BARS, TAIL_BARS = 6_000, 1_500
PROBES = ("truncated", "another path", "scaled x10", "scaled x0.1", "unknown (NaN)", "permuted")


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


@dataclass(frozen=True, slots=True)
class _Variant:
    probe: str
    cut: int
    frame: pd.DataFrame


def audit_python(code_path: Path, function: str, bars: Mapping[str, pd.DataFrame], *, seed: int) -> list[ColumnVerdict]:
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
        Seed of cuts and replaced futures.

    Returns
    -------
    list
        One verdict per column and pair: the first probe that a column failed, or that it survived all.
    """
    verdicts = []
    for number, (pair, frame) in enumerate(sorted(bars.items())):
        rng = np.random.default_rng(seed + number)
        part = frame.iloc[-MOST_BARS:].reset_index(drop=True)[["timestamp", *COLUMNS]]
        try:
            verdicts += _audit_pair(code_path, function, pair, part, rng)
        except WorkerError as problem:
            text = f"the function cannot be run on {pair}: {problem.what}"
            verdicts.append(ColumnVerdict(function, False, "run", -1, -1, np.nan, np.nan, text))
    return verdicts


def _audit_pair(
    code_path: Path, function: str, pair: str, frame: pd.DataFrame, rng: np.random.Generator
) -> list[ColumnVerdict]:
    variants = list(_variants(frame, rng))
    order = rng.permutation(len(variants))
    # Two fresh processes: in the first the whole series comes first, in the second it comes last, so that a function
    # that keeps what it has seen answers differently.
    first = compute_many(code_path, function, [frame, frame, *(item.frame for item in variants)])
    second = compute_many(code_path, function, [*(variants[place].frame for place in order), frame])
    whole, again, other = first[0], first[1], second[-1]
    shuffled = dict(zip(order.tolist(), second[:-1], strict=True))
    verdicts = []
    for column in range(whole.shape[1]):
        name = function if whole.shape[1] == 1 else f"{function}[{column}]"
        noise = _noise(whole[:, column], again[:, column], other[:, column])
        verdict = _unsteady(name, pair, whole[:, column], other[:, column], noise)
        for place, item in enumerate(variants):
            for values in (first[2 + place], shuffled[place]):
                if verdict is None:
                    verdict = _compare(name, pair, item, whole[:, column], values[:, column], noise)
        verdicts.append(verdict or _survived(name, pair, len(variants)))
    return verdicts


def _survived(name: str, pair: str, count: int) -> ColumnVerdict:
    text = f"{count} replaced futures of {pair} in two processes changed nothing up to the cut"
    return ColumnVerdict(name, True, "all", -1, -1, np.nan, np.nan, text)


def _noise(whole: Values, again: Values, other: Values) -> float:
    """Return how far repeated runs on the same bars differ: 0 for a deterministic function."""
    gaps = [np.abs(whole - item)[np.isfinite(whole) & np.isfinite(item)] for item in (again, other)]
    return max((float(gap.max()) for gap in gaps if gap.size), default=0.0)


def _unsteady(name: str, pair: str, whole: Values, other: Values, noise: float) -> ColumnVerdict | None:
    """Refuse a function whose noise is as large as what it says: it cannot be told from a leak."""
    known = whole[np.isfinite(whole)]
    spread = float(known.std()) if known.size else 0.0
    if noise <= 0.01 * spread or noise == 0.0:
        return None
    row = int(np.nanargmax(np.abs(whole - other)))
    text = f"the same bars of {pair} give other values in another run or order: hidden state or chance"
    return ColumnVerdict(name, False, "repeated", len(whole) - 1, row, float(whole[row]), float(other[row]), text)


def _compare(name: str, pair: str, item: _Variant, whole: Values, values: Values, noise: float) -> ColumnVerdict | None:
    """Compare the values up to the cut, exactly but for the noise of repeated runs."""
    before, now = whole[: item.cut + 1], values[: item.cut + 1]
    same = (before == now) | (np.isnan(before) & np.isnan(now)) | (np.abs(before - now) <= 2.0 * noise)
    wrong = np.flatnonzero(~same)
    if not wrong.size:
        return None
    row = int(wrong[-1])
    text = f"{wrong.size} value(s) of {pair} up to the cut changed when only later bars did ({item.probe})"
    return ColumnVerdict(name, False, item.probe, item.cut, row, float(before[row]), float(now[row]), text)


def _cuts(frame: pd.DataFrame, rng: np.random.Generator) -> list[int]:
    """Choose where to cut: at random, and at rare rows, where leaks like to hide."""
    n = len(frame)
    first, last = min(n - 2, max(1, n // 3)), n - 2
    times = frame["timestamp"].dt
    volume = frame["volume"].to_numpy(np.float64)
    move = np.abs(np.diff(np.log(frame["close"].to_numpy(np.float64)), prepend=np.nan))
    kinds = (
        np.flatnonzero((times.day == 1).to_numpy() & (times.hour == 0).to_numpy()),
        np.flatnonzero(volume == 0.0),
        np.argsort(-np.nan_to_num(move))[:20],
        np.argsort(-volume)[:20],
    )
    chosen: list[int] = [last, n - 3, *rng.integers(first, last + 1, size=RANDOM_CUTS).tolist()]
    for rare in kinds:
        inside = rare[(rare >= first) & (rare <= last)]
        chosen += rng.choice(inside, size=min(RARE_CUTS_EACH, inside.size), replace=False).tolist()
    return sorted({cut for cut in chosen if first <= cut <= last})


def _variants(frame: pd.DataFrame, rng: np.random.Generator) -> Iterator[_Variant]:
    """Yield the frame with other futures; every cut gets two probes, the probes take turns."""
    for number, cut in enumerate(_cuts(frame, rng)):
        yield _Variant("truncated", cut, frame.iloc[: cut + 1])
        probe = PROBES[1 + number % (len(PROBES) - 1)]
        yield _Variant(probe, cut, replaced(frame, cut, probe, rng))


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
