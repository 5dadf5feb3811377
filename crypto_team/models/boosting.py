"""Gradient-boosted trees: LightGBM (its own text format) and XGBoost (its own JSON). NaN is a value of its own.

Defaults are modest on purpose: returns are almost all noise, so trees are shallow, leaves large, and each tree sees
half of the features. One thread and fixed seeds make two runs equal to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from crypto_team.errors import EvidenceError, UsageError
from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.threads import quiet_openmp

SMALLEST_LEAF_SHARE = 0.1


def as_probabilities(raw: Floats, rows: int, n_classes: int) -> Floats:
    """Bring a booster's output into shape (n, classes) with rows that sum to 1, or (n, 1)."""
    if n_classes == 0:
        return raw.reshape(rows, 1)
    if n_classes == 2:
        return np.column_stack([1.0 - raw, raw])
    wide = raw.reshape(rows, n_classes)
    return np.asarray(wide / wide.sum(axis=1, keepdims=True))


def _mean_absolute(values: Floats, columns: int) -> Floats:
    """Average the size of SHAP values, given with the base value behind the features of each class."""
    by_class = values.reshape(len(values), -1, columns + 1)[:, :, :columns].astype(np.float64)
    return np.asarray(np.abs(by_class).mean(axis=0).sum(axis=0))


class LightGbm:
    """LightGBM with a leaf never smaller than asked for, nor larger than a tenth of the rows."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._booster: Any = None
        self._text = ""

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Train on binned rows; bin edges come from these rows only."""
        quiet_openmp()
        import lightgbm as lgb

        x, params = rows_of(x), self.parameters(len(y))
        rounds = int(params.pop("n_estimators"))
        try:
            data = lgb.Dataset(x, label=y, weight=weight, params=params, free_raw_data=True)
            booster = lgb.train(params, data, num_boost_round=rounds)
        except lgb.basic.LightGBMError as error:
            raise UsageError(f"LightGBM refuses the hyperparameters: {error}", where="model.hyperparameters") from error
        self.restore(booster.model_to_string().encode())

    def parameters(self, rows: int) -> dict[str, Any]:
        """Return what LightGBM is called with for a number of training rows."""
        classes = self.settings.n_classes
        params: dict[str, Any] = dict(self.settings.hyperparameters)
        params["min_child_samples"] = max(1, min(int(params["min_child_samples"]), int(rows * SMALLEST_LEAF_SHARE)))
        params |= {
            "objective": "regression" if classes == 0 else "binary" if classes == 2 else "multiclass",
            "subsample_freq": 1,
            "seed": self.settings.seed,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
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
        return _mean_absolute(np.asarray(self._booster.predict(x, pred_contrib=True, num_threads=1)), x.shape[1])

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


class XgBoost:
    """XGBoost with histogram trees; the leaf weight is capped at a tenth of the rows' second derivatives."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._booster: Any = None
        self._columns = 0

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Train on binned rows; bin edges come from these rows only."""
        quiet_openmp()
        import xgboost as xgb

        x, params = rows_of(x), self._params(len(y))
        rounds = int(params.pop("n_estimators"))
        try:
            data = xgb.QuantileDMatrix(x, label=y, weight=weight, nthread=1, max_bin=int(params["max_bin"]))
            booster = xgb.train(params, data, num_boost_round=rounds, verbose_eval=False)
        except (xgb.core.XGBoostError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise UsageError(f"XGBoost refuses the hyperparameters: {reason}", where="model.hyperparameters") from error
        self.restore(bytes(booster.save_raw("json")))

    def _params(self, rows: int) -> dict[str, Any]:
        classes = self.settings.n_classes
        params: dict[str, Any] = dict(self.settings.hyperparameters)
        curvature = 1.0 if classes == 0 else 0.25
        params["min_child_weight"] = min(float(params["min_child_weight"]), rows * SMALLEST_LEAF_SHARE * curvature)
        params |= {
            "objective": "reg:squarederror"
            if classes == 0
            else "binary:logistic"
            if classes == 2
            else "multi:softprob",
            "tree_method": "hist",
            "seed": self.settings.seed,
            "nthread": 1,
            "verbosity": 0,
        }
        return params | ({"num_class": classes} if classes > 2 else {})

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1)."""
        x, classes = rows_of(x), self.settings.n_classes
        if len(x) == 0:
            return np.empty((0, max(classes, 1)))
        raw = np.asarray(self._booster.inplace_predict(x, missing=np.nan), dtype=np.float64)
        return as_probabilities(raw, len(x), classes)

    def importances(self) -> Floats:
        """Return the share of total gain of each feature."""
        gains = np.zeros(self._columns)
        for name, gain in self._booster.get_score(importance_type="total_gain").items():
            gains[int(name[1:])] = gain
        return shares(gains)

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, summed over classes (TreeSHAP)."""
        import xgboost as xgb

        data = xgb.DMatrix(x, missing=np.nan, nthread=1)
        return _mean_absolute(np.asarray(self._booster.predict(data, pred_contribs=True)), x.shape[1])

    def save(self) -> bytes:
        """Return XGBoost's JSON."""
        return bytes(self._booster.save_raw("json"))

    def restore(self, data: bytes) -> None:
        """Take over a booster from its JSON."""
        quiet_openmp()
        import xgboost as xgb

        booster = xgb.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(data))
        except xgb.core.XGBoostError as error:
            raise EvidenceError("not an XGBoost model") from error
        self._booster, self._columns = booster, booster.num_features()


def _load_lightgbm(data: bytes, n_classes: int) -> Model:
    model = LightGbm(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


def _load_xgboost(data: bytes, n_classes: int) -> Model:
    model = XgBoost(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


LIGHTGBM = ModelFactory(
    name="lightgbm",
    library="lightgbm",
    importance_kind="gain",
    regression=True,
    classification=True,
    defaults={
        "n_estimators": 150,
        "learning_rate": 0.03,
        "num_leaves": 15,
        "max_depth": -1,
        "min_child_samples": 100,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "reg_alpha": 0.0,
        "reg_lambda": 10.0,
        "min_split_gain": 0.0,
        "max_bin": 63,
    },
    create=LightGbm,
    load=_load_lightgbm,
    quick={"n_estimators": 40, "learning_rate": 0.1},
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
XGBOOST = ModelFactory(
    name="xgboost",
    library="xgboost",
    importance_kind="gain",
    regression=True,
    classification=True,
    defaults={
        "n_estimators": 150,
        "learning_rate": 0.03,
        "max_depth": 4,
        "min_child_weight": 25.0,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "reg_alpha": 0.0,
        "reg_lambda": 10.0,
        "gamma": 0.0,
        "max_bin": 64,
    },
    create=XgBoost,
    load=_load_xgboost,
    quick={"n_estimators": 40, "learning_rate": 0.1},
    aliases={
        "num_boost_round": "n_estimators",
        "eta": "learning_rate",
        "alpha": "reg_alpha",
        "lambda": "reg_lambda",
        "min_split_loss": "gamma",
    },
    about="Boosted trees with second-order steps and strong regularisation; robust on noisy, tabular data.",
)
