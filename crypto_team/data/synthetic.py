"""Synthetic markets of known truth: realistic volatility, and an alpha of stated strength in stated formulas."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data import market_walk
from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import UsageError

Floats = npt.NDArray[np.float64]

FORMULAS = ("zscore(close, 168)", "roc(close, 336)")
ANNUAL_VOLATILITY = 0.6
YEAR_SECONDS, DAY_SECONDS, DAYS_PER_YEAR = 365 * 86_400, 86_400, 365
REGIMES = (0.7, 1.0, 1.7)
REGIME_BARS = 400
TAIL_FREEDOM, LARGEST_SHOCK = 5.0, 8.0
ORACLE_THRESHOLD = 0.25
TICKS_PER_UNIT = 100
_DOUBLINGS, _HALVINGS = 12, 22
_FIRST_STRENGTH = 0.02
_ALPHA = re.compile(r"(zscore|roc|rsi)\(close, ([1-9][0-9]{0,4})\)")


@dataclass(frozen=True, slots=True)
class SyntheticMarket:
    """A market and its truth; arrays have one value per bar.

    `oracle_mean[t]` is the expected simple return from close t to close t+1 given everything known at close t:
    `strength` times the nominal deviation of a bar times the mean of the alphas' tanh. `oracle_position[t]` is what a
    trader who knows it holds over that bar. `alpha_formulas` are the formulas it depends on.
    """

    frame: pd.DataFrame
    oracle_mean: Floats
    oracle_position: Floats
    alpha_formulas: tuple[str, ...]
    strength: float


@dataclass(frozen=True, slots=True)
class _Setting:
    kinds: npt.NDArray[np.int64]
    periods: npt.NDArray[np.int64]
    scales: Floats
    nominal: float
    deviation: Floats
    draws: Floats
    start_price: float
    cost: float
    day: npt.NDArray[np.int64]


def planted_market(
    *,
    seed: int,
    bars: int,
    timeframe: str = "1h",
    oracle_sharpe: float,
    formulas: Sequence[str] | None = None,
    cost_bps_per_side: float = 7.0,
    start: str = "2023-01-01T00:00:00Z",
    start_price: float = 20_000.0,
) -> SyntheticMarket:
    """Make a market with a planted alpha of stated strength.

    Parameters
    ----------
    seed
        Of every draw; the same arguments give the same market.
    bars, timeframe
        Length and bar.
    oracle_sharpe
        Annualised Sharpe ratio (365 days) after costs that knowing the alpha is worth in expectation: the mean is
        taken from the known expected returns, the deviation from the realised ones, so luck is not calibrated away.
        A realised Sharpe ratio scatters around it by one over the root of the years. 0 plants nothing.
    formulas
        What the alpha depends on: `zscore(close, n)` and `rsi(close, n)` revert, `roc(close, n)` trends. Persistent
        enough by default that a 24-bar label carries the alpha.
    cost_bps_per_side
        What the oracle pays per change of position.
    start, start_price
        Open time and price of the first bar.

    Returns
    -------
    SyntheticMarket
        Prices in ticks of 0.01; log returns with a GARCH(1,1) variance, Student t shocks (5 degrees of freedom),
        volatility regimes and a daily season; volume rises with volatility.

    Raises
    ------
    UsageError
        A formula that cannot be planted, too few bars, or a Sharpe ratio out of reach.
    """
    planted = tuple(FORMULAS if formulas is None else formulas)
    rng = np.random.default_rng(seed)
    times = _times(start, bars, timeframe)
    setting = _setting(rng, planted, times, timeframe, start_price, cost_bps_per_side)
    strength = _calibrated(setting, oracle_sharpe) if oracle_sharpe else 0.0
    made, score = _walk(setting, strength)
    frame = pd.DataFrame({"timestamp": pd.Series(times.astype("datetime64[ms]")).dt.tz_localize("UTC")})
    for row, name in enumerate(("open", "high", "low", "close")):
        frame[name] = made[row]
    frame["volume"] = _volume(rng, made, setting)
    position = market_walk.oracle_sides(score, ORACLE_THRESHOLD) if strength else np.zeros(bars)
    return SyntheticMarket(frame, strength * setting.nominal * score, position, planted if strength else (), strength)


def _times(start: str, bars: int, timeframe: str) -> npt.NDArray[np.int64]:
    first = int(pd.Timestamp(start).timestamp() * 1000)
    return first + np.arange(bars, dtype=np.int64) * timeframe_seconds(timeframe) * 1000


def _setting(
    rng: np.random.Generator,
    formulas: tuple[str, ...],
    times: npt.NDArray[np.int64],
    timeframe: str,
    start_price: float,
    cost_bps_per_side: float,
) -> _Setting:
    """Draw everything that does not depend on the price path."""
    nominal = ANNUAL_VOLATILITY * math.sqrt(timeframe_seconds(timeframe) / YEAR_SECONDS)
    kinds, periods, scales = zip(*(_alpha(formula, nominal) for formula in formulas), strict=True)
    if times.size < 2 * max(periods):
        raise UsageError(f"{times.size} bars are too few", hint=f"at least {2 * max(periods)} for these formulas")
    freedom = TAIL_FREEDOM
    shocks = rng.standard_t(freedom, times.size) * math.sqrt((freedom - 2.0) / freedom)
    draws = np.stack(
        [np.clip(shocks, -LARGEST_SHOCK, LARGEST_SHOCK), 1.0 - rng.random(times.size), 1.0 - rng.random(times.size)]
    )
    return _Setting(
        kinds=np.array(kinds, dtype=np.int64),
        periods=np.array(periods, dtype=np.int64),
        scales=np.array(scales, dtype=np.float64),
        nominal=nominal,
        deviation=nominal * _regimes(rng, times.size) * _season(times),
        draws=draws,
        start_price=start_price,
        cost=cost_bps_per_side / 1e4,
        day=np.floor_divide(times, DAY_SECONDS * 1000),
    )


def _alpha(formula: str, nominal: float) -> tuple[int, int, float]:
    """Return kind, period and tanh scale of a formula; scales are about what each formula does on a random walk."""
    found = _ALPHA.fullmatch(formula)
    if found is None or int(found[2]) < 2:
        raise UsageError(
            f"cannot plant {formula!r}", hint="zscore(close, n), roc(close, n) or rsi(close, n) with n of at least 2"
        )
    period = int(found[2])
    kinds = {
        "zscore": (market_walk.REVERSION, 1.0),
        "roc": (market_walk.MOMENTUM, nominal * math.sqrt(period)),
        "rsi": (market_walk.OSCILLATOR, 50.0 / math.sqrt(1.3 * period)),
    }
    kind, scale = kinds[found[1]]
    return kind, period, scale


def _regimes(rng: np.random.Generator, bars: int) -> Floats:
    """Return volatility multipliers of a Markov chain over calm, normal and turbulent, mean square one."""
    jumps = rng.random(bars) < 1.0 / REGIME_BARS
    jumps[0] = True
    drawn = rng.integers(0, len(REGIMES), size=int(jumps.sum()))
    levels = np.array(REGIMES) / math.sqrt(float(np.mean(np.square(REGIMES))))
    made: Floats = levels[drawn][np.cumsum(jumps) - 1]
    return made


def _season(times: npt.NDArray[np.int64]) -> Floats:
    """Return the daily course of volatility, busiest at 15:00 UTC; flat for daily bars."""
    hours = (times % (DAY_SECONDS * 1000)) / 3_600_000.0
    if float(np.ptp(hours)) == 0.0:
        return np.ones(times.size)
    made: Floats = (1.0 + 0.25 * np.cos(2.0 * np.pi * (hours - 15.0) / 24.0)) / math.sqrt(1.0 + 0.25**2 / 2.0)
    return made


def _walk(setting: _Setting, strength: float) -> tuple[Floats, Floats]:
    drift = strength * setting.nominal
    made, score = market_walk.walk(
        setting.kinds,
        setting.periods,
        setting.scales,
        setting.deviation,
        setting.draws,
        drift,
        setting.start_price,
        TICKS_PER_UNIT,
    )
    return made, score


def expected_sharpe(
    close: Floats, oracle_mean: Floats, position: Floats, *, day: npt.NDArray[np.int64], cost: float
) -> float:
    """Return the annualised Sharpe ratio of holding `position`: known mean, realised deviation, days as periods."""
    following = close[1:] / close[:-1] - 1.0
    paid = cost * np.abs(np.diff(position, prepend=0.0))[:-1]
    expected = np.expm1(oracle_mean[:-1]) * position[:-1] - paid
    realised = following * position[:-1] - paid
    index = day[:-1] - day[0]
    deviation = float(np.std(np.bincount(index, weights=realised), ddof=1))
    if deviation == 0.0:
        return 0.0
    return float(np.mean(np.bincount(index, weights=expected))) / deviation * math.sqrt(DAYS_PER_YEAR)


def _calibrated(setting: _Setting, wanted: float) -> float:
    """Return the strength at which the oracle earns the wanted Sharpe ratio: double, then bisect."""
    if wanted < 0.0:
        raise UsageError("an oracle does not lose", where="oracle_sharpe", hint="0 plants nothing")

    def short_of(strength: float) -> bool:
        made, score = _walk(setting, strength)
        sides = market_walk.oracle_sides(score, ORACLE_THRESHOLD)
        mean = strength * setting.nominal * score
        return expected_sharpe(made[3], mean, sides, day=setting.day, cost=setting.cost) < wanted

    low, high = 0.0, _FIRST_STRENGTH
    for _ in range(_DOUBLINGS):
        if not short_of(high):
            break
        low, high = high, 2.0 * high
    else:
        raise UsageError(f"a Sharpe ratio of {wanted} is out of reach for these formulas", where="oracle_sharpe")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if short_of(middle) else (low, middle)
    return high


def _volume(rng: np.random.Generator, made: Floats, setting: _Setting) -> Floats:
    """Return log-normal volume that rises with the bar's deviation and its range."""
    opened, high, low, _, sigma = made
    noise = rng.normal(0.0, 0.4, size=sigma.size)
    span = np.log(high / low) / sigma
    volume = 100.0 * (sigma / setting.nominal) ** 1.2 * (0.5 + 0.3 * span) * np.exp(noise)
    made_volume: Floats = np.round(volume * setting.start_price / opened, 3)
    return made_volume
