"""What pandas and polars offer to the formulas of `peer_formulas.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view


def age(x: Any, n: int, sign: float) -> Any:
    """Bars since the extreme of n values, as NumPy can find it without a loop."""
    made = np.full(x.size, np.nan)
    made[n - 1 :] = (sign * sliding_window_view(x, n)[:, ::-1]).argmax(axis=1)
    return made


class Pandas:
    """Series at once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def column(self, name: str) -> pd.Series:
        return self.frame[name]

    def lag(self, x: pd.Series, n: int) -> pd.Series:
        return x.shift(n)

    def mean(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).mean()

    def total(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).sum()

    def var(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).var()

    def deviation(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).std(ddof=0)

    def skew(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).skew()

    def kurt(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).kurt()

    def rank(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).rank(pct=True)

    def highest(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).max()

    def lowest(self, x: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).min()

    def age_of_highest(self, x: pd.Series, n: int) -> pd.Series:
        return pd.Series(age(x.to_numpy(), n, 1.0))

    def age_of_lowest(self, x: pd.Series, n: int) -> pd.Series:
        return pd.Series(age(x.to_numpy(), n, -1.0))

    def correlation(self, x: pd.Series, y: pd.Series, n: int) -> pd.Series:
        return x.rolling(n).corr(y)

    def ema(self, x: pd.Series, n: int) -> pd.Series:
        return x.ewm(span=n, adjust=False).mean()

    def wilder(self, x: pd.Series, n: int) -> pd.Series:
        return x.ewm(alpha=1.0 / n, adjust=False).mean()

    def ln(self, x: pd.Series) -> pd.Series:
        return np.log(x)

    def root(self, x: pd.Series) -> pd.Series:
        return np.sqrt(x)

    def sine(self, x: pd.Series) -> pd.Series:
        return np.sin(x)

    def cosine(self, x: pd.Series) -> pd.Series:
        return np.cos(x)

    def sign(self, x: pd.Series) -> pd.Series:
        return np.sign(x)

    def positive(self, x: pd.Series) -> pd.Series:
        return x.clip(lower=0.0)

    def larger(self, x: pd.Series, y: pd.Series) -> pd.Series:
        return np.maximum(x, y)

    def smaller(self, x: pd.Series, y: pd.Series) -> pd.Series:
        return np.minimum(x, y)

    def where(self, condition: pd.Series, x: pd.Series) -> pd.Series:
        return x.where(condition, 0.0)

    def number(self, x: pd.Series) -> pd.Series:
        return x.astype(np.float64)


class Polars:
    """Expressions."""

    def column(self, name: str) -> pl.Expr:
        return pl.col(name)

    def lag(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.shift(n)

    def mean(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_mean(n)

    def total(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_sum(n)

    def var(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_var(n)

    def deviation(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_std(n, ddof=0)

    def skew(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_skew(n, bias=False)

    def kurt(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_kurtosis(n, bias=False)

    def rank(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_rank(n) / n

    def highest(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_max(n)

    def lowest(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.rolling_min(n)

    def age_of_highest(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.map_batches(lambda s: pl.Series(age(s.to_numpy(), n, 1.0)), return_dtype=pl.Float64)

    def age_of_lowest(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.map_batches(lambda s: pl.Series(age(s.to_numpy(), n, -1.0)), return_dtype=pl.Float64)

    def correlation(self, x: pl.Expr, y: pl.Expr, n: int) -> pl.Expr:
        return pl.rolling_corr(x, y, window_size=n)

    def ema(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.fill_nan(None).ewm_mean(span=n, adjust=False)

    def wilder(self, x: pl.Expr, n: int) -> pl.Expr:
        return x.fill_nan(None).ewm_mean(alpha=1.0 / n, adjust=False)

    def ln(self, x: pl.Expr) -> pl.Expr:
        return x.log()

    def root(self, x: pl.Expr) -> pl.Expr:
        return x.sqrt()

    def sine(self, x: pl.Expr) -> pl.Expr:
        return x.sin()

    def cosine(self, x: pl.Expr) -> pl.Expr:
        return x.cos()

    def sign(self, x: pl.Expr) -> pl.Expr:
        return x.sign()

    def positive(self, x: pl.Expr) -> pl.Expr:
        return x.clip(lower_bound=0.0)

    def larger(self, x: pl.Expr, y: pl.Expr) -> pl.Expr:
        return pl.max_horizontal(x, y)

    def smaller(self, x: pl.Expr, y: pl.Expr) -> pl.Expr:
        return pl.min_horizontal(x, y)

    def where(self, condition: pl.Expr, x: pl.Expr) -> pl.Expr:
        return pl.when(condition).then(x).otherwise(0.0)

    def number(self, x: pl.Expr) -> pl.Expr:
        return x.cast(pl.Float64)
