"""The protocol that every learner keeps: fit, predict, importances, save; safe text formats only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from crypto_team.models.bins import SharedBins
from crypto_team.models.samples import Floats, Inputs, Matrix, rows_of, samples_of

__all__ = [
    "Explained", "Floats", "Hyperparameter", "Inputs", "Matrix", "Model", "ModelFactory", "ModelSettings",
    "MultiHorizon", "OnlineModel", "Progress", "no_history", "rows_of", "samples_of", "shares",
]  # fmt: skip

Progress: TypeAlias = Callable[[float, str], None]
Hyperparameter: TypeAlias = bool | int | float | str


@dataclass(frozen=True)
class ModelSettings:
    """What a learner is built from; `n_classes` 0 means regression on basis points.

    `checkpoints` is a folder in which long trainings keep their state and from which they go on; `progress` hears the
    share done and what was done last. Neither changes the result. `bins` are bin edges of an earlier training window,
    for learners that can share them.
    """

    n_classes: int
    hyperparameters: Mapping[str, Hyperparameter]
    seed: int
    checkpoints: Path | None = None
    progress: Progress | None = None
    bins: SharedBins | None = None


class Model(Protocol):
    """A learner over float32 rows in which NaN means unknown; :class:`Samples` add history and time to the rows."""

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Learn from rows `x` (n, k); `y` holds class indices or basis points, `weight` is per row."""

    def predict(self, x: Inputs) -> Floats:
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


@runtime_checkable
class MultiHorizon(Protocol):
    """A learner of several horizons, of `lengths` in bars, that says what it expects over each of them."""

    lengths: list[int]

    def each(self, x: Inputs) -> Floats:
        """Return expected basis points over each horizon's own bars, before any calibration, shape (n, horizons)."""


class OnlineModel(Model, Protocol):
    """A learner that goes on learning after it was fitted or loaded."""

    def update(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Learn from further rows whose labels have become known, in time order."""


def no_history(hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return 0: the learner looks at a row alone."""
    del hyperparameters
    return 0


@dataclass(frozen=True)
class ModelFactory:
    """One line of the table of learners.

    `history` gives the bars before a row that a prediction reads (60 steps: 59). `ordered` learners want
    :class:`Samples`, because they split their rows in time. `members` name other learners that it is made of;
    `lightgbm.num_leaves` then sets a hyperparameter of the member. `own_shap` learners need no `shap` package to be
    :class:`Explained`. `presets` are sets of hyperparameters by name, and
    single ones go on top of them. `defaults` are complete and typed.
    """

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
    history: Callable[[Mapping[str, Hyperparameter]], int] = no_history
    ordered: bool = False
    members: bool = False
    online: bool = False
    own_shap: bool = False
    presets: Mapping[str, Mapping[str, Hyperparameter]] = field(default_factory=dict)
    about: str = ""


def shares(importance: Floats) -> Floats:
    """Scale non-negative importances to sum to 1; equal shares when all are zero."""
    total = float(importance.sum())
    if not total > 0.0:
        return np.full(importance.size, 1.0 / importance.size)
    return importance / total
