"""Which other futures a strategy is shown: cuts at telling moments, combs that find more of them, and later starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.features.comb import DENSE, SPARSE, Comb, changed, suspects
from crypto_team.features.odd_rows import odd_rows
from crypto_team.features.probes import Source as Bars
from crypto_team.freqtrade.diagnose_data import PROBES, Candles, Market, cuts, replaced
from crypto_team.freqtrade.diagnose_judge import GIVEN, SIGNALS
from crypto_team.freqtrade.diagnose_runs import Run, Task

CUTS: Final = 26
RARE_ANSWERS, USUAL_ANSWERS, MOST_ASKED = 4, 2, 16
DENSE_RUNS, SPARSE_RUNS, TEETH = 2, 13, 620
MOST_SUSPECTS, BEHIND = 8, 600
TWENTY_EIGHT_YEARS: Final = pd.Timedelta(days=10_227)
"""After so many days weekdays and dates are the same again."""
EARLIER_CALL, LATER_START, OTHER_YEAR = "earlier call", "later start", "another year"
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Question:
    """A run, what is different in it, and the moment, in milliseconds, before which nothing may be."""

    task: Task
    probe: str
    moment: int


def futures(market: Market, base: Run, rng: np.random.Generator) -> list[Question]:
    """Return the market cut, or with another future, at moments of all kinds, and a start in the middle of it."""
    frames = {pair: placed(frame, market.own(pair)) for pair, frame in base.frames.items()}
    odd = {pair: odd_rows(numbers(frame), rng) for pair, frame in frames.items()}
    moments = cuts(market, _turns(frames), CUTS, rng, odd)
    made = []
    for number, moment in enumerate(moments):
        # Cut files show most; a future of another size shows what hides from a cut.
        probe = PROBES[0] if number % 2 else PROBES[1 + (number // 2) % (len(PROBES) - 1)]
        made.append(Question(Task(replaced(market, moment, probe, rng), "frames"), probe, moment))
    first = market.own(market.pairs[0])
    early = int(np.sum(first.known <= moments[len(moments) // 2]))
    made.append(Question(Task(market, "primed", prime=early), EARLIER_CALL, 2**62))
    since = int(first.opens[(len(first.frame) * 3) // 5])
    made.append(Question(Task(_late(market, since, base.startup), "frames"), LATER_START, since))
    made.append(Question(Task(_years_later(market), "frames"), OTHER_YEAR, 0))
    return made


def asked_again(market: Market, calls: list[list[Any]], rng: np.random.Generator) -> Iterator[Question]:
    """Yield moments of rare answers of callbacks, in a rising and in a falling market, and some of usual ones.

    Nothing is compared behind the moment, so the history ends a while after it: a backtest is the dearest of all runs.
    """
    for probe, moment in _asked(calls, rng):
        made = replaced(market, moment, probe, rng, opened=True)
        yield Question(Task(_ended(made, moment + BEHIND * market.step_ms), "callbacks"), probe, moment)


def _ended(market: Market, moment: int) -> Market:
    files = [replace(item, frame=item.frame[item.opens < moment]) for item in market.files]
    return replace(market, files=tuple(item for item in files if len(item.frame)))


def _asked(calls: list[list[Any]], rng: np.random.Generator) -> list[tuple[str, int]]:
    answers: dict[tuple[str, str], list[int]] = {}
    for name, _, time, _, answer in calls:
        if time >= 0:
            answers.setdefault((name, answer), []).append(int(time))
    often: dict[str, int] = {}
    for (name, _), times in answers.items():
        often[name] = max(often.get(name, 0), len(times))
    chosen: list[tuple[str, int]] = []
    for (name, _), times in answers.items():
        most = USUAL_ANSWERS if len(times) == often[name] else RARE_ANSWERS
        picked = rng.choice(times, size=min(most, len(times)), replace=False).tolist()
        chosen += [(probe, time) for time in picked for probe in ("scaled x10", "scaled x0.1")]
    order = rng.permutation(len(chosen))[:MOST_ASKED]
    return [chosen[place] for place in sorted(order.tolist())]


@dataclass(frozen=True)
class Teeth:
    """A run with changed candles: their rows by pair, and the least number of candles between them."""

    task: Task
    rows: Mapping[str, Rows]
    least: int


def combed(market: Market, rng: np.random.Generator) -> list[Teeth]:
    """Change single candles all over the history; see `features.comb`. The same times of all pairs are changed.

    Each comb is there in both directions: whatever only the sign of a later move decides changes in one of them.
    """
    first, made = market.own(market.pairs[0]), list[Teeth]()
    for (least, most), runs in ((DENSE, DENSE_RUNS), (SPARSE, SPARSE_RUNS)):
        count = 0
        for _ in range(runs):
            places = np.cumsum(rng.integers(least, most + 1, len(first.frame) // least + 1))
            times = first.opens[places[places < len(first.frame)]]
            signs = rng.choice([-1.0, 1.0], times.size)
            made += [_toothed(market, times, direction * signs, least) for direction in (1.0, -1.0)]
            count += times.size
            if count >= TEETH:
                break
    return made


def _toothed(market: Market, times: Rows, signs: npt.NDArray[np.float64], least: int) -> Teeth:
    files, rows = [], {}
    for item in market.files:
        frame = item.frame
        if item.timeframe == market.timeframe and item.kind in {"", "futures"}:
            there = np.isin(times, item.opens)
            rows[item.pair] = np.searchsorted(item.opens, times[there])
            bars = Bars(frame, item.opens, item.known, market.step_ms)
            frame = changed(bars, rows[item.pair], signs[there], "close")
        files.append(replace(item, frame=frame))
    return Teeth(Task(replace(market, files=tuple(files)), "frames"), rows, least)


def suspected(market: Market, base: Run, teeth: list[Teeth], runs: list[Run], rng: np.random.Generator) -> list[int]:
    """Return moments at which combs say that a cut is worth it, at most eight."""
    chosen: list[int] = []
    for pair, frame in base.frames.items():
        item = market.own(pair)
        found = [
            (Comb(comb.rows[pair], comb.least, {}), numbers(placed(run.frames[pair], item)))
            for comb, run in zip(teeth, runs, strict=True)
            if pair in run.frames
        ]
        rows = suspects(numbers(placed(frame, item)), found, "close")
        chosen += [int(item.known[row]) for row in rows[:MOST_SUSPECTS] if row <= len(item.frame) - 2]
    unique = list(dict.fromkeys(chosen))
    picked = rng.permutation(len(unique))[:MOST_SUSPECTS]
    return [unique[place] for place in picked.tolist()]


def moved(market: Market, moments: list[int], rng: np.random.Generator) -> Iterator[Question]:
    """Yield a future of rising and one of falling prices behind each moment."""
    for moment in moments:
        for probe in ("scaled x10", "scaled x0.1"):
            yield Question(Task(replaced(market, moment, probe, rng), "frames"), probe, moment)


def placed(frame: pd.DataFrame, candles: Candles) -> pd.DataFrame:
    """Return a frame with one row for each candle: a strategy may have left some out, which are empty rows then."""
    dates = candles.frame["date"]
    if len(frame) == len(dates):
        return frame
    return frame.drop_duplicates("date", keep="last").set_index("date").reindex(dates).reset_index()


def numbers(frame: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """Return the columns of numbers that the strategy made; a signal that is not set is 0."""
    made = {}
    for name in frame.columns:
        if name not in GIVEN and pd.api.types.is_numeric_dtype(frame[name]):
            values = frame[name].to_numpy(np.float64)
            made[str(name)] = np.nan_to_num(values) if name in SIGNALS else values
    return made


def _turns(frames: Mapping[str, pd.DataFrame]) -> dict[str, list[int]]:
    """Return the rows at which any signal changes."""
    turns = {}
    for pair, frame in frames.items():
        turned = np.zeros(len(frame), dtype=bool)
        for name in (item for item in SIGNALS[:4] if item in frame):
            turned |= np.diff(frame[name].fillna(0.0).to_numpy(np.float64), prepend=0.0) != 0
        turns[pair] = np.flatnonzero(turned).tolist()
    return turns


def _late(market: Market, moment: int, startup: int) -> Market:
    """Drop what a live bot would not have loaded: of every file all but the start-up candles before a moment."""
    files = []
    for item in market.files:
        step = timeframe_seconds(item.timeframe) * 1000
        frame = item.frame[item.opens >= moment - max(startup, 1) * step].reset_index(drop=True)
        if len(frame):
            files.append(replace(item, frame=frame))
    return replace(market, files=tuple(files))


def _years_later(market: Market) -> Market:
    files = [replace(item, frame=_dated(item)) for item in market.files]
    return replace(market, files=tuple(files))


def _dated(item: Candles) -> pd.DataFrame:
    return item.frame.assign(date=item.frame["date"] + TWENTY_EIGHT_YEARS)
