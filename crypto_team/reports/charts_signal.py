"""Pictures of the signal at work: knowledge by horizon, Sharpe ratio against turnover, and its trades."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from crypto_team.reports.formats import number, signed
from crypto_team.reports.horizons import HorizonRow
from crypto_team.reports.palette import BLUE, GREEN, GREY, INK, MUTED, ORANGE, RED, frame, legend, style, svg
from crypto_team.reports.rule_grid import RuleGrid

Floats = npt.NDArray[np.float64]


def horizons(rows: Sequence[HorizonRow]) -> bytes:
    """Draw the rank correlation of the signal with returns over every horizon, and how often its side was right."""
    place = np.arange(len(rows))
    with style():
        figure, (above, below) = frame(2)
        values = [row.rank_information_coefficient for row in rows]
        spread = np.nan_to_num(
            np.array([[row.rank_information_coefficient - row.low, row.high - row.low] for row in rows])
        )
        spread[:, 1] -= spread[:, 0]
        above.errorbar(place, values, yerr=spread.T, color=BLUE, linewidth=1.4, marker="o", markersize=4.5, capsize=3)
        above.axhline(0.0, color=MUTED, linewidth=0.9)
        above.set(title="Information coefficient by horizon", ylabel="rank correlation")
        below.plot(place, [row.hit_rate for row in rows], color=GREEN, linewidth=1.4, marker="o", markersize=4.5)
        below.axhline(0.5, color=MUTED, linewidth=0.9)
        below.set(
            title="Hit rate by horizon", ylabel="right side", xlabel="bars ahead (bold: the horizon of the target)"
        )
        below.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
        for axes in (above, below):
            axes.set_xticks(place.tolist(), [str(row.bars) for row in rows])
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.margins(x=0.08, y=0.2)
        for label, row in zip(below.get_xticklabels(), rows, strict=True):
            label.set_fontweight("bold" if row.predicted else "normal")
        above.set_xticklabels([""] * len(rows))
        return svg(figure)


def rules(grid: RuleGrid) -> bytes:
    """Draw the Sharpe ratio of every entry threshold against its turnover, before and after costs."""
    rows = sorted(grid.rows, key=lambda row: row.turnover)
    turnover = [row.turnover for row in rows]
    with style():
        figure, (axes,) = frame()
        axes.plot(turnover, [row.gross_sharpe for row in rows], color=GREY, linewidth=1.2, marker="o", markersize=3.5)
        axes.plot(turnover, [row.sharpe for row in rows], color=BLUE, linewidth=1.6, marker="o", markersize=4.5)
        axes.plot([], [], color=GREY, label="before costs")
        axes.plot([], [], color=BLUE, label="after costs")
        for row in (row for row in rows if row.chosen and np.isfinite(row.sharpe)):
            axes.scatter(
                [row.turnover], [row.sharpe], s=90, facecolor="none", edgecolor=ORANGE, linewidth=1.8, zorder=4
            )
            axes.annotate(
                f"chosen: {signed(row.sharpe)}",
                (row.turnover, row.sharpe),
                xytext=(8, -14),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
        axes.axhline(0.0, color=MUTED, linewidth=0.9)
        axes.set(
            title="Sharpe ratio against turnover",
            xlabel="mean change of position per bar",
            ylabel="Sharpe ratio, annualised",
        )
        axes.margins(x=0.08, y=0.2)
        legend(axes, 2)
        return svg(figure)


def trades(profit: Floats, bars: Floats) -> bytes:
    """Draw how trades end: their net returns, and how long they are held; `profit` and `bars` have shape (n,)."""
    with style():
        figure, (above, below) = frame(2)
        known = profit[np.isfinite(profit)]
        low, high = (float(known.min()), float(known.max())) if known.size else (-0.01, 0.01)
        width = (high - low if high > low else 0.01) / 40.0
        # An edge lies at zero, so that no bar holds gains and losses.
        edges = width * np.arange(math.floor(low / width), math.floor(high / width) + 2)
        counts = np.histogram(known, edges)[0]
        colours = np.where(edges[:-1] >= 0.0, GREEN, RED).tolist()
        above.bar(edges[:-1] + width / 2.0, counts, width=0.92 * width, color=colours)
        above.axvline(0.0, color=MUTED, linewidth=0.9)
        mean = float(known.mean()) if known.size else 0.0
        above.axvline(mean, color=BLUE, linewidth=1.3, linestyle=(0, (4, 2)), label=f"mean {number(100.0 * mean, 3)} %")
        above.set(title="Net return of trades", ylabel="trades")
        above.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100.0 * value:.1f} %"))
        legend(above, 1)
        step = max(1, int(bars.max(initial=1.0)) // 40)
        below.hist(bars, bins=np.arange(0.5, bars.max(initial=1.0) + step + 0.5, step).tolist(), color=GREY, alpha=0.8)
        below.set(title="Holding time", xlabel="bars", ylabel="trades")
        for axes in (above, below):
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        return svg(figure)
