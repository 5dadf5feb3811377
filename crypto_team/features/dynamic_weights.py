"""Importance weights that follow time: each feature counts as much as it has lately had to do with the label.

The importance of a feature is the absolute correlation with the label, exponentially weighted over labels that were
known at the time, less what chance alone would give. The weights are the importances over their mean, so that an
average feature keeps its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features.compiled import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MASS, MASS_SQUARED, MEAN_X, MEAN_Y, SPREAD_X, SPREAD_Y, TOGETHER = range(7)
N_MOMENTS: Final = 7


@kernel
def _learn(moments: Floats, row: Floats, label: float, decay: float) -> None:
    """Add one row to the exponentially weighted moments of each feature, except where its value is unknown."""
    for k in range(row.size):
        x = row[k]
        if not np.isfinite(x):
            continue
        m = moments[:, k]
        m[MASS] = decay * m[MASS] + 1.0
        m[MASS_SQUARED] = decay * decay * m[MASS_SQUARED] + 1.0
        dx, dy = x - m[MEAN_X], label - m[MEAN_Y]
        m[MEAN_X] += dx / m[MASS]
        m[MEAN_Y] += dy / m[MASS]
        m[SPREAD_X] = decay * m[SPREAD_X] + dx * (x - m[MEAN_X])
        m[SPREAD_Y] = decay * m[SPREAD_Y] + dy * (label - m[MEAN_Y])
        m[TOGETHER] = decay * m[TOGETHER] + dx * (label - m[MEAN_Y])


@kernel
def _weights(moments: Floats, out: Floats) -> None:
    """Absolute correlation less one standard error of it, over the mean of all; ones where nothing stands out."""
    total = 0.0
    for k in range(out.size):
        m = moments[:, k]
        out[k] = 0.0
        both = m[SPREAD_X] * m[SPREAD_Y]
        if m[MASS] > 0.0 and both > 0.0:
            rows = m[MASS] * m[MASS] / m[MASS_SQUARED]
            out[k] = max(abs(m[TOGETHER]) / np.sqrt(both) - 1.0 / np.sqrt(rows), 0.0)
        total += out[k]
    if total > 0.0:
        out *= out.size / total
    else:
        out[:] = 1.0


@kernel
def _follow(x: Floats, y: Floats, times: Ints, known: Ints, moments: Floats, decay: float) -> Floats:
    """Return the weights at each row from labels known by its time; the moments go on from where they were."""
    order = np.argsort(known, kind="mergesort")
    out, waiting = np.empty(x.shape), 0
    current = np.empty(x.shape[1])
    _weights(moments, current)
    for i in range(times.size):
        before = waiting
        while waiting < order.size and known[order[waiting]] <= times[i]:
            if np.isfinite(y[order[waiting]]):
                _learn(moments, x[order[waiting]], y[order[waiting]], decay)
            waiting += 1
        if waiting > before:
            _weights(moments, current)
        out[i] = current
    return out


@dataclass(frozen=True, slots=True)
class DynamicWeights:
    """Weights after the last label of a fit, and the moments they come from; immutable.

    Attributes
    ----------
    half_life_rows
        After so many labels an old one counts half.
    moments
        Exponentially weighted moments, shape (7, features).
    """

    half_life_rows: float
    moments: Floats

    @classmethod
    def fit(cls, x: Floats, y: Floats, *, half_life_rows: float) -> DynamicWeights:
        """Learn from training rows in time order, all labels of which are known; unknown labels are left out.

        Raises
        ------
        InputError
            Shapes that do not fit, or a half-life that is not positive.
        """
        if not (np.isfinite(half_life_rows) and half_life_rows > 0.0):
            raise InputError(
                f"a half-life of {half_life_rows:g} rows", where="half_life_rows", hint="give a positive one"
            )
        values, labels = _checked(x, y, None)
        moments = np.zeros((N_MOMENTS, values.shape[1]))
        decay = 0.5 ** (1.0 / half_life_rows)
        for row, label in zip(values, labels, strict=True):
            if np.isfinite(label):
                _learn(moments, row, label, decay)
        return cls(half_life_rows, moments)

    @property
    def weights(self) -> Floats:
        """Return the weights as they stand, shape (features,), mean 1."""
        made = np.empty(self.moments.shape[1])
        _weights(self.moments, made)
        return made

    def apply(self, x: Floats) -> Floats:
        """Return rows times the weights as they stand: what a test part gets while none of its labels is known."""
        return _checked(x, None, self)[0] * self.weights

    def follow(self, x: Floats, y: Floats, *, times: Ints, label_known: Ints) -> tuple[Floats, DynamicWeights]:
        """Return later rows times weights that go on learning, and the weights after the last row.

        Parameters
        ----------
        x, y
            Rows in time order, shape (n, features), and their labels, NaN where unknown.
        times, label_known
            When each row is used and when its label was known, in one unit; a label counts for rows from then on.

        Raises
        ------
        InputError
            Times run backwards, or a label is known before the row it belongs to.
        """
        values, labels = _checked(x, y, self)
        if bool((np.diff(times) < 0).any()):
            raise InputError("times run backwards", where="times", hint="sort the rows by time")
        if bool((label_known <= times).any()):
            raise InputError("a label is known no later than its own row", where="label_known", hint="give label ends")
        moments = self.moments.copy()
        decay = 0.5 ** (1.0 / self.half_life_rows)
        path = _follow(values, labels, times.astype(np.int64), label_known.astype(np.int64), moments, decay)
        return values * path, DynamicWeights(self.half_life_rows, moments)

    def parameters(self) -> dict[str, Any]:
        """Return everything as plain numbers; `load` gives the same bits back."""
        return {"half_life_rows": self.half_life_rows, "moments": self.moments.tolist()}

    @classmethod
    def load(cls, found: Mapping[str, Any]) -> DynamicWeights:
        """Return what `parameters` stored.

        Raises
        ------
        InputError
            The numbers are not those of weights.
        """
        try:
            moments = np.array(found["moments"], dtype=np.float64)
            half_life = float(found["half_life_rows"])
        except (KeyError, TypeError, ValueError) as problem:
            raise InputError(f"these are no stored weights: {problem}", where="parameters", hint="fit again") from None
        if moments.ndim != 2 or moments.shape[0] != N_MOMENTS or not np.isfinite(moments).all() or not half_life > 0.0:
            raise InputError("these are no stored weights", where="parameters", hint="fit again")
        return cls(half_life, moments)


def _checked(
    x: Floats | Sequence[Sequence[float]], y: Floats | None, fitted: DynamicWeights | None
) -> tuple[Floats, Floats]:
    values = np.ascontiguousarray(x, dtype=np.float64)
    if values.ndim != 2 or (fitted is not None and values.shape[1] != fitted.moments.shape[1]):
        wanted = "features" if fitted is None else fitted.moments.shape[1]
        raise InputError(f"rows have the shape {values.shape}", where="x", hint=f"(rows, {wanted}) is expected")
    labels = np.full(len(values), np.nan) if y is None else np.ascontiguousarray(y, dtype=np.float64)
    if labels.shape != (len(values),):
        raise InputError(f"{len(values)} rows have labels of the shape {labels.shape}", where="y")
    return values, labels
