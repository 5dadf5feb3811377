"""One fitted fold as one JSON file, and the only way from features to a signal.

Walk-forward, replay and the exported strategy all predict through :class:`FoldModel`, so they agree to the bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from crypto_team.errors import EvidenceError
from crypto_team.features.matrix import FeatureMatrix
from crypto_team.models.base import Inputs, Model
from crypto_team.models.registry import MODELS
from crypto_team.models.samples import Samples
from crypto_team.validation.calibration import Calibrator, calibrator_from
from crypto_team.validation.fitted import StoredTransformer

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
FORMAT = "crypto-team fold 1"


@dataclass(frozen=True)
class FoldPrediction:
    """What a fold says about n rows.

    `raw` and `calibrated` are probabilities (n, classes), or both expected basis points (n, 1); `signal` (n,) is in
    [0, 1]: one half is no opinion.
    """

    raw: Floats
    calibrated: Floats
    signal: Floats


def signal_from_probabilities(p: Floats) -> Floats:
    """Return (1 + P(top class) - P(bottom class)) / 2, which for two classes is P(up) to the bit."""
    if p.shape[1] == 2:
        return p[:, 1].copy()
    return np.asarray((1.0 + p[:, -1] - p[:, 0]) / 2.0)


def signal_from_bps(expected_bps: Floats, sigma_bps: float) -> Floats:
    """Return the normal probability of a positive return, given its expectation and the spread of returns."""
    return np.asarray(ndtr(expected_bps / sigma_bps), dtype=np.float64)


@dataclass(frozen=True)
class FoldModel:
    """A fitted fold: selected features in order, learner, calibration.

    `sigma_bps` is the deviation of forward returns in the calibration tail; regressions divide by it. `ranges` holds
    the half-open time ranges (milliseconds) that the fold was fitted on. `transformers` are its fitted features.
    """

    model_name: str
    n_classes: int
    features: list[str]
    model: Model
    calibrator: Calibrator
    sigma_bps: float
    ranges: Mapping[str, tuple[int, int]]
    transformers: Mapping[str, StoredTransformer] = field(default_factory=dict)
    history: int = 0

    def values(self, matrix: FeatureMatrix, rows: npt.NDArray[np.int64]) -> Inputs:
        """Return the features of some ascending rows of one pair as :meth:`signal` takes them, with their history."""
        if not self.history or not rows.size:
            return self._rows(matrix, rows)
        start = max(0, int(rows[0]) - self.history)
        return consecutive(self._rows(matrix, np.arange(start, int(rows[-1]) + 1)), rows - start)

    def _rows(self, matrix: FeatureMatrix, rows: npt.NDArray[np.int64]) -> Matrix:
        """Return the features of some ascending rows of one pair, fitted ones filled in."""
        place = {name: number for number, name in enumerate(matrix.names)}
        made = matrix.values[rows][:, [place[name] for name in self.features]]
        for column, name in enumerate(self.features):
            if name in matrix.fitted:
                made[:, column] = self.transformers[name].at(matrix.fitted[name], rows)
        return made

    def signal(self, values: Inputs) -> FoldPrediction:
        """Predict rows.

        Parameters
        ----------
        values
            float32, shape (n, len(features)), columns in the order of `features`; NaN means unknown. A model that reads
            `history` takes :class:`Samples`; rows of a plain matrix have no history.

        Returns
        -------
        FoldPrediction
            Each row depends on nothing but itself and its history.
        """
        given = values if isinstance(values, Samples) else np.ascontiguousarray(values, dtype=np.float32)
        raw = self.model.predict(given)
        if self.n_classes == 0:
            return FoldPrediction(raw, raw, signal_from_bps(raw[:, 0], self.sigma_bps))
        calibrated = self.calibrator.apply(raw)
        return FoldPrediction(raw, calibrated, signal_from_probabilities(calibrated))

    def save(self) -> bytes:
        """Return the fold as one JSON document; the same fold gives the same bytes."""
        document = {
            "format": FORMAT,
            "model": self.model_name,
            "n_classes": self.n_classes,
            "features": self.features,
            "calibration": self.calibrator.document(),
            "sigma_bps": self.sigma_bps,
            "ranges": {name: list(span) for name, span in self.ranges.items()},
            "learner": self.model.save().decode(),
        }
        if self.history:
            document["history"] = self.history
        if self.transformers:
            document["transformers"] = {name: item.document() for name, item in self.transformers.items()}
        return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def load(cls, data: bytes) -> FoldModel:
        """Read a fold written by :meth:`save`; anything else is an EvidenceError. No code is ever run."""
        try:
            document: dict[str, Any] = json.loads(data)
            if document["format"] != FORMAT:
                raise EvidenceError(f"fold file has format {document['format']!r}, expected {FORMAT!r}")
            classes = int(document["n_classes"])
            fold = cls(
                model_name=document["model"],
                n_classes=classes,
                features=list(document["features"]),
                model=MODELS[document["model"]].load(document["learner"].encode(), classes),
                calibrator=calibrator_from(document["calibration"]),
                sigma_bps=float(document["sigma_bps"]),
                ranges={name: (int(span[0]), int(span[1])) for name, span in document["ranges"].items()},
                history=int(document.get("history", 0)),
                transformers={
                    name: StoredTransformer.load(item) for name, item in document.get("transformers", {}).items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
            raise EvidenceError(f"not a fold file: {error}") from error
        if not (fold.sigma_bps > 0.0 and math.isfinite(fold.sigma_bps)):
            raise EvidenceError("fold file has no positive sigma_bps")
        return fold


def consecutive(values: Matrix, rows: npt.NDArray[np.int64]) -> Samples:
    """Return samples at some rows of one pair's consecutive bars, shape (m, k); only for predictions: no times."""
    return Samples(values, rows, np.zeros_like(rows), rows, rows)


def fold_signal(fold: FoldModel, columns: Mapping[str, npt.NDArray[np.floating[Any]]]) -> FoldPrediction:
    """Predict from named columns of equal length; a missing one is an EvidenceError that names it."""
    missing = [name for name in fold.features if name not in columns]
    if missing:
        raise EvidenceError(f"features missing for the model: {', '.join(missing)}")
    made = np.column_stack([np.asarray(columns[name], dtype=np.float32) for name in fold.features])
    # Columns of a model with history are consecutive bars.
    return fold.signal(consecutive(made, np.arange(len(made))) if fold.history else made)


def filled_by_folds(matrix: FeatureMatrix, times: npt.NDArray[np.int64], folds: Sequence[FoldModel]) -> FeatureMatrix:
    """Return the matrix of one pair with its fitted features as the fold that tests each row has them.

    Rows before the first test part are NaN; those behind the last take its fold.
    """
    values = matrix.values.copy()
    stops = [fold.ranges["test"][1] for fold in folds[:-1]] + [np.iinfo(np.int64).max]
    for fold, stop in zip(folds, stops, strict=True):
        rows = np.flatnonzero((times >= fold.ranges["test"][0]) & (times < stop))
        for name, given in matrix.fitted.items():
            if rows.size and name in fold.transformers:
                values[rows, matrix.names.index(name)] = fold.transformers[name].at(given, rows)
    return replace(matrix, values=values)
