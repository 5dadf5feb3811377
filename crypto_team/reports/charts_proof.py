"""Pictures of proof: what a leaking feature gives away, and how far luck alone reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from crypto_team.reports.formats import compact, number, signed
from crypto_team.reports.luck import Luck
from crypto_team.reports.palette import (
    BLUE,
    GREEN,
    GREY,
    LINE,
    MUTED,
    ORANGE,
    RED,
    frame,
    legend,
    legend_below_title,
    style,
    svg,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ProbeTrace:
    """A feature computed twice: on the real market, and on one whose future after bar `cut` was replaced.

    Attributes
    ----------
    column, probe
        The feature and the name of the probe.
    cut
        Last bar that both markets share.
    row
        Bar at or before `cut` where the feature differs: it saw the replaced future.
    index, original, replaced
        Bar numbers around the cut and the feature's values on both markets, shape (n,).
    close_original, close_replaced
        Closes of both markets, shape (n,), or None.
    """

    column: str
    probe: str
    cut: int
    row: int
    index: npt.NDArray[np.int64]
    original: Floats
    replaced: Floats
    close_original: Floats | None = None
    close_replaced: Floats | None = None


def leak_probe(trace: ProbeTrace) -> bytes:
    """Draw what a feature said before the cut when only the future after it was replaced."""
    offset = trace.index - trace.cut
    prices = trace.close_original is not None and trace.close_replaced is not None
    with style():
        figure, panels = frame(2 if prices else 1, heights=(1.0, 1.5) if prices else None)
        if trace.close_original is not None and trace.close_replaced is not None:
            _two_lines(panels[0], offset, trace.close_original, trace.close_replaced)
            panels[0].set(title="The market: same past, another future", ylabel="close")
            panels[0].tick_params(labelbottom=False)
            legend(panels[0], 2)
        axes = panels[-1]
        _two_lines(axes, offset, trace.original, trace.replaced)
        _mark_leak(axes, trace)
        axes.set(
            title=f"The feature {trace.column}",
            ylabel="value",
            xlabel="bars after the cut (probe: " + trace.probe + ")",
        )
        axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
        if not prices:
            legend(axes, 2)
        return svg(figure)


def _two_lines(axes: Axes, offset: npt.NDArray[np.int64], original: Floats, replaced: Floats) -> None:
    axes.axvspan(0.5, float(offset.max(initial=1)) + 0.5, color=LINE, alpha=0.45, linewidth=0)
    axes.plot(offset, replaced, color=ORANGE, linewidth=1.8, label="future replaced")
    axes.plot(offset, original, color=BLUE, linewidth=1.4, label="real market")
    axes.set_xlim(float(offset.min(initial=0)), float(offset.max(initial=1)))


def _mark_leak(axes: Axes, trace: ProbeTrace) -> None:
    differs = ~np.isclose(trace.original, trace.replaced, rtol=1e-9, atol=0.0, equal_nan=True)
    seen = differs & (trace.index <= trace.cut)
    offset = trace.index - trace.cut
    axes.vlines(offset[seen], trace.original[seen], trace.replaced[seen], color=RED, linewidth=1.4, zorder=4)
    at = np.flatnonzero(trace.index == trace.row)
    if not at.size:
        return
    real, other = float(trace.original[at[0]]), float(trace.replaced[at[0]])
    place = trace.row - trace.cut
    axes.scatter([place, place], [real, other], color=RED, s=26, zorder=5)
    axes.annotate(
        f"{_bars_before(-place)} the feature was {compact(real)},\n"
        f"with another future {compact(other)}: it looks ahead",
        (0.02, 0.96),
        xycoords="axes fraction",
        va="top",
        fontsize=8.5,
        color=RED,
        fontweight="bold",
    )
    axes.margins(y=0.3)


def _bars_before(bars: int) -> str:
    return "At the cut" if bars == 0 else f"{bars} bar{'s' if bars > 1 else ''} before the cut"


def trials(luck: Luck) -> bytes:
    """Draw the Sharpe ratios of all trials, the best that luck explains, and the candidate."""
    values = np.asarray(luck.trial_sharpes, dtype=np.float64)
    marks = [value for value in (luck.expected_maximum, luck.sharpe) if np.isfinite(value)]
    low, high = min([*values.tolist(), *marks, 0.0]), max([*values.tolist(), *marks, 0.0])
    margin = 0.06 * (high - low or 1.0)
    edges = np.linspace(low - margin, high + margin, min(41, 12 + values.size // 4))
    with style():
        figure, (axes,) = frame()
        axes.hist(
            values, bins=edges.tolist(), color=GREY, alpha=0.75, label=f"{values.size:,} trials with a known ratio"
        )
        better = luck.sharpe > luck.expected_maximum
        axes.axvline(
            luck.expected_maximum,
            color=ORANGE,
            linewidth=1.8,
            linestyle=(0, (4, 2)),
            label=f"luck's best of {luck.n_trials:,}: {signed(luck.expected_maximum)}",
        )
        axes.axvline(
            luck.sharpe, color=GREEN if better else RED, linewidth=2.2, label=f"this strategy: {signed(luck.sharpe)}"
        )
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        axes.set(
            title=f"Deflated Sharpe ratio {number(luck.deflated_sharpe_ratio, 3)}",
            xlabel="Sharpe ratio, annualised",
            ylabel="trials",
            xlim=(edges[0], edges[-1]),
        )
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        legend_below_title(axes, 3)
        axes.margins(y=0.1)
        return svg(figure)
