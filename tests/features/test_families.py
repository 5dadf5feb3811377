"""Every kind of feature that the product promises can be written as a formula, and is known on a market that has it."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.features.composition import formula_values
from crypto_team.features.formula import parse
from crypto_team.features.needs import pinned
from crypto_team.features.plan import lookback
from tests.features.worlds import World, everything, listed

FAMILIES = {
    "simple, log, excess, cumulative returns": (
        "ret(close, 4)",
        "logret(close, 24)",
        "excess_ret(close, 24)",
        "cum_ret(close, 24)",
    ),
    "standard deviation and realised volatility": (
        "std(logret(close, 1), 24)",
        "realised_vol(close, 24)",
    ),
    "Parkinson, Garman-Klass, Rogers-Satchell, Yang-Zhang": (
        "parkinson(24)",
        "garman_klass(24)",
        "rogers_satchell(24)",
        "yang_zhang(24)",
    ),
    "momentum": (
        "roc(close, 12)",
        "rsi(close, 14)",
        "willr(14)",
        "stoch_k(14, 3)",
        "stoch_d(14, 3, 3)",
        "cci(20)",
        "wave_trend(10, 21)",
        "mfi(14)",
    ),
    "trend": (
        "sma_ratio(close, 20)",
        "ema_ratio(close, 9, 21)",
        "ema_ratio(close, 21, 50)",
        "macd(close)",
        "macd_signal(close)",
        "macd_hist(close)",
        "adx(14)",
        "plus_di(14)",
        "minus_di(14)",
        "aroon_up(25)",
        "aroon_down(25)",
        "trend_decay(14, 48)",
    ),
    "bands": (
        "bb_percent(close, 20)",
        "bb_width(close, 20)",
        "keltner_position(20, 10)",
        "donchian_breakout(20)",
    ),
    "ATR": (
        "atr(14)",
        "natr(14)",
        "true_range()",
    ),
    "candles": (
        "body_ratio()",
        "upper_wick()",
        "lower_wick()",
    ),
    "volume": (
        "obv_change(24)",
        "ad_change(5, 48)",
        "cmf(20)",
        "vwap_dev(24)",
        "session_vwap_dev(288)",
        "poc_dev(48, 24)",
        "value_area_position(48, 24)",
        "volume_ratio(20)",
        "volume_ratio(60)",
    ),
    "dominance": ('diff(dominance("btc"), 24)',),
    "ETH/BTC": ('of("ETH", close) / of("BTC", close)',),
    "correlation across assets": (
        'corr(ret(close, 1), of("BTC", ret(close, 1)), 24)',
        'corr(ret(close, 1), of("BTC", ret(close, 1)), 168)',
        'corr(ret(close, 1), of("BTC", ret(close, 1)), 720)',
    ),
    "beta, lead and lag": (
        'beta(ret(close, 1), of("BTC", ret(close, 1)), 168)',
        'lead_lag(ret(close, 1), of("BTC", ret(close, 1)), 168, 1)',
    ),
    "relative strength": ('ret(close, 24) - basket("l1", ret(close, 24))',),
    "sector rotation": (
        'basket("defi", ret(close, 24)) - basket("l1", ret(close, 24))',
        'basket("meme", ret(close, 24))',
    ),
    "funding spread across exchanges": ('funding("bybit") - funding("okx")',),
    "z-score, skewness, kurtosis": (
        "zscore(close, 24)",
        "zscore(close, 168)",
        "skew(ret(close, 1), 48)",
        "kurt(ret(close, 1), 48)",
    ),
    "Hurst, autocorrelation, entropy": (
        "hurst(close, 256)",
        "autocorr(ret(close, 1), 48, 1)",
        "perm_entropy(ret(close, 1), 96)",
        "entropy(ret(close, 1), 96, 10)",
    ),
    "volatility regime": (
        "vol_regime(close, 24, 240)",
        "vol_state(close, 24, 240)",
    ),
    "interactions": (
        "rsi(close, 14) * volume_ratio(20)",
        "ret(close, 24) / realised_vol(close, 48)",
    ),
    "lags": (
        "lag(ret(close, 1), 1)",
        "lag(ret(close, 1), 4)",
        "lag(ret(close, 1), 24)",
        "lag(ret(close, 1), 168)",
    ),
    "rank and percentile": (
        "rank(close, 100)",
        "quantile(close, 100, 0.9)",
    ),
    "clock and sessions": (
        "hour_sin()",
        "hour_cos()",
        "weekday_sin()",
        "weekday_cos()",
        'session("asian")',
        'session("european")',
        'session("us")',
        "time_to_funding(8)",
    ),
    "order-flow imbalance": (
        'book("ofi_1s")',
        'book("ofi_10s")',
        'book("ofi_60s")',
        'book("mlofi_5_10s")',
    ),
    "spread": (
        'book("spread_ticks")',
        'book("spread_bps")',
        'book("effective_spread_60s_bps")',
    ),
    "depth and imbalance": (
        'book("level_imbalance_10")',
        'book("book_imbalance_10")',
        'book("bid_depth_20")',
        'book("slope_bid")',
    ),
    "price pressure": (
        'book("price_pressure_20")',
        'book("microprice_dev_bps")',
    ),
    "tick rule": (
        'book("tick_rule")',
        'book("tick_imbalance_60s")',
    ),
    "large trades": (
        'book("large_share_1k_60s")',
        'book("large_share_10k_60s")',
        'book("large_share_100k_60s")',
    ),
    "stability": (
        'book("spread_vol_60s")',
        'book("quote_life_bid_60s")',
        'book("resilience_60s")',
    ),
    "correlation across levels": ('book("level_corr_1_5_60s")',),
    "toxicity": (
        'book("vpin_50")',
        'book("vpin_bulk_50")',
        "vpin(close, volume, 50)",
        "bulk_imbalance(close, volume, 50)",
    ),
    "impact": (
        'book("kyle_lambda_60s")',
        'book("amihud_60s")',
        'book("roll_spread_60s_bps")',
        "amihud(60)",
        "roll_spread(60)",
    ),
    "funding": (
        "zscore(funding(), 168)",
        'on("8h", zscore(funding(), 21))',
    ),
    "open interest": ("logret(oi(), 24)",),
    "liquidations": (
        "cluster(long_liquidations(), 4, 96)",
        "cascade_prob(short_liquidations(), 4, 480)",
    ),
    "whales and sentiment": (
        'zscore(whale_flow("exchange_inflow"), 168)',
        'zscore(sentiment("social"), 168)',
    ),
}


@pytest.fixture(scope="module")
def made() -> World:
    return everything(1600)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_written_and_is_known(family: str, made: World) -> None:
    texts = [pinned(text, listed, "1h") for text in FAMILIES[family]]
    nodes = [parse(text, "1h") for text in texts]
    for text, node, values in zip(texts, nodes, formula_values(nodes, made.frame, made.around), strict=True):
        known = np.isfinite(values[max(300, lookback(node, made.frame.step)) :])
        assert known.mean() > 0.9, text


@pytest.mark.parametrize(
    "text",
    [
        "hmm(logret(close, 1), states=3, state=1)",
        "pca(rsi(close, 14), roc(close, 12))",
        "scaled(close)",
        "weighted(rsi(close, 14), roc(close, 12), half_life=500)",
    ],
)
def test_what_is_fitted_is_the_outermost_part_of_a_formula(text: str) -> None:
    assert parse(text).kind == "fitted"
