"""Strategies that know the future in what they say of prices, stakes and exits of their trades."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.strategy_case import GAP, CorpusStrategy, on_futures, strategy

_KEPT: Final = (
    """
self.kept = getattr(self, "kept", {})
self.kept[metadata["pair"]] = df[["date", "close"]].assign(next=df["close"].shift(-6)).set_index("date")
"""
    + GAP
)
CASES: Final[tuple[CorpusStrategy, ...]] = (
    on_futures(
        strategy(
            "peeking_leverage",
            "leverage reads a frame that was kept",
            _KEPT,
            extra="""
def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, entry_tag, side, **kwargs):
    row = self.kept[pair].loc[:current_time].iloc[-1]
    return 3.0 if row["next"] > row["close"] else 1.0
""",
        )
    ),
    strategy(
        "peeking_adjust",
        "adjust_trade_position reads a frame that was kept",
        _KEPT,
        extra="""
position_adjustment_enable = True

def adjust_trade_position(self, trade, current_time, current_rate, current_profit, min_stake, max_stake, **kwargs):
    row = self.kept[trade.pair].loc[:current_time].iloc[-1]
    return 100.0 if trade.nr_of_successful_entries < 3 and row["next"] > 1.004 * row["close"] else None
""",
    ),
    strategy(
        "peeking_price",
        "custom_entry_price knows the low of its candle",
        """
self.kept = getattr(self, "kept", {})
self.kept[metadata["pair"]] = df.set_index("date")["low"]
"""
        + GAP,
        extra="""
def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kwargs):
    return float(self.kept[pair].get(current_time, proposed_rate))
""",
    ),
    strategy(
        "peeking_file",
        "custom_exit reads the whole file from the data provider",
        GAP,
        extra="""
def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    whole = self.dp.historic_ohlcv(pair, self.timeframe).set_index("date")["close"]
    later = whole.loc[current_time:].iloc[:5]
    return "falls" if len(later) and later.iloc[-1] < current_rate else None
""",
    ),
    strategy(
        "kept_stop",
        "confirm_trade_exit refuses to leave before a rise",
        _KEPT,
        extra="""
def confirm_trade_exit(self, pair, trade, order_type, amount, rate, time_in_force, exit_reason, current_time, **kwargs):
    row = self.kept[pair].loc[:current_time].iloc[-1]
    return not row["next"] > 1.01 * row["close"]
""",
    ),
    strategy(
        "tag_only",
        "the entry's tag looks ahead and confirm_trade_entry reads it",
        entry="""
dataframe["enter_long"] = (dataframe["gap"] > 0).astype(int)
dataframe["enter_tag"] = np.where(dataframe["close"].shift(-3) > dataframe["close"], "a", "b")""",
        extra="""
def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time, entry_tag, **kwargs):
    return entry_tag == "a"
""",
    ),
)
