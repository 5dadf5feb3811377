"""Fitted features inside a fold: fitted on its training rows, filled into its panel, kept in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from crypto_team.features import transformers
from crypto_team.features.matrix import FeatureMatrix
from crypto_team.features.transformers import FittedInput, Taught, Transformer
from crypto_team.validation.panel import Panel

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StoredTransformer:
    """A transformer with what is needed to read it again."""

    kind: str
    settings: tuple[float, ...]
    fitted: Transformer

    def at(self, given: FittedInput, rows: Rows) -> npt.NDArray[np.float32]:
        """Return its values at some ascending rows of one pair's inputs."""
        if not rows.size:
            return np.empty(0, dtype=np.float32)
        first = max(0, int(rows[0]) - given.memory)
        made = self.fitted.apply(given.values[first : int(rows[-1]) + 1])[rows - first].astype(np.float32)
        made[~np.isfinite(made)] = np.nan
        return np.asarray(made)

    def document(self) -> dict[str, Any]:
        """Return it as plain numbers."""
        return {"kind": self.kind, "settings": list(self.settings), "parameters": self.fitted.parameters()}

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> StoredTransformer:
        """Read what :meth:`document` wrote."""
        kind, settings = str(document["kind"]), tuple(float(value) for value in document["settings"])
        return cls(kind, settings, transformers.load(kind, settings, document["parameters"]))


def fit_all(panel: Panel, rows: Rows) -> dict[str, StoredTransformer]:
    """Fit every fitted feature of a panel on some rows, and what learns from labels on their labels."""
    taught = Taught(panel.time, panel.forward_return)
    return {
        name: StoredTransformer(
            given.kind,
            given.settings,
            transformers.fit(given, rows, panel.pair_index, name=name, taught=taught),
        )
        for name, given in panel.fitted.items()
    }


def fitted_on_first_half(matrix: FeatureMatrix, forward_return: Floats, horizon_bars: int) -> FeatureMatrix:
    """Return the matrix of one pair with what is fitted known in its second half, fitted on its first: for a look.

    Labels count that were known by then: those of the last `horizon_bars` before the middle were not.
    """
    if not matrix.fitted:
        return matrix
    values, half = matrix.values.copy(), len(matrix.values) // 2
    first, second = np.arange(half), np.arange(half, len(values))
    labels = np.where(np.arange(len(values)) < half - horizon_bars, forward_return, np.nan)
    pairs, taught = np.zeros(len(values), dtype=np.int64), Taught(np.arange(len(values)), labels)
    for name, given in matrix.fitted.items():
        item = StoredTransformer(
            given.kind, given.settings, transformers.fit(given, first, pairs, name=name, taught=taught)
        )
        values[second, matrix.names.index(name)] = item.at(given, second)
    return replace(matrix, values=values)


def filled(panel: Panel, fitted: Mapping[str, StoredTransformer], rows: Rows) -> Panel:
    """Return the panel with the fitted features of some ascending rows; a panel without any is returned as it is."""
    if not fitted:
        return panel
    features = panel.features.copy()
    for name, item in fitted.items():
        column = panel.names.index(name)
        for pair in range(len(panel.pairs)):
            first, last = np.searchsorted(panel.pair_index, [pair, pair + 1])
            own = rows[(rows >= first) & (rows < last)]
            given = replace(panel.fitted[name], values=panel.fitted[name].values[first:last])
            features[own, column] = item.at(given, own - first)
    return replace(panel, features=features)
