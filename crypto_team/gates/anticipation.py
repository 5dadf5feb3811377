"""Check that positions follow from forecasts so far, and know nothing of those that come later (LK015)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import deviations
from crypto_team.gates.recompute import Returns, close_at, milliseconds
from crypto_team.gates.registry import Verdict, check, judge, passed
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clusters import clustered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_LEVELS, FEWEST_LEVELS, ROWS_A_LEVEL = 20, 6, 60
LAGS, FEWEST_LIKE, FEWEST_EVENTS, FEWEST_DAYS = 3, 5, 30, 15
MEANS, MOVES = (8, 24, 72), (1, 3, 12, 24)
AHEAD = {"the next forecast": (1,), "the forecast after the next": (2,), "the next four forecasts": (1, 2, 3, 4)}
HELD = {-1: "short", 0: "flat", 1: "long"}
LOOKS = (2 * 2 * len(HELD) + 2) * len(AHEAD)
"""Departures by what was held, direction and side of the news, and sizes by side of the news; for each span ahead."""


@dataclass(frozen=True)
class Anticipation:
    """How often news of later forecasts lies on one side of like rows where positions left the usual way."""

    share: float
    low: float
    events: int
    words: str


NOTHING = Anticipation(0.5, 0.5, 0, "")


@check(
    "LK015",
    "Positions follow from forecasts so far",
    unit="share of ranks on the side of what later forecasts brought",
    source="a position may know all that was known, and never what a later forecast adds; 50 % is chance",
    mend="decide each position from the forecasts of its own and earlier rows; nothing centred, shifted or filled back",
    remedy=("crypto-team ml-engineer train STR",),
    stricter={"plausible": "lower"},
)
def positions_follow_so_far(
    returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, plausible: float = 0.65
) -> Verdict:
    """Ask of entries, exits and turns that like rows did not make, whether they knew what later forecasts would say.

    Rows are alike when they are of one fold, held the same side before, and have the same level (of up to twenty) of
    the forecast. What most of them do is the rule. The news of a later forecast is what its past, past returns, the
    other pairs and the hour do not tell of it. Where some rows left the rule, their news is ranked among that of the
    others: a rule that knows the past gives 50 %, one that knew the next forecast nearly 100 %. Sizes on one side are
    ranked against the news likewise, their rank correlation r counted as (1 + r) / 2. Filters, stops and rules with a
    memory may know causes of forecasts, hence the bound. Refused where the lower limit, at the gate's budget of false
    alarms, of one kind of departure and one span ahead is above it.
    """
    rows = _rows(returns, meta)
    if len(rows) < FEWEST_EVENTS or rows["side"].nunique() < 2:
        return passed("positions never change, or too few rows follow one another", 0.5)
    news = _news(rows, market)
    cell, usual = _usual(rows)
    found = [each for name, column in news.items() for each in _departures(rows, column, cell, usual, name)]
    found += [_sized(rows, column, cell, name) for name, column in news.items()]
    found = [each for each in found if each.events]
    if not found:
        return passed("positions are a function of the forecast and of what was held before", 0.5)
    worst = max(found, key=lambda each: each.low)
    return judge(
        worst.low <= plausible,
        f"{worst.words}, at least {worst.low:.0%}; chance is 50 %, {plausible:.0%} is allowed",
        worst.low,
        interval=(worst.low, 1.0),
    )


def _rows(returns: Returns, meta: EvidenceMeta) -> pd.DataFrame:
    """Return test rows by run (pair and fold, bar after bar): normal score of the forecast, side, and side before."""
    test = returns.test.sort_values(["pair", "fold", "time"], kind="stable")
    test = test[np.isfinite(test["signal"].to_numpy(dtype=np.float64)) & test["position"].notna().to_numpy()]
    made: pd.DataFrame = test[["pair", "fold"]].reset_index(drop=True)
    time = milliseconds(test["time"])
    made["time"] = time
    step = timeframe_seconds(meta.timeframe) * 1000
    broken = np.diff(time, prepend=time[:1] - 1) != step
    made["run"] = np.cumsum(broken | (made["pair"] != made["pair"].shift()) | (made["fold"] != made["fold"].shift()))
    signal = pd.Series(test["signal"].to_numpy(dtype=np.float64))
    share = signal.groupby(made["fold"]).rank(pct=True)
    size = made.groupby("fold")["time"].transform("size").to_numpy(dtype=np.float64)
    levels = np.clip(size // ROWS_A_LEVEL, FEWEST_LEVELS, MOST_LEVELS)
    made["level"] = np.minimum(share * levels, levels - 1).astype(np.int64)
    made["score"] = ndtri((share.to_numpy() * size - 0.5) / size)
    made["size"] = np.abs(test["position"].to_numpy(dtype=np.float64))
    made["side"] = np.sign(test["position"].to_numpy(dtype=np.float64)).astype(np.int64)
    made["before"] = made.groupby("run")["side"].shift(1)
    return made


def _news(rows: pd.DataFrame, market: pd.DataFrame) -> dict[str, Floats]:
    """Return what later forecasts add to all that was known, by how far they are ahead; NaN where a row is missing."""
    score, runs = rows["score"], rows.groupby("run", sort=False)["score"]
    late = {k: runs.shift(-k).to_numpy(dtype=np.float64) for k in sorted({k for each in AHEAD.values() for k in each})}
    known = [np.ones(len(rows)), score.to_numpy(), score.to_numpy() ** 2]
    known += [runs.shift(k).to_numpy(dtype=np.float64) for k in range(1, LAGS + 1)]
    known += [runs.ewm(span=span).mean().reset_index(level=0, drop=True).to_numpy(dtype=np.float64) for span in MEANS]
    known += [score.groupby(rows["time"]).transform("mean").to_numpy(), *_moves(rows, market)]
    told = np.column_stack([known[0], *(np.nan_to_num(each) for each in known[1:])])
    slots = [rows["fold"].to_numpy() * 24 + rows["time"].to_numpy() // 3_600_000 % 24]
    slots.append(rows["time"].to_numpy() // 3_600_000 % 168)
    return {name: _unexplained(np.mean([late[k] for k in spans], axis=0), told, slots) for name, spans in AHEAD.items()}


def _moves(rows: pd.DataFrame, market: pd.DataFrame) -> list[Floats]:
    """Return the past returns of each row's pair over several spans, clipped to ten deviations."""
    found = np.full((len(MOVES), len(rows)), np.nan)
    place, times = rows.groupby("pair", sort=False).indices, rows["time"].to_numpy()
    for pair, candles in market.groupby("pair", sort=False):
        at = place.get(pair)
        if at is None:
            continue
        own = candles.sort_values("time")
        known, close = milliseconds(own["time"]), pd.Series(own["close"].to_numpy(dtype=np.float64))
        for number, span in enumerate(MOVES):
            change = close.pct_change(span)
            limit = 10.0 * float(change.std())
            found[number, at] = close_at(times[at], known, np.clip(np.asarray(change, dtype=np.float64), -limit, limit))
    spread = np.nanstd(found, axis=1)
    return list(found / np.where(spread > 0.0, spread, 1.0)[:, None])


def _unexplained(late: Floats, told: Floats, slots: list[Ints]) -> Floats:
    """Return what a regression, the hour of the day in each fold and the hour of the week leave of a column."""
    whole = np.isfinite(late)
    left = np.full(late.size, np.nan)
    if whole.sum() <= 2 * told.shape[1]:
        return left
    x, y = told[whole], late[whole]
    rest = y - x @ np.linalg.lstsq(x.T @ x, x.T @ y, rcond=None)[0]
    for slot in slots:
        _, place = np.unique(slot[whole], return_inverse=True)
        count = np.bincount(place)
        rest -= (np.bincount(place, rest) / count)[place]
    # What the past explains whole leaves rounding only, and no rank of it means anything.
    left[whole] = rest if float(rest.std()) > 1e-6 else np.nan
    return left


def _usual(rows: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the number of each row's cell of like rows, -1 where what was held before is unknown, and the usual side.

    The usual side is that of most rows of the cell.
    """
    fold = np.unique(rows["fold"].to_numpy(), return_inverse=True)[1]
    before = rows["before"].to_numpy(dtype=np.float64)
    known = np.isfinite(before)
    cell = (fold * 3 + np.where(known, before, 0.0).astype(np.int64) + 1) * MOST_LEVELS + rows["level"].to_numpy()
    counts = np.bincount(
        (cell * 3 + rows["side"].to_numpy() + 1)[known], minlength=3 * (int(cell.max(initial=0)) + 1)
    ).reshape(-1, 3)
    return np.where(known, cell, -1), np.asarray(counts.argmax(axis=1) - 1)[cell]


def _departures(rows: pd.DataFrame, news: Floats, cell: Ints, usual: Ints, name: str) -> list[Anticipation]:
    """Rank the news of rows that left the usual side among that of the rows of their cell that did not."""
    away = rows["side"].to_numpy() - usual
    mixed = np.zeros(int(cell.max(initial=0)) + 1, dtype=bool)
    mixed[cell[(away != 0) & (cell >= 0)]] = True
    use = np.flatnonzero((cell >= 0) & mixed[cell] & np.isfinite(news))
    use = use[np.lexsort((news[use], cell[use]))]
    left = away[use]
    own = cell[use]
    stayed = np.concatenate([[0], np.cumsum(left == 0)])
    first, last = np.searchsorted(own, own), np.searchsorted(own, own, side="right")
    like = stayed[last] - stayed[first]
    share = (stayed[:-1] - stayed[first]) / np.maximum(like, 1)
    enough = (left != 0) & (like >= FEWEST_LIKE)
    before, days = rows["before"].to_numpy(dtype=np.float64)[use], rows["time"].to_numpy()[use] // DAY_MS
    found = []
    for held, word in HELD.items():
        for direction, turn in ((1, "up"), (-1, "down")):
            chosen = enough & (before == held) & (np.sign(left) == direction)
            found.append(_ranked(share[chosen], days[chosen], f"{word} before, then {turn}", name))
    return found


def _sized(rows: pd.DataFrame, news: Floats, cell: Ints, name: str) -> Anticipation:
    """Rank sizes of positions on one side against the news, in its direction, within cells of like rows."""
    side = rows["side"].to_numpy()
    use = (cell >= 0) & np.isfinite(news) & (side != 0)
    cells = 2 * cell[use] + (side[use] > 0)
    size = rows["size"].to_numpy()[use].round(9)
    if size.size < FEWEST_EVENTS or float(np.ptp(size)) == 0.0:
        return NOTHING
    table = pd.DataFrame({"size": size, "news": (side * news)[use]})
    ranks = table.groupby(cells).rank(pct=True)
    centred = (ranks - ranks.groupby(cells).transform("mean")).to_numpy(dtype=np.float64)
    varies = np.abs(centred).min(axis=1, initial=1.0) > 0.0
    if varies.sum() < FEWEST_EVENTS or float(centred[:, 0].std()) < 1e-6:
        return NOTHING
    spread = math.sqrt(float((centred[:, 0] ** 2).mean() * (centred[:, 1] ** 2).mean()))
    both = 0.5 + centred[:, 0] * centred[:, 1] / spread / 2.0
    return _limited(both, rows["time"].to_numpy()[use] // DAY_MS, "{} sizes of positions go with the", name)


def _ranked(share: Floats, days: Ints, kind: str, name: str) -> Anticipation:
    """Return the mean rank of one kind of departure, with its limit."""
    words = f"{{}} positions ({kind}) that like rows did not take were made with the"
    return _limited(share, days, words, name) if share.size >= FEWEST_EVENTS else NOTHING


def _limited(share: Floats, days: Ints, words: str, name: str) -> Anticipation:
    """Return a mean share and its lower limit, with days as clusters."""
    groups = np.unique(days).size
    if groups < FEWEST_DAYS:
        return NOTHING
    mean = float(share.mean())
    # A contrary rule knows them just as well: the side on which the news lies does not matter.
    toward = max(mean, 1.0 - mean)
    error = math.sqrt(max(0.0, float(clustered((share - mean)[:, None] / share.size, days)[0, 0])))
    # Ranks that are all alike would have no error; that of a share of as many rows is the least there is.
    low = toward - deviations(groups - 1.0, LOOKS) * max(error, 0.5 / share.size)
    text = f"{words.format(f'{share.size:,}')} news of {name}, {toward:.0%} of the ranks toward it"
    return Anticipation(toward, low, share.size, text)
