"""Ensembles of learners: stacking, blending, a neural meta-learner, and agreement.

What combines the members learns from predictions of members that had not seen those samples nor any later one. The
members are then fitted once more on all samples.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import LinearConstraint, minimize

from crypto_team.errors import EvidenceError
from crypto_team.models import members as team
from crypto_team.models.base import (
    Floats,
    Hyperparameter,
    Inputs,
    Model,
    ModelFactory,
    ModelSettings,
    rows_of,
    samples_of,
)
from crypto_team.models.linear import LOGISTIC, RIDGE
from crypto_team.models.packing import packed, read, unpacked, written
from crypto_team.models.samples import Samples
from crypto_team.models.sequence import SequenceModel, load_sequence

META = "meta"


class Ensemble:
    """What all have in common; `combine` learns from unseen predictions, `join` applies what was learnt."""

    kind = ""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.models: list[Model] = []
        self.weights: Floats = np.empty(0)
        self.prior: Floats = np.empty(0)
        self.second: Model | None = None
        self.context: list[int] = []
        self._document: list[dict[str, Any]] = []
        self._hyperparameters: dict[str, Hyperparameter] = dict(settings.hyperparameters)

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Learn to combine on unseen predictions, then fit the members on everything."""
        samples, classes = samples_of(x), self.settings.n_classes
        chosen = team.named(str(self._hyperparameters["members"]), classes)
        counts = np.bincount(y.astype(np.int64), minlength=classes) if classes else np.empty(0)
        self.prior = counts / counts.sum() if classes else np.zeros(1)
        self.weights = np.full(len(chosen), 1.0 / len(chosen))
        self.models = team.fitted(chosen, self.settings, samples, y, weight)
        self.combine(chosen, samples, y, weight)
        self._document = team.stored(self.models, chosen)

    def combine(self, chosen: list[ModelFactory], samples: Samples, y: Floats, weight: Floats | None) -> None:
        """Learn nothing: members count equally."""

    def _unseen(
        self, chosen: list[ModelFactory], samples: Samples, y: Floats, weight: Floats | None
    ) -> tuple[Samples, Floats, Floats, Floats | None]:
        blocks = int(self._hyperparameters["blocks"])
        places, told = team.unseen(chosen, self.settings, samples, y, weight, blocks)
        return samples.take(places), told, y[places], None if weight is None else weight[places]

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1)."""
        if not self.models:
            raise RuntimeError("predict before fit")
        samples = samples_of(x)
        if not len(samples):
            return np.empty((0, max(self.settings.n_classes, 1)))
        return self.join(samples, np.stack([model.predict(samples) for model in self.models], axis=1))

    def join(self, samples: Samples, told: Floats) -> Floats:
        """Return the weighted mean of predictions (n, members, outputs)."""
        del samples
        total = np.zeros((len(told), told.shape[2]))
        for member, weight in enumerate(self.weights):
            total += weight * told[:, member]
        return total

    def importances(self) -> Floats:
        """Return the members' importances, weighted."""
        return team.weighted_importances(self.models, self.weights)

    def save(self) -> bytes:
        """Return members, weights and the second model as JSON."""
        document = {
            "kind": self.kind,
            "hyperparameters": self._hyperparameters,
            "members": self._document,
            "weights": packed(self.weights),
            "prior": packed(self.prior),
            "context": self.context,
            "second": None if self.second is None else self.second.save().decode(),
        }
        return written(document)

    def restore(self, data: bytes) -> None:
        """Take over what :meth:`save` wrote."""
        document = read(data, self.kind)
        try:
            self._hyperparameters = dict(document["hyperparameters"])
            self._document = list(document["members"])
            self.models = team.loaded(self._document, self.settings.n_classes)
            self.weights, self.prior = unpacked(document["weights"]), unpacked(document["prior"])
            self.context = [int(column) for column in document["context"]]
            if document["second"] is not None:
                self.second = self._load_second(str(document["second"]).encode())
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"not a {self.kind} model: {error}") from error

    def _load_second(self, data: bytes) -> Model:
        return (LOGISTIC if self.settings.n_classes else RIDGE).load(data, self.settings.n_classes)


class Stacking(Ensemble):
    """A tree and a network under a linear model, which learns from their unseen predictions (Wolpert 1992)."""

    kind = "stacking"

    def combine(self, chosen: list[ModelFactory], samples: Samples, y: Floats, weight: Floats | None) -> None:
        """Fit logistic or ridge regression on log odds or basis points of the members."""
        _, told, target, part = self._unseen(chosen, samples, y, weight)
        factory = LOGISTIC if self.settings.n_classes else RIDGE
        given = {**factory.defaults, "l2": float(self._hyperparameters["l2"])}
        self.second = factory.create(ModelSettings(self.settings.n_classes, given, self.settings.seed))
        scores = team.scores_of(told, self.settings.n_classes)
        self.second.fit(scores.astype(np.float32), target, part)
        # The second model's own importances say how much each member counts.
        self.weights = self.second.importances().reshape(len(chosen), -1).sum(axis=1)

    def join(self, samples: Samples, told: Floats) -> Floats:
        """Return what the second model makes of the members' predictions."""
        del samples
        if self.second is None:
            raise RuntimeError("predict before fit")
        return self.second.predict(team.scores_of(told, self.settings.n_classes).astype(np.float32))


class Blending(Ensemble):
    """A weighted mean; the weights minimise the loss of unseen predictions and are drawn towards equal ones."""

    kind = "blending"

    def combine(self, chosen: list[ModelFactory], samples: Samples, y: Floats, weight: Floats | None) -> None:
        """Choose weights >= 0 with sum 1, then move them by `shrink` of the way to equality."""
        _, told, target, part = self._unseen(chosen, samples, y, weight)
        shrink = float(self._hyperparameters["shrink"])
        best = _best_weights(told, target, np.ones(len(target)) if part is None else part, self.settings.n_classes)
        self.weights = (1.0 - shrink) * best + shrink / len(chosen)


def _best_weights(told: Floats, target: Floats, weight: Floats, classes: int) -> Floats:
    """Return the weights of least mean log loss, or of least mean squared error, over the simplex."""
    count = told.shape[1]
    hit = told[np.arange(len(told)), :, target.astype(np.int64)] if classes else told[:, :, 0]
    scale = 1.0 if classes else max(float(np.mean(target**2)), 1e-12)

    def loss(weights: Floats) -> float:
        mixed = hit @ weights
        each = -np.log(np.clip(mixed, team.FLOOR, None)) if classes else (mixed - target) ** 2 / scale
        return float(np.average(each, weights=weight))

    found = minimize(
        loss,
        np.full(count, 1.0 / count),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints=LinearConstraint(np.ones((1, count)), 1.0, 1.0),
    )
    weights = np.clip(np.asarray(found.x, dtype=np.float64), 0.0, None)
    return np.asarray(weights / weights.sum())


class MetaNetwork(Ensemble):
    """A small network over the members' unseen predictions, their disagreement, and the context's features."""

    kind = "meta_network"

    def combine(self, chosen: list[ModelFactory], samples: Samples, y: Floats, weight: Floats | None) -> None:
        """Train the network; the context is what the members find most important."""
        ranking = np.argsort(-team.weighted_importances(self.models, self.weights), kind="stable")
        self.context = [int(column) for column in ranking[: int(self._hyperparameters["context"])]]
        seen, told, target, part = self._unseen(chosen, samples, y, weight)
        self.second = SequenceModel(
            ModelSettings(self.settings.n_classes, self._hyperparameters | {"sequence": 1}, self.settings.seed), META
        )
        inputs = self._inputs(seen, told)
        order = np.arange(len(inputs), dtype=np.int64)
        self.second.fit(Samples(inputs, order, order, seen.time, seen.known), target, part)

    def _inputs(self, samples: Samples, told: Floats) -> Any:
        """Return scores, the members' spread, and context features, float32."""
        scores = team.scores_of(told, self.settings.n_classes)
        spread = told.std(axis=1).mean(axis=1)
        return np.column_stack([scores, spread, rows_of(samples)[:, self.context]]).astype(np.float32)

    def join(self, samples: Samples, told: Floats) -> Floats:
        """Return the network's prediction."""
        if self.second is None:
            raise RuntimeError("predict before fit")
        return self.second.predict(self._inputs(samples, told))

    def _load_second(self, data: bytes) -> Model:
        return load_sequence(data, self.settings.n_classes, META)


class Agreement(Ensemble):
    """The mean where enough members agree on class or sign; elsewhere what is known without a model: no trade."""

    kind = "agreement"

    def join(self, samples: Samples, told: Floats) -> Floats:
        """Return the mean where a share of at least `quorum` says the same, else class shares or 0 bps."""
        votes = told.argmax(axis=2) if self.settings.n_classes else np.sign(told[:, :, 0]).astype(np.int64)
        most = np.max([(votes == vote).mean(axis=1) for vote in np.unique(votes)], axis=0)
        agreed = most >= float(self._hyperparameters["quorum"]) - 1e-9
        return np.where(agreed[:, None], super().join(samples, told), self.prior)


KINDS: dict[str, type[Ensemble]] = {one.kind: one for one in (Stacking, Blending, MetaNetwork, Agreement)}


def _create(settings: ModelSettings, kind: str) -> Model:
    return KINDS[kind](settings)


def _load(data: bytes, n_classes: int, kind: str) -> Model:
    model = KINDS[kind](ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


def _factory(
    kind: str, own: dict[str, Hyperparameter], about: str, quick: dict[str, Hyperparameter], library: str
) -> ModelFactory:
    return ModelFactory(
        name=kind,
        library=library,
        importance_kind="weighted_members",
        regression=True,
        classification=True,
        defaults=own,
        create=partial(_create, kind=kind),
        load=partial(_load, kind=kind),
        quick=quick,
        history=team.longest_history,
        ordered=True,
        members=True,
        about=about,
    )


_QUICK: dict[str, Hyperparameter] = {"blocks": 2, "gru.epochs": 2, "lightgbm.n_estimators": 30}
_NETWORK: dict[str, Hyperparameter] = {
    "wide": 64, "narrow": 32, "dropout": 0.2, "epochs": 30, "batch_size": 128, "learning_rate": 0.002,
    "weight_decay": 0.01, "patience": 5, "restart_epochs": 10, "clip_norm": 1.0, "tail": 0.2,
    "class_weights": "none", "device": "auto", "precision": "auto",
}  # fmt: skip
STACKING = _factory(
    "stacking", {"members": "lightgbm,gru", "blocks": 4, "l2": 0.05},
    "A linear model over unseen predictions of a tree and a network.", _QUICK, "scikit-learn",
)  # fmt: skip
BLENDING = _factory(
    "blending", {"members": "lightgbm,ridge", "blocks": 4, "shrink": 0.5},
    "A weighted mean of members, weights drawn towards equal.", {"blocks": 2}, "scipy",
)  # fmt: skip
META_NETWORK = _factory(
    "meta_network", {"members": "lightgbm,gru", "blocks": 4, "context": 4, **_NETWORK},
    "A small network over members' predictions and context features.", _QUICK | {"epochs": 3}, "torch",
)  # fmt: skip
AGREEMENT = _factory(
    "agreement", {"members": "lightgbm,random_forest", "quorum": 1.0},
    "The members' mean where they agree; no opinion elsewhere.", {}, "numpy",
)  # fmt: skip
