"""The simplest model beside every fold: what a more complex one has to beat on the same rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory, resolve
from crypto_team.models.return_lines import Unseen
from crypto_team.schemas.ml_spec import CalibrationMethod
from crypto_team.validation.calibration import fit_calibrator
from crypto_team.validation.calibration_of_returns import fit_return_calibrator
from crypto_team.validation.calibration_shrunk import independent_labels
from crypto_team.validation.clock import utc_times
from crypto_team.validation.foreseeable import known_of, known_of_returns
from crypto_team.validation.prediction import signal_from_bps, signal_from_probabilities

if TYPE_CHECKING:
    from crypto_team.validation.fold_rows import FoldRows
    from crypto_team.validation.panel import Panel
    from crypto_team.validation.settings import WalkForwardSettings

Floats = npt.NDArray[np.float64]
BPS = 1e4
CALIBRATION: CalibrationMethod = "shrunk"


def simple_name(n_classes: int) -> str:
    """Return the simplest learner for a number of classes; 0 is a regression."""
    return "logistic" if n_classes else "ridge"


def is_simplest(settings: WalkForwardSettings) -> bool:
    """Say whether the strategy's own model is the simplest one, so that it need not be fitted twice."""
    name = simple_name(settings.n_classes)
    return (
        settings.model == name
        and settings.calibration == CALIBRATION
        and (settings.label_weights, settings.class_weights) == ("none", "none")
        and dict(settings.hyperparameters) == dict(resolve(name, {}))
    )


def simple_rows(
    panel: Panel, rows: FoldRows, columns: list[int], own: pd.DataFrame, settings: WalkForwardSettings
) -> pd.DataFrame:
    """Fit the simplest model of a fold and predict its test part.

    Parameters
    ----------
    panel, rows
        The fold's panel, fitted features filled in, and its rows.
    columns
        Columns that the fold's own model uses.
    own
        Predictions of the fold's own model for its test rows; they are taken where that model is the simplest one.
    settings
        Settings of the run; hyperparameters here are the learner's defaults, calibration is the shrunk sigmoid or line.

    Returns
    -------
    DataFrame
        time, pair, fold, label, forward_return, signal, event: `event` is the probability of the top class, for a
        regression that of a positive return. One row per test row.
    """
    if is_simplest(settings):
        signal = own["signal"].to_numpy(dtype=np.float64)
        event = own[f"p_{settings.n_classes - 1}"].to_numpy(dtype=np.float64) if settings.n_classes else signal
    else:
        signal, event = _signals(panel, rows, columns, settings)
    return pd.DataFrame(
        {
            "time": utc_times(panel.time[rows.test]),
            "pair": np.array(panel.pairs, dtype=object)[panel.pair_index[rows.test]],
            "fold": own["fold"].to_numpy(),
            "label": panel.label[rows.test],
            "forward_return": panel.forward_return[rows.test],
            "signal": signal,
            "event": event,
        }
    )


def _signals(panel: Panel, rows: FoldRows, columns: list[int], settings: WalkForwardSettings) -> tuple[Floats, Floats]:
    name = simple_name(settings.n_classes)
    model = factory(name).create(ModelSettings(settings.n_classes, resolve(name, {}), settings.seed))
    y = panel.label[rows.fit] if settings.n_classes else panel.forward_return[rows.fit] * BPS
    model.fit(panel.block(rows.fit, columns), y)
    inner = model.predict(panel.block(rows.inner, columns))
    if settings.refit:  # what the more complex one may learn from, the simplest may too
        y_all = panel.label[rows.window] if settings.n_classes else panel.forward_return[rows.window] * BPS
        model.fit(panel.block(rows.window, columns), y_all)
    raw = model.predict(panel.block(rows.test, columns))
    if not settings.n_classes:
        spread = float(np.std(panel.forward_return[rows.inner] * BPS)) or 1.0
        told = known_of_returns(panel, rows.fit, None, y, panel.known_at[rows.fit])
        came, ends = panel.forward_return[rows.inner] * BPS, panel.known_at[rows.inner]
        line = fit_return_calibrator(Unseen(inner[:, 0], came, panel.time[rows.inner], ends), CALIBRATION, told)
        bps = signal_from_bps(line.apply(raw)[:, 0], spread)
        return bps, bps
    worth = independent_labels(panel.time[rows.inner], panel.known_at[rows.inner])
    known = known_of(panel, rows.fit, None, settings.n_classes, worth)
    p = fit_calibrator(inner, panel.label[rows.inner], CALIBRATION, known=known).apply(raw)
    side = None
    if settings.side_feature is not None:
        side = panel.features[rows.test, panel.names.index(settings.side_feature)].astype(np.float64)
    return signal_from_probabilities(p, side), p[:, -1]
