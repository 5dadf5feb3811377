"""Calibration of expected returns, fitted again on the inner rows of each fold and compared with the evidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.chosen_again import training_rows
from crypto_team.gates.recompute import milliseconds
from crypto_team.models.return_lines import KnownReturns, Unseen
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.calibration import Calibrator
from crypto_team.validation.calibration_maps import Line
from crypto_team.validation.calibration_of_returns import (
    METHODS,
    fit_return_calibrator,
    known_of_learner,
)
from crypto_team.validation.expected_returns import BPS, FINAL, RAW
from crypto_team.validation.foreseeable import known_of_returns
from crypto_team.validation.horizon_returns import columns_of, horizons_in, known_over, unseen_over
from crypto_team.validation.panel import Panel, panel_rows, training_weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
        for text in _fold_problems(meta, rows, fits, panel):
            yield f"fold {number}: {text}"


def _fold_problems(meta: EvidenceMeta, rows: pd.DataFrame, fits: pd.DataFrame, panel: Panel) -> Iterator[str]:
    """Compare the returns of one fold, those over the target and those over each horizon of its set."""
    inner = rows[(rows["part"] == "inner") & rows["forward_return"].notna()].sort_values(["pair", "time"])
    fitted, weight = _fitted(meta, fits, panel)
    told = inner[RAW].to_numpy(dtype=np.float64), inner["forward_return"].to_numpy(dtype=np.float64) * BPS
    seen = Unseen(*told, milliseconds(inner["time"]), milliseconds(inner["label_end"]))
    known = _known(meta.model, panel, fitted, weight) if fitted.size else None
    lines = fits[fits["stage"] == "calibration"]
    yield from _differences(
        rows, (RAW, FINAL), lines[lines["feature"] == ""], fit_return_calibrator(seen, meta.calibration, known)
    )
    at = np.minimum(panel_rows(panel, inner), panel.time.size - 1)
    for bars in horizons_in(list(rows.columns)):
        names = columns_of(bars)
        if bars not in panel.horizons or names[0] not in rows:
            yield f"{names[1]} is of no horizon of the target, or {names[0]} is missing"
            continue
        over = unseen_over(panel, at, bars, inner[names[0]].to_numpy(dtype=np.float64))
        told_of_fit = known_over(panel, fitted, bars, weight) if fitted.size else None
        refit = fit_return_calibrator(over, meta.calibration, told_of_fit)
        yield from _differences(rows, names, lines[lines["feature"] == names[1]], refit)


def _differences(rows: pd.DataFrame, names: tuple[str, str], kept: pd.DataFrame, refit: Calibrator) -> Iterator[str]:
    """Compare stored calibrated returns, and the stored line, with those of a map that was fitted again."""
    expected = refit.apply(rows[[names[0]]].to_numpy(dtype=np.float64))[:, 0]
    stored = rows[names[1]].to_numpy(dtype=np.float64)
    wrong = ~np.isclose(stored, expected, rtol=1e-4, atol=1e-3, equal_nan=True)
    if wrong.any():
        yield (
            f"calibration refitted on the inner rows changes {int(wrong.sum())} of {len(rows)} expected returns "
            f"({names[1]})"
        )
    lines = [one for one in refit.maps if isinstance(one, Line)]
    told = kept[["a", "b"]].to_numpy(dtype=np.float64)
    if lines and not (len(kept) == 1 and np.allclose(told[0], lines[0].numbers, rtol=1e-3, atol=1e-4)):
        yield f"slope and intercept of {names[1]} are stored as {told.tolist()}, refitted {lines[0]}"


def _fitted(meta: EvidenceMeta, fits: pd.DataFrame, panel: Panel) -> tuple[Ints, Floats | None]:
    """Return the rows that the fold's model was fitted on, from the candles, and what the fit weighed them with."""
    chosen = fits[fits["stage"] == "selection"]
    fitted = np.flatnonzero(training_rows(chosen, panel)) if len(chosen) else np.empty(0, dtype=np.int64)
    if not fitted.size:
        return fitted, None
    target = meta.target
    return fitted, training_weights(
        panel, fitted, labels=target.label_weights, classes=target.class_weights, n_classes=target.n_classes
    )


def _known(model: str, panel: Panel, fitted: Ints, weight: Floats | None) -> KnownReturns:
    came, ends = panel.forward_return[fitted] * BPS, panel.known_at[fitted]
    return known_of_learner(model, known_of_returns(panel, fitted, weight, came, ends))
