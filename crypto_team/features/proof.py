"""Proves on given bars what every formula promises: causal, the same live, enough look-back, exact enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features.composition import composed_columns, formula_values
from crypto_team.features.formula import parse
from crypto_team.features.nodes import canonical_text, column_name
from crypto_team.features.online import OnlineFeatures
from crypto_team.features.plan import compile_formulas, lookback
from crypto_team.features.surroundings import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crypto_team.features.nodes import Node
    from crypto_team.features.surroundings import Floats

    Flags = npt.NDArray[np.bool_]

CUTS = (0.4, 0.7, 0.95)
LIVE_BARS = 200
# What a look-back leaves out of a recursive average, and what rounding to float32 may cost, as a share of the value
# or of the column's spread.
CLOSE_ENOUGH = 2e-6
PROMISES = ("causal", "same live", "look-back", "float32")


@dataclass(frozen=True, slots=True)
class Proof:
    """What one formula kept of its promises; `broken` names the others, with the first bar that shows it."""

    name: str
    formula: str
    lookback: int
    unknown: int
    broken: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Return whether every promise held."""
        return not self.broken


def prove(
    formulas: Sequence[str], frame: Frame, timeframe: str, progress: Callable[[float, str], None], *, seed: int = 7
) -> list[Proof]:
    """Check formulas on the bars of one pair.

    Parameters
    ----------
    formulas
        Formulas without sweeps, over the bars alone: no other pair, no series, nothing that a fold fits.
    frame
        Bars on a complete grid; more of them than the longest look-back.
    timeframe
        Their length.
    progress
        Told the share that is done.
    seed
        Seed of the other futures.

    Returns
    -------
    list
        One proof per formula. Causal: cut off or replaced by another path, the bars after a cut change no value up to
        it by a single bit. Same live: `OnlineFeatures` gives the newest bars bit for bit. Look-back: nothing is known
        before it, and a value computed from it alone is the same to 2e-6. Float32: the stored value is as near.
    """
    nodes = [parse(text, timeframe) for text in formulas]
    _provable(nodes)
    longest = max((lookback(node, frame.step) for node in nodes), default=0)
    if frame.times.size <= longest + LIVE_BARS:
        raise InputError(
            f"{frame.times.size:,} bars are too few: the look-back is {longest:,}, and {LIVE_BARS} follow it",
            hint="give a longer file, or leave --data out to prove it on random candles",
        )
    progress(0.0, "over the history")
    whole = formula_values(nodes, frame, None)
    found: list[dict[str, int]] = [{} for _ in nodes]
    progress(0.2, "other futures")
    _causal(nodes, frame, whole, found, seed)
    progress(0.6, "bar by bar")
    _live(formulas, timeframe, frame, whole, found)
    progress(0.8, "from the look-back alone")
    _from_lookback(nodes, frame, whole, found)
    _stored(formulas, timeframe, frame, whole, found)
    return [_proof(node, frame, values, rows) for node, values, rows in zip(nodes, whole, found, strict=True)]


def random_bars(step: int, bars: int, seed: int = 7) -> Frame:
    """Make candles with fat tails, stretches without trade and flat ones, on a grid that begins on a Monday."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.004 * rng.standard_t(4, bars)))
    volume = rng.lognormal(3.0, 1.0, bars)
    for start in rng.integers(bars // 10, bars - 10, 5):
        close[start : start + 4] = close[start]
        volume[start : start + 4] = 0.0
    open_ = np.concatenate([[100.0], close[:-1]])
    wick = np.abs(rng.normal(0.0, 0.002, (2, bars)))
    high, low = np.maximum(open_, close) * (1.0 + wick[0]), np.minimum(open_, close) * (1.0 - wick[1])
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    columns |= {
        "quote_volume": volume * close,
        "trades": np.ceil(volume),
        "taker_buy_volume": volume * rng.random(bars),
        "vwap": (high + low) / 2.0,
    }
    monday = 1_609_718_400_000
    return Frame(columns, monday + step * np.arange(bars, dtype=np.int64), step)


def _provable(nodes: Sequence[Node]) -> None:
    for node in nodes:
        if node.kind == "fitted":
            raise InputError(
                f"{canonical_text(node)} is fitted inside of folds and has no value of its own",
                hint="prove what goes into it",
            )


def _causal(nodes: list[Node], frame: Frame, whole: list[Floats], found: list[dict[str, int]], seed: int) -> None:
    """Compare with a history that ends at a cut, and with one that goes on otherwise."""
    for number, share in enumerate(CUTS):
        cut = int(share * frame.times.size)
        ends = Frame({name: values[:cut] for name, values in frame.columns.items()}, frame.times[:cut], frame.step)
        for other in (ends, _replaced(frame, cut, seed + number)):
            for again, values, rows in zip(formula_values(nodes, other, None), whole, found, strict=True):
                _note(rows, "causal", _differs(again[:cut], values[:cut]), 0)


def _replaced(frame: Frame, cut: int, seed: int) -> Frame:
    """Return bars that follow a path ten times as wild from a cut on."""
    rng = np.random.default_rng(seed)
    path = np.exp(np.cumsum(0.04 * rng.standard_normal(frame.times.size - cut)))
    prices = {"open", "high", "low", "close", "vwap"}
    factors = {name: path if name in prices else rng.permutation(path) for name in frame.columns}
    columns = {name: np.concatenate([x[:cut], x[cut:] * factors[name]]) for name, x in frame.columns.items()}
    return Frame(columns, frame.times, frame.step)


def _live(
    formulas: Sequence[str], timeframe: str, frame: Frame, whole: list[Floats], found: list[dict[str, int]]
) -> None:
    """Compare with the newest bars taken one at a time after a warm-up."""
    import pandas as pd

    start = frame.times.size - LIVE_BARS
    online = OnlineFeatures(formulas, timeframe=timeframe)
    history = {name: values[:start] for name, values in frame.columns.items()}
    online.warm_up(pd.DataFrame({"timestamp": pd.to_datetime(frame.times[:start], unit="ms", utc=True), **history}))
    live = np.empty((LIVE_BARS, len(whole)))
    for row in range(LIVE_BARS):
        bar = {name: float(values[start + row]) for name, values in frame.columns.items()}
        live[row] = online.update({"timestamp": int(frame.times[start + row]), **bar})
    for column, (values, rows) in enumerate(zip(whole, found, strict=True)):
        _note(rows, "same live", _differs(live[:, column], values[start:]), start)


def _from_lookback(nodes: list[Node], frame: Frame, whole: list[Floats], found: list[dict[str, int]]) -> None:
    """Compare with the value that the look-back alone gives, at each cut."""
    for node, values, rows in zip(nodes, whole, found, strict=True):
        before = lookback(node, frame.step)
        for share in CUTS:
            end = max(int(share * frame.times.size), before + 1)
            window = slice(end - 1 - before, end)
            part = Frame({name: x[window] for name, x in frame.columns.items()}, frame.times[window], frame.step)
            again = formula_values([node], part, None)[0]
            wrong = ~_near(again[-1:], values[end - 1 : end], values)
            _note(rows, "look-back", wrong, end - 1)


def _stored(
    formulas: Sequence[str], timeframe: str, frame: Frame, whole: list[Floats], found: list[dict[str, int]]
) -> None:
    """Compare with the float32 matrix that models are given."""
    plan = compile_formulas(formulas, timeframe)
    columns = {**frame.columns, **composed_columns(plan.formulas, frame, None)}
    matrix = plan.compute(columns, frame.times).astype(np.float64)
    for column, (values, rows) in enumerate(zip(whole, found, strict=True)):
        _note(rows, "float32", ~_near(matrix[:, column], values, values), 0)


def _proof(node: Node, frame: Frame, values: Floats, rows: dict[str, int]) -> Proof:
    before = lookback(node, frame.step)
    broken = tuple(f"{promise} (bar {rows[promise]:,})" for promise in PROMISES if promise in rows)
    unknown = int((~np.isfinite(values[before:])).sum())
    return Proof(column_name(node), canonical_text(node), before, unknown, broken)


def _differs(one: Floats, other: Floats) -> Flags:
    both = np.isnan(one) & np.isnan(other)
    return np.asarray((one != other) & ~both)


def _near(one: Floats, other: Floats, column: Floats) -> Flags:
    known = column[np.isfinite(column)]
    spread = float(known.std()) if known.size else 0.0
    return np.asarray(np.isclose(one, other, rtol=CLOSE_ENOUGH, atol=CLOSE_ENOUGH * spread, equal_nan=True))


def _note(rows: dict[str, int], promise: str, wrong: Flags, first: int) -> None:
    """Remember the first bar that breaks a promise."""
    if wrong.any():
        rows.setdefault(promise, first + int(np.argmax(wrong)))
