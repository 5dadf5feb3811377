"""LightGBM, kept in its text format, and what boosters share.

Defaults are modest on purpose: returns are almost all noise, so trees are shallow, leaves large, and each tree sees
few rows and columns (docs/decisions/0068 has the figures). One thread and fixed seeds make two runs equal to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from crypto_team.errors import EvidenceError, UsageError
from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.bins import SharedBins
from crypto_team.models.early_stopping import SWITCH, best_rounds, patience
from crypto_team.models.samples import Index
from crypto_team.models.threads import quiet_openmp

SMALLEST_LEAF_SHARE = 0.1
MANY_LEAVES = 8
# A sample of bin levels says where edges lie and nothing else: not how many rows a bin has, nor which columns never
# differ from zero together.
SHARED = {"min_data_in_bin": 1, "enable_bundle": False, "feature_pre_filter": False}
OWN_SETTINGS = {SWITCH, "shared_bins"}
Taught: TypeAlias = tuple[Matrix, Floats, Floats]


def as_probabilities(raw: Floats, rows: int, n_classes: int) -> Floats:
    """Bring a booster's output into shape (n, classes) with rows that sum to 1, or (n, 1)."""
    if n_classes == 0:
        return raw.reshape(rows, 1)
    if n_classes == 2:
        return np.column_stack([1.0 - raw, raw])
    wide = raw.reshape(rows, n_classes)
    return np.asarray(wide / wide.sum(axis=1, keepdims=True))


def mean_absolute(values: Floats, columns: int) -> Floats:
    """Average the size of SHAP values, given with the base value behind the features of each class."""
    by_class = values.reshape(len(values), -1, columns + 1)[:, :, :columns].astype(np.float64)
    return np.asarray(np.abs(by_class).mean(axis=0).sum(axis=0))


def as_taught(x: Matrix, y: Floats, weight: Floats | None) -> Taught:
    """Return training rows with a weight for each; 1 where none was given."""
    return x, y, np.ones(len(y)) if weight is None else weight


def boosted(x: Matrix, params: Mapping[str, Any], rounds: int, bins: SharedBins | None, **taught: Any) -> Any:
    """Boost `rounds` trees on rows `x` with bin edges of their own, or with shared ones.

    `taught` holds label, weight and starting scores as LightGBM's Dataset takes them.
    """
    import lightgbm as lgb

    params, shared = dict(params), None
    if bins is not None:
        params |= SHARED
        shared = lgb.Dataset(bins.sample(x), params=params)
    data = lgb.Dataset(x, params=params, free_raw_data=True, reference=shared, **taught)
    return lgb.train(params, data, num_boost_round=rounds, keep_training_booster=True)


class LightGbm:
    """LightGBM with a leaf never smaller than asked for, nor larger than a tenth of the rows."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._booster: Any = None
        self._text = ""

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Train on binned rows; bin edges come from these rows, or from an earlier window where they are shared."""
        quiet_openmp()
        import lightgbm as lgb

        given, x, params = x, rows_of(x), self.parameters(len(y))
        rounds = int(params.pop("n_estimators"))
        try:
            judge = partial(self._judged, as_taught(x, y, weight), params, rounds)
            rounds = best_rounds(given, y, self.settings, rounds, judge)
            booster = boosted(x, params, rounds, self.settings.bins, label=y, weight=weight)
        except lgb.basic.LightGBMError as error:
            reason = str(error).partition(" at /")[0]
            raise UsageError(
                f"LightGBM refuses the hyperparameters: {reason}", where="model.hyperparameters"
            ) from error
        self.restore(booster.model_to_string().encode())

    def _judged(self, taught: Taught, params: dict[str, Any], rounds: int, early: Index, tail: Index) -> int:
        """Fit on the early rows and return the number of trees with the least loss on the tail."""
        import lightgbm as lgb

        x, y, w = taught
        data = lgb.Dataset(x[early], label=y[early], weight=w[early], params=params)
        watched = lgb.Dataset(x[tail], label=y[tail], weight=w[tail], reference=data)
        stop = lgb.early_stopping(patience(self.settings.hyperparameters), verbose=False)
        return int(lgb.train(params, data, rounds, valid_sets=[watched], callbacks=[stop]).best_iteration)

    def parameters(self, rows: int) -> dict[str, Any]:
        """Return what LightGBM is called with for a number of training rows."""
        classes = self.settings.n_classes
        params: dict[str, Any] = {k: v for k, v in self.settings.hyperparameters.items() if k not in OWN_SETTINGS}
        params["min_child_samples"] = max(1, min(int(params["min_child_samples"]), int(rows * SMALLEST_LEAF_SHARE)))
        params |= {
            "objective": "regression" if classes == 0 else "binary" if classes == 2 else "multiclass",
            "subsample_freq": 1,
            "seed": self.settings.seed,
            "num_threads": 1,
            "deterministic": True,
            # Both ways of summing histograms give the same trees to the bit; rows first reads less for many leaves.
            "force_row_wise" if int(params["num_leaves"]) > MANY_LEAVES else "force_col_wise": True,
            "verbosity": -1,
        }
        return params | ({"num_class": classes} if classes > 2 else {})

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1)."""
        x, classes = rows_of(x), self.settings.n_classes
        if len(x) == 0:
            return np.empty((0, max(classes, 1)))
        raw = np.asarray(self._booster.predict(x, num_threads=1), dtype=np.float64)
        return as_probabilities(raw, len(x), classes)

    def importances(self) -> Floats:
        """Return the share of total gain of each feature."""
        return shares(np.asarray(self._booster.feature_importance("gain"), dtype=np.float64))

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, summed over classes (TreeSHAP)."""
        return mean_absolute(np.asarray(self._booster.predict(x, pred_contrib=True, num_threads=1)), x.shape[1])

    def save(self) -> bytes:
        """Return LightGBM's text format."""
        return self._text.encode()

    def restore(self, data: bytes) -> None:
        """Take over a booster from its text."""
        quiet_openmp()
        import lightgbm as lgb

        self._text = data.decode()
        try:
            self._booster = lgb.Booster(model_str=self._text)
        except lgb.basic.LightGBMError as error:
            raise EvidenceError(f"not a LightGBM model: {error}") from error


def _load_lightgbm(data: bytes, n_classes: int) -> Model:
    model = LightGbm(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


LIGHTGBM = ModelFactory(
    name="lightgbm",
    library="lightgbm",
    importance_kind="gain",
    own_shap=True,
    regression=True,
    classification=True,
    defaults={
        "n_estimators": 200,
        "learning_rate": 0.02,
        "num_leaves": 4,
        "max_depth": -1,
        "min_child_samples": 800,
        "subsample": 0.3,
        "colsample_bytree": 0.2,
        "reg_alpha": 0.0,
        "reg_lambda": 50.0,
        "min_split_gain": 0.0,
        "max_bin": 63,
        "shared_bins": True,
        "early_stopping": 0,
    },
    create=LightGbm,
    load=_load_lightgbm,
    quick={"n_estimators": 40, "learning_rate": 0.1, "early_stopping": 0},
    aliases={
        "num_iterations": "n_estimators",
        "num_boost_round": "n_estimators",
        "eta": "learning_rate",
        "min_data_in_leaf": "min_child_samples",
        "feature_fraction": "colsample_bytree",
        "bagging_fraction": "subsample",
        "lambda_l1": "reg_alpha",
        "lambda_l2": "reg_lambda",
        "min_gain_to_split": "min_split_gain",
    },
    about="Boosted trees find thresholds and interactions, ignore the scale of a feature and train fast.",
)
