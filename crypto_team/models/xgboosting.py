"""XGBoost, kept as JSON."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np

from crypto_team.errors import EvidenceError, InputError, UsageError
from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.boosting import SMALLEST_LEAF_SHARE, Taught, as_probabilities, as_taught, mean_absolute
from crypto_team.models.early_stopping import SWITCH, best_rounds, patience
from crypto_team.models.samples import Index
from crypto_team.models.threads import quiet_openmp

INSIDE = re.compile(r"^\[[\d:]+\] \S+: (?:Check failed: )?(.*)$")


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

        given, x, params = x, rows_of(x), self._params(len(y))
        rounds = int(params.pop("n_estimators"))
        try:
            judge = partial(self._judged, as_taught(x, y, weight), params, rounds)
            rounds = best_rounds(given, y, self.settings, rounds, judge)
            data = xgb.QuantileDMatrix(x, label=y, weight=weight, nthread=1, max_bin=int(params["max_bin"]))
            booster = xgb.train(params, data, num_boost_round=rounds, verbose_eval=False)
        except (xgb.core.XGBoostError, ValueError) as error:
            raise _refusal(str(error)) from error
        self.restore(bytes(booster.save_raw("json")))

    def _judged(self, taught: Taught, params: dict[str, Any], rounds: int, early: Index, tail: Index) -> int:
        """Fit on the early rows and return the number of trees with the least loss on the tail."""
        import xgboost as xgb

        (x, y, w), bins = taught, int(params["max_bin"])
        data = xgb.QuantileDMatrix(x[early], label=y[early], weight=w[early], nthread=1, max_bin=bins)
        watched = xgb.QuantileDMatrix(x[tail], label=y[tail], weight=w[tail], nthread=1, max_bin=bins, ref=data)
        found = xgb.train(
            params, data, rounds, evals=[(watched, "tail")], verbose_eval=False,
            early_stopping_rounds=patience(self.settings.hyperparameters),
        )  # fmt: skip
        return int(found.best_iteration) + 1

    def _params(self, rows: int) -> dict[str, Any]:
        classes = self.settings.n_classes
        params: dict[str, Any] = {k: v for k, v in self.settings.hyperparameters.items() if k != SWITCH}
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
        return mean_absolute(np.asarray(self._booster.predict(data, pred_contribs=True)), x.shape[1])

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


def _refusal(text: str) -> UsageError | InputError:
    """Return the error of a refused training: what XGBoost checks inside stands behind a time and a place in C++."""
    first = text.strip().splitlines()[0]
    failed = INSIDE.match(first)
    if failed is None:
        return UsageError(f"XGBoost refuses the hyperparameters: {first}", where="model.hyperparameters")
    return InputError(
        f"XGBoost cannot learn from the training rows: {failed.group(1)}",
        where="features.yaml: features",
        hint="look for infinite values and for settings that the rows do not allow",
    )


def _load_xgboost(data: bytes, n_classes: int) -> Model:
    model = XgBoost(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


XGBOOST = ModelFactory(
    name="xgboost",
    library="xgboost",
    importance_kind="gain",
    own_shap=True,
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
        "early_stopping": 0,
    },
    create=XgBoost,
    load=_load_xgboost,
    quick={"n_estimators": 40, "learning_rate": 0.1, "early_stopping": 0},
    aliases={
        "num_boost_round": "n_estimators",
        "eta": "learning_rate",
        "alpha": "reg_alpha",
        "lambda": "reg_lambda",
        "min_split_loss": "gamma",
    },
    about="Boosted trees with second-order steps and strong regularisation; robust on noisy, tabular data.",
)
