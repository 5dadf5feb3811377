"""Features that look ahead, each by a mechanism of its own: an audit has to refuse every one of them."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.feature_source import CorpusFeature, feature
from crypto_team.gates.corpus.leaking_memories import memories
from crypto_team.gates.corpus.leaking_scattered import scattered_leaks

_SHIFTS: Final = {
    "shift": ("the next close", "return c.shift(-1)"),
    "shift_far": ("a close 500 bars ahead", "return c.shift(-500)"),
    "shift_very_far": ("a close 1,900 bars ahead", "return c.shift(-1900)"),
    "difference": ("a difference with a negative lag", "return c.diff(-3)"),
    "pct_change": ("a return with a negative lag", "return c.pct_change(-1)"),
    "rolled": ("an array rolled backwards", "return np.roll(c.to_numpy(), -1)"),
    "gradient": ("central differences", "return np.gradient(np.log(c.to_numpy()))"),
    "next_open": ("the open of the next bar", "return o.shift(-1) / c"),
    "volume": ("the volume two bars ahead", "return c.pct_change() * v.shift(-2)"),
    "tiny": ("a millionth of the next close", "return c.rolling(5).mean() + 1e-6 * c.shift(-1).fillna(0.0)"),
    "tiny_sign": (
        "the sign of the next move in the ninth digit",
        "return c * (1.0 + 1e-9 * np.sign(c.shift(-1) - c).fillna(0))",
    ),
    "positions": (
        "values taken by position",
        "return c.take(np.minimum(np.arange(len(c)) + 1, len(c) - 1)).to_numpy()",
    ),
    "freq_shift": (
        "a shift of the times instead of the rows",
        "return pd.Series(c.to_numpy(), t - pd.Timedelta('1h')).reindex(t).to_numpy()",
    ),
    "maximum_ahead": ("the highest high of the next day", "return h[::-1].rolling(24).max()[::-1] / c"),
    "barrier": (
        "whether the price rises 1 % before it falls 1 %",
        """
        x = c.to_numpy()
        made = np.zeros(len(x))
        for i in range(len(x)):
            ahead = x[i + 1 : i + 13] / x[i] - 1.0
            hit = np.flatnonzero(np.abs(ahead) > 0.01)
            made[i] = np.sign(ahead[hit[0]]) if hit.size else 0.0
        return made""",
    ),
    "pivot": (
        "a low that is known for one after four more bars",
        "return (l == l.rolling(9, center=True).min()).astype(float)",
    ),
    "zigzag": (
        "turning points drawn afterwards",
        """
        x, made, last = c.to_numpy(), np.zeros(len(c)), 0
        for i in range(1, len(x)):
            if abs(x[i] / x[last] - 1.0) > 0.02:
                made[last:i] = np.sign(x[i] - x[last])
                last = i
        return made""",
    ),
}
_WHOLE: Final = {
    "zscore": ("mean and deviation of all bars", "return (c - c.mean()) / c.std()"),
    "minmax": ("smallest and largest of all bars", "return (c - c.min()) / (c.max() - c.min())"),
    "median": ("the median of all bars", "return c / c.median()"),
    "quantile": ("a quantile of all bars", "return (c > c.quantile(0.9)).astype(float)"),
    "quantile_bins": (
        "bins by quantiles of all bars",
        "return pd.qcut(c.pct_change().fillna(0.0), 5, labels=False).astype(float)",
    ),
    "equal_bins": ("bins between extremes of all bars", "return pd.cut(c, 10, labels=False).astype(float)"),
    "rank": ("the rank among all bars", "return c.rank(pct=True)"),
    "argsort": ("the place in the order of all bars", "return np.argsort(np.argsort(c.to_numpy())).astype(float)"),
    "winsorised": (
        "clipped at quantiles of all bars",
        "r = c.pct_change(); return r.clip(r.quantile(0.01), r.quantile(0.99))",
    ),
    "demeaned": (
        "cumulated returns less their mean over all bars",
        "r = np.log(c).diff().fillna(0.0); return (r - r.mean()).cumsum()",
    ),
    "detrended": (
        "a line through all bars",
        """
        x = np.arange(len(c)) / 1000.0
        return c.to_numpy() - np.polyval(np.polyfit(x, c.to_numpy(), 1), x)""",
    ),
    "polynomial": (
        "a cubic through all bars",
        """
        x = np.linspace(-1.0, 1.0, len(c))
        return np.polyval(np.polyfit(x, c.to_numpy(), 3), x)""",
    ),
    "regression": (
        "a regression over all bars",
        """
        x = c.pct_change().fillna(0.0).to_numpy()
        y = v.pct_change().clip(-5, 5).fillna(0.0).to_numpy()
        return y - x * (x @ y) / (x @ x)""",
    ),
    "future_model": (
        "a model of the next return, fitted on all bars",
        """
        x = np.column_stack([c.pct_change(n).fillna(0.0) for n in (1, 3, 12)])
        y = c.pct_change().shift(-1).fillna(0.0).to_numpy()
        return x @ np.linalg.lstsq(x, y, rcond=None)[0]""",
    ),
    "pca": (
        "principal components of all bars",
        """
        x = np.column_stack([c.pct_change(n).fillna(0.0) for n in (1, 3, 12)])
        x = x - x.mean(axis=0)
        return x @ np.linalg.svd(x, full_matrices=False)[2][0]""",
    ),
    "clusters": (
        "centres of clusters of all bars",
        """
        r = c.pct_change().fillna(0.0).to_numpy()
        low, high = r.min(), r.max()
        for _ in range(10):
            near = np.abs(r - low) < np.abs(r - high)
            low, high = r[near].mean(), r[~near].mean()
        return np.abs(r - low) - np.abs(r - high)""",
    ),
    "last_value": ("the last close", "return c / c.iloc[-1]"),
    "length": ("how many bars there are", "return pd.Series(np.arange(len(d)) / len(d))"),
    "bars_left": ("how many bars are left", "return pd.Series(np.arange(len(d))[::-1].astype(float))"),
    "fourier": ("a low-pass over all bars", "return np.fft.irfft(np.fft.rfft(c.to_numpy())[:50], len(c))"),
    "convolved": ("a convolution that is centred", "return np.convolve(c.to_numpy(), np.ones(5) / 5, mode='same')"),
    "two_way_filter": (
        "a filter forwards and backwards",
        """
        forward = c.ewm(span=10).mean()
        return forward[::-1].ewm(span=10).mean()[::-1]""",
    ),
    "smoothed_states": (
        "a Kalman smoother",
        """
        x = c.to_numpy().copy()
        for i in range(len(x) - 2, -1, -1):
            x[i] += 0.3 * (x[i + 1] - x[i])
        return x""",
    ),
    "reversed_sum": ("a sum from the end", "return c[::-1].cumsum()[::-1]"),
    "share_of_sum": ("a share of the whole volume", "return v.cumsum() / v.sum()"),
    "sorted": (
        "a running extreme over bars in the order of size",
        "return c.sort_values().cummax().sort_index() / c.sort_values().iloc[-1]",
    ),
    "reversed_ewm": ("an exponential mean from the end", "return c[::-1].ewm(span=20).mean()[::-1]"),
}
_FILLED: Final = {
    "centred": ("a centred window", "return c.rolling(21, center=True).mean()"),
    "centred_late": ("a centred window, shifted too little", "return c.rolling(21, center=True).mean().shift(9)"),
    "bfill": ("holes filled from behind", "return c.where(c > o).bfill()"),
    "interpolated": ("holes filled by a line", "return c.where(c > o).interpolate()"),
    "first_fill": ("only the first values filled from behind", "return c.rolling(300).mean().bfill()"),
    "mean_fill": (
        "holes filled with the mean of all bars",
        "x = c.pct_change(); x = x.where(v > v.rolling(9).mean()); return x.fillna(x.mean())",
    ),
    "group_max": ("the high of the whole day", "return h.groupby(t.dt.floor('D')).transform('max')"),
    "group_last": ("the close of the whole week", "return c.groupby(t.dt.floor('7D')).transform('last') / c"),
    "group_rank": ("the rank within the whole day", "return v.groupby(t.dt.floor('D')).rank(pct=True)"),
    "group_size": ("how many bars the day has", "return c.groupby(t.dt.floor('D')).transform('size') * 1.0"),
    "hour_table": (
        "the mean return of each hour over all bars",
        "r = c.pct_change(); return r.groupby(t.dt.hour).transform('mean')",
    ),
    "weekday_table": (
        "the mean volume of each weekday over all bars",
        "return v / v.groupby(t.dt.weekday).transform('mean')",
    ),
    "target_encoded": (
        "the mean next return of each hour",
        "return c.pct_change().shift(-1).groupby(t.dt.hour).transform('mean')",
    ),
    "resampled": (
        "the close of the running day",
        """
        daily = pd.Series(c.to_numpy(), t).resample("1D").last()
        return daily.reindex(t, method="ffill").to_numpy()""",
    ),
    "resampled_4h": (
        "the high of the running four hours",
        """
        four = pd.Series(h.to_numpy(), t).resample("4h").max()
        return four.reindex(t, method="ffill").to_numpy()""",
    ),
    "resampled_label": (
        "bars labelled with their end, one too early",
        """
        daily = pd.Series(c.to_numpy(), t).resample("1D", label="right").last()
        return daily.reindex(t + pd.Timedelta("6h"), method="ffill").to_numpy()""",
    ),
    "timezone": (
        "yesterday in another time zone, five hours of it to come",
        """
        local = (t + pd.Timedelta("5h")).dt.floor("D")
        daily = c.groupby(t.dt.floor("D")).last()
        return (local - pd.Timedelta("1D")).map(daily).to_numpy(dtype=float)""",
    ),
}
_RARE: Final = {
    "month_start": ("only at the first hour of a month", "m = t.dt.day.eq(1) & t.dt.hour.eq(0)"),
    "no_volume": ("only where nothing traded", "m = v == 0"),
    "one_hour": ("only at seven o'clock", "m = t.dt.hour == 7"),
    "one_weekday": ("only on Wednesdays", "m = t.dt.weekday == 2"),
    "largest_moves": ("only after extreme moves", "r = c.pct_change().abs(); m = r > r.rolling(200).quantile(0.995)"),
    "largest_volume": ("only at extreme volume", "m = v > 2.5 * v.rolling(200).mean()"),
    "early": ("only in the first third", "m = t < t.iloc[0] + pd.Timedelta('33D')"),
    "late": ("only in the last bars", "m = pd.Series(np.arange(len(c)) >= len(c) - 3)"),
    "scattered": ("at one bar in fifteen", "m = (c * 1e4).round().astype('int64') % 15 == 0"),
    "seeded_rows": (
        "at rows that a fixed seed chooses",
        "m = pd.Series(np.random.default_rng(7).random(len(c)) < 0.06)",
    ),
    "calm": ("only when it is calm", "s = c.pct_change().rolling(24).std(); m = s < s.rolling(500).quantile(0.1)"),
    "one_market": ("only in a market with prices above 500", "m = c.rolling(2).max() > 500"),
    "new_highs": ("only at new highs", "m = c >= c.rolling(300).max()"),
}
_FRAMES: Final = {
    "four_at_open": ("four-hour bars joined at their open", "return c / joined(d, aux['four'], '0h')['close'] - 1.0"),
    "four_one_early": ("four-hour bars one hour before their close", "return joined(d, aux['four'], '3h')['close']"),
    "four_nearest": ("the nearest four-hour bar", "return joined(d, aux['four'], '4h', direction='nearest')['close']"),
    "four_forward": ("the next four-hour bar", "return joined(d, aux['four'], '4h', direction='forward')['close']"),
    "four_reindexed": (
        "four-hour bars filled forward from their open",
        'return aux["four"].set_index("timestamp")["volume"].reindex(t, method="ffill").to_numpy()',
    ),
    "other_next": ("another market, one bar ahead", "return joined(d, aux['other'], '0h')['close']"),
    "other_by_row": (
        "another market by row, shifted",
        "return aux['other']['close'].shift(-1).reindex(d.index).to_numpy()",
    ),
    "other_mean": (
        "another market by its mean over all bars",
        "x = aux['other']['close']; return (c / x.mean()).to_numpy()",
    ),
    "unpublished": (
        "a value from its own time on, not from when it was known",
        "return joined(d, aux['daily'], '0h')['value']",
    ),
    "whole_four": (
        "deviation of all four-hour bars",
        "x = aux['four']['close']; return (joined(d, aux['four'], '4h')['close'] - x.mean()) / x.std()",
    ),
    "merged": (
        "an exact merge with the running four hours",
        "x = aux['four'][['timestamp', 'low']].rename(columns={'low': 'x'}); return d.merge(x, how='left').x.ffill()",
    ),
}
_STATE: Final = {
    "behaves_when_short": ("honest on few bars", "return c.shift(-1 if len(d) > 2400 else 1)"),
    "coin": (
        "a leak at random rows, other ones every time",
        "return c.where(np.random.random(len(c)) < 0.9, c.shift(-1))",
    ),
    "loud": (
        "a leak behind huge values",
        "x = c.shift(-1); x.iloc[5] = 1e15; x.iloc[6] = 1e8 * np.random.default_rng().random(); return x",
    ),
    "in_place": (
        "the bars themselves are changed first",
        "d['close'] = d['close'].shift(-1); return d['close'].ffill()",
    ),
}
GROUPS: Final = {
    "shift": _SHIFTS,
    "whole": _WHOLE,
    "filled": _FILLED,
    "rare": _RARE,
    "frames": _FRAMES,
    "state": _STATE,
}


def leaking_features() -> tuple[CorpusFeature, ...]:
    """Return all features of the corpus that look ahead."""
    plain = {**_SHIFTS, **_WHOLE, **_FILLED, **_FRAMES, **_STATE}
    made = [feature(name, *told) for name, told in plain.items()]
    rarely = "x = c.rolling(5).mean()\nx[m] = c.shift(-1)[m]\nreturn x"
    made += [feature(name, f"the next close, {told}", f"{mask}\n{rarely}") for name, (told, mask) in _RARE.items()]
    made += [*scattered_leaks(), *memories()]
    made.append(
        feature(
            "cached",
            "a cache that outlives the call",
            "seen.update(zip(t, c)) if len(d) > len(seen) else None\n"
            "return pd.Series([seen.get(x + pd.Timedelta('1h'), 0.0) for x in t])",
            before="seen = {}",
        )
    )
    return tuple(made)
