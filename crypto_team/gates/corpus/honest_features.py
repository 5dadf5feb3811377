"""Features that look back only, many of them in a way that resembles a leak: an audit has to let every one pass."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.feature_source import CorpusFeature, feature

_BODIES: Final = {
    "mean": ("a rolling mean", "return c / c.rolling(24).mean()"),
    "deviation": ("a rolling deviation", "return c.pct_change().rolling(48).std()"),
    "skewness": ("moments that are updated", "return c.pct_change().rolling(60).skew()"),
    "correlation": ("a rolling correlation", "return c.pct_change().rolling(72).corr(v.pct_change().clip(-5, 5))"),
    "exponential": ("an exponential mean", "return c.ewm(span=20).mean()"),
    "slow_exponential": ("a very slow exponential mean", "return c.ewm(span=2000).mean() / c"),
    "exponential_var": ("an exponential variance", "return c.pct_change().ewm(halflife=50).std()"),
    "expanding": ("a growing window", "return c.expanding(20).std()"),
    "expanding_z": ("mean and deviation of the past", "return (c - c.expanding().mean()) / c.expanding(2).std()"),
    "expanding_rank": ("the rank among the past", "return c.expanding().rank(pct=True)"),
    "rolling_rank": ("the rank in a window", "return c.rolling(100).rank(pct=True)"),
    "rolling_quantile": ("a quantile of a window", "return c / c.rolling(200).quantile(0.9)"),
    "applied": ("a function applied to windows", "return c.rolling(30).apply(lambda x: x[-1] / x[0] - 1.0, raw=True)"),
    "median": ("a rolling median", "return c / c.rolling(31).median()"),
    "cumulated": ("a running sum", "return v.cumsum()"),
    "drawdown": ("the fall from the highest so far", "return c / c.cummax() - 1.0"),
    "lagged": ("an earlier close", "return c.shift(3)"),
    "lagged_far": ("a close 500 bars ago", "return c.shift(500) / c"),
    "filled": ("holes filled from before", "return c.where(c > o).ffill()"),
    "zero_filled": ("holes filled with zero", "return c.pct_change(20).fillna(0.0)"),
    "day_so_far": ("the high of the day so far", "return h.groupby(t.dt.floor('D')).cummax()"),
    "day_volume": ("the volume of the day so far", "return v.groupby(t.dt.floor('D')).cumsum()"),
    "bar_of_day": ("the number of the bar in its day", "return c.groupby(t.dt.floor('D')).cumcount() * 1.0"),
    "hour_so_far": (
        "the mean return of the hour in the past",
        """
        r = c.pct_change()
        return r.groupby(t.dt.hour).transform(lambda x: x.shift(1).expanding().mean())""",
    ),
    "yesterday": (
        "the close of the day before",
        """
        daily = pd.Series(c.to_numpy(), t).resample("1D").last().shift(1)
        return daily.reindex(t, method="ffill").to_numpy()""",
    ),
    "closed_four": (
        "the last four hours that are over",
        """
        four = pd.Series(h.to_numpy(), t).resample("4h").max()
        four.index = four.index + pd.Timedelta("4h")
        late = (t + pd.Timedelta("1h")).to_numpy()
        done = four[four.index <= t.iloc[-1] + pd.Timedelta("1h")]
        return done.reindex(pd.DatetimeIndex(late, tz="UTC"), method="ffill").to_numpy()""",
    ),
    "four_at_close": ("four-hour bars joined at their close", "return c / joined(d, aux['four'], '4h')['close'] - 1.0"),
    "other_at_close": (
        "another market joined at its close",
        "return c.pct_change() - joined(d, aux['other'], '1h')['close'].pct_change()",
    ),
    "published": (
        "values from when they were known on",
        """
        known = aux["daily"].assign(moment=aux["daily"]["known_at"].astype(t.dtype)).sort_values("moment")
        left = pd.DataFrame({"moment": (t + pd.Timedelta("1h")).astype(t.dtype)})
        return pd.merge_asof(left, known[["moment", "value"]], on="moment")["value"]""",
    ),
    "hour": ("the clock", "return np.sin(t.dt.hour / 24 * 2 * np.pi) + t.dt.weekday + t.dt.month"),
    "epoch_clock": (
        "the clock from seconds since 1970",
        """
        seconds = t.astype("int64") / 10**3 if str(t.dtype).startswith("datetime64[ms") else t.astype("int64") / 10**9
        return np.sin(2 * np.pi * (seconds % 86400) / 86400)""",
    ),
    "month_end": ("the days left in the month", "return (t.dt.days_in_month - t.dt.day) * 1.0"),
    "weekend": ("a flag", "return (t.dt.weekday >= 5).astype(float)"),
    "seeded": (
        "chance with a fixed seed, row by row",
        "return c.to_numpy() * np.random.default_rng(1).normal(size=len(d)).cumsum()",
    ),
    "loop": (
        "a loop with a state",
        """
        made, level = np.zeros(len(c)), 0.0
        for i, x in enumerate(c.pct_change().fillna(0.0)):
            level = 0.97 * level + x if abs(x) < 0.02 else 0.0
            made[i] = level
        return made""",
    ),
    "trailing_stop": (
        "a position that a loop holds",
        """
        x, made, top, inside = c.to_numpy(), np.zeros(len(c)), 0.0, False
        for i in range(1, len(x)):
            top = max(top, x[i]) if inside else x[i]
            inside = (inside and x[i] > 0.98 * top) or (not inside and x[i] > x[i - 1])
            made[i] = float(inside)
        return made""",
    ),
    "confirmed_pivot": (
        "a low, told four bars later",
        "return (l == l.rolling(9, center=True).min()).shift(4).fillna(False).astype(float)",
    ),
    "kalman": (
        "a filter that goes forward only",
        """
        x, level, spread, made = c.to_numpy(), float(c.iloc[0]), 1.0, np.zeros(len(c))
        for i in range(len(x)):
            spread += 0.01
            gain = spread / (spread + 1.0)
            level += gain * (x[i] - level)
            spread *= 1.0 - gain
            made[i] = level
        return made""",
    ),
    "past_regression": (
        "a regression refitted every 200 bars on the past",
        """
        r = c.pct_change().fillna(0.0).to_numpy()
        made = np.full(len(r), np.nan)
        for start in range(200, len(r), 200):
            x, y = r[: start - 1], r[1:start]
            made[start : start + 200] = (x @ y) / (x @ x) * r[start : start + 200]
        return made""",
    ),
    "long_window": ("a window of a thousand bars", "return c / c.rolling(1000).mean()"),
    "rare": ("a value at rare rows", "return c.where(v == 0).ffill() / c"),
    "huge": ("values over many orders of size", "return np.exp(c.pct_change().rolling(5).sum() * 400.0)"),
    "constant": ("always the same", "return pd.Series(1.0, index=d.index)"),
    "unknown": ("unknown for a long time", "return c.rolling(1500).mean()"),
}


def honest_features() -> tuple[CorpusFeature, ...]:
    """Return all features of the corpus that look back only."""
    return tuple(feature(name, mechanism, body) for name, (mechanism, body) in _BODIES.items())
