"""A heavily penalised line, and small boosted trees for what it leaves over.

Returns are almost all noise: what can be learnt is mostly what many candidates say together, which a line finds with
the least luck. Thresholds and interactions are left to trees that start from the line's forecasts; they are small and
see few rows and columns each, so they add little where there is nothing to add. docs/decisions/0068 has figures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from crypto_team.errors import EvidenceError, UsageError
from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.boosting import LIGHTGBM, LightGbm, boosted
from crypto_team.models.early_stopping import SWITCH
from crypto_team.models.linear import LinearModel, Logistic, Ridge
from crypto_team.models.packing import read, written
from crypto_team.models.threads import quiet_openmp

KIND = "linear_trees"
LINEAR = ("l2", "clip")
WIDEST_GAIN = 50.0
FLOOR = 1e-9


class LinearTrees:
    """Log odds (basis points for a return) of the line, scaled by `gain`, plus those of the trees."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._line: LinearModel = (Logistic if settings.n_classes else Ridge)(settings)
        self._booster: Any = None
        self._document: dict[str, Any] = {}
        self._importances: Floats = np.empty(0)

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Fit the line, bring it to the scale of likelihood, and boost trees from there; all on the same rows."""
        quiet_openmp()
        import lightgbm as lgb

        x, own = rows_of(x), self.settings.hyperparameters
        self._line.settings = replace(self.settings, hyperparameters={key: own[key] for key in LINEAR})
        self._line.fit(x, y, weight)  # type: ignore[attr-defined]
        line = self._scores(x)
        gain = _gain(line, y, weight, self.settings.n_classes)
        centre = line.mean(axis=0) if not self.settings.n_classes else np.zeros(line.shape[1])
        start = centre + gain * (line - centre)
        trees = {key: value for key, value in own.items() if key not in LINEAR}
        params = LightGbm(replace(self.settings, hyperparameters=trees)).parameters(len(y))
        rounds = int(params.pop("n_estimators"))
        try:
            given = {"label": y, "weight": weight, "init_score": _flat(start)}
            booster = boosted(x, params, rounds, self.settings.bins, **given)
        except lgb.basic.LightGBMError as error:
            raise UsageError(f"LightGBM refuses the hyperparameters: {error}", where="model.hyperparameters") from error
        self._document = {
            "kind": KIND, "gain": gain, "centre": centre.tolist(), "line": self._line.save().decode(),
            "trees": booster.model_to_string(),
        }  # fmt: skip
        self._booster = lgb.Booster(model_str=self._document["trees"])
        self._document["importances"] = self._weighed(x, start, line.std(axis=0).sum()).tolist()
        self._importances = np.asarray(self._document["importances"])

    def _weighed(self, x: Matrix, start: Floats, spread: float) -> Floats:
        """Return importances of line and trees, each by how far it moves the forecasts of the training rows."""
        by_trees = float(self._trees(x, start.shape[1]).std(axis=0).sum())
        by_line = float(self._document["gain"]) * float(spread)
        gains = shares(np.asarray(self._booster.feature_importance("gain"), dtype=np.float64))
        # Squares, because the gain of trees is one: a share of variance, not of deviation.
        return shares((by_line * self._line.importances() + by_trees * gains) ** 2)

    def _scores(self, x: Matrix) -> Floats:
        """Return the line's log odds against the first class, shape (n, classes or 1), or its basis points."""
        told = self._line.predict(x)  # type: ignore[attr-defined]
        if not self.settings.n_classes:
            return np.asarray(told)
        logs = np.log(np.maximum(told, FLOOR))
        return np.asarray(logs[:, 1:] - logs[:, :1] if self.settings.n_classes == 2 else logs)

    def _trees(self, x: Matrix, outputs: int) -> Floats:
        raw = np.asarray(self._booster.predict(x, raw_score=True, num_threads=1), dtype=np.float64)
        return raw.reshape(len(x), outputs)

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1)."""
        if self._booster is None:
            raise RuntimeError("predict before fit")
        x, classes = rows_of(x), self.settings.n_classes
        if not len(x):
            return np.empty((0, max(classes, 1)))
        centre, line = np.asarray(self._document["centre"]), self._scores(x)
        scores = centre + float(self._document["gain"]) * (line - centre) + self._trees(x, line.shape[1])
        if not classes:
            return np.asarray(scores)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True)) if classes > 2 else np.exp(np.clip(scores, -50, 50))
        if classes == 2:
            return np.column_stack([1.0 / (1.0 + odds[:, 0]), odds[:, 0] / (1.0 + odds[:, 0])])
        total = odds[:, 0].copy()
        for column in range(1, classes):
            total += odds[:, column]
        return np.asarray(odds / total[:, None])

    def importances(self) -> Floats:
        """Return shares of the squared distance that each feature moves the forecasts, of line and trees."""
        return self._importances

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, summed over classes.

        SHAP values of a sum are the sums of SHAP values: those of line and trees meet with their signs, so a feature on
        which the two disagree counts for what is left of it.
        """
        by_line = self._line.signed_contributions(x)
        if self.settings.n_classes == 2:
            by_line = by_line[:, :, 1:] - by_line[:, :, :1]
        told = np.asarray(self._booster.predict(x, pred_contrib=True, num_threads=1), dtype=np.float64)
        by_trees = told.reshape(len(x), by_line.shape[2], x.shape[1] + 1)[:, :, :-1].transpose(0, 2, 1)
        signed = float(self._document["gain"]) * by_line + by_trees
        return np.asarray(np.abs(signed).mean(axis=0).sum(axis=1))

    def save(self) -> bytes:
        """Return line, gain and trees as JSON."""
        return written(self._document)

    def restore(self, data: bytes) -> None:
        """Take over what :meth:`save` wrote."""
        quiet_openmp()
        import lightgbm as lgb

        document = read(data, KIND)
        try:
            self._line.restore(str(document["line"]).encode())
            self._booster = lgb.Booster(model_str=str(document["trees"]))
            self._importances = np.array(document["importances"], dtype=np.float64)
            float(document["gain"]), np.array(document["centre"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, lgb.basic.LightGBMError) as error:
            raise EvidenceError(f"not a {KIND} model: {error}") from error
        self._document = document


def _flat(start: Floats) -> Floats:
    """Return scores as LightGBM takes them: one per row, or (n, classes)."""
    return start[:, 0] if start.shape[1] == 1 else start


def _gain(line: Floats, y: Floats, weight: Floats | None, classes: int) -> float:
    """Return the factor that fits the line's scores to the outcomes best: the penalty shrinks them all alike."""
    w = np.ones(len(y)) if weight is None else weight
    if not classes:
        z = line[:, 0] - line[:, 0].mean()
        power = float((w * z) @ z)
        return max(float((w * z) @ (y - y.mean())) / power, 0.0) if power > 0.0 else 1.0
    own = np.arange(len(y)), y.astype(np.int64)

    def loss(log_gain: float) -> float:
        scores = np.exp(log_gain) * line
        if classes == 2:
            margin = scores[:, 0]
            return float(w @ (np.logaddexp(0.0, margin) - y * margin))
        return float(w @ (np.logaddexp.reduce(scores, axis=1) - scores[own]))

    limit = float(np.log(WIDEST_GAIN))
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def _load(data: bytes, n_classes: int) -> Model:
    model = LinearTrees(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


LINEAR_TREES = ModelFactory(
    name=KIND,
    library="lightgbm",
    importance_kind="squared contribution",
    own_shap=True,
    regression=True,
    classification=True,
    defaults={
        **{key: value for key, value in LIGHTGBM.defaults.items() if key != SWITCH},
        "l2": 8.0,
        "clip": 5.0,
        "n_estimators": 100,
    },
    create=LinearTrees,
    load=_load,
    quick={"n_estimators": 30, "learning_rate": 0.05},
    aliases=LIGHTGBM.aliases,
    about="A heavily penalised line; small trees add thresholds and interactions it cannot see.",
)
