"""The protocol that every learner keeps: fit, predict, importances, save; safe text formats only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Matrix: TypeAlias = npt.NDArray[np.float32]
Hyperparameter: TypeAlias = bool | int | float | str


@dataclass(frozen=True)
class ModelSettings:
    """What a learner is built from; `n_classes` 0 means regression on basis points."""

    n_classes: int
    hyperparameters: Mapping[str, Hyperparameter]
    seed: int


class Model(Protocol):
    """A learner over a float32 matrix in which NaN means unknown."""

    def fit(self, x: Matrix, y: Floats, weight: Floats | None = None) -> None:
        """Learn from rows `x` (n, k); `y` holds class indices or basis points, `weight` is per row."""

    def predict(self, x: Matrix) -> Floats:
        """Return probabilities (n, classes), or expected basis points (n, 1); row by row independent."""

    def importances(self) -> Floats:
        """Return the share of each feature, shape (k,), summing to 1 (equal shares when nothing was learnt)."""

    def save(self) -> bytes:
        """Return the learner as UTF-8 text that loads into bit-identical predictions."""


@runtime_checkable
class Explained(Protocol):
    """A learner that says what each feature adds to its forecasts."""

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, shape (k,), not negative."""


@dataclass(frozen=True)
class ModelFactory:
    """One line of the table of learners."""

    name: str
    library: str
    importance_kind: str
    regression: bool
    classification: bool
    defaults: Mapping[str, Hyperparameter]
    create: Callable[[ModelSettings], Model]
    load: Callable[[bytes, int], Model]
    quick: Mapping[str, Hyperparameter] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


def shares(importance: Floats) -> Floats:
    """Scale non-negative importances to sum to 1; equal shares when all are zero."""
    total = float(importance.sum())
    if not total > 0.0:
        return np.full(importance.size, 1.0 / importance.size)
    return importance / total
