"""The 84 order-book features of `microstructure_84`: name, formula, unit and source of each, in vector order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CKS: Final = "Cont, Kukanov, Stoikov (2014), J. Financial Econometrics 12(1)"
XGH: Final = "Xu, Gould, Howison (2019), Market Microstructure and Liquidity 4"
NS: Final = "Naes, Skjeltorp (2006), J. Financial Markets 9(4)"
ELO: Final = "Easley, Lopez de Prado, O'Hara (2012), Review of Financial Studies 25(5)"
_HOUSE: Final = "house definition"
_SIZES: Final = "Cartea, Jaimungal, Penalva (2015), chapter 3"


@dataclass(frozen=True, slots=True)
class MicroFeature:
    """One feature: what it is called, how it is computed, in which unit, after whom, and when it has no value."""

    name: str
    formula: str
    unit: str
    source: str
    unknown: str
    group: str


_BOOK_RULE: Final = "no book with two sides and a positive spread"
_WINDOW_RULE: Final = (
    "until the window has passed since the book started or restarted, or no usable book was in it (crossed, one-sided)"
)
_TRADE_RULE: Final = "until the window has passed since the first trade"
_BAR_RULE: Final = "until 60 bars have closed since the start, no usable book in them, or a series does not vary"
_CUMULATIVE: Final = (2, 3, 5, 10, 15, 20)
_DISTANCE: Final = "distance from the mid"


def _book(name: str, formula: str, unit: str, source: str = _HOUSE) -> MicroFeature:
    return MicroFeature(name, formula, unit, source, _BOOK_RULE, "book")


def _flow(name: str, formula: str, unit: str, source: str = _HOUSE, unknown: str = _WINDOW_RULE) -> MicroFeature:
    return MicroFeature(name, formula, unit, source, unknown, "flow")


def _bar(name: str, formula: str, unit: str, source: str = _HOUSE) -> MicroFeature:
    return MicroFeature(name, formula, unit, source, _BAR_RULE, "bars")


def _trade(name: str, formula: str, unit: str, source: str = _HOUSE, unknown: str = _TRADE_RULE) -> MicroFeature:
    return MicroFeature(name, formula, unit, source, unknown, "trades")


def _shape() -> list[MicroFeature]:
    single = [
        _book(
            f"level_imbalance_{k:02d}",
            f"(bid{k} - ask{k}) / (bid{k} + ask{k}), a missing level is 0",
            "-1 to 1",
            _SIZES,
        )
        for k in range(1, 11)
    ]
    together = [
        _book(f"book_imbalance_{n}", f"(sum bid - sum ask) / (sum bid + sum ask) over {n} levels", "-1 to 1", _SIZES)
        for n in _CUMULATIVE
    ]
    depth = [
        _book(f"{side}_depth_{n}", f"sum of {side} sizes over {n} level(s)", "base coin")
        for n in (1, 5, 20)
        for side in ("bid", "ask")
    ]
    return [
        _book("spread_ticks", "ask - bid", "ticks"),
        _book("spread_bps", "(ask - bid) / mid", "bps"),
        _book(
            "microprice_dev_bps", "((ask qbid + bid qask) / (qbid + qask) - mid) / mid", "bps", "Gatheral, Oomen (2010)"
        ),
        _book("microprice_5_dev_bps", "the same with the average prices and sizes of 5 levels", "bps"),
        *single,
        *together,
        *depth,
        *_slopes(),
    ]


def _slopes() -> list[MicroFeature]:
    return [
        _book(
            "slope_bid", f"OLS slope of cumulative bid size on {_DISTANCE}, 20 levels; from 3 on", "base coin per bps"
        ),
        _book(
            "slope_ask", f"OLS slope of cumulative ask size on {_DISTANCE}, 20 levels; from 3 on", "base coin per bps"
        ),
        _book("slope_imbalance", "(slope_bid - slope_ask) / (slope_bid + slope_ask)", "-1 to 1"),
        _book("elasticity_bid", "mean of v1/|p1/mid-1| and (v[k+1]/v[k]-1)/|p[k+1]/p[k]-1|, v cumulative", "1", NS),
        _book("elasticity_ask", "the same on the ask side", "1", NS),
        _book(
            "price_pressure_20", f"(B - A) / (B + A), B and A the sums of size / {_DISTANCE} over 20 levels", "-1 to 1"
        ),
        _book("vwap_gap_bid_20", "(mid - size-weighted bid price of 20 levels) / mid", "bps"),
        _book("vwap_gap_ask_20", "(size-weighted ask price of 20 levels - mid) / mid", "bps"),
    ]


def _flows() -> list[MicroFeature]:
    event = "came - left of the bid queue less that of the ask queue"
    return [
        *(_flow(f"mid_return_{w}s_bps", f"mid / mid {w} s ago - 1", "bps") for w in (1, 10, 60)),
        *(_flow(f"ofi_{w}s", f"sum over {w} s of {event} / mean best size", "queues", CKS) for w in (1, 5, 10, 30, 60)),
        *(
            _flow(f"ofi_l{k}_10s", f"the same at level {k} over 10 s / mean size of 5 levels", "queues", XGH)
            for k in (2, 3, 4, 5)
        ),
        *(_flow(f"mlofi_5_{w}s", f"mean of 5 levels over {w} s / their mean size", "queues", XGH) for w in (1, 10, 60)),
        *(_flow(f"spread_vol_{w}s", f"deviation of the spread over book changes, {w} s", "ticks") for w in (10, 60)),
        *(_flow(f"quote_life_{side}_60s", f"60 s / (1 + changes of the best {side})", "ms") for side in ("bid", "ask")),
        _flow(
            "resilience_60s",
            "mean time from a widening of the spread to its return, over returns of 60 s",
            "ms",
            "after Foucault, Kadan, Kandel (2005)",
            f"{_WINDOW_RULE}; no return",
        ),
        *(_flow(f"mid_vol_{w}s_bps", f"root of the sum of squared mid changes, {w} s / mid", "bps") for w in (10, 60)),
        _flow("update_rate_10s", "changes of the first 20 levels per second, 10 s", "1/s"),
        _flow("mid_moves_10s", "changes of the mid within 10 s", "count"),
        *(
            _flow(f"quote_age_{side}", f"time since the best {side} price changed", "ms", unknown=_BOOK_RULE)
            for side in ("bid", "ask")
        ),
    ]


def _bars() -> list[MicroFeature]:
    return [
        *(
            _bar(
                f"level_corr_1_{k}_60s", f"correlation of order flow at levels 1 and {k}, 60 one-second bars", "-1 to 1"
            )
            for k in (2, 3, 5)
        ),
        _bar("depth_corr_60s", "correlation of changes of bid and ask depth over 5 levels, 60 bars", "-1 to 1"),
        _bar("ofi_return_corr_60s", "correlation of order flow and mid change, 60 one-second bars", "-1 to 1", CKS),
        _bar(
            "kyle_lambda_60s",
            "OLS slope with intercept of mid change on signed volume, 60 bars",
            "bps per million quote",
            "Kyle (1985), Econometrica 53(6)",
        ),
        _bar(
            "amihud_60s",
            "mean of |mid change| / traded value over bars with trades, 60 bars",
            "bps per million quote",
            "Amihud (2002), J. Financial Markets 5(1)",
        ),
    ]


def _trades() -> list[MicroFeature]:
    large = "volume share of trades worth at least"
    none = f"{_TRADE_RULE}; no trades"
    return [
        *(_trade(f"trade_imbalance_{w}s", f"(bought - sold) / volume, {w} s", "-1 to 1") for w in (1, 10, 60)),
        _trade("trade_rate_10s", "trades per second, 10 s", "1/s"),
        _trade("trade_size_60s", "volume / trades, 60 s", "base coin", unknown=none),
        _trade("tick_imbalance_60s", "mean of tick-rule signs, 60 s", "-1 to 1", "Lee, Ready (1991), J. Finance 46(2)"),
        _trade("large_share_1k_60s", f"{large} 1,000 quote, 60 s", "0 to 1"),
        _trade("large_share_10k_60s", f"{large} 10,000 quote, 60 s", "0 to 1"),
        _trade("large_share_100k_60s", f"{large} 100,000 quote, 60 s", "0 to 1"),
        _trade("large_imbalance_60s", "signed volume of trades worth at least 10,000 / volume, 60 s", "-1 to 1"),
        *_costs(none),
        *_signs(),
    ]


def _costs(none: str) -> list[MicroFeature]:
    return [
        _trade(
            "effective_spread_60s_bps",
            "volume-weighted 2 sign (price - mid) / last price, 60 s",
            "bps",
            "Lee, Ready (1991), J. Finance 46(2)",
            none,
        ),
        _trade("vwap_dev_60s_bps", "average trade price of 60 s / mid - 1", "bps", unknown=f"{none}; {_BOOK_RULE}"),
        _trade(
            "roll_spread_60s_bps",
            "2 sqrt(-cov(dp[t], dp[t-1])) / price over trades of 60 s",
            "bps",
            "Roll (1984), J. Finance 39(4)",
            f"{_TRADE_RULE}; positive covariance; fewer than 2 steps",
        ),
    ]


def _signs() -> list[MicroFeature]:
    return [
        _trade(
            "tick_rule",
            "+1 after a rise of the trade price, -1 after a fall, else as before",
            "-1, 0, 1",
            unknown="no trade",
        ),
        _trade("trade_run", "trades in a row on one side, signed", "count", unknown="no trade"),
        _trade(
            "vpin_50",
            "mean |bought - sold| / V over 50 volume buckets; buckets with unknown sides by bulk classification",
            "0 to 1",
            ELO,
            "until 50 buckets are full",
        ),
        _trade(
            "vpin_bulk_50",
            "mean |2 Phi(dp / sigma) - 1| over 50 volume buckets, sigma of the same buckets",
            "0 to 1",
            ELO,
            "until 50 buckets are full",
        ),
    ]


MICROSTRUCTURE_84: Final[tuple[MicroFeature, ...]] = (*_shape(), *_flows(), *_bars(), *_trades())
NAMES: Final[tuple[str, ...]] = tuple(item.name for item in MICROSTRUCTURE_84)
