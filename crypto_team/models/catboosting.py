"""CatBoost: ordered, symmetric trees in CatBoost's own binary format (cbm), as base64 text. NaN is below every value.

One thread, fixed seed, no file written. The time of training and the random identity that CatBoost puts into each model
are taken out, so that equal trainings give equal bytes.
"""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np

from crypto_team.errors import EvidenceError, UsageError
from crypto_team.models.base import Floats, Inputs, Matrix, Model, ModelFactory, ModelSettings, rows_of, shares
from crypto_team.models.boosting import SMALLEST_LEAF_SHARE, mean_absolute
from crypto_team.models.early_stopping import SWITCH, best_rounds, patience
from crypto_team.models.packing import as_bytes, as_text
from crypto_team.models.samples import Index
from crypto_team.models.threads import quiet_openmp

UNREPEATABLE = ("train_finish_time", "model_guid")


class CatBoosting:
    """CatBoost with plain boosting and bins of float32 inputs; all classes are in every model, seen or not."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._booster: Any = None

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Train on binned rows; bin borders come from these rows only."""
        quiet_openmp()
        import catboost

        given, x = x, rows_of(x)
        label = y if self.settings.n_classes == 0 else y.astype(np.int64)
        params = self._params(x)
        try:
            judge = partial(self._judged, x, label, weight, params)
            params["iterations"] = best_rounds(given, y, self.settings, int(params["iterations"]), judge)
            booster = catboost.CatBoost(params)
            _fit(booster, catboost.Pool(x, label, weight=weight, thread_count=1))
        except catboost.CatBoostError as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"CatBoost refuses the hyperparameters: {reason}", where="model.hyperparameters"
            ) from error
        kept = booster.get_metadata()
        for name in UNREPEATABLE:
            if name in kept.keys():  # noqa: SIM118 - not a dict: it has keys, but no `in`
                del kept[name]
        self.restore(as_text(booster._serialize_model()).encode())  # noqa: SLF001 - save_model writes files only

    def _judged(
        self, x: Any, label: Any, weight: Floats | None, params: dict[str, Any], early: Index, tail: Index
    ) -> int:
        """Fit on the early rows and return the number of trees with the least loss on the tail."""
        import catboost

        w = np.ones(len(label)) if weight is None else weight
        first, watched = (catboost.Pool(x[at], label[at], weight=w[at], thread_count=1) for at in (early, tail))
        stop = {"od_type": "Iter", "od_wait": patience(self.settings.hyperparameters), "use_best_model": False}
        found = catboost.CatBoost({**params, **stop})
        _fit(found, first, eval_set=watched)
        return int(found.get_best_iteration()) + 1

    def _params(self, x: Any) -> dict[str, Any]:
        classes = self.settings.n_classes
        params: dict[str, Any] = {k: v for k, v in self.settings.hyperparameters.items() if k != SWITCH}
        leaf = int(params["min_data_in_leaf"])
        params["min_data_in_leaf"] = max(1, min(leaf, int(len(x) * SMALLEST_LEAF_SHARE)))
        params |= {
            "loss_function": "RMSE" if classes == 0 else "Logloss" if classes == 2 else "MultiClass",
            "boosting_type": "Plain",
            "grow_policy": "Depthwise",
            "bootstrap_type": "Bernoulli",
            "random_seed": self.settings.seed,
            "thread_count": 1,
            "allow_writing_files": False,
            "allow_const_label": True,
            "logging_level": "Silent",
        }
        return params | ({"classes_count": classes} if classes > 2 else {})

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1)."""
        x, classes = rows_of(x), self.settings.n_classes
        if len(x) == 0:
            return np.empty((0, max(classes, 1)))
        kind = "Probability" if classes else "RawFormulaVal"
        raw = np.asarray(self._booster.predict(x, prediction_type=kind, thread_count=1), dtype=np.float64)
        return raw.reshape(len(x), max(classes, 1))

    def importances(self) -> Floats:
        """Return the share of each feature in the change of predictions (CatBoost's PredictionValuesChange)."""
        return shares(np.asarray(self._booster.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64))

    def contributions(self, x: Matrix) -> Floats:
        """Return the mean absolute SHAP value of each feature over rows `x`, summed over classes (TreeSHAP)."""
        import catboost

        rows = catboost.Pool(x, thread_count=1)
        values = self._booster.get_feature_importance(data=rows, type="ShapValues", thread_count=1)
        return mean_absolute(np.asarray(values), x.shape[1])

    def save(self) -> bytes:
        """Return CatBoost's cbm as base64 text."""
        return as_text(self._booster._serialize_model()).encode()  # noqa: SLF001

    def restore(self, data: bytes) -> None:
        """Take over a booster from its text."""
        quiet_openmp()
        import catboost

        booster = catboost.CatBoost()
        try:
            booster.load_model(blob=as_bytes(data.decode()))
        except (catboost.CatBoostError, ValueError) as error:
            raise EvidenceError(f"not a CatBoost model: {str(error).splitlines()[0]}") from error
        self._booster = booster


def _fit(booster: Any, data: Any, **more: Any) -> None:
    """Fit without a word: CatBoost warns of classes that do not occur even where it is told to be silent."""
    unheard = io.StringIO()
    booster.fit(data, log_cout=unheard, log_cerr=unheard, **more)


def _load(data: bytes, n_classes: int) -> Model:
    model = CatBoosting(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


CATBOOST = ModelFactory(
    name="catboost",
    library="catboost",
    importance_kind="prediction_change",
    own_shap=True,
    regression=True,
    classification=True,
    defaults={
        "iterations": 150,
        "learning_rate": 0.03,
        "depth": 4,
        "min_data_in_leaf": 100,
        "subsample": 0.7,
        "rsm": 0.5,
        "l2_leaf_reg": 10.0,
        "random_strength": 0.0,
        "border_count": 63,
        "early_stopping": 0,
    },
    create=CatBoosting,
    load=_load,
    quick={"iterations": 40, "learning_rate": 0.1, "early_stopping": 0},
    aliases={
        "n_estimators": "iterations",
        "num_boost_round": "iterations",
        "eta": "learning_rate",
        "max_depth": "depth",
        "min_child_samples": "min_data_in_leaf",
        "colsample_bytree": "rsm",
        "reg_lambda": "l2_leaf_reg",
        "max_bin": "border_count",
    },
    about="Gradient boosting on trees of equal depth; robust with few rows.",
)
