"""Strategies that know the future in a callback, in FreqAI's features, or by chance of a file."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.strategy_case import GAP, CorpusStrategy, strategy

CASES: Final[tuple[CorpusStrategy, ...]] = (
    strategy(
        "chance",
        "chance without a seed",
        GAP
        + """
df["gap"] += np.random.default_rng().normal(0, 1, len(df))
""",
    ),
    strategy(
        "peeking_entry",
        "confirm_trade_entry reads a frame that was kept",
        """
df["next"] = df["close"].shift(-6)
self.kept = getattr(self, "kept", {})
self.kept[metadata["pair"]] = df[["date", "close", "next"]].set_index("date")
df = df.drop(columns="next")
df["gap"] = df["close"].rolling(6).mean() - df["close"].rolling(24).mean()
""",
        extra="""
def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time, **kwargs):
    row = self.kept[pair].loc[:current_time].iloc[-1]
    return bool(row["next"] > row["close"])
""",
    ),
    strategy(
        "peeking_exit",
        "custom_exit reads a frame that was kept",
        """
df["next"] = df["close"].shift(-6)
self.kept = getattr(self, "kept", {})
self.kept[metadata["pair"]] = df[["date", "close", "next"]].set_index("date")
df = df.drop(columns="next")
df["gap"] = df["close"].rolling(6).mean() - df["close"].rolling(24).mean()
""",
        extra="""
def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    row = self.kept[pair].loc[:current_time].iloc[-1]
    return "falls" if row["next"] < row["close"] else None
""",
    ),
    strategy(
        "peeking_stop",
        "custom_stoploss reads a frame that was kept",
        """
df["next"] = df["close"].shift(-6)
self.kept = getattr(self, "kept", {})
self.kept[metadata["pair"]] = df[["date", "close", "next"]].set_index("date")
df = df.drop(columns="next")
df["gap"] = df["close"].rolling(6).mean() - df["close"].rolling(24).mean()
""",
        extra="""
use_custom_stoploss = True

def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    row = self.kept[pair].loc[:current_time].iloc[-1]
    return -0.002 if row["next"] < row["close"] else -0.05
""",
    ),
    strategy(
        "peeking_stake",
        "custom_stake_amount reads a frame that was kept",
        """
df["next"] = df["close"].shift(-6)
self.kept = getattr(self, "kept", {})
self.kept[metadata["pair"]] = df[["date", "close", "next"]].set_index("date")
df = df.drop(columns="next")
df["gap"] = df["close"].rolling(6).mean() - df["close"].rolling(24).mean()
""",
        extra="""
def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake, max_stake, **kwargs):
    row = self.kept[pair].loc[:current_time].iloc[-1]
    return proposed_stake * (1.0 if row["next"] > row["close"] else 0.2)
""",
    ),
    strategy(
        "freqai_whole_frame",
        "FreqAI feature normalised over the whole frame",
        """
df = self.freqai.start(df, metadata, self)
df['gap'] = df['&-move']
""",
        extra="""
def feature_engineering_expand_all(self, dataframe, period, **kwargs):
    dataframe["%-roc"] = dataframe["close"].pct_change(period)
    return dataframe

def feature_engineering_standard(self, dataframe, **kwargs):
    c = dataframe["close"]
    dataframe["%-level"] = (c - c.mean()) / c.std()
    return dataframe

def set_freqai_targets(self, dataframe, **kwargs):
    dataframe["&-move"] = dataframe["close"].shift(-12) / dataframe["close"] - 1
    return dataframe
""",
    ),
    strategy(
        "callback_of_a_rare_rank",
        "a callback asks statistics of all candles, by a name put together, and never got another answer",
        GAP
        + """
df["loud"] = (df["volume"] - df["volume"].mean()) / df["volume"].std()
""",
        extra="""
def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    df, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
    name = "".join(("lo", "ud"))
    return "loud" if name in df and len(df) and df[name].iloc[-1] > 1e3 else None
""",
    ),
)
