"""Honest strategies as people trade them: callbacks, orders, several timeframes, models."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.strategy_case import GAP, CorpusStrategy, on_futures, strategy

CASES: Final[tuple[CorpusStrategy, ...]] = (
    strategy(
        "other_pair_merged",
        "another pair's hourly file by merge_informative_pair",
        """
hour = self.dp.get_pair_dataframe("BTC/USDT", "1h")
hour["up"] = hour["close"].ewm(span=12).mean() - hour["close"].ewm(span=26).mean()
df = merge_informative_pair(df, hour, self.timeframe, "1h", ffill=True)
df["gap"] = df["up_1h"]
""",
        extra="""
def informative_pairs(self):
    return [("BTC/USDT", "1h")]
""",
    ),
    strategy(
        "freqai_classes",
        "FreqAI classes with labels of the future and a correlated pair",
        """
df = self.freqai.start(df, metadata, self)
df["gap"] = (df["&-way"] == "up").astype(int) * df["do_predict"] - 0.5
""",
        extra="""
def feature_engineering_expand_all(self, dataframe, period, **kwargs):
    dataframe["%-roc"] = dataframe["close"].pct_change(period)
    dataframe["%-width"] = dataframe["close"].rolling(period).std() / dataframe["close"]
    return dataframe

def feature_engineering_expand_basic(self, dataframe, **kwargs):
    dataframe["%-pct"] = dataframe["close"].pct_change()
    return dataframe

def feature_engineering_standard(self, dataframe, **kwargs):
    dataframe["%-day"] = dataframe["date"].dt.dayofweek
    return dataframe

def set_freqai_targets(self, dataframe, **kwargs):
    self.freqai.class_names = ["down", "up"]
    ahead = dataframe["close"].rolling(10).mean().shift(-24)
    dataframe["&-way"] = np.where(ahead > dataframe["close"], "up", "down")
    return dataframe
""",
    ),
    strategy(
        "trailing",
        "trailing stop and a stop that follows the profit",
        GAP,
        extra="""
trailing_stop = True
trailing_stop_positive = 0.01
trailing_stop_positive_offset = 0.02
trailing_only_offset_is_reached = True
use_custom_stoploss = True

def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    if current_profit > 0.01:
        return -0.5 * current_profit
    return -0.02 if current_time - trade.open_date_utc > pd.Timedelta("2h") else None
""",
    ),
    strategy(
        "bought_again",
        "buys again when it falls",
        GAP,
        extra="""
position_adjustment_enable = True
max_entry_position_adjustment = 3

def adjust_trade_position(self, trade, current_time, current_rate, current_profit, min_stake, max_stake, **kwargs):
    if current_profit > 0.02:
        return -0.5 * trade.stake_amount
    return trade.stake_amount / 2 if current_profit < -0.01 * trade.nr_of_successful_entries else None
""",
    ),
    strategy(
        "protected",
        "protections after losses",
        GAP,
        extra="""
@property
def protections(self):
    return [
        {"method": "CooldownPeriod", "stop_duration_candles": 3},
        {"method": "StoplossGuard", "lookback_period_candles": 24, "trade_limit": 2, "stop_duration_candles": 12},
        {"method": "MaxDrawdown", "lookback_period_candles": 48, "trade_limit": 5, "stop_duration_candles": 12,
         "max_allowed_drawdown": 0.1},
    ]

def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time, **kwargs):
    return current_time.hour != 3
""",
    ),
    strategy(
        "hyperopted",
        "parameters of hyperopt",
        """
for n in self.fast.range:
    df[f"fast_{n}"] = df["close"].ewm(span=n).mean()
df["gap"] = df[f"fast_{self.fast.value}"] - df["close"].ewm(span=int(self.slow.value)).mean()
""",
        extra="""
from freqtrade.strategy import BooleanParameter, CategoricalParameter, DecimalParameter, IntParameter
fast = IntParameter(5, 12, default=8, space="buy")
slow = DecimalParameter(20.0, 40.0, default=30.0, decimals=1, space="buy")
use = BooleanParameter(default=True, space="sell")
kind = CategoricalParameter(["a", "b"], default="a", space="sell")
""",
    ),
    strategy(
        "rolling_quantile",
        "quantiles and ranks of a rolling window",
        """
r = df["close"].pct_change(6)
df["gap"] = r.rolling(300).rank(pct=True) - 0.8 + (r > r.rolling(200).quantile(0.9)) * 0.1
""",
        startup=310,
    ),
    on_futures(
        strategy(
            "both_sides",
            "short and long with leverage by volatility",
            """
df["wide"] = df["close"].pct_change().rolling(48).std()
"""
            + GAP,
            extra="""
def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, entry_tag, side, **kwargs):
    df, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
    return 2.0 if len(df) and df["wide"].iloc[-1] < 0.004 else 1.0
""",
            entry="""
dataframe["enter_long"] = (dataframe["gap"] > 0).astype(int)
dataframe["enter_short"] = (dataframe["gap"] < 0).astype(int)""",
            leave="""
dataframe["exit_long"] = (dataframe["gap"] < 0).astype(int)
dataframe["exit_short"] = (dataframe["gap"] > 0).astype(int)""",
        )
    ),
    strategy(
        "limit_orders",
        "limit prices away from the market, and orders that time out",
        GAP,
        extra="""
def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kwargs):
    df, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
    return min(proposed_rate, float(df["low"].iloc[-1])) * 0.9995

def custom_exit_price(self, pair, trade, current_time, proposed_rate, current_profit, exit_tag, **kwargs):
    return proposed_rate * 1.0005

def check_entry_timeout(self, pair, trade, order, current_time, **kwargs):
    return current_time - order.order_date_utc > pd.Timedelta("15min")

def adjust_entry_price(self, trade, order, pair, current_time, proposed_rate, current_order_rate, **kwargs):
    return current_order_rate if current_time.minute % 10 else proposed_rate * 0.9995
""",
    ),
    strategy(
        "peak_kept",
        "the best profit of each trade, kept on the strategy",
        GAP,
        extra="""
def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    self.best = getattr(self, "best", {})
    key = (pair, trade.open_date_utc)
    self.best[key] = max(self.best.get(key, 0.0), current_profit)
    return "given back" if self.best[key] > 0.006 and current_profit < 0.5 * self.best[key] else None
""",
    ),
    strategy(
        "callback_file",
        "custom_exit asks the data provider for the hour's candles",
        GAP,
        extra="""
def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    hour = self.dp.get_pair_dataframe(pair, "1h")
    return "turned" if len(hour) > 1 and hour["close"].iloc[-1] < hour["open"].iloc[-1] else None
""",
    ),
    strategy(
        "filtered_by_fft",
        "a causal filter whose sums are made by a Fourier transform",
        """
from scipy.signal import fftconvolve
k = np.exp(-np.arange(60) / 12.0)
c = np.log(df["close"].to_numpy())
df["gap"] = c - fftconvolve(c, k / k.sum())[: len(df)]
""",
    ),
    strategy(
        "refitted",
        "a model fitted again every 300 candles on those before",
        """
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
x = np.nan_to_num(df[["close", "volume"]].pct_change(3).replace([np.inf, -np.inf], 0.0).to_numpy())
y = np.nan_to_num((df["close"].shift(-3) / df["close"] - 1).to_numpy())
out = np.full(len(df), np.nan)
for at in range(600, len(df), 300):
    scaler = StandardScaler().fit(x[: at - 3])
    model = Ridge().fit(scaler.transform(x[: at - 3]), y[: at - 3])
    out[at : at + 300] = model.predict(scaler.transform(x[at : at + 300]))
df["gap"] = out
""",
        startup=600,
    ),
    strategy(
        "on_balance",
        "sums from the first candle on",
        """
flow = (np.sign(df["close"].diff()).fillna(0.0) * df["volume"]).cumsum()
df["gap"] = flow.ewm(span=10).mean() - flow.ewm(span=40).mean()
""",
        startup=200,
    ),
    strategy(
        "date_rule",
        "does not trade before a date",
        GAP
        + """
df["gap"] = df["gap"].where(df["date"] >= "2021-01-01", -1.0)
""",
    ),
    strategy(
        "odd_hour_rank_so_far",
        "statistics of the candles so far in one hour of the week, read by an entry",
        GAP
        + """
volume = df["volume"].expanding(50)
loud = ((df["volume"] - volume.mean()) / volume.std()).fillna(0.0)
df["loud"] = loud.where((df["date"].dt.dayofweek == 6) & (df["date"].dt.hour == 3), 0.0)
""",
        entry="""
dataframe["enter_long"] = ((dataframe["gap"] > 0) | (dataframe["loud"] > 40)).astype(int)""",
    ),
    strategy(
        "label_beside_callbacks",
        "a label that nothing reads, in the frame that callbacks read",
        GAP
        + """
df["target"] = df["close"].shift(-12) / df["close"] - 1
""",
        extra="""
def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
    df, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
    return "turned" if len(df) and df["gap"].iloc[-1] < 0 and current_profit > 0.002 else None
""",
    ),
)
