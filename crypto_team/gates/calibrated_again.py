"""Calibration of expected returns, fitted again on the inner rows of each fold and compared with the evidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.chosen_again import training_rows
from crypto_team.gates.recompute import milliseconds
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.calibration_maps import Line
from crypto_team.validation.calibration_of_returns import (
    METHODS,
    KnownReturns,
    fit_return_calibrator,
    known_returns,
)
from crypto_team.validation.calibration_shrunk import independent_labels
from crypto_team.validation.panel import Panel, training_weights

Floats = npt.NDArray[np.float64]
BPS = 1e4
RAW, FINAL = "expected_raw_bps", "expected_bps"


def return_problems(
    meta: EvidenceMeta, predictions: pd.DataFrame, preprocessing: pd.DataFrame, panel: Panel
) -> Iterator[str]:
    """Yield folds whose calibrated returns, or whose line, are not those that raw ones and inner rows give.

    Evidence without raw returns, which earlier versions wrote, has to say that nothing was calibrated.
    """
    if meta.calibration not in METHODS:
        yield f"{meta.calibration} calibrates probabilities, and there are none"
        return
    if RAW not in predictions:
        if meta.calibration != "none":
            yield f"calibration is {meta.calibration}, but {RAW} is missing: what was calibrated is not known"
        return
    for number, rows in predictions.groupby("fold"):
        fits = preprocessing[preprocessing["fold"] == number]
        inner = rows[(rows["part"] == "inner") & rows["forward_return"].notna()].sort_values(["pair", "time"])
        refit = fit_return_calibrator(
            inner[RAW].to_numpy(dtype=np.float64),
            inner["forward_return"].to_numpy(dtype=np.float64) * BPS,
            meta.calibration,
            known=_known(meta, inner, fits, panel),
        )
        expected = refit.apply(rows[[RAW]].to_numpy(dtype=np.float64))[:, 0]
        stored = rows[FINAL].to_numpy(dtype=np.float64)
        wrong = ~np.isclose(stored, expected, rtol=1e-4, atol=1e-3, equal_nan=True)
        if wrong.any():
            yield (
                f"fold {number}: {meta.calibration} refitted on the inner rows changes {int(wrong.sum())} of "
                f"{len(rows)} expected returns"
            )
        kept = fits[fits["stage"] == "calibration"]
        lines = [one for one in refit.maps if isinstance(one, Line)]
        told = kept[["a", "b"]].to_numpy(dtype=np.float64)
        if lines and not (len(kept) == 1 and np.allclose(told[0], lines[0].numbers, rtol=1e-3, atol=1e-4)):
            yield f"fold {number}: slope and intercept are stored as {told.tolist()}, refitted {lines[0]}"


def _known(meta: EvidenceMeta, inner: pd.DataFrame, fits: pd.DataFrame, panel: Panel) -> KnownReturns | None:
    """Return what the fold knew besides its inner rows, from the candles: the mean return that it was fitted on."""
    chosen = fits[fits["stage"] == "selection"]
    fitted = np.flatnonzero(training_rows(chosen, panel)) if len(chosen) else np.empty(0, dtype=np.int64)
    if not fitted.size:
        return None
    target = meta.target
    weight = training_weights(
        panel, fitted, labels=target.label_weights, classes=target.class_weights, n_classes=target.n_classes
    )
    worth = independent_labels(milliseconds(inner["time"]), milliseconds(inner["label_end"]))
    return known_returns(panel.forward_return[fitted] * BPS, weight, worth)
