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
from crypto_team.models.base import Inputs, Model, rows_of
from crypto_team.models.registry import MODELS
from crypto_team.models.samples import Samples
from crypto_team.models.threads import products_on_one_thread
from crypto_team.validation.calibration import Calibrator, calibrator_from
from crypto_team.validation.fitted import StoredTransformer
from crypto_team.validation.horizon_returns import each_horizon

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
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


def signal_from_probabilities(p: Floats, side: Floats | None = None) -> Floats:
    """Return (1 + P(top class) - P(bottom class)) / 2, which for two classes is P(up) to the bit.

    With the `side` of a primary rule, `p` judges that rule: 0.5 + sign(side) max(0, P(win) - 0.5). A trade that is
    declined has no opinion, one half; it is not the opposite trade.
    """
    if side is not None:
        return np.asarray(0.5 + np.nan_to_num(np.sign(side)) * np.maximum(p[:, -1] - 0.5, 0.0))
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
    the half-open time ranges (milliseconds) that the fold was fitted on. `transformers` are its fitted features. `side`
    names the primary rule that a meta-label model judges. `horizons` holds the calibration of each horizon of a set,
    by its bars.
    """

    model_name: str
    n_classes: int
    features: list[str]
    model: Model
    calibrator: Calibrator
    sigma_bps: float
    ranges: Mapping[str, tuple[int, int]]
    transformers: Mapping[str, StoredTransformer] = field(default_factory=dict)
    side: str | None = None
    history: int = 0
    horizons: Mapping[int, Calibrator] = field(default_factory=dict)

    @property
    def inputs(self) -> list[str]:
        """Columns that :meth:`signal` reads: the model's features, then the primary rule where there is one."""
        return self.features if self.side in {None, *self.features} else [*self.features, str(self.side)]

    def sides(self, values: Inputs) -> Floats | None:
        """Return the sign of the primary rule in rows of :attr:`inputs`; None without one."""
        if self.side is None:
            return None
        return np.sign(rows_of(values)[:, self.inputs.index(self.side)].astype(np.float64))

    @property
    def timed(self) -> bool:
        """Say whether predictions depend on the time of a row: those of a learner that went on learning do."""
        return MODELS[self.model_name].online

    @products_on_one_thread()
    def values(self, matrix: FeatureMatrix, rows: Rows, times: Rows) -> Inputs:
        """Return the features of some ascending rows of one pair as :meth:`signal` takes them, with their history.

        `times` are the bar opens of all rows of the matrix, in milliseconds.
        """
        if not (self.history or self.timed) or not rows.size:
            return self._rows(matrix, rows)
        start = max(0, int(rows[0]) - self.history)
        made = self._rows(matrix, np.arange(start, int(rows[-1]) + 1))
        return consecutive(made, rows - start, times[rows])

    def _rows(self, matrix: FeatureMatrix, rows: npt.NDArray[np.int64]) -> Matrix:
        """Return the features of some ascending rows of one pair, fitted ones filled in."""
        place = {name: number for number, name in enumerate(matrix.names)}
        made = matrix.values[rows][:, [place[name] for name in self.inputs]]
        for column, name in enumerate(self.inputs):
            if name in matrix.fitted:
                made[:, column] = self.transformers[name].at(matrix.fitted[name], rows)
        return made

    @products_on_one_thread()
    def signal(self, values: Inputs) -> FoldPrediction:
        """Predict rows.

        Parameters
        ----------
        values
            float32, shape (n, len(inputs)), columns in the order of `inputs`; NaN means unknown. A model that reads
            `history` takes :class:`Samples`; rows of a plain matrix have no history.

        Returns
        -------
        FoldPrediction
            Each row depends on nothing but itself and its history.
        """
        raw = self.model.predict(_of_model(values, len(self.features)))
        calibrated = self.calibrator.apply(raw)
        if self.n_classes == 0:
            return FoldPrediction(raw, calibrated, signal_from_bps(calibrated[:, 0], self.sigma_bps))
        return FoldPrediction(raw, calibrated, signal_from_probabilities(calibrated, self.sides(values)))

    @products_on_one_thread()
    def by_horizon(self, values: Inputs) -> dict[int, tuple[Floats, Floats]]:
        """Return raw and calibrated basis points, (n,) each, over each horizon of a set by its bars; rows as above."""
        wanted = tuple(self.horizons)
        raw = each_horizon(self.model, _of_model(values, len(self.features)), wanted) if wanted else {}
        return {bars: (told, self.horizons[bars].apply(told[:, None])[:, 0]) for bars, told in raw.items()}

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
        if self.side is not None:
            document["side"] = self.side
        if self.history:
            document["history"] = self.history
        if self.horizons:
            document["horizons"] = {str(bars): one.document() for bars, one in self.horizons.items()}
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
                horizons={int(bars): calibrator_from(one) for bars, one in document.get("horizons", {}).items()},
                transformers={
                    name: StoredTransformer.load(item) for name, item in document.get("transformers", {}).items()
                },
                side=document.get("side"),
            )
        except (KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
            raise EvidenceError(f"not a fold file: {error}") from error
        if not (fold.sigma_bps > 0.0 and math.isfinite(fold.sigma_bps)):
            raise EvidenceError("fold file has no positive sigma_bps")
        return fold


def _of_model(values: Inputs, count: int) -> Inputs:
    """Return the columns that the model itself reads: the first ones."""
    if isinstance(values, Samples):
        own = np.ascontiguousarray(values.values[:, :count])
        return values if values.columns == count else replace(values, values=own)
    return np.ascontiguousarray(values[:, :count], dtype=np.float32)


def consecutive(values: Matrix, rows: Rows, times: Rows | None = None) -> Samples:
    """Return samples at some rows of one pair's consecutive bars, shape (m, k); `times` are those of the samples."""
    return Samples(values, rows, np.zeros_like(rows), rows if times is None else times, rows)


def fold_signal(
    fold: FoldModel, columns: Mapping[str, npt.NDArray[np.floating[Any]]], times: Rows | None = None
) -> FoldPrediction:
    """Predict from named columns of equal length; a missing one is an EvidenceError that names it.

    `times` are the bar opens in milliseconds: a learner that went on learning needs them. The columns of a model with
    history are consecutive bars.
    """
    missing = [name for name in fold.inputs if name not in columns]
    if missing:
        raise EvidenceError(f"features missing for the model: {', '.join(missing)}")
    made = np.column_stack([np.asarray(columns[name], dtype=np.float32) for name in fold.inputs])
    if fold.history or fold.timed:
        return fold.signal(consecutive(made, np.arange(len(made)), times))
    return fold.signal(made)


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
