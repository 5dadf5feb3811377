"""Calibration of a regression: expected basis points become those that come true, on rows that the model never saw.

The map is a line, shrunk towards what the labels can tell, or a non-decreasing one. It is fitted on the purged tail of
the training window, as that of probabilities is, and never on test rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crypto_team.errors import UsageError
from crypto_team.models.return_lines import shrunk_line
from crypto_team.schemas.ml_spec import CalibrationMethod
from crypto_team.validation.calibration import Calibrator
from crypto_team.validation.calibration_maps import Floats, Isotonic, Line

METHODS: tuple[CalibrationMethod, ...] = ("shrunk", "isotonic", "none")


@dataclass(frozen=True)
class KnownReturns:
    """What a fold knows besides its calibration rows, in basis points.

    `independent` is what the calibration labels are worth, `mean` the mean forward return of the rows that the model
    was fitted on, and `taught` the same as that fit weighed them: the level that raw forecasts lean on.
    """

    independent: float
    mean: float
    taught: float


def known_returns(bps: Floats, weight: Floats | None, independent: float) -> KnownReturns:
    """Return what the fitted rows (forward returns in basis points and training weights, shape (n,)) say."""
    mean = float(bps.mean())
    return KnownReturns(independent, mean, mean if weight is None else float(np.average(bps, weights=weight)))


def check_method(method: CalibrationMethod) -> None:
    """Refuse a calibration that is one of probabilities."""
    if method not in METHODS:
        raise UsageError(
            f"{method} calibrates probabilities, and a regression states expected returns",
            where="model.calibration",
            hint="crypto-team ml-engineer set-model STR --calibration shrunk (isotonic and none exist too)",
        )


def fit_return_calibrator(
    told: Floats, came: Floats, method: CalibrationMethod, *, known: KnownReturns | None = None
) -> Calibrator:
    """Fit the map of realised on expected returns.

    Parameters
    ----------
    told, came
        Raw expected and realised returns in basis points, shape (n,), of rows that the model was not fitted on.
    method
        ``shrunk`` (a line), ``isotonic`` or ``none``.
    known
        What the fold knows besides; where it is not given, every label counts and the mean is that of `came`.

    Returns
    -------
    Calibrator
        The identity for ``none`` and when there are no rows.

    Raises
    ------
    UsageError
        The method is one of probabilities.
    """
    check_method(method)
    if method == "none" or not came.size:
        return Calibrator(())
    fit: dict[str, Callable[[], Line | Isotonic]] = {
        "shrunk": lambda: _shrunk(told, came, known or known_returns(came, None, float(came.size))),
        "isotonic": lambda: _isotonic(told, came),
    }
    return Calibrator((fit[method](),))


def _shrunk(told: Floats, came: Floats, known: KnownReturns) -> Line:
    return Line(*shrunk_line(told, came, independent=known.independent, mean=known.mean, taught=known.taught))


def _isotonic(told: Floats, came: Floats) -> Isotonic:
    """Fit a non-decreasing map by least squares (pool adjacent violators), constant beyond the rows."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(told, came)
    return Isotonic(
        np.asarray(fitted.X_thresholds_, dtype=np.float64), np.asarray(fitted.y_thresholds_, dtype=np.float64)
    )
