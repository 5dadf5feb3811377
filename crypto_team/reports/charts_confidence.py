"""Pictures of confidence: reliability of the probabilities and how they are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crypto_team.reports.confidence import Calibration, ReliabilityBin
from crypto_team.reports.expected_returns import ExpectedReturns, Tenth
from crypto_team.reports.formats import number
from crypto_team.reports.palette import BLUE, GREY, MUTED, ORANGE, frame, legend, style, svg

LEAST_SHARE = 0.005


def reliability(calibration: Calibration) -> bytes:
    """Draw observed against forecast probability, before and after calibration, with the rows behind each point."""
    with style():
        figure, (above, below) = frame(2, heights=(3.4, 1.0))
        low, high = _range(calibration)
        above.plot([low, high], [low, high], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="perfect")
        if calibration.bins_raw:
            _points(above, calibration.bins_raw, GREY, f"raw, ECE {number(calibration.ece_raw, 3)}", errors=False)
        _points(above, calibration.bins, BLUE, f"calibrated, ECE {number(calibration.ece, 3)}", errors=True)
        above.axhline(calibration.event_rate, color=ORANGE, linewidth=1.0, linestyle=(0, (1, 2)), label="base rate")
        above.set(
            title="Reliability", ylabel="observed share (bins ≥ 0.5 % of rows)", xlim=(low, high), ylim=(low, high)
        )
        legend(above, 2, above=0.99)
        above.set_xticklabels([])
        rows = [one.rows for one in calibration.bins]
        below.bar(
            [one.forecast for one in calibration.bins], rows, width=0.022 * (high - low) / 0.5, color=BLUE, alpha=0.75
        )
        below.set(xlabel="forecast probability of the event", ylabel="rows", xlim=(low, high))
        below.locator_params(axis="y", nbins=3)
        below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return svg(figure)


def _range(calibration: Calibration) -> tuple[float, float]:
    bins = (*_filled(calibration.bins), *_filled(calibration.bins_raw))
    values = [value for one in bins for value in (one.forecast, one.observed)] or [0.0, 1.0]
    return max(0.0, min(values) - 0.05), min(1.0, max(values) + 0.05)


def _filled(bins: Sequence[ReliabilityBin]) -> list[ReliabilityBin]:
    """Keep bins with enough rows to say something; the panel below shows the rows of all of them."""
    total = sum(one.rows for one in bins)
    return [one for one in bins if one.rows >= LEAST_SHARE * total]


def _points(axes: Axes, bins: Sequence[ReliabilityBin], colour: str, label: str, *, errors: bool) -> None:
    bins = _filled(bins)
    x, y = [one.forecast for one in bins], [one.observed for one in bins]
    if errors:
        spread = [[one.observed - one.low for one in bins], [one.high - one.observed for one in bins]]
        axes.errorbar(x, y, yerr=spread, fmt="none", ecolor=colour, elinewidth=1.0, alpha=0.6)
    axes.plot(x, y, marker="o", markersize=4.5, color=colour, linewidth=1.3, label=label)


def expected_returns(found: ExpectedReturns) -> bytes:
    """Draw realised against expected returns by tenths of the rows, before and after calibration."""
    with style():
        figure, (axes,) = frame()
        every = [*found.tenths_raw, *found.tenths]
        values = [value for one in every for value in (one.forecast, one.came)]
        low, high = min(values), max(values)
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="comes true")
        if found.tenths_raw:
            _tenths(axes, found.tenths_raw, GREY, f"raw, slope {number(found.slope_raw)}", errors=False)
        interval = f"{number(found.slope_low)} to {number(found.slope_high)}"
        _tenths(axes, found.tenths, BLUE, f"final, slope {number(found.slope)} ({interval})", errors=True)
        axes.axhline(0.0, color=MUTED, linewidth=0.9)
        axes.set(
            title="Expected returns", xlabel="expected return, bps (tenths of the rows)", ylabel="mean return, bps"
        )
        axes.margins(x=0.05, y=0.2)
        legend(axes, 3)
        return svg(figure)


def _tenths(axes: Axes, tenths: Sequence[Tenth], colour: str, label: str, *, errors: bool) -> None:
    x, y = [one.forecast for one in tenths], [one.came for one in tenths]
    if errors:
        known = [one for one in tenths if math.isfinite(one.low)]
        spread = [[one.came - one.low for one in known], [one.high - one.came for one in known]]
        at = [one.forecast for one in known], [one.came for one in known]
        axes.errorbar(*at, yerr=spread, fmt="none", ecolor=colour, elinewidth=1.0, alpha=0.6)
    axes.plot(x, y, marker="o", markersize=4.5, color=colour, linewidth=1.3, label=label)


def histogram(p: npt.NDArray[np.float64], *, entry: float, leave: float, long_short: bool) -> bytes:
    """Draw how often each signal value occurs, with the thresholds that turn it into a position.

    Parameters
    ----------
    p
        Signal of the test rows, shape (n,), in [0, 1]; NaN are left out.
    entry, leave
        Thresholds of the signal rule; for `long_short` they are mirrored.
    """
    known = p[np.isfinite(p)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    low, high = min(low, leave, 1.0 - entry if long_short else low) - 0.02, max(high, entry) + 0.02
    low, high = max(0.0, low), min(1.0, high)
    edges = np.linspace(low, high, 51)
    counts = np.histogram(known, edges)[0]
    centre = (edges[:-1] + edges[1:]) / 2.0
    with style():
        figure, (axes,) = frame()
        acts = (centre >= entry) | (long_short & (centre <= 1.0 - entry))
        shares = counts / max(known.size, 1)
        axes.bar(centre, shares, width=0.92 * (edges[1] - edges[0]), color=np.where(acts, BLUE, GREY).tolist())
        lines = [(entry, f"enter {number(entry)}"), (leave, f"leave {number(leave)}")]
        lines += [(1.0 - entry, f"short {number(1.0 - entry)}")] if long_short else []
        for place, (value, label) in enumerate(lines):
            _threshold(axes, value, label, line=place)
        axes.set(title="Confidence", xlabel="signal (probability of up)", ylabel="share of rows", xlim=(low, high))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.margins(y=0.35)
        return svg(figure)


def _threshold(axes: Axes, value: float, label: str, *, line: int) -> None:
    """Mark a threshold; each label stands on a line of its own, so that close ones do not cover each other."""
    axes.axvline(value, color=ORANGE, linewidth=1.1)
    axes.annotate(
        label,
        (value, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(3, -2 - 11 * line),
        textcoords="offset points",
        fontsize=8,
        color=ORANGE,
        va="top",
    )
