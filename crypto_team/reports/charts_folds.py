"""Pictures by fold: performance and skill, information coefficient, importances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from crypto_team.reports.fold_table import FoldRow
from crypto_team.reports.formats import number, signed
from crypto_team.reports.overfitting import importance_matrix
from crypto_team.reports.palette import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    INK,
    MUTED,
    PANEL,
    RED,
    WHITE,
    frame,
    legend,
    style,
    svg,
)

MOST_FEATURES = 15
MOST_LABELS = 10


def folds(rows: Sequence[FoldRow], overall_sharpe: float) -> bytes:
    """Draw the Sharpe ratio of every fold, and its AUC on inner validation and test."""
    with style():
        figure, (above, below) = frame(2)
        _bars(above, [row.sharpe for row in rows])
        above.axhline(
            overall_sharpe,
            color=BLUE,
            linewidth=1.2,
            linestyle=(0, (4, 2)),
            label=f"all folds {signed(overall_sharpe)}",
        )
        above.set(title="Sharpe ratio by fold", ylabel="annualised, after costs")
        legend(above, 1)
        place = np.arange(len(rows))
        below.axhline(0.5, color=MUTED, linewidth=0.9)
        for number_, row in enumerate(rows):
            below.plot([number_, number_], [row.inner_auc, row.auc], color=GREY, linewidth=1.0, zorder=1)
        below.scatter(
            place,
            [row.inner_auc for row in rows],
            s=34,
            facecolor=PANEL,
            edgecolor=GREY,
            linewidth=1.4,
            label="inner validation",
            zorder=2,
        )
        below.scatter(place, [row.auc for row in rows], s=38, color=BLUE, label="out of sample", zorder=3)
        below.set(title="Skill by fold", ylabel="AUC (0.5 = no skill)")
        below.margins(y=0.25)
        legend(below, 2)
        _fold_axis(above, rows, labels=False)
        _fold_axis(below, rows)
        return svg(figure)


def information_coefficient(rows: Sequence[FoldRow]) -> bytes:
    """Draw the rank correlation of signal and forward return, inner validation beside test."""
    with style():
        figure, (axes,) = frame()
        place = np.arange(len(rows))
        inner, test = [row.inner_information_coefficient for row in rows], [row.information_coefficient for row in rows]
        axes.bar(place - 0.19, inner, width=0.34, color=GREY, alpha=0.55, label="inner validation")
        axes.bar(place + 0.19, test, width=0.34, color=BLUE, label="out of sample")
        axes.axhline(0.0, color=MUTED, linewidth=0.9)
        axes.set(title="Information coefficient by fold", ylabel="rank correlation")
        axes.margins(y=0.15)
        legend(axes, 2)
        _fold_axis(axes, rows)
        return svg(figure)


def _bars(axes: Axes, values: Sequence[float]) -> None:
    drawn = np.nan_to_num(np.asarray(values, dtype=np.float64))
    axes.bar(np.arange(drawn.size), drawn, width=0.62, color=[GREEN if value >= 0 else RED for value in drawn])
    axes.axhline(0.0, color=MUTED, linewidth=0.9)
    axes.margins(y=0.22)
    if drawn.size > MOST_LABELS:
        return
    for place, value in enumerate(drawn):
        offset = (0, 3 if value >= 0 else -3)
        axes.annotate(
            signed(values[place]),
            (place, value),
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="bottom" if value >= 0 else "top",
            fontsize=8,
            color=INK,
            bbox={"facecolor": PANEL, "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
        )


def _fold_axis(axes: Axes, rows: Sequence[FoldRow], *, labels: bool = True) -> None:
    step = max(1, len(rows) // MOST_LABELS + (len(rows) % MOST_LABELS > 0)) if len(rows) > MOST_LABELS else 1
    axes.set_xticks(range(0, len(rows), step))
    text = [f"fold {row.fold}\n{row.test_start[:7]}" for row in rows[::step]]
    axes.set_xticklabels(text if labels else [""] * len(text), fontsize=8)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(5))


def importance(importances: pd.DataFrame) -> bytes:
    """Draw the importance of the most important features in every fold; a stable model shows even rows."""
    table = importance_matrix(importances).iloc[:MOST_FEATURES]
    values = table.to_numpy(dtype=np.float64)
    with style():
        figure, (axes,) = frame(height=max(HEIGHT, 0.95 + 0.235 * len(table)))
        _cells(axes, values, scale=float(values.max(initial=0.0)) or 1.0)
        axes.set_yticks(range(len(table)), [str(name) for name in table.index], fontsize=8)
        axes.set_xticks(range(values.shape[1]), [str(fold) for fold in table.columns], fontsize=8)
        axes.set(
            title="Feature importance by fold (%)",
            xlabel="fold",
            xlim=(-0.5, values.shape[1] - 0.5),
            ylim=(len(table) - 0.5, -0.5),
        )
        axes.tick_params(axis="y", colors=INK)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        return svg(figure)


def _cells(axes: Axes, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], *, scale: float) -> None:
    labelled = values.shape[1] <= 12
    for (row, column), value in np.ndenumerate(values):
        strength = value / scale
        box = Rectangle(
            (column - 0.48, row - 0.46), 0.96, 0.92, facecolor=BLUE, alpha=0.05 + 0.95 * strength, linewidth=0
        )
        axes.add_patch(box)
        if labelled:
            colour = (WHITE if strength > 0.55 else INK) if value > 0.0 else MUTED
            text = number(100.0 * value, 1) if value > 0.0 else "–"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
