"""Three pairs and some series around them, and the same with another future."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crypto_team.features.microstructure_table import NAMES as BOOK_COLUMNS
from crypto_team.features.surroundings import Frame, KnownSeries, SeriesKey, Surroundings
from tests.features.conftest import random_market

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
HOUR, DAY = 3_600_000, 86_400_000
START = 1_609_459_200_000 + 5 * HOUR  # 2021-01-01 05:00, in the middle of longer bars
FORMULAS = (
    'on("4h", adx(high, low, close, 14))',
    'on("1d", logret(close, 1))',
    'ret(close, 8) - of("ETH/USDT:USDT", ret(close, 8))',
    'of("SOL/USDT:USDT", on("4h", rsi(close, 7)))',
    'on("8h", of("ETH/USDT:USDT", zscore(close, 20)))',
    'basket("BTC/USDT:USDT,ETH/USDT:USDT,SOL/USDT:USDT", ret(close, 24))',
    "funding()",
    'on("8h", zscore(funding(), 30))',
    'of("ETH/USDT:USDT", funding())',
    'funding("bybit") - funding()',
    "ret(oi(), 4)",
    "long_liquidations()",
    'on("4h", total(long_liquidations(), 6))',
    'sentiment("fear_greed")',
    'zscore(dominance("btc"), 48)',
    'session("asian")',
)


@dataclass(frozen=True)
class World:
    """Bars of the first pair, and what lies around them."""

    frame: Frame
    around: Surroundings


def world(bars: int = 2400, seed: int = 3) -> World:
    """Make hourly bars of three pairs, and series with lags, revisions and gaps."""
    frames = {}
    for number, pair in enumerate(PAIRS):
        market = random_market(bars, seed + number)
        frames[pair] = Frame(market.columns, START + HOUR * np.arange(bars, dtype=np.int64), HOUR)
    rng = np.random.default_rng(seed)
    end = START + HOUR * bars
    series = {}
    for source, pair in (("", PAIRS[0]), ("bybit", PAIRS[0]), ("", PAIRS[1])):
        times = np.arange(START // (8 * HOUR) * 8 * HOUR, end, 8 * HOUR)
        series[SeriesKey("funding", source, pair)] = _level(times, rng, 60_000)
    hourly = np.arange(START, end, HOUR)
    series[SeriesKey("open_interest", "", PAIRS[0])] = _level(hourly, rng, 300_000)
    events = np.sort(rng.integers(START, end, 800))
    series[SeriesKey("long_liquidations", "", PAIRS[0])] = KnownSeries(
        events, events + 1_000, rng.lognormal(8, 1, events.size), 7 * DAY
    )
    daily = np.arange(START // DAY * DAY, end, DAY)
    series[SeriesKey("sentiment", "fear_greed", "")] = _level(daily, rng, DAY + 2 * HOUR)
    series[SeriesKey("dominance", "btc", "")] = _level(hourly, rng, 2 * HOUR)
    return World(frames[PAIRS[0]], Surroundings(PAIRS[0], frames, series))


def _level(times: np.ndarray, rng: np.random.Generator, lag: int) -> KnownSeries:
    """Make values of which some are published late, and some once more with another value."""
    known = times + lag + np.where(rng.random(times.size) < 0.1, 5 * HOUR, 0)
    again = rng.random(times.size) < 0.1
    about = np.concatenate([times, times[again]])
    known = np.concatenate([known, known[again] + 3 * HOUR])
    order = np.lexsort((about, known))
    value = 1.0 + np.abs(rng.normal(size=about.size))
    return KnownSeries(about[order], known[order], value[order], 3 * DAY)


def other_future(made: World, cut: int, seed: int) -> World:
    """Return the world with everything changed that was not known at the close of bar `cut`."""
    decision = int(made.frame.closes[cut])
    rng = np.random.default_rng(seed)
    frames = {pair: _changed_frame(frame, decision, rng) for pair, frame in made.around.frames.items()}
    series = {}
    for key, item in made.around.series.items():
        later = item.known_at > decision
        kept = rng.random(item.value.size) < 0.7
        value = np.where(later, item.value * rng.lognormal(0, 2, item.value.size), item.value)
        rows = ~later | kept
        series[key] = replace(item, time=item.time[rows], known_at=item.known_at[rows], value=value[rows])
    return World(frames[made.around.pair], replace(made.around, frames=frames, series=series))


def _changed_frame(frame: Frame, decision: int, rng: np.random.Generator) -> Frame:
    later = frame.closes > decision
    factor = np.where(later, rng.lognormal(0, 1, later.size), 1.0)
    return replace(frame, columns={name: values * factor for name, values in frame.columns.items()})


def table(frame: Frame) -> pd.DataFrame:
    """Return bars as pandas knows them, by their open."""
    index = pd.to_datetime(frame.times, unit="ms", utc=True)
    return pd.DataFrame(dict(frame.columns), index=index)


ASSETS = ("ETH", "SOL", "AAVE", "UNI", "DOGE", "PEPE")


def listed(assets: tuple[str, ...]) -> list[str]:
    """Return the pairs of some assets that :func:`everything` has."""
    return [f"{asset}/USDT:USDT" for asset in assets if asset in {"BTC", *ASSETS}]


def everything(bars: int = 3200) -> World:
    """Make a world with pairs of all sectors and every kind of series that the ready-made sets read."""
    made = world(bars)
    rng = np.random.default_rng(8)
    frames = dict(made.around.frames)
    for number, asset in enumerate(ASSETS):
        frames[f"{asset}/USDT:USDT"] = Frame(random_market(bars, 50 + number).columns, made.frame.times, HOUR)
    funding = made.around.series[SeriesKey("funding", "", PAIRS[0])]
    own, hourly = PAIRS[2], made.frame.times
    series = dict(made.around.series) | {
        SeriesKey("funding", source, pair): replace(funding, value=rng.normal(0.0, 1e-4, funding.value.size))
        for pair in (PAIRS[0], own)
        for source in ("", "bybit", "okx")
    }
    for kind in ("open_interest", "long_liquidations", "short_liquidations"):
        series[SeriesKey(kind, "", own)] = KnownSeries(hourly, hourly + 60_000, rng.lognormal(5, 1, bars), DAY)
    for kind, source in (("whale_flow", "exchange_inflow"), ("sentiment", "social")):
        series[SeriesKey(kind, source, "")] = KnownSeries(hourly, hourly + 60_000, rng.lognormal(5, 1, bars), DAY)
    for name in BOOK_COLUMNS:
        values = rng.normal(size=bars)
        series[SeriesKey("series", "", own, name)] = KnownSeries(hourly, hourly + HOUR, values, 3 * HOUR)
    return World(frames[own], Surroundings(own, frames, series))
