"""Checks that nobody added knowledge of the future after the forecasts were made, nor hid it in a few rows of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import DEVIATIONS, FALSE_ALARM
from crypto_team.gates.coming import PLAUSIBLE_AHEAD, coming
from crypto_team.gates.likeness import like_forecasts
from crypto_team.gates.recompute import Returns, bar_moves, close_at, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, judge, passed, weigh
from crypto_team.gates.silences import silences
from crypto_team.gates.spells import PLAUSIBLE_WORSE, quiet_spells
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.metrics import DAYS_PER_YEAR
from crypto_team.validation.significance import moments, sharpe_error

Floats = npt.NDArray[np.float64]
FEWEST_DAYS = 20
LEAST_VARIANCE = 0.1
"""Below it the moments of a few days make the error of a Sharpe ratio smaller than it can be."""
LEVELS, RECENT = 12, 3
PAST_SPANS = (1, 3, 6, 12, 24, 72, 168)
FUTURE_SPANS = (1, 6, 12, 24)
TAILS = (0.005, 0.01, 0.015, 0.02, 0.05)
FEWEST_EVENTS = 20


@check(
    "LK012",
    "Positions know nothing that the forecasts do not",
    unit="Sharpe ratio beyond the forecasts",
    source="a position follows from forecasts and from the past; what it earns beside them has to be a plausible edge",
    mend="follow the forecasts again: a filter has to be decided before its bar, not after",
    remedy=("crypto-team ml-engineer train STR",),
    stricter={"plausible": "lower"},
    passes=f"value <= plausible and quiet_worse <= {PLAUSIBLE_WORSE:g} and ahead <= {PLAUSIBLE_AHEAD:g}",
)
def positions_follow_forecasts(
    returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, plausible: float = 3.0
) -> Verdict:
    """Trade only what positions differ from those usual at the same forecasts, and ask what that earns.

    Within a fold and pair, the usual position is the mean over rows with like forecasts, now and over the last bars.
    The difference is traded before costs. Filters and stops that know the past earn a little by it; who leaves out the
    losers afterwards earns more than any filter could. Refused where the lower limit of its yearly Sharpe ratio, at the
    gate's budget of false alarms, is above the bound.

    Refused, too, where pairs are left out for whole test parts, weeks or four weeks that would have lost, and were
    worse than what was held at the same time in more comparisons than anybody can know (`gates/spells`); and where
    stretches of any length in which little or nothing is held would have lost and those between them win, more often
    than who knows worthless forecasts could tell (`gates/silences`); and where it follows the moves of the next days
    whether forecasts are followed (`gates/coming`).
    """
    rows = _rows(returns, market, meta)
    told, numbers = _left_out(rows, max(3, meta.horizon_bars), meta.cost_bps_per_side)
    gap = rows["position"].to_numpy(dtype=np.float64) - _usual(rows, meta)
    earned = pd.Series(gap * rows["move"].to_numpy(dtype=np.float64))
    daily = earned.groupby(rows["time"].to_numpy() // DAY_MS).sum().to_numpy(dtype=np.float64)
    if daily.size < FEWEST_DAYS:
        few = f"{daily.size} days with a known next bar; {FEWEST_DAYS - daily.size} more are needed"
        # What was told of a few days is surely hindsight already; only that nothing is wrong they cannot say.
        return weigh("; ".join([*told, few]), 0.0, numbers, interval=(0.0, 0.0)) if told else insufficient(few)
    if not np.any(np.abs(gap) > 1e-9) or float(daily.std()) == 0.0:
        within = "within a fold and pair, positions are a function of the forecasts"
        return weigh("; ".join([*told, within]), 0.0, numbers, interval=(0.0, 0.0))
    sharpe, error = yearly_sharpe(daily)
    low, high = sharpe - DEVIATIONS * error, sharpe + DEVIATIONS * error
    text = f"what positions differ from the usual ones at like forecasts has Sharpe {sharpe:.2f}, at least {low:.2f}"
    text = "; ".join([*told, text])
    return weigh(text, low, numbers, interval=(low, high), evidence=_days(rows, earned))


@check(
    "LK013",
    "Sizes of positions know past volatility only",
    unit="rank correlation with future volatility",
    source="volatility is forecast from past volatility; what sizes know beyond that has to be a plausible skill",
    mend="size by volatility that was known at the close, not by that of the bars that follow",
    remedy=("crypto-team ml-engineer train STR",),
    stricter={"plausible": "lower"},
)
def sizes_know_the_past(
    returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, plausible: float = 0.35
) -> Verdict:
    """Correlate the size of positions with the volatility that follows, given past volatility, hour and forecasts.

    Sizes and the absolute moves of the next 1, 6, 12 and 24 bars are ranked within each pair, and what past absolute
    moves over seven spans, the hour of the day and the strength of the forecast explain is taken off both. Refused
    where the lower limit of the largest correlation of what is left is above the bound.
    """
    rows = _rows(returns, market, meta)
    pieces = [_of_pair(each, market) for _, each in rows.groupby("pair", sort=True)]
    found = [_partial(pieces, place) for place in range(len(FUTURE_SPANS))]
    known = [(value, low, span) for (value, low), span in zip(found, FUTURE_SPANS, strict=True) if math.isfinite(low)]
    if not known:
        return passed("sizes do not vary, or too few rows have a past and a future", 0.0)
    value, low, span = max(known, key=lambda item: item[1])
    text = f"sizes have rank correlation {value:.3f} with the moves of the next {span} bars beyond what the past told"
    return judge(low <= plausible, f"{text}, at least {low:.3f}", low, interval=(low, 1.0))


@check(
    "LK014",
    "Rare rows are not foreseen",
    unit="share of largest moves called beyond the plausible one",
    source="an edge of rank correlation 0.35 (LK006) calls 81 to 88 % of the largest moves; more is knowledge of them",
    mend="find out where a few forecasts come from: a source that is dated too early, or rows filled in afterwards",
    remedy=("crypto-team ml-engineer train STR",),
    stricter={"plausible": "lower"},
)
def rare_rows_are_not_foreseen(
    returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, plausible: float = 0.0
) -> Verdict:
    """Count how often forecasts call the direction of the largest moves over the horizon, 0.5 to 5 % of all rows.

    A forecast with rank correlation 0.35 and normal errors calls a share of them that follows from their size. Refused
    where the lower limit of the share, rows that overlap counted once, is above that by more than the bound: then a few
    rows were foreseen, which a correlation over all rows hides.
    """
    rows = returns.test.sort_values(["pair", "time"], kind="stable").reset_index(drop=True)
    ahead = bar_moves(rows, market, meta, bars=meta.horizon_bars)
    signal = rows["signal"].to_numpy(dtype=np.float64)
    middle = rows.groupby("fold", sort=False)["signal"].transform("median").to_numpy(dtype=np.float64)
    step = timeframe_seconds(meta.timeframe) * 1000 * meta.horizon_bars
    table = pd.DataFrame(
        {"right": np.sign(signal - middle) == np.sign(ahead), "block": milliseconds(rows["time"]) // step}
    )
    table["size"] = _within_pairs(np.abs(ahead), rows["pair"])
    table = table[np.isfinite(ahead) & np.isfinite(signal) & (ahead != 0.0)]
    found = [each for share in TAILS if (each := _tail(table, share)) is not None]
    if not found:
        return insufficient(f"fewer than {FEWEST_EVENTS} large moves lie apart from one another")
    beyond, text = max(found)
    return judge(beyond <= plausible, text, beyond, interval=(beyond, 1.0))


def _rows(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta) -> pd.DataFrame:
    """Return time, pair, fold, signal, position and the return of the next bar, where all are known."""
    rows = returns.test.sort_values(["pair", "time"], kind="stable").reset_index(drop=True)
    made = rows[["pair", "fold", "signal", "position"]].copy()
    made["move"] = bar_moves(rows, market, meta)
    made.insert(0, "time", milliseconds(rows["time"]))
    known = np.isfinite(made[["signal", "position", "move"]].to_numpy(dtype=np.float64)).all(axis=1)
    kept: pd.DataFrame = made.loc[known].reset_index(drop=True)
    return kept


def _left_out(rows: pd.DataFrame, bars: int, cost_bps: float) -> tuple[list[str], dict[str, float]]:
    """Return what nobody could have known of what is left out, in words, and the numbers that say so."""
    quiet, rest, ahead = quiet_spells(rows, bars, cost_bps), silences(rows, bars, cost_bps), coming(rows, bars)
    numbers = {
        "quiet_worse": 0.0 if quiet is None else float(quiet.low),
        "ahead": 0.0 if ahead is None else float(ahead.low),
    }
    told = []
    if quiet is not None and quiet.low > PLAUSIBLE_WORSE:
        told.append(quiet.words())
    if rest is not None and rest.told:
        numbers["quiet_worse"] = max(numbers["quiet_worse"], rest.losing)
        told.append(rest.words())
    if ahead is not None and ahead.low > PLAUSIBLE_AHEAD:
        told.append(ahead.words())
    return told, numbers


def _usual(rows: pd.DataFrame, meta: EvidenceMeta) -> Floats:
    """Return the mean position of rows with like forecasts, now and over the last bars, in the same fold and pair."""
    alike = like_forecasts(rows, levels=LEVELS, recent=RECENT, bars=meta.horizon_bars)
    usual = rows["position"].groupby(alike, sort=False).transform("mean")
    return usual.to_numpy(dtype=np.float64)


def yearly_sharpe(daily: Floats) -> tuple[float, float]:
    """Return the yearly Sharpe ratio and its standard error with skew and kurtosis (Mertens 2002)."""
    sample, year = moments(daily), math.sqrt(DAYS_PER_YEAR)
    least = math.sqrt(LEAST_VARIANCE / (sample.n - 1))
    return sample.sharpe * year, float(np.fmax(sharpe_error(sample), least)) * year


def sharpe_surely(returns: Returns) -> float:
    """Return the low limit of the yearly Sharpe ratio after costs, at a check's share of false alarms; 0: unknown."""
    daily = returns.daily[np.isfinite(returns.daily)]
    if daily.size < FEWEST_DAYS or float(daily.std()) == 0.0:
        return 0.0
    value, error = yearly_sharpe(daily)
    return value - DEVIATIONS * error


def _days(rows: pd.DataFrame, earned: pd.Series[float]) -> tuple[str, ...]:
    """Name the rows that earned most."""
    best = earned.nlargest(5)
    times = pd.to_datetime(rows["time"].to_numpy()[best.index], unit="ms", utc=True)
    pairs = rows["pair"].to_numpy()[best.index]
    text = "{:%Y-%m-%d %H:%M} {}: {:+.2%} by differing from the usual position"
    return tuple(text.format(time, pair, gain) for time, pair, gain in zip(times, pairs, best, strict=True))


def _of_pair(rows: pd.DataFrame, market: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return ranks of one pair: sizes (n,), what the past told (n, k), moves that follow (n, spans); NaN: unknown."""
    own = market[market["pair"] == rows["pair"].iloc[0]].sort_values("time")
    close = pd.Series(own["close"].to_numpy(dtype=np.float64))
    moved = close.pct_change().abs()
    past = [moved.rolling(span).sum() for span in PAST_SPANS]
    future = [moved.rolling(span).sum().shift(-span) for span in FUTURE_SPANS]
    table = np.column_stack([each.to_numpy(dtype=np.float64) for each in (*past, *future)])
    times, at = milliseconds(own["time"]), rows["time"].to_numpy()
    found = np.column_stack([close_at(at, times, column) for column in table.T])
    told, follows = found[:, : len(PAST_SPANS)], found[:, len(PAST_SPANS) :]
    strength = np.abs(rows["signal"].to_numpy(dtype=np.float64))
    hours = (at // 3_600_000) % 24
    clock = (hours[:, None] == np.arange(1, 24)).astype(np.float64)
    whole = np.isfinite(found).all(axis=1)
    sizes = np.abs(rows["position"].to_numpy(dtype=np.float64))[whole]
    ranked = [_ranks(column) for column in np.column_stack([told, strength])[whole].T]
    past_ranks = np.column_stack([np.ones(int(whole.sum())), *ranked, *(each**2 for each in ranked), clock[whole]])
    return _ranks(sizes), past_ranks, np.column_stack([_ranks(column) for column in follows[whole].T])


def _ranks(values: Floats) -> Floats:
    """Return ranks from -0.5 to 0.5."""
    return np.asarray(stats.rankdata(values) / (values.size + 1.0) - 0.5)


def _partial(pieces: list[tuple[Floats, Floats, Floats]], place: int) -> tuple[float, float]:
    """Return the correlation over all pairs of what the past leaves of sizes and of later moves, and its low limit."""
    left, right, independent = [], [], 0.0
    for sizes, past, future in pieces:
        if sizes.size <= 2 * past.shape[1] or np.ptp(sizes) == 0.0:
            continue
        left.append(_unexplained(sizes, past))
        right.append(_unexplained(future[:, place], past))
        independent = max(independent, sizes.size / FUTURE_SPANS[place])
    if not left or independent < 30:
        return math.nan, math.nan
    a, b = np.concatenate(left), np.concatenate(right)
    # What the past explains whole leaves rounding only, and no correlation of it means anything.
    if min(float(a.std()), float(b.std())) < 1e-6:
        return 0.0, 0.0
    value = float(np.corrcoef(a, b)[0, 1])
    return value, math.tanh(math.atanh(min(abs(value), 1.0 - 1e-12)) - DEVIATIONS / math.sqrt(independent - 3.0))


def _unexplained(values: Floats, past: Floats) -> Floats:
    found = np.linalg.lstsq(past, values, rcond=None)[0]
    return np.asarray(values - past @ found)


def _within_pairs(values: Floats, pairs: pd.Series[str]) -> Floats:
    """Return values over the median of their pair, so that a wild pair does not hold every large move."""
    middle = pd.Series(values).groupby(pairs.to_numpy()).transform("median").to_numpy(dtype=np.float64)
    return np.asarray(values / np.where(middle > 0.0, middle, np.nan))


def _tail(table: pd.DataFrame, share: float) -> tuple[float, str] | None:
    """Return by how much the largest moves are called more often than is plausible, and the words for it."""
    tail = table[table["size"] >= table["size"].quantile(1.0 - share)]
    # Rows whose horizons overlap, and pairs that move together, are one event.
    events = tail.groupby("block")["right"].mean()
    if len(events) < FEWEST_EVENTS:
        return None
    called = round(float(events.sum()))
    interval = stats.binomtest(called, len(events)).proportion_ci(1.0 - 2.0 * FALSE_ALARM, "exact")
    limit = _plausible_share(share)
    text = (
        f"{called} of the {len(events)} largest moves apart ({share:.1%} of rows) are called, plausible is {limit:.0%}"
    )
    return float(interval.low) - limit, text


def _plausible_share(share: float, edge: float = 0.35) -> float:
    """Return how often a forecast of rank correlation `edge` with normal errors calls moves in the outer `share`."""
    start = float(stats.norm.ppf(1.0 - share / 2.0))
    sizes = np.linspace(start, start + 4.0, 400)
    weight, called = stats.norm.pdf(sizes), stats.norm.cdf(edge / math.sqrt(1.0 - edge**2) * sizes)
    return float((weight * called).sum() / weight.sum())
