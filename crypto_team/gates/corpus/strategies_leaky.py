"""Strategies that know the future, each by another mechanism."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus import strategies_leaky_callbacks, strategies_leaky_hidden, strategies_leaky_trading
from crypto_team.gates.corpus.strategy_case import GAP, CorpusStrategy, strategy

_FRAMES: Final[tuple[CorpusStrategy, ...]] = (
    strategy(
        "next_close",
        "negative shift",
        """
df["gap"] = df["close"].shift(-1) - df["close"]
""",
    ),
    strategy(
        "temporary",
        "negative shift through a temporary that is not kept",
        """
later = df["close"].shift(-1)
df["gap"] = np.sign(later - df["close"])
""",
    ),
    strategy(
        "tiny",
        "a leak of a millionth",
        GAP
        + """
df["gap"] += 1e-6 * df["close"].shift(-1)
""",
    ),
    strategy(
        "far_ahead",
        "looks 500 candles ahead",
        """
df["gap"] = df["close"].shift(-500) - df["close"]
""",
    ),
    strategy(
        "centred",
        "centred window",
        """
df["gap"] = df["close"].rolling(21, center=True).mean() - df["close"]
""",
    ),
    strategy(
        "whole_zscore",
        "mean and deviation of the whole frame",
        """
df["gap"] = (df["close"] - df["close"].mean()) / df["close"].std()
""",
    ),
    strategy(
        "whole_minmax",
        "minimum and maximum of the whole frame",
        """
c = df["close"]
df["gap"] = (c - c.min()) / (c.max() - c.min()) - 0.5
""",
    ),
    strategy(
        "whole_quantile",
        "threshold from the whole frame",
        """
df["gap"] = df["close"] - df["close"].quantile(0.6)
""",
    ),
    strategy(
        "whole_rank",
        "rank among all candles",
        """
df["gap"] = df["close"].rank(pct=True) - 0.5
""",
    ),
    strategy(
        "backfilled",
        "sparse values filled from later rows",
        """
df["gap"] = (df["close"] - df["open"]).where(df.index % 7 == 0).bfill()
""",
    ),
    strategy(
        "interpolated",
        "interpolation between rows",
        """
df["gap"] = (df["close"].diff()).where(df.index % 5 == 0).interpolate()
""",
    ),
    strategy(
        "reversed_ema",
        "average from the end",
        """
df["gap"] = df["close"][::-1].ewm(span=9).mean()[::-1] - df["close"]
""",
    ),
    strategy(
        "fourier",
        "Fourier transform of the whole frame",
        """
f = np.fft.rfft(df["close"])
f[40:] = 0
df["gap"] = np.fft.irfft(f, len(df)) - df["close"].to_numpy()
""",
    ),
    strategy(
        "filtfilt",
        "filter run in both directions",
        """
from scipy.signal import butter, filtfilt
b, a = butter(2, 0.05)
df["gap"] = filtfilt(b, a, df["close"]) - df["close"]
""",
    ),
    strategy(
        "resampled",
        "hourly candles of the frame joined at their open",
        """
hour = df.resample("1h", on="date")["close"].last()
df["gap"] = df["date"].dt.floor("1h").map(hour) - df["close"]
""",
    ),
    strategy(
        "day_mean",
        "mean of the whole day",
        """
day = df.groupby(df["date"].dt.date)["close"].transform("mean")
df["gap"] = df["close"] - day
""",
    ),
    strategy(
        "last_price",
        "last price of the frame",
        """
df["gap"] = df["close"].iloc[-1] - df["close"]
""",
    ),
    strategy(
        "fitted_whole",
        "model fitted on all candles",
        """
from sklearn.linear_model import LinearRegression
x = np.nan_to_num(df[["close"]].pct_change(3).to_numpy())
y = np.nan_to_num(df["close"].shift(-3) / df["close"] - 1)
df["gap"] = LinearRegression().fit(x, y).predict(x)
""",
    ),
    strategy(
        "scaled_whole",
        "scaler fitted on all candles",
        """
from sklearn.preprocessing import StandardScaler
df["gap"] = StandardScaler().fit_transform(df[["close"]])[:, 0]
""",
    ),
    strategy(
        "nearest",
        "nearest hour, also a later one",
        """
hour = df[["date", "close"]].iloc[::12].rename(columns={"close": "hour"})
m = pd.merge_asof(df, hour, on="date", direction="nearest")
df["gap"] = m["hour"] - df["close"]
""",
    ),
    strategy(
        "future_pivot",
        "swing lows confirmed by later candles",
        """
low = df["low"]
df["gap"] = ((low < low.shift(1)) & (low < low.shift(-1))).astype(int) - 0.5
""",
    ),
    strategy(
        "rare_row",
        "only where nothing was traded",
        GAP
        + """
df["gap"] = df["gap"].where(df["volume"] > 0, df["close"].shift(-1) - df["close"])
""",
    ),
    strategy(
        "late_leak",
        "begins late in the history",
        GAP
        + """
n = 1800
df["gap"] = df["gap"].where(df.index < n, df["close"].shift(-1) - df["close"])
""",
    ),
    strategy(
        "one_pair",
        "one pair only",
        GAP
        + """
if metadata["pair"].startswith("ETH"):
    df["gap"] = df["close"].shift(-2) - df["close"]
""",
    ),
    strategy(
        "unshifted_file",
        "hourly file joined at the open of its candles",
        """
hour = self.dp.get_pair_dataframe(metadata["pair"], "1h")
hour["up"] = hour["close"] - hour["open"]
df = df.merge(hour[["date", "up"]], on="date", how="left")
df["gap"] = df["up"].ffill()
""",
    ),
    strategy(
        "asof_file",
        "hourly file joined by merge_asof at its open",
        """
hour = self.dp.get_pair_dataframe(metadata["pair"], "1h")[["date", "close"]].rename(columns={"close": "hour"})
m = pd.merge_asof(df, hour, on="date")
df["gap"] = m["hour"] - df["close"]
""",
    ),
    strategy(
        "other_pair",
        "another pair's next candle",
        """
other = self.dp.get_pair_dataframe("BTC/USDT", "5m")
next_ = other.set_index("date")["close"].shift(-1)
df["gap"] = df["date"].map(next_) / df["date"].map(other.set_index("date")["close"]) - 1
""",
    ),
)

LEAKY: Final[tuple[CorpusStrategy, ...]] = (
    *_FRAMES,
    *strategies_leaky_callbacks.CASES,
    *strategies_leaky_trading.CASES,
    *strategies_leaky_hidden.CASES,
)
"""Every leaking strategy; all have to be refused."""
