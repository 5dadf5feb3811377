"""Strategies that know nothing of the future, among them those that look as if they did."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus import strategies_honest_trading
from crypto_team.gates.corpus.strategy_case import GAP, CorpusStrategy, strategy

_FRAMES: Final[tuple[CorpusStrategy, ...]] = (
    strategy(
        "averages",
        "two moving averages",
    ),
    strategy(
        "talib",
        "indicators of TA-Lib",
        """
import talib.abstract as ta
df["rsi"] = ta.RSI(df, timeperiod=14)
df["gap"] = 50 - df["rsi"]
""",
    ),
    strategy(
        "bollinger",
        "bands of a rolling window",
        """
m, s = df["close"].rolling(20).mean(), df["close"].rolling(20).std()
df["gap"] = (m - 2 * s) - df["close"]
""",
    ),
    strategy(
        "unused_label",
        "a label in a column that nothing reads",
        GAP
        + """
df["target"] = df["close"].shift(-12) / df["close"] - 1
""",
    ),
    strategy(
        "plot_column",
        "a centred average for the plot only",
        GAP
        + """
df["plot"] = df["close"].rolling(9, center=True).mean()
""",
    ),
    strategy(
        "reversed_twice",
        "reversed and back",
        """
c = df["close"][::-1][::-1]
df["gap"] = c - c.rolling(10).mean()
""",
    ),
    strategy(
        "expanding",
        "statistics of all candles so far",
        """
c = df["close"]
df["gap"] = c - c.expanding(50).mean()
""",
    ),
    strategy(
        "merged",
        "hourly file by merge_informative_pair",
        """
hour = self.dp.get_pair_dataframe(metadata["pair"], "1h")
hour["up"] = hour["close"] - hour["open"]
df = merge_informative_pair(df, hour, "5m", "1h", ffill=True)
df["gap"] = df["up_1h"]
""",
    ),
    strategy(
        "asof_close",
        "hourly file joined at the close of its candles",
        """
hour = self.dp.get_pair_dataframe(metadata["pair"], "1h")[["date", "close"]].rename(columns={"close": "hour"})
hour["date"] = (hour["date"] + pd.Timedelta(minutes=55)).dt.as_unit("ms")
m = pd.merge_asof(df, hour, on="date")
df["gap"] = m["hour"] - df["close"]
""",
    ),
    strategy(
        "resampled_late",
        "hourly candles of the frame, one hour late",
        """
hour = df.resample("1h", on="date")["close"].last().shift(1)
df["gap"] = df["date"].dt.floor("1h").map(hour) - df["close"]
""",
    ),
    strategy(
        "other_pair",
        "another pair's candle of the same time",
        """
other = self.dp.get_pair_dataframe("BTC/USDT", "5m").set_index("date")["close"]
df["gap"] = df["date"].map(other).pct_change(12)
""",
    ),
    strategy(
        "clock",
        "hour and weekday",
        """
df["gap"] = ((df["date"].dt.hour < 8) & (df["date"].dt.dayofweek < 5)).astype(int) - 0.5
""",
    ),
    strategy(
        "convolved",
        "a filter of past candles",
        """
k = np.array([0.5, 0.3, 0.2])
df["gap"] = df["close"] - np.convolve(df["close"], k)[: len(df)]
""",
    ),
    strategy(
        "fitted_past",
        "model fitted on the first candles, with labels that end before it predicts",
        """
from sklearn.linear_model import LinearRegression
x = np.nan_to_num(df[["close"]].pct_change(3).to_numpy())
label = np.nan_to_num((df["close"].shift(-3) / df["close"] - 1).to_numpy())
model = LinearRegression().fit(x[:400], label[:400])
out = np.full(len(df), np.nan)
out[403:] = model.predict(x[403:])
df["gap"] = out
""",
    ),
    strategy(
        "seeded",
        "chance with a fixed seed per row",
        GAP
        + """
df["gap"] += 1e-3 * np.random.default_rng(5).normal(0, 1, 500_000)[: len(df)]
""",
    ),
    strategy(
        "informative",
        "the decorator @informative",
        """
df["gap"] = df["fast_1h"] - df["close"]
""",
        extra="""
@informative("1h")
def populate_indicators_1h(self, dataframe, metadata):
    dataframe["fast"] = dataframe["close"].rolling(5).mean()
    return dataframe
""",
    ),
    strategy(
        "callbacks",
        "callbacks that read the analysed frame as the engine hands it out",
        extra="""
use_custom_stoploss = True

def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    df, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
    return "turned" if len(df) and df["gap"].iloc[-1] < 0 and current_profit > 0.002 else None

def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    return -0.01 if current_profit > 0.02 else -0.05

def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake, max_stake, **kwargs):
    df, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
    return proposed_stake * (0.5 if len(df) and df["gap"].iloc[-1] > 20 else 1.0)
""",
    ),
    strategy(
        "freqai",
        "FreqAI with features of the past and a label of the future",
        """
df = self.freqai.start(df, metadata, self)
df['gap'] = df['&-move']
""",
        extra="""
def feature_engineering_expand_all(self, dataframe, period, **kwargs):
    dataframe["%-roc"] = dataframe["close"].pct_change(period)
    return dataframe

def feature_engineering_standard(self, dataframe, **kwargs):
    dataframe["%-hour"] = dataframe["date"].dt.hour
    return dataframe

def set_freqai_targets(self, dataframe, **kwargs):
    dataframe["&-move"] = dataframe["close"].shift(-12) / dataframe["close"] - 1
    return dataframe
""",
    ),
    strategy(
        "stored_model",
        "a stored model that was trained before the first candle",
        """
import json
from pathlib import Path
model = json.loads((Path(__file__).parent / "model.json").read_text())
df["gap"] = model["slope"] * df["close"].pct_change(6)
""",
        beside={"model.json": '{"slope": -1.0, "train_end": "2018-12-31T00:00:00Z"}'},
    ),
)

HONEST: Final[tuple[CorpusStrategy, ...]] = (*_FRAMES, *strategies_honest_trading.CASES)
"""Every honest strategy; none may be refused."""
