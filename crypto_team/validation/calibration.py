"""Probability calibration: Platt, isotonic, beta and shrunk maps, one against the rest, and temperature.

Fitted on rows that the model never saw (the purged tail of its training window), never on test rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from crypto_team.schemas.ml_spec import CalibrationMethod
from crypto_team.validation.calibration_maps import (
    FLOOR,
    Beta,
    Floats,
    Isotonic,
    Map,
    Platt,
    Temperature,
    beta_inputs,
    map_from,
)
from crypto_team.validation.calibration_shrunk import Known, shrunk
from crypto_team.validation.scores import logit

LEAST_SLOPE = 0.05
TOLERANCE = 1e-10
COLDEST, HOTTEST = 0.05, 20.0
POLISHING_STEPS = 8


@dataclass(frozen=True)
class Calibrator:
    """Maps for the classes: none (identity), one for the top class of two, one for each class, or one for all.

    A regression has one, for its basis points.
    """

    maps: tuple[Map | Temperature, ...]

    def apply(self, p: Floats) -> Floats:
        """Return calibrated probabilities, shape (n, classes), rows sum to 1; or basis points, shape (n, 1)."""
        if not self.maps:
            return p
        if p.shape[1] == 1:
            return self.maps[0].apply(np.ascontiguousarray(p[:, 0]))[:, None]
        if len(self.maps) == 1:
            only = self.maps[0]
            if isinstance(only, Temperature):
                return only.apply(p)
            top = only.apply(np.ascontiguousarray(p[:, 1]))
            return np.column_stack([1.0 - top, top])
        columns = [one.apply(np.ascontiguousarray(p[:, k])) for k, one in enumerate(self.maps)]
        total = columns[0].copy()
        for column in columns[1:]:
            total += column
        return np.column_stack([column / total for column in columns])

    def document(self) -> list[dict[str, Any]]:
        """Return the maps as JSON values."""
        return [one.document() for one in self.maps]


def calibrator_from(document: list[Mapping[str, Any]]) -> Calibrator:
    """Rebuild a calibrator from :meth:`Calibrator.document`."""
    return Calibrator(tuple(map_from(one) for one in document))


def fit_calibrator(p: Floats, label: Floats, method: CalibrationMethod, *, known: Known | None = None) -> Calibrator:
    """Fit the maps of all classes.

    Parameters
    ----------
    p
        Raw probabilities, shape (n, classes), of rows that the model was not fitted on.
    label
        Class indices, shape (n,), no NaN.
    method
        ``platt`` as it is defined, ``ordered_platt`` which never turns the ranking round, ``isotonic``, ``beta``,
        ``temperature`` (one map for all classes), ``shrunk`` or ``none``.
    known
        What the fold knows besides, for ``shrunk``; where it is not given, every label counts and the rates are those
        of the raw probabilities.

    Returns
    -------
    Calibrator
        The identity for ``none`` and when there are no rows.
    """
    if method == "none" or len(label) == 0:
        return Calibrator(())
    classes = p.shape[1]
    tops = [1] if classes == 2 else list(range(classes))
    if method == "temperature":
        return Calibrator((fit_temperature(p, label),))
    if method == "shrunk":
        given = known or Known(float(len(label)), p.mean(axis=0), p.mean(axis=0), np.full(classes, np.nan), 0.0)
        return Calibrator(tuple(_shrunk_map(p[:, k], (label == k).astype(np.float64), given, k) for k in tops))
    fits: dict[str, Callable[[Floats, Floats], Map]] = {
        "platt": fit_platt,
        "ordered_platt": ordered_platt,
        "isotonic": fit_isotonic,
        "beta": fit_beta,
    }
    fit = fits[method]
    return Calibrator(tuple(fit(p[:, k], (label == k).astype(np.float64)) for k in tops))


def _shrunk_map(p: Floats, y: Floats, known: Known, k: int) -> Platt:
    return shrunk(fit_platt(p, y), p, known.of(k))


def fit_platt(p: Floats, y: Floats) -> Platt:
    """Fit Platt's sigmoid on logit p with soft targets by Newton's method (Platt 1999; Lin, Lin and Weng 2007)."""
    f = logit(p)
    positive = float(y.sum())
    negative = y.size - positive
    target = np.where(y > 0.5, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    a, b = 0.0, math.log((negative + 1.0) / (positive + 1.0))
    loss = _platt_loss(f, target, a, b)
    for _ in range(100):
        q = 1.0 / (1.0 + np.exp(np.clip(a * f + b, -700.0, 700.0)))
        slope = target - q
        weight = q * (1.0 - q)
        g1, g2 = float(f @ slope), float(slope.sum())
        h11, h22, h21 = float(f**2 @ weight) + 1e-12, float(weight.sum()) + 1e-12, float(f @ weight)
        determinant = h11 * h22 - h21 * h21
        if max(abs(g1), abs(g2)) < TOLERANCE or determinant <= 0.0:
            break
        da, db = -(h22 * g1 - h21 * g2) / determinant, -(h11 * g2 - h21 * g1) / determinant
        descent, step = g1 * da + g2 * db, 1.0
        while step > 1e-10:
            moved = _platt_loss(f, target, a + step * da, b + step * db)
            if moved <= loss + 1e-4 * step * descent:
                break
            step /= 2.0
        else:
            break
        a, b, loss = a + step * da, b + step * db, moved
    return Platt(a, b)


def _platt_loss(f: Floats, target: Floats, a: float, b: float) -> float:
    margin = a * f + b
    return float(np.sum(target * margin + np.logaddexp(0.0, -margin)))


def ordered_platt(p: Floats, y: Floats) -> Platt:
    """Fit Platt's sigmoid, but never let noise in few rows reverse the model's ranking.

    A fitted slope of the wrong sign, or close to none, becomes almost flat: the probabilities then stay near the base
    rate and keep their order.
    """
    free = fit_platt(p, y)
    if free.a <= -LEAST_SLOPE:
        return free
    rate = (float(y.sum()) + 1.0) / (y.size + 2.0)
    centre = float(np.mean(logit(p)))
    return Platt(-LEAST_SLOPE, LEAST_SLOPE * centre - math.log(rate / (1.0 - rate)))


def fit_isotonic(p: Floats, y: Floats) -> Isotonic:
    """Fit a non-decreasing map (pool adjacent violators), clipped to [1/(n+2), 1-1/(n+2)]: nothing is certain."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(p, y)
    floor = 1.0 / (y.size + 2.0)
    return Isotonic(
        np.asarray(fitted.X_thresholds_, dtype=np.float64),
        np.clip(np.asarray(fitted.y_thresholds_, dtype=np.float64), floor, 1.0 - floor),
    )


def fit_beta(p: Floats, y: Floats) -> Beta:
    """Fit the beta map by its likelihood with a, b >= 0 and no penalty (Kull, Silva Filho and Flach 2017).

    Where the forecasts separate the classes the likelihood has no maximum, and Platt's soft targets give one. Where
    both shapes vanish, which is a reversed or an absent ranking, the ordered sigmoid of :func:`ordered_platt` takes
    their place, so that the order of the forecasts is kept.
    """
    design = np.column_stack([*beta_inputs(p), np.ones(p.size)])
    target = y
    if not 0.0 < y.mean() < 1.0 or p[y > 0.5].min() > p[y <= 0.5].max():
        positive = float(y.sum())
        target = np.where(y > 0.5, (positive + 1.0) / (positive + 2.0), 1.0 / (y.size - positive + 2.0))

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = design @ weights
        wrong = expit(margin) - target
        return float(np.mean(np.logaddexp(0.0, margin) - target * margin)), np.asarray(design.T @ wrong / y.size)

    bounds = [(0.0, None), (0.0, None), (None, None)]
    found = minimize(loss, np.array([1.0, 1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds, tol=TOLERANCE)
    a, b, c = (float(value) for value in _polished(np.asarray(found.x), design, target))
    if a + b < 2.0 * LEAST_SLOPE:
        flat = ordered_platt(p, y)
        return Beta(-flat.a, -flat.a, -flat.b)
    return Beta(a, b, c)


def _polished(weights: Floats, design: Floats, target: Floats) -> Floats:
    """Take Newton steps among the weights that no bound holds; what leaves the bounds or the numbers is not taken."""
    free = (weights > 0.0) | np.array([False, False, True])
    for _ in range(POLISHING_STEPS):
        q = expit(design @ weights)
        part = design[:, free]
        information = part.T @ (part * (q * (1.0 - q))[:, None])
        step = np.zeros(weights.size)
        step[free] = np.linalg.lstsq(information, part.T @ (target - q), rcond=None)[0]
        moved = weights + step
        if not np.isfinite(moved).all() or (moved[:2] < 0.0).any():
            break
        weights = moved
    return weights


def fit_temperature(p: Floats, label: Floats) -> Temperature:
    """Fit the temperature by its likelihood (Guo, Pleiss, Sun and Weinberger 2017), between 0.05 and 20."""
    scores = np.log(np.clip(p, FLOOR, 1.0))
    own = (np.arange(label.size), label.astype(np.int64))

    def loss(log_t: float) -> float:
        scaled = scores / math.exp(log_t)
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - scaled[own]))

    limits = (math.log(COLDEST), math.log(HOTTEST))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-8})
    return Temperature(math.exp(float(found.x)))
