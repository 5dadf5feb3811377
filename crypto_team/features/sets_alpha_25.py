"""Twenty-five candidates on flow, pressure, liquidity and stability: from the book, or as far as candles show them.

`FROM_BOOK` names for a formula on candles what takes its place where the catalog has the order book of the pair; a
sweep has as many members there.
"""

from __future__ import annotations

from typing import Final

FORMULAS: Final = (
    "cmf({6, 24, 96})",
    "sma(ret(close, 1) * volume_ratio(20), {6, 24})",
    "zscore(log(total(abs(ret(close, 1)), 24) / total(volume * close, 24)), 96)",
    "rank(log(total(abs(ret(close, 1)), 96) / total(volume * close, 96)), 240)",
    "diff(log(total(abs(ret(close, 1)), 24) / total(volume * close, 24)), 24)",
    "beta(ret(close, 1), sign(ret(close, 1)) * volume_ratio(20), 96)",
    "total(sign(diff(close, 1)) * volume, 12) / total(volume, 12)",
    "total(sign(diff(close, 1)) * volume, 48) / total(volume, 48)",
    "std(log(high / low), 48) / sma(log(high / low), 48)",
    "std(realised_vol(close, 12), 96) / sma(realised_vol(close, 12), 96)",
    "autocorr(ret(close, 1), 96, 1)",
    "efficiency_ratio(close, {6, 24})",
    "sma(abs(total(sign(diff(close, 1)) * volume, 12) / total(volume, 12)), 96)",
    "rank(volume, 240)",
    "volume / highest(volume, 240)",
    "sma(lower_wick() - upper_wick(), {6, 24})",
    "zscore(ret(close, {1, 5}), 96)",
    "parkinson(24) / realised_vol(close, 24)",
    "volume_price_corr(48)",
)
FROM_BOOK: Final = {
    "cmf({6, 24, 96})": 'sma(book("ofi_60s"), {6, 24, 96})',
    "sma(ret(close, 1) * volume_ratio(20), {6, 24})": 'sma(book("trade_imbalance_60s"), {6, 24})',
    "zscore(log(total(abs(ret(close, 1)), 24) / total(volume * close, 24)), 96)": 'zscore(book("amihud_60s"), 96)',
    "beta(ret(close, 1), sign(ret(close, 1)) * volume_ratio(20), 96)": 'sma(book("kyle_lambda_60s"), 6)',
    "total(sign(diff(close, 1)) * volume, 12) / total(volume, 12)": 'book("book_imbalance_5")',
    "total(sign(diff(close, 1)) * volume, 48) / total(volume, 48)": 'book("book_imbalance_20")',
    "std(log(high / low), 48) / sma(log(high / low), 48)": 'book("spread_vol_60s")',
    "std(realised_vol(close, 12), 96) / sma(realised_vol(close, 12), 96)": 'sma(book("resilience_60s"), 6)',
    "sma(abs(total(sign(diff(close, 1)) * volume, 12) / total(volume, 12)), 96)": 'book("vpin_50")',
    "rank(volume, 240)": 'book("large_imbalance_60s")',
    "sma(lower_wick() - upper_wick(), {6, 24})": 'sma(book("price_pressure_20"), {6, 24})',
    "volume_price_corr(48)": 'book("level_corr_1_5_60s")',
}
