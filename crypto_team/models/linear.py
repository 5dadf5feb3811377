"""Linear baselines: logistic regression and ridge on standardised inputs, saved as plain JSON.

The default penalties are heavy on purpose: hourly returns are almost all noise and candidates repeat each other, so the
fit leans on what many of them say together; docs/decisions/0066 has the figures.

Predictions add one column after the other, so that a row gets the same bits alone and in a batch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.scaling import Scaler, fit_scaler

PROBABILITY_FLOOR = 1e-3


@dataclass(frozen=True)
class Coefficients:
    """A fitted linear map: scores = intercept + z @ coef, with `coef` of shape (k, outputs)."""

    scaler: Scaler
    coef: Floats
    intercept: Floats
    clip: float

    def scores(self, x: Matrix) -> Floats:
        """Return the linear scores, shape (n, outputs)."""
        z = self.scaler.transform(x, clip=self.clip)
        total = np.repeat(self.intercept[None, :], len(x), axis=0)
        for column in range(z.shape[1]):
            total += z[:, column : column + 1] * self.coef[column]
        return total


class LinearModel:
    """What both baselines share: standardisation, JSON, importances as |coefficient|."""

    kind = ""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.fitted: Coefficients | None = None

    def _standardised(self, x: Matrix) -> tuple[Scaler, Floats, float]:
        clip = float(self.settings.hyperparameters["clip"])
        scaler = fit_scaler(x)
        return scaler, scaler.transform(x, clip=clip), clip

    def _known(self) -> Coefficients:
        if self.fitted is None:
            raise RuntimeError("predict or save before fit")
        return self.fitted

    def importances(self) -> Floats:
        """Return the share of each |coefficient| on standardised inputs."""
        return shares(np.abs(self._known().coef).sum(axis=1))

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, summed over outputs."""
        return np.asarray(np.abs(self.signed_contributions(x)).mean(axis=0).sum(axis=1))

    def signed_contributions(self, x: Matrix) -> Floats:
        """Return the SHAP value of each feature in each row, (n, k, outputs): of a linear map it is w (z - mean z)."""
        known = self._known()
        z = known.scaler.transform(x, clip=known.clip)
        return np.asarray((z - z.mean(axis=0))[:, :, None] * known.coef)

    def save(self) -> bytes:
        """Return the coefficients as JSON; floats keep every bit."""
        known = self._known()
        document = {
            "kind": self.kind,
            "mean": known.scaler.mean.tolist(),
            "std": known.scaler.std.tolist(),
            "clip": known.clip,
            "coef": known.coef.tolist(),
            "intercept": known.intercept.tolist(),
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def restore(self, data: bytes) -> None:
        """Take over coefficients written by :meth:`save`."""
        document = json.loads(data)
        scaler = Scaler(np.array(document["mean"]), np.array(document["std"]))
        coef = np.array(document["coef"], dtype=np.float64).reshape(scaler.mean.size, -1)
        self.fitted = Coefficients(scaler, coef, np.array(document["intercept"]), float(document["clip"]))


class Logistic(LinearModel):
    """Multinomial logistic regression; `l2` is the penalty per row on standardised coefficients."""

    kind = "logistic"

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Maximise the penalised likelihood by L-BFGS; classes that never occur get the least probability."""
        from sklearn.linear_model import LogisticRegression

        scaler, z, clip = self._standardised(rows_of(x))
        if np.unique(y).size == 1:
            self.fitted = self._only(int(y[0]), scaler, clip)
            return
        penalty = float(self.settings.hyperparameters["l2"]) * len(y)
        solver = LogisticRegression(C=1.0 / max(penalty, 1e-12), max_iter=1000, tol=1e-8)
        solver.fit(z, y, sample_weight=weight)
        outputs = self.settings.n_classes
        coef, intercept = np.zeros((z.shape[1], outputs)), np.full(outputs, -20.0)
        seen = solver.classes_.astype(np.int64)
        if seen.size == 2:
            coef[:, seen[1]], intercept[seen] = solver.coef_[0], [0.0, solver.intercept_[0]]
        else:
            coef[:, seen], intercept[seen] = solver.coef_.T, solver.intercept_
        self.fitted = Coefficients(scaler, coef, intercept, clip)

    def _only(self, seen: int, scaler: Scaler, clip: float) -> Coefficients:
        """Return what a single class teaches: that it is certain, whatever the features are."""
        outputs = self.settings.n_classes
        intercept = np.where(np.arange(outputs) == seen, 0.0, -20.0)
        return Coefficients(scaler, np.zeros((scaler.mean.size, outputs)), intercept, clip)

    def predict(self, x: Inputs) -> Floats:
        """Return class probabilities (n, classes)."""
        scores = self._known().scores(rows_of(x))
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        total = odds[:, 0].copy()
        for column in range(1, odds.shape[1]):
            total += odds[:, column]
        return np.asarray(odds / total[:, None])


class Ridge(LinearModel):
    """Ridge regression on basis points, or on class indicators (a linear probability model)."""

    kind = "ridge"

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Solve the penalised normal equations; `l2` is the penalty per row on standardised coefficients."""
        scaler, z, clip = self._standardised(rows_of(x))
        classes = self.settings.n_classes
        target = (y[:, None] == np.arange(classes)).astype(np.float64) if classes else y[:, None]
        w = np.ones(len(y)) if weight is None else weight
        share = (w / w.sum())[:, None]
        centre, mean = (share * z).sum(axis=0), (share * target).sum(axis=0)
        centred = z - centre
        gram = centred.T @ (share * centred) + float(self.settings.hyperparameters["l2"]) * np.eye(z.shape[1])
        coef = np.linalg.solve(gram, centred.T @ (share * (target - mean)))
        self.fitted = Coefficients(scaler, coef, mean - centre @ coef, clip)

    def predict(self, x: Inputs) -> Floats:
        """Return expected basis points (n, 1), or clipped and normalised probabilities (n, classes)."""
        scores = self._known().scores(rows_of(x))
        if not self.settings.n_classes:
            return scores
        clipped = np.clip(scores, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
        total = clipped[:, 0].copy()
        for column in range(1, clipped.shape[1]):
            total += clipped[:, column]
        return np.asarray(clipped / total[:, None])


def _load_logistic(data: bytes, n_classes: int) -> Model:
    model = Logistic(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


def _load_ridge(data: bytes, n_classes: int) -> Model:
    model = Ridge(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


LOGISTIC = ModelFactory(
    name="logistic",
    library="scikit-learn",
    importance_kind="coefficient",
    own_shap=True,
    regression=False,
    classification=True,
    defaults={"l2": 2.0, "clip": 5.0},
    create=Logistic,
    load=_load_logistic,
    about="A linear model of the log odds: few parameters, hard to overfit, easy to read.",
)
RIDGE = ModelFactory(
    name="ridge",
    library="numpy",
    importance_kind="coefficient",
    own_shap=True,
    regression=True,
    classification=True,
    defaults={"l2": 0.1, "clip": 5.0},
    create=Ridge,
    load=_load_ridge,
    about="A linear regression with shrinkage: few effective parameters, stable under correlated features.",
)
