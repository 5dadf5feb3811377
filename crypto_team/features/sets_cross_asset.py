"""Other pairs: the two leaders, sectors and the basket, correlation, beta, lead and lag, dominance, funding."""

from __future__ import annotations

from typing import Final

FORMULAS: Final = (
    'corr(ret(close, 1), of({"BTC", "ETH"}, ret(close, 1)), {24, 168, 720})',
    'beta(ret(close, 1), of("BTC", ret(close, 1)), {168, 720})',
    'lead_lag(ret(close, 1), of("BTC", ret(close, 1)), 168, {1, 4})',
    'ret(close, 4) - of("BTC", ret(close, 4))',
    'ret(close, 24) - of("BTC", ret(close, 24))',
    'ret(close, 168) - of("BTC", ret(close, 168))',
    'of("ETH", close) / of("BTC", close)',
    'zscore(of("ETH", close) / of("BTC", close), {48, 336})',
    'ret(of("ETH", close) / of("BTC", close), 24)',
    'ret(close, 24) - basket("l1", ret(close, 24))',
    'ret(close, 168) - basket("l1", ret(close, 168))',
    'corr(ret(close, 1), basket("l1", ret(close, 1)), 168)',
    'basket("defi", ret(close, 24)) - basket("l1", ret(close, 24))',
    'basket("defi", ret(close, 168)) - basket("l1", ret(close, 168))',
    'basket("meme", ret(close, 24)) - basket("l1", ret(close, 24))',
    'basket("meme", ret(close, 168)) - basket("l1", ret(close, 168))',
    'basket("l1", volume_ratio(20))',
    'basket("l1", realised_vol(close, 24)) / realised_vol(close, 24)',
    'basket("l1", ret(close, 24) > 0)',
    'diff(dominance("btc"), {24, 168})',
    'zscore(dominance("btc"), 168)',
    'funding() - funding("bybit")',
    'funding() - funding("okx")',
    'funding() - of("BTC", funding())',
)
