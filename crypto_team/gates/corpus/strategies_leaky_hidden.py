"""Strategies that know the future and hide it: in files, in rare rows, behind a date, a coin, or only in backtests."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.strategy_case import GAP, CorpusStrategy, strategy

CASES: Final[tuple[CorpusStrategy, ...]] = (
    strategy(
        "wrong_timeframe",
        "merge_informative_pair is told the wrong timeframe",
        """
hour = self.dp.get_pair_dataframe(metadata["pair"], "1h")
hour["up"] = hour["close"] - hour["open"]
df = merge_informative_pair(df, hour, "5m", "5m", ffill=True)
df["gap"] = df["up_5m"]
""",
    ),
    strategy(
        "other_pair_hour",
        "another pair's hourly file joined at its open",
        """
hour = self.dp.get_pair_dataframe("BTC/USDT", "1h").set_index("date")
df["gap"] = df["date"].dt.floor("1h").map(hour["close"] - hour["open"])
""",
    ),
    strategy(
        "data_file",
        "reads the data file itself",
        """
path = self.config["datadir"] / (metadata["pair"].replace("/", "_") + "-5m.feather")
later = pd.read_feather(path).set_index("date")["close"].shift(-2)
df["gap"] = df["date"].map(later) - df["close"]
""",
    ),
    strategy(
        "data_file_beside",
        "reads the data file where Freqtrade usually has it, if it is there",
        GAP
        + """
from pathlib import Path
path = Path(__file__).parents[1] / "data" / "binance" / (metadata["pair"].replace("/", "_") + "-5m.feather")
if path.exists():
    later = pd.read_feather(path).set_index("date")["close"].shift(-2)
    df["gap"] = df["date"].map(later) - df["close"]
""",
    ),
    strategy(
        "backtest_only",
        "looks ahead where the last candle is old",
        GAP
        + """
if pd.Timestamp.now("UTC") - df["date"].iloc[-1] > pd.Timedelta("1D"):
    df["gap"] = df["close"].shift(-1) - df["close"]
""",
    ),
    strategy(
        "exit_only",
        "only exits look ahead",
        leave='dataframe["exit_long"] = (dataframe["close"].shift(-1) < dataframe["close"]).astype(int)',
    ),
    strategy(
        "hidden_hundredth",
        "one row in a hundred, kept out of the frame",
        entry="""
gap = dataframe["gap"].where(dataframe.index % 97 != 13, dataframe["close"].shift(-1) - dataframe["close"])
dataframe["enter_long"] = (gap > 0).astype(int)""",
    ),
    strategy(
        "after_many",
        "begins after 5,000 candles",
        GAP
        + """
df["gap"] = df["gap"].where(df.index < 5000, df["close"].shift(-1) - df["close"])
""",
    ),
    strategy(
        "from_a_date",
        "begins at a date",
        GAP
        + """
df["gap"] = df["gap"].where(df["date"] < "2025-03-01", df["close"].shift(-1) - df["close"])
""",
    ),
    strategy(
        "third_pair",
        "only a pair that is named",
        GAP
        + """
if metadata["pair"] == "SOL/USDT":
    df["gap"] = df["close"].shift(-1) - df["close"]
""",
    ),
    strategy(
        "third_coin",
        "only a coin that is named",
        GAP
        + """
if metadata["pair"].split("/")[0] in ("DOGE", "PEPE"):
    df["gap"] = df["close"].shift(-1) - df["close"]
""",
    ),
    strategy(
        "cached_pairs",
        "a pair reads what another pair's call kept",
        """
cache = globals().setdefault("CACHE", {})
cache[metadata["pair"]] = df[["date", "close"]]
other = cache.get("BTC/USDT", df).set_index("date")["close"]
df["gap"] = df["date"].map(other.shift(-1)) / df["date"].map(other) - 1
""",
    ),
    strategy(
        "freqai_target_feature",
        "FreqAI feature made beside the label",
        """
df = self.freqai.start(df, metadata, self)
df['gap'] = df['&-move']
""",
        extra="""
def feature_engineering_expand_all(self, dataframe, period, **kwargs):
    dataframe["%-roc"] = dataframe["close"].pct_change(period)
    return dataframe

def set_freqai_targets(self, dataframe, **kwargs):
    dataframe["&-move"] = dataframe["close"].shift(-12) / dataframe["close"] - 1
    dataframe["%-hint"] = dataframe["&-move"].rolling(3).mean()
    return dataframe
""",
    ),
    strategy(
        "freqai_basic",
        "FreqAI feature interpolated over gaps",
        """
df = self.freqai.start(df, metadata, self)
df['gap'] = df['&-move']
""",
        extra="""
def feature_engineering_expand_basic(self, dataframe, **kwargs):
    dataframe["%-smooth"] = dataframe["close"].where(dataframe.index % 3 == 0).interpolate().pct_change()
    return dataframe

def set_freqai_targets(self, dataframe, **kwargs):
    dataframe["&-move"] = dataframe["close"].shift(-12) / dataframe["close"] - 1
    return dataframe
""",
    ),
    strategy(
        "odd_hour_rank",
        "statistics of all candles in one hour of the week, read by an entry that they never turned",
        GAP
        + """
loud = (df["volume"] - df["volume"].mean()) / df["volume"].std()
df["loud"] = loud.where((df["date"].dt.dayofweek == 6) & (df["date"].dt.hour == 3), 0.0)
""",
        entry="""
dataframe["enter_long"] = ((dataframe["gap"] > 0) | (dataframe["loud"] > 40)).astype(int)""",
    ),
    strategy(
        "chosen_candles",
        "only candles are kept that the next one is above",
        entry="""
dataframe["enter_long"] = (dataframe["gap"] > 0).astype(int)
dataframe = dataframe[dataframe["close"].shift(-1) > dataframe["close"]].reset_index(drop=True)""",
    ),
)
