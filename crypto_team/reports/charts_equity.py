"""Pictures over time: equity against the baselines with drawdowns, and the equity of a Freqtrade run."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.dates as mdates
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from crypto_team.reports.formats import signed_percent
from crypto_team.reports.palette import (
    BLUE,
    GREEN,
    GREY,
    LINE,
    MUTED,
    ORANGE,
    RED,
    VIOLET,
    frame,
    legend_below_title,
    style,
    svg,
)
from crypto_team.validation import metrics

COLOURS = {"buy_and_hold": ORANGE, "ma_cross": GREEN, "previous_sign": VIOLET, "random": GREY, "simple_model": RED}
NAMES = {"random": "random (middle Sharpe)"}


def equity(daily: pd.DataFrame, boundaries: Sequence[str], by_chance: npt.NDArray[np.float64] | None = None) -> bytes:
    """Draw growth of 1 for the strategy and its baselines, and the drawdown of the strategy.

    Parameters
    ----------
    daily
        Net returns per UTC day, first column `strategy`.
    boundaries
        Starts of the test windows as UTC times.
    by_chance
        Lower and upper growth of random strategies on each day, shape (days, 2).
    """
    times = daily.index.to_numpy()
    with style():
        figure, (above, below) = frame(2, width=9.6, height=4.6, heights=(3.0, 1.0))
        for name in daily.columns:
            growth = np.cumprod(1.0 + daily[name].to_numpy(dtype=np.float64))
            first = name == "strategy"
            above.plot(
                times,
                growth,
                color=BLUE if first else COLOURS.get(str(name), GREY),
                linewidth=2.1 if first else 1.0,
                alpha=1.0 if first else 0.85,
                zorder=3 if first else 2,
                label=_label(str(name), float(growth[-1]) - 1.0),
            )
        if by_chance is not None:
            above.fill_between(times, *by_chance.T, color=GREY, alpha=0.18, linewidth=0, label="90 % of random ones")
        above.axhline(1.0, color=MUTED, linewidth=0.8)
        above.set(title="Equity", ylabel="growth of 1, after costs")
        _growth_axis(above)
        legend_below_title(above, 4)
        _drawdown(below, times, metrics.drawdowns(daily["strategy"].to_numpy(dtype=np.float64)))
        for axes in (above, below):
            for start in boundaries:
                place = mdates.date2num(np.datetime64(start.removesuffix("Z"), "ms"))  # type: ignore[no-untyped-call]
                axes.axvline(place, color=LINE, linewidth=1.0, zorder=0)
        above.tick_params(labelbottom=False)
        return svg(figure)


def backtest_equity(
    times: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], *, currency: str = "USDT"
) -> bytes:
    """Draw the account balance and its drawdown of a Freqtrade run; `times` and `values` have shape (n,)."""
    drawdown = values / np.maximum.accumulate(values) - 1.0
    with style():
        figure, (above, below) = frame(2, width=9.6, height=3.8, heights=(3.0, 1.0))
        above.plot(times, values, color=BLUE, linewidth=1.8)
        above.axhline(float(values[0]) if values.size else 0.0, color=MUTED, linewidth=0.8)
        above.set(title="Account balance in Freqtrade's backtest", ylabel=currency)
        above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        above.tick_params(labelbottom=False)
        _drawdown(below, times, drawdown)
        return svg(figure)


def _label(name: str, gain: float) -> str:
    return f"{NAMES.get(name, name.replace('_', ' '))} {signed_percent(gain, 0)}"


def _growth_axis(axes: Axes) -> None:
    low, high = axes.get_ylim()
    if low > 0.0 and high / low > 6.0:
        axes.set_yscale("log")
        axes.set_ylabel("growth of 1, after costs (log)")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.2f}".rstrip("0").rstrip(".")))


def _drawdown(axes: Axes, times: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> None:
    axes.fill_between(times, values, 0.0, color=RED, alpha=0.25, linewidth=0)
    axes.plot(times, values, color=RED, linewidth=0.9)
    axes.set(ylabel="drawdown")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    locator = mdates.AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
