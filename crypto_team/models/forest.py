"""Random forest: scikit-learn grows the trees, plain arrays keep them, a few lines of NumPy read them.

scikit-learn's own formats either run code when read (pickle) or differ from one saving to the next (skops stores times
and identities); the arrays of the trees are all that a prediction needs. NaN goes the way that the split learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from crypto_team.errors import EvidenceError, UsageError
from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.packing import packed, read, unpacked, written
from crypto_team.models.threads import quiet_openmp

SMALLEST_LEAF_SHARE = 0.1


@dataclass(frozen=True)
class Trees:
    """All nodes of all trees, one behind the other.

    A node sends a row to `left` when its value of `feature` is <= `threshold` (unknown: when `unknown_left` is 1), else
    to `right`; a leaf is its own child. `value` (nodes, outputs) is the mean or the class shares; `roots` start trees;
    `weight` (nodes,) is what the training rows of a node counted together.
    """

    roots: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: Floats
    unknown_left: npt.NDArray[np.uint8]
    value: Floats
    depth: int
    weight: Floats = field(default_factory=lambda: np.empty(0))

    def mean(self, x: Matrix) -> Floats:
        """Return the mean value of the leaves that rows fall into, shape (n, outputs); trees are added in order."""
        total, every = np.zeros((len(x), self.value.shape[1])), np.arange(len(x))
        for root in self.roots:
            node = np.full(len(x), root, dtype=np.int32)
            for _ in range(self.depth):
                seen = x[every, self.feature[node]]
                to_left = np.where(np.isnan(seen), self.unknown_left[node] == 1, seen <= self.threshold[node])
                node = np.where(to_left, self.left[node], self.right[node])
            total += self.value[node]
        return np.asarray(total / self.roots.size)


class RandomForest:
    """Bagged trees with large leaves; the leaf is never larger than a tenth of the rows."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._trees: Trees | None = None
        self._importances: Floats = np.empty(0)

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Grow the trees on bootstrap samples of the rows."""
        quiet_openmp()
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        known = np.where(np.isfinite(rows_of(x)), rows_of(x), np.float32(np.nan))
        params: dict[str, Any] = dict(self.settings.hyperparameters)
        leaf = int(params["min_samples_leaf"])
        params["min_samples_leaf"] = max(1, min(leaf, int(len(y) * SMALLEST_LEAF_SHARE)))
        kind = RandomForestClassifier if self.settings.n_classes else RandomForestRegressor
        try:
            forest = kind(**params, random_state=self.settings.seed, n_jobs=1).fit(known, y, sample_weight=weight)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise UsageError(
                f"the random forest refuses the hyperparameters: {reason}", where="model.hyperparameters"
            ) from error
        classes = forest.classes_.astype(np.int64) if self.settings.n_classes else np.zeros(1, dtype=np.int64)
        self._trees = _trees([one.tree_ for one in forest.estimators_], classes, max(1, self.settings.n_classes))
        self._importances = shares(np.asarray(forest.feature_importances_, dtype=np.float64))

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1)."""
        if self._trees is None:
            raise RuntimeError("predict before fit")
        return self._trees.mean(rows_of(x))

    def importances(self) -> Floats:
        """Return the share of the impurity that each feature takes away."""
        return self._importances

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, summed over classes (TreeSHAP)."""
        import shap

        if self._trees is None or not self._trees.weight.size:
            raise RuntimeError("explain before fit")
        known = np.where(np.isfinite(x), x, np.float32(np.nan))
        explainer = shap.TreeExplainer({"trees": _as_shap(self._trees)}, feature_perturbation="tree_path_dependent")
        values = np.asarray(explainer.shap_values(known, check_additivity=False), dtype=np.float64)
        return np.asarray(np.abs(values.reshape(len(x), x.shape[1], -1)).mean(axis=0).sum(axis=1))

    def save(self) -> bytes:
        """Return the arrays as JSON."""
        if self._trees is None:
            raise RuntimeError("save before fit")
        fields = {name: packed(value) for name, value in vars(self._trees).items() if name != "depth"}
        trees = {**fields, "depth": self._trees.depth}
        return written({"kind": "random_forest", "trees": trees, "importances": packed(self._importances)})

    def restore(self, data: bytes) -> None:
        """Take over the arrays written by :meth:`save`."""
        document = read(data, "random_forest")
        try:
            trees = dict(document["trees"])
            depth = int(trees.pop("depth"))
            self._trees = Trees(**{name: unpacked(value) for name, value in trees.items()}, depth=depth)
            self._importances = unpacked(document["importances"])
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"not a random forest: {error}") from error


def _trees(grown: list[Any], classes: npt.NDArray[np.int64], outputs: int) -> Trees:
    """Lay scikit-learn's trees behind one another; classes that never occurred get probability 0."""
    starts = np.cumsum([0, *(tree.node_count for tree in grown)])
    own = [np.arange(tree.node_count) for tree in grown]
    children: dict[str, list[npt.NDArray[Any]]] = {"children_left": [], "children_right": []}
    for name, parts in children.items():
        for tree, start, self_ in zip(grown, starts, own, strict=False):
            child = getattr(tree, name)
            parts.append(np.where(child < 0, self_, child) + start)
    value = np.zeros((int(starts[-1]), outputs))
    # Since 1.3 leaves of classifiers hold shares, not counts; dividing again costs nothing and holds for both.
    raw = np.concatenate([tree.value[:, 0, :] for tree in grown])
    value[:, classes] = raw / raw.sum(axis=1, keepdims=True) if outputs > 1 else raw
    return Trees(
        roots=starts[:-1].astype(np.int32),
        left=np.concatenate(children["children_left"]).astype(np.int32),
        right=np.concatenate(children["children_right"]).astype(np.int32),
        feature=np.maximum(np.concatenate([tree.feature for tree in grown]), 0).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in grown]).astype(np.float64),
        unknown_left=np.concatenate([tree.missing_go_to_left for tree in grown]).astype(np.uint8),
        value=value,
        depth=max(int(tree.max_depth) for tree in grown),
        weight=np.concatenate([tree.weighted_n_node_samples for tree in grown]).astype(np.float64),
    )


def _as_shap(trees: Trees) -> list[dict[str, npt.NDArray[Any]]]:
    """Return the trees in the plain form that the `shap` package reads; there a leaf has no children."""
    made = []
    for start, stop in pairwise([*trees.roots.tolist(), trees.left.size]):
        part, own = slice(start, stop), np.arange(start, stop)
        leaf = trees.left[part] == own
        left, right = (np.where(leaf, -1, side[part] - start) for side in (trees.left, trees.right))
        made.append(
            {
                "children_left": left,
                "children_right": right,
                "children_default": np.where(trees.unknown_left[part] == 1, left, right),
                "features": np.where(leaf, -2, trees.feature[part]),
                "thresholds": trees.threshold[part],
                "values": trees.value[part] / trees.roots.size,
                "node_sample_weight": trees.weight[part],
            }
        )
    return made


def _load(data: bytes, n_classes: int) -> Model:
    model = RandomForest(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


RANDOM_FOREST = ModelFactory(
    name="random_forest",
    library="scikit-learn",
    importance_kind="impurity",
    regression=True,
    classification=True,
    defaults={
        "n_estimators": 100,
        "max_depth": 8,
        "min_samples_leaf": 50,
        "max_features": 0.5,
        "max_samples": 0.7,
    },
    create=RandomForest,
    load=_load,
    quick={"n_estimators": 30},
    aliases={
        "iterations": "n_estimators",
        "depth": "max_depth",
        "min_child_samples": "min_samples_leaf",
        "colsample_bytree": "max_features",
        "subsample": "max_samples",
    },
    about="Bagged trees: the baseline that needs no tuning.",
)
