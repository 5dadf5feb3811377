"""Funding, open interest, liquidations, large transfers and sentiment, as they became known."""

from __future__ import annotations

from typing import Final

FORMULAS: Final = (
    "funding()",
    'on("8h", zscore(funding(), {21, 90}))',
    'on("8h", sma(funding(), 9))',
    'on("8h", rank(funding(), 90))',
    'on("8h", diff(funding(), 1))',
    "funding() * ret(close, 24)",
    "logret(oi(), {1, 4, 24})",
    "zscore(oi(), {48, 168})",
    "logret(oi(), 24) * sign(ret(close, 24))",
    "corr(logret(oi(), 1), ret(close, 1), 48)",
    "cluster(long_liquidations(), 4, {96, 480})",
    "cluster(short_liquidations(), 4, {96, 480})",
    "zscore(log(1 + long_liquidations()), 168)",
    "zscore(log(1 + short_liquidations()), 168)",
    "total(long_liquidations(), 24) / total(long_liquidations() + short_liquidations(), 24)",
    "cascade_prob(long_liquidations(), 4, 480)",
    "cascade_prob(short_liquidations(), 4, 480)",
    'zscore(whale_flow("exchange_inflow"), {24, 168})',
    'cluster(whale_flow("exchange_inflow"), 4, 168)',
    'sentiment("fear_greed")',
    'on("1d", diff(sentiment("fear_greed"), {1, 7}))',
    'on("1d", rank(sentiment("fear_greed"), 60))',
    'sentiment("social")',
    'zscore(sentiment("social"), 168)',
)
