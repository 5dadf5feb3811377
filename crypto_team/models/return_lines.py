"""The line of realised on expected returns, from labels that overlap: little evidence changes little.

A learner's basis points are bolder than what comes true, because it was fitted to the noise of its rows as well. The
slope of what came on what was said, in rows that it had not seen, tells by how much. A thousand rows whose labels span
24 bars hold some forty outcomes, though, and one deviation of an hourly forecast is worth a few hundredths of a
deviation of the return: the free line is mostly noise. So the likelihood counts what the labels are worth, and two
priors of heavy tails say what an honest market offers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SLOPE_SCALE, OFFSET_SCALE = 0.05, 0.03
FREEDOM = 3.0
LEAST_SLOPE = 0.003
FLAT = 1e-9
_REACH, _POINTS = 8.0, 161


def shrunk_line(told: Floats, came: Floats, *, independent: float, mean: float, taught: float) -> tuple[float, float]:
    """Return the mean slope and intercept of realised on expected returns, given the rows and two priors.

    With z = (told - m) / s, m and s mean and deviation of the forecasts, and r the deviation of what came, the model is
    came / r = offset + slope z + noise: `slope` is a correlation. The likelihood is the normal one around the free line
    with errors of `independent` rows instead of n. Priors: slope half-t with 3 degrees of freedom and scale 0.05, which
    is what an hour-to-day forecast of an honest market correlates with returns; offset t of scale 0.03 around
    mean / r + slope / s (m - taught): the mean return of the fitted rows, and as much of the mean forecast's distance
    from what these had taught as the slope believes. The slope is never negative: noise does not reverse a ranking.

    Parameters
    ----------
    told, came
        Expected and realised returns in one unit, shape (n,), of rows that the learner was not fitted on; no NaN.
    independent
        How many labels that share no time these are worth, at most n.
    mean, taught
        Mean return of the rows that the learner was fitted on, plain and as the fit weighed them.

    Returns
    -------
    tuple
        Slope and intercept in the unit of the returns; with many independent labels those of least squares. Without
        any spread of forecasts the slope is 0 and the intercept the shrunk mean of what came.
    """
    spread, unit = float(came.std()) if came.size else 0.0, float(told.std()) if told.size else 0.0
    if not spread > 0.0:
        return 0.0, float(came.mean()) if came.size else mean
    centre = float(told.mean())
    known = unit > FLAT * spread
    z = (told - centre) / unit if known else np.zeros(told.size)
    y = came / spread
    offset, slope = float(y.mean()), float(z @ (y - y.mean())) / told.size
    error = max(float((y - offset - slope * z).std()), 1e-6) / np.sqrt(max(independent, 1.0))
    # Tails of the priors fall by powers only, so nothing outside eight errors of the free fit can count.
    reach = np.linspace(-_REACH, _REACH, _POINTS) * error
    offsets = offset + reach
    slopes = np.maximum(0.0, slope) + reach
    slopes = np.linspace(max(0.0, slopes[0]), slopes[-1], _POINTS) if known else np.zeros(1)
    leaning = (centre - taught) / unit if known else 0.0
    expected = mean / spread + slopes * leaning
    told_so = -0.5 * ((offsets[:, None] - offset) ** 2 + (slopes[None, :] - slope) ** 2) / error**2
    told_so += _log_prior(slopes / SLOPE_SCALE) + _log_prior((offsets[:, None] - expected) / OFFSET_SCALE)
    belief = np.exp(told_so - told_so.max())
    belief /= belief.sum()
    found = float(belief.sum(axis=1) @ offsets) * spread
    if not known:
        return 0.0, found
    steep = max(float(belief.sum(axis=0) @ slopes), LEAST_SLOPE) * spread / unit
    return steep, found - steep * centre


def _log_prior(x: Floats) -> Floats:
    """Return the log density of Student's t up to a constant."""
    return np.asarray(-0.5 * (FREEDOM + 1.0) * np.log1p(x**2 / FREEDOM))
