"""Learners that go on learning bar by bar: river's linear models, and LightGBM that adds trees to what it has.

A label is learnt from when it is known, not when its bar closes: inside a fold a `Stream` predicts each bar first and
learns from it once its horizon is over, which is what a live strategy can do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from crypto_team.errors import EvidenceError, UsageError
from crypto_team.models.base import (
    Floats,
    Inputs,
    Matrix,
    ModelFactory,
    ModelSettings,
    rows_of,
    samples_of,
    shares,
)
from crypto_team.models.boosting import LIGHTGBM, LightGbm
from crypto_team.models.packing import packed, read, unpacked, written
from crypto_team.models.streams import loaded
from crypto_team.models.threads import quiet_openmp

ONLINE_LINEAR_KIND, ONLINE_LIGHTGBM_KIND = "online_linear", "online_lightgbm"
CLIP = 5.0
FADE = 1e-3


class OnlineLinear:
    """One linear model per output, fed row by row to river's optimiser; inputs are standardised by what came before.

    `fit` goes through the rows in time order, `passes` times; `update` once. Unknown values count as the running mean.
    The running mean and variance fade with rate max(1 / n, 0.001).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._hyperparameters: dict[str, Any] = dict(settings.hyperparameters)
        self._outputs = max(1, settings.n_classes)
        self._mean: Floats = np.empty(0)
        self._var: Floats = np.empty(0)
        self._count: Floats = np.empty(0)
        self._scale = 1.0
        self._heads: list[Any] = []

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Start anew and learn from the rows in time order."""
        samples, rows = samples_of(x), rows_of(x)
        columns = rows.shape[1]
        self._mean, self._var, self._count = np.zeros(columns), np.ones(columns), np.zeros(columns)
        spread = float(np.std(y))
        self._scale = spread if not self.settings.n_classes and spread > 0.0 else 1.0
        self._heads = [self._head({}, 0.0) for _ in range(self._outputs)]
        order = np.argsort(samples.time, kind="stable")
        for _ in range(int(self._hyperparameters["passes"])):
            self._learn(rows[order], y[order], None if weight is None else weight[order])

    def update(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Learn from further rows, in the order given."""
        self._learn(rows_of(x), y, weight)

    def _head(self, weights: dict[int, float], intercept: float) -> Any:
        from river import linear_model, optim

        kind = linear_model.LogisticRegression if self.settings.n_classes else linear_model.LinearRegression
        head = kind(
            optimizer=optim.SGD(float(self._hyperparameters["learning_rate"])),
            l2=float(self._hyperparameters["l2"]),
            intercept_init=intercept,
        )
        head._weights.update(weights)  # noqa: SLF001 - river has no other way to put weights back
        return head

    def _learn(self, rows: Matrix, y: Floats, weight: Floats | None) -> None:
        for number, row in enumerate(rows):
            self._observe(row.astype(np.float64))
            inputs = self._named(self._standardised(row[None, :])[0])
            share = 1.0 if weight is None else float(weight[number])
            for output, head in enumerate(self._heads):
                target = bool(y[number] == output) if self.settings.n_classes else float(y[number]) / self._scale
                head.learn_one(inputs, target, w=share)

    def _observe(self, row: Floats) -> None:
        known = np.isfinite(row)
        self._count += known
        rate = np.maximum(1.0 / np.maximum(self._count, 1.0), FADE)
        gap = np.where(known, row - self._mean, 0.0)
        self._mean = self._mean + np.where(known, rate * gap, 0.0)
        self._var = np.where(known, (1.0 - rate) * (self._var + rate * gap**2), self._var)

    def _standardised(self, rows: Matrix) -> Floats:
        z = (rows.astype(np.float64) - self._mean) / np.sqrt(np.where(self._var > 1e-24, self._var, 1.0))
        return np.clip(np.where(np.isfinite(z), z, 0.0), -CLIP, CLIP)

    @staticmethod
    def _named(z: Floats) -> dict[int, float]:
        return {column: float(value) for column, value in enumerate(z)}

    def _coefficients(self) -> Floats:
        return np.array([[head.weights.get(column, 0.0) for column in range(self._mean.size)] for head in self._heads])

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes), one model against the rest, or basis points (n, 1)."""
        z = self._standardised(rows_of(x))
        total = np.repeat(np.array([[float(head.intercept) for head in self._heads]]), len(z), axis=0)
        for column, each in enumerate(self._coefficients().T):
            total += z[:, column : column + 1] * each
        if not self.settings.n_classes:
            return np.asarray(total * self._scale)
        odds = 1.0 / (1.0 + np.exp(-np.clip(total, -30.0, 30.0)))
        whole = odds[:, 0].copy()
        for column in range(1, odds.shape[1]):
            whole += odds[:, column]
        return np.asarray(odds / whole[:, None])

    def importances(self) -> Floats:
        """Return the share of each |coefficient| on standardised inputs."""
        return shares(np.abs(self._coefficients()).sum(axis=0))

    def save(self) -> bytes:
        """Return running moments and coefficients as JSON."""
        return written(
            {
                "kind": ONLINE_LINEAR_KIND,
                "hyperparameters": self._hyperparameters,
                "mean": packed(self._mean),
                "var": packed(self._var),
                "count": packed(self._count),
                "scale": self._scale,
                "coefficients": packed(self._coefficients()),
                "intercepts": [float(head.intercept) for head in self._heads],
                "steps": [int(head.optimizer.n_iterations) for head in self._heads],
            }
        )

    def restore(self, data: bytes) -> None:
        """Take over what :meth:`save` wrote."""
        document = read(data, ONLINE_LINEAR_KIND)
        try:
            self._hyperparameters = dict(document["hyperparameters"])
            self._mean, self._var = unpacked(document["mean"]), unpacked(document["var"])
            self._count, self._scale = unpacked(document["count"]), float(document["scale"])
            rows = zip(unpacked(document["coefficients"]), document["intercepts"], document["steps"], strict=True)
            self._heads = []
            for coefficients, intercept, steps in rows:
                head = self._head(self._named(coefficients), float(intercept))
                head.optimizer.n_iterations = int(steps)
                self._heads.append(head)
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"not an online linear model: {error}") from error


class OnlineLightGbm(LightGbm):
    """LightGBM whose `update` adds trees, fitted on the new rows, to the trees it has (a warm start)."""

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Train as LightGBM does."""
        learner = LightGbm(self._trees())
        learner.fit(x, y, weight)
        super().restore(learner.save())

    def _trees(self) -> ModelSettings:
        own = {name: value for name, value in self.settings.hyperparameters.items() if name in LIGHTGBM.defaults}
        return ModelSettings(self.settings.n_classes, own, self.settings.seed)

    def update(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Add `update_rounds` trees at `update_rate`, fitted on the rows given; the earlier trees stay as they are."""
        quiet_openmp()
        import lightgbm as lgb

        given, params = self.settings.hyperparameters, LightGbm(self._trees()).parameters(len(y))
        params.pop("n_estimators")
        params |= {"learning_rate": float(given["update_rate"]), "boost_from_average": False}
        try:
            booster = lgb.train(
                params,
                lgb.Dataset(rows_of(x), label=y, weight=weight, params=params),
                num_boost_round=int(given["update_rounds"]),
                init_model=self._booster,
            )
        except lgb.basic.LightGBMError as error:
            raise UsageError(
                f"LightGBM cannot go on from this model: {error}", where="model.hyperparameters"
            ) from error
        super().restore(booster.model_to_string().encode())

    def save(self) -> bytes:
        """Return the trees, and how further ones are grown, as JSON."""
        own = {"hyperparameters": dict(self.settings.hyperparameters), "seed": self.settings.seed}
        return written({"kind": ONLINE_LIGHTGBM_KIND, "trees": super().save().decode(), **own})

    def restore(self, data: bytes) -> None:
        """Take over what :meth:`save` wrote."""
        document = read(data, ONLINE_LIGHTGBM_KIND)
        try:
            hyperparameters, seed = dict(document["hyperparameters"]), int(document["seed"])
            self.settings = ModelSettings(self.settings.n_classes, hyperparameters, seed)
            super().restore(str(document["trees"]).encode())
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"not an online LightGBM model: {error}") from error


def _load_linear(data: bytes, n_classes: int) -> OnlineLinear:
    model = OnlineLinear(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


def _load_lightgbm(data: bytes, n_classes: int) -> OnlineLightGbm:
    model = OnlineLightGbm(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


ONLINE_LINEAR = ModelFactory(
    name="online_linear",
    library="river",
    importance_kind="coefficient",
    regression=True,
    classification=True,
    defaults={"learning_rate": 0.01, "l2": 0.001, "passes": 2, "update_rows": 1},
    create=OnlineLinear,
    load=partial(loaded, load=_load_linear),
    quick={"passes": 1},
    aliases={"lr": "learning_rate", "epochs": "passes"},
    ordered=True,
    online=True,
    about="Linear models of river, updated bar by bar.",
)
ONLINE_LIGHTGBM = ModelFactory(
    name="online_lightgbm",
    library="lightgbm",
    importance_kind="gain",
    own_shap=True,
    regression=True,
    classification=True,
    # It learns on after its last window, so there is nothing later to share bins with.
    defaults={
        **LIGHTGBM.defaults,
        "shared_bins": False,
        "update_rounds": 5,
        "update_rate": 0.01,
        "update_rows": 100,
    },
    create=OnlineLightGbm,
    load=partial(loaded, load=_load_lightgbm),
    quick=LIGHTGBM.quick,
    aliases=LIGHTGBM.aliases,
    ordered=True,
    online=True,
    about="LightGBM that adds trees as labels become known.",
)
