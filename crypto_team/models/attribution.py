"""What each feature adds to forecasts (SHAP), of every learner.

Boosters and linear maps know their SHAP values; a random forest has them from the `shap` package's TreeExplainer. Any
other learner is asked: the package's permutation explainer exchanges features of few rows, a feature over its whole
window, because single exchanged bars would be paths that no market has (Strumbelj and Kononenko 2014).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from crypto_team.models.base import Explained, Floats, Inputs, Model, rows_of, samples_of
from crypto_team.models.samples import Index, Samples

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 2000
ASKED, BACKGROUND = 24, 4
SHUFFLING = threading.Lock()


def contributions(model: Model, x: Inputs, *, history: int, seed: int) -> Floats:
    """Return the mean absolute SHAP value of each feature over some of the rows, shape (k,), not negative.

    Parameters
    ----------
    model
        A fitted learner.
    x
        The rows it was fitted on; at most about 2,000 of them, evenly spread, are looked at, and 24 by a learner that
        has no SHAP values of its own, against 4 others.
    history
        Bars before a row that a prediction reads.
    seed
        Of the order in which features are exchanged.
    """
    if isinstance(model, Explained):
        rows = rows_of(x)
        return model.contributions(rows[:: max(1, len(rows) // ROWS)])
    return _asked(model, samples_of(x), history, seed)


def _asked(model: Model, samples: Samples, history: int, seed: int) -> Floats:
    """Explain 24 rows by exchanging whole windows of features with those of 4 others."""
    import shap

    count = min(len(samples), ASKED + BACKGROUND)
    few = samples.take(np.linspace(0, len(samples) - 1, count).astype(np.int64))
    # A row is given to the package as the number of the sample that each of its features comes from.
    other = np.zeros(count, dtype=bool)
    other[np.linspace(0, count - 1, min(BACKGROUND, max(1, count - 1))).astype(np.int64)] = True
    codes = np.repeat(np.arange(count, dtype=np.float64)[:, None], few.columns, axis=1)
    values = _shuffled(shap, _forecasts(model, few, history), codes[~other], codes[other], seed)
    return np.asarray(np.abs(values.reshape(len(values), few.columns, -1)).mean(axis=0).sum(axis=1))


def _shuffled(shap: Any, forecasts: Callable[[Floats], Floats], asked: Floats, others: Floats, seed: int) -> Floats:
    """Return SHAP values (rows, features, outputs); the package draws from NumPy's one generator, which is put back."""
    with SHUFFLING:
        before = np.random.get_state()  # noqa: NPY002 - the package's own generator
        try:
            explainer = shap.PermutationExplainer(forecasts, shap.maskers.Independent(others), seed=seed)
            found = explainer(asked, max_evals=2 * asked.shape[1] + 1, silent=True)
        finally:
            np.random.set_state(before)  # noqa: NPY002
    return np.asarray(found.values, dtype=np.float64)


def _forecasts(model: Model, samples: Samples, history: int) -> Callable[[Floats], Floats]:
    """Return what the model says to rows whose features come from the windows of several samples."""
    length, columns = history + 1, np.arange(samples.columns)
    places = samples.places(length)
    windows = np.where(places[:, :, None] >= 0, samples.values[places], np.float32(np.nan))

    def told(codes: Floats) -> Floats:
        source: Index = codes.astype(np.int64)
        mixed = windows[source[:, None, :], np.arange(length)[None, :, None], columns[None, None, :]]
        first = np.arange(len(codes), dtype=np.int64) * length
        values = np.ascontiguousarray(mixed.reshape(-1, samples.columns))
        return model.predict(Samples(values, first + history, first, first, first))

    return told
