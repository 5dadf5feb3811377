"""Each horizon of a set for itself: what its own regression expects over its own bars, calibrated as the target's is.

The signal comes from the ensemble at the target's horizon. These stand beside it, so that a rule may read what is
expected over the next hour as well as over the next day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from crypto_team.models.base import Inputs, Model, MultiHorizon
from crypto_team.models.return_lines import KnownReturns, Unseen
from crypto_team.schemas.ml_spec import CalibrationMethod
from crypto_team.validation.calibration import Calibrator
from crypto_team.validation.calibration_maps import Floats
from crypto_team.validation.calibration_of_returns import fit_return_calibrator
from crypto_team.validation.expected_returns import BPS, FINAL, RAW
from crypto_team.validation.foreseeable import known_of_returns
from crypto_team.validation.panel import Panel

Rows = npt.NDArray[np.int64]
OWN = re.compile(rf"^{FINAL}_(\d+)$")


def columns_of(bars: int) -> tuple[str, str]:
    """Return the columns of the raw and the calibrated returns over a horizon of some bars."""
    return f"{RAW}_{bars}", f"{FINAL}_{bars}"


def horizons_in(columns: list[str]) -> list[int]:
    """Return the horizons, in bars, that a predictions table has calibrated returns of."""
    return sorted(int(found[1]) for found in map(OWN.match, columns) if found)


def each_horizon(model: Model, values: Inputs, wanted: tuple[int, ...]) -> dict[int, Floats]:
    """Return what each wanted horizon's regression expects over its own bars, (n,) in basis points."""
    if not isinstance(model, MultiHorizon) or not set(model.lengths) & set(wanted):
        return {}
    made = model.each(values)
    return {bars: made[:, place] for place, bars in enumerate(model.lengths) if bars in wanted}


def fit_horizons(
    panel: Panel, told: Mapping[int, Floats], fit: Rows, inner: Rows, weight: Floats | None, method: CalibrationMethod
) -> dict[int, Calibrator]:
    """Fit the calibration of each horizon on the calibration rows, to the returns over its own bars.

    Parameters
    ----------
    panel
        Knows the returns over every horizon of the set; training rows end a gap before the test part by the longest.
    told
        What each horizon's regression expects of the rows `inner`, in basis points.
    fit, inner
        Rows that the model was fitted on, and those that it had not seen.
    weight
        What the fit weighed its rows with.
    method
        As for the target's returns.
    """
    return {
        bars: fit_return_calibrator(unseen_over(panel, inner, bars, raw), method, known_over(panel, fit, bars, weight))
        for bars, raw in told.items()
    }


def unseen_over(panel: Panel, rows: Rows, bars: int, told: Floats) -> Unseen:
    """Return rows with what came of them over some bars of the set; those whose end is not known are left out."""
    came = _over(panel, rows, bars)
    there = np.isfinite(came) & np.isfinite(told)
    start = panel.time[rows][there]
    return Unseen(told[there], came[there], start, start + bars * panel.timeframe_ms)


def known_over(panel: Panel, rows: Rows, bars: int, weight: Floats | None) -> KnownReturns:
    """Return what fitted rows say of returns over some bars of the set."""
    came = _over(panel, rows, bars)
    there = np.isfinite(came)
    rows, ends = rows[there], panel.time[rows][there] + bars * panel.timeframe_ms
    return known_of_returns(panel, rows, None if weight is None else weight[there], came[there], ends)


def _over(panel: Panel, rows: Rows, bars: int) -> Floats:
    ahead = np.full((panel.time.size, len(panel.horizons)), np.nan) if panel.ahead is None else panel.ahead
    return np.asarray(ahead[rows, panel.horizons.index(bars)] * BPS)
