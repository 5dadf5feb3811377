"""Calibration of a regression: expected basis points become those that come true, on rows that the model never saw.

The map is a line, shrunk towards what the labels can tell, or a non-decreasing one. It is fitted on the purged tail of
the training window, as that of probabilities is, and never on test rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crypto_team.errors import UsageError
from crypto_team.models.return_lines import KnownReturns, Unseen, shrunk_line
from crypto_team.schemas.ml_spec import CalibrationMethod
from crypto_team.validation.calibration import Calibrator
from crypto_team.validation.calibration_maps import Floats, Isotonic, Line

SELF_CALIBRATED = frozenset({"horizons"})
METHODS: tuple[CalibrationMethod, ...] = ("shrunk", "isotonic", "none")


def known_of_learner(model: str, known: KnownReturns) -> KnownReturns:
    """Return what fitted rows say of a learner by name: forecasts that it calibrated itself lean on the shrunk mean."""
    return replace(known, taught=known.level, calibrated=True) if model in SELF_CALIBRATED else known


def check_method(method: CalibrationMethod) -> None:
    """Refuse a calibration that is one of probabilities."""
    if method not in METHODS:
        raise UsageError(
            f"{method} calibrates probabilities, and a regression states expected returns",
            where="model.calibration",
            hint="crypto-team ml-engineer set-model STR --calibration shrunk (isotonic and none exist too)",
        )


def fit_return_calibrator(rows: Unseen, method: CalibrationMethod, known: KnownReturns | None = None) -> Calibrator:
    """Fit the map of realised on expected returns.

    Parameters
    ----------
    rows
        Raw expected and realised returns in basis points, of rows that the model was not fitted on.
    method
        ``shrunk`` (a line), ``isotonic`` or ``none``.
    known
        What the rows say that the model was fitted on, in basis points; nothing where it is not given.

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
    if method == "none" or not rows.told.size:
        return Calibrator(())
    if method == "isotonic":
        return Calibrator((_isotonic(rows.told, rows.came),))
    return Calibrator((Line(*shrunk_line(rows, known or KnownReturns(0.0, float(rows.told.mean()), 0.0))),))


def _isotonic(told: Floats, came: Floats) -> Isotonic:
    """Fit a non-decreasing map by least squares (pool adjacent violators), constant beyond the rows."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(told, came)
    return Isotonic(
        np.asarray(fitted.X_thresholds_, dtype=np.float64), np.asarray(fitted.y_thresholds_, dtype=np.float64)
    )
