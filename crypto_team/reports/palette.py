"""One look for all pictures: colours, figure frame, and deterministic SVG bytes.

Neutral colours are unique hexadecimal values on purpose: the HTML page replaces them by its own variables, so that the
same picture is readable on a light and on a dark page.
"""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

INK: Final = "#1d2939"
MUTED: Final = "#667085"
LINE: Final = "#e4e7ec"
PANEL: Final = "#fffffe"
BLUE: Final = "#2f6fde"
ORANGE: Final = "#dd7a26"
GREEN: Final = "#1f9d6b"
RED: Final = "#d64545"
VIOLET: Final = "#8a63d2"
GREY: Final = "#8a94a3"
WHITE: Final = "#ffffff"
HEIGHT: Final = 3.9
LEGEND_ROW: Final = 13.0
LEGEND_PAD: Final = 9.0
"""Points that a row of a legend takes, and the distance of a title from what is below it."""
STYLE: Final[dict[RcKeyType, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crypto-team",
    "path.simplify": True,
    "path.simplify_threshold": 0.4,
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Segoe UI", "Helvetica", "Arial"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": PANEL,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": PANEL,
    "figure.constrained_layout.use": True,
}


def frame(
    rows: int = 1, *, width: float = 6.6, height: float = HEIGHT, heights: tuple[float, ...] | None = None
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `rows` panels above each other, sizes in inches; call it inside :func:`style`."""
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(rows, 1, squeeze=False, height_ratios=heights or (1.0,) * rows)
    return figure, list(grid[:, 0])


def style() -> AbstractContextManager[None]:
    """Return a context in which new figures have the common look."""
    return mpl.rc_context(STYLE)


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG; the same figure gives the same bytes. Call it inside :func:`style`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "crypto-team"})
    return buffer.getvalue()


def legend(axes: Axes, columns: int, *, above: float = 1.0) -> None:
    """Put the legend in one line above the panel, at its right edge."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, above), ncols=columns, borderaxespad=0.2, handlelength=1.4)


def legend_below_title(axes: Axes, columns: int) -> None:
    """Put many entries between title and panel, from left to right, row by row; call it when the title is set."""
    handles, labels = axes.get_legend_handles_labels()
    # Matplotlib fills columns first: with this order the first row reads as the entries were drawn.
    order = [at for column in range(columns) for at in range(column, len(labels), columns)]
    axes.legend(
        [handles[at] for at in order],
        [labels[at] for at in order],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.4,
    )
    rows = -(-len(labels) // columns)
    axes.set_title(axes.get_title(loc="left"), pad=LEGEND_PAD + LEGEND_ROW * rows)
