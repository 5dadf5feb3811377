"""Calibration of expected returns, fitted again on the inner rows of each fold and compared with the evidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.chosen_again import training_rows
from crypto_team.gates.recompute import milliseconds
from crypto_team.models.return_lines import KnownReturns, Unseen, labels_worth
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.calibration_maps import Line
from crypto_team.validation.calibration_of_returns import METHODS, fit_return_calibrator, known_returns
from crypto_team.validation.expected_returns import BPS, FINAL, RAW
from crypto_team.validation.panel import Panel, training_weights

Floats = npt.NDArray[np.float64]


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
        refit = fit_return_calibrator(_unseen(inner), meta.calibration, _known(meta, fits, panel))
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


def _unseen(inner: pd.DataFrame) -> Unseen:
    told, came = (inner[name].to_numpy(dtype=np.float64) for name in (RAW, "forward_return"))
    return Unseen(told, came * BPS, milliseconds(inner["time"]), milliseconds(inner["label_end"]))


def _known(meta: EvidenceMeta, fits: pd.DataFrame, panel: Panel) -> KnownReturns | None:
    """Return what the fold knew besides its inner rows, from the candles: the mean return that it was fitted on."""
    chosen = fits[fits["stage"] == "selection"]
    fitted = np.flatnonzero(training_rows(chosen, panel)) if len(chosen) else np.empty(0, dtype=np.int64)
    if not fitted.size:
        return None
    target = meta.target
    weight = training_weights(
        panel, fitted, labels=target.label_weights, classes=target.class_weights, n_classes=target.n_classes
    )
    worth = labels_worth(panel.time[fitted], panel.known_at[fitted])
    return known_returns(panel.forward_return[fitted] * BPS, weight, worth)
