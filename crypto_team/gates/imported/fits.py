"""What foreign evidence fitted: on the rows it says, or with numbers that only other rows can give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import CryptoTeamError
from crypto_team.gates.recompute import milliseconds, probability_columns, stamp
from crypto_team.gates.registry import Verdict, insufficient, passed, refused, several, within
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.validation.calibration import fit_calibrator
from crypto_team.validation.expected_returns import realised_on_expected

Floats = npt.NDArray[np.float64]
CLOSER = 0.5
VISIBLE = 0.01
EXACT = 1e-3
LEAST_ROWS = 50


def fitted_inside(
    meta: EvidenceMeta, predictions: pd.DataFrame, preprocessing: pd.DataFrame, sample: pd.DataFrame | None
) -> Verdict:
    """Judge stated ranges, the numbers of scalers, and calibrated against raw probabilities."""
    if preprocessing.empty:
        return insufficient("preprocessing.parquet has no rows")
    problems = [text for fold in meta.folds for text in _ranges(fold, preprocessing, meta)]
    problems += _unsaid(meta, preprocessing)
    if sample is not None:
        problems += [text for fold in meta.folds for text in _scalers(fold, preprocessing, sample)]
    problems += [text for fold in meta.folds for text in _calibration(fold, predictions)]
    problems += [text for fold in meta.folds for text in _calibrated_returns(fold, predictions)]
    if problems:
        return refused(several(problems), len(problems), evidence=within("preprocessing.parquet", problems))
    stages = ", ".join(sorted(set(preprocessing["stage"])))
    return passed(f"{stages} of {len(meta.folds)} folds were fitted on training rows", 0)


def _unsaid(meta: EvidenceMeta, preprocessing: pd.DataFrame) -> list[str]:
    """Name folds that say nothing about what they fitted: one fit for all folds saw the later ones."""
    told = set(preprocessing["fold"].tolist())
    silent = [fold.fold for fold in meta.folds if fold.fold not in told]
    return [f"folds {', '.join(map(str, silent))} say nothing about what they fitted"] if silent else []


def _ranges(fold: FoldRange, preprocessing: pd.DataFrame, meta: EvidenceMeta) -> Iterator[str]:
    step = timeframe_seconds(meta.timeframe) * 1000
    begin, end = stamp(fold.train_start), max(stamp(fold.train_end), stamp(fold.inner_end))
    for stage, group in preprocessing[preprocessing["fold"] == fold.fold].groupby("stage"):
        known = group[group["fitted_from"].notna() & group["fitted_to"].notna()]
        if known.empty:
            yield f"fold {fold.fold}: {stage} does not say which rows it was fitted on"
            continue
        first, last = milliseconds(known["fitted_from"]).min(), milliseconds(known["fitted_to"]).max()
        if last > end:
            yield (
                f"fold {fold.fold}: {stage} was fitted on rows up to {known['fitted_to'].max()}, training ends at "
                f"{fold.train_end}, the test part begins at {fold.test_start}"
            )
        if first < begin - step and begin > 0:
            yield f"fold {fold.fold}: {stage} was fitted on rows from {known['fitted_from'].min()}, before its training"


def _scalers(fold: FoldRange, preprocessing: pd.DataFrame, sample: pd.DataFrame) -> Iterator[str]:
    """Compare stated means with those of the training rows and of all rows, in deviations of the feature."""
    rows = preprocessing[(preprocessing["fold"] == fold.fold) & (preprocessing["stage"] == "scaler")]
    rows = rows[rows["feature"].isin(sample.columns) & np.isfinite(rows["a"])]
    times = milliseconds(sample["time"])
    inside = (times >= stamp(fold.train_start)) & (times < stamp(fold.train_end))
    if len(rows) < 3 or inside.sum() < LEAST_ROWS or inside.all():
        return
    values = sample[list(rows["feature"])].to_numpy(dtype=np.float64)
    spread = np.nanstd(values, axis=0)
    spread = np.where(spread > 0.0, spread, np.nan)
    stated = rows["a"].to_numpy(dtype=np.float64)
    own = (stated - np.nanmean(values[inside], axis=0)) / spread
    for name, chosen in (
        ("all rows", np.ones(len(values), dtype=bool)),
        ("rows up to the end of the test", _until(fold, times)),
    ):
        if not chosen.any():
            continue
        other = (stated - np.nanmean(values[chosen], axis=0)) / spread
        known = np.isfinite(own) & np.isfinite(other)
        ours, theirs = _size(own[known]), _size(other[known])
        if ours > VISIBLE and theirs < CLOSER * ours:
            yield (
                f"fold {fold.fold}: the scaler's means are those of {name} (off by {theirs:.4f} deviations), not of "
                f"the training rows (off by {ours:.4f})"
            )
            return


def _until(fold: FoldRange, times: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return np.asarray((times >= stamp(fold.train_start)) & (times < stamp(fold.test_end)))


def _size(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _calibration(fold: FoldRange, predictions: pd.DataFrame) -> Iterator[str]:
    """Refit Platt's and the isotonic map on inner and on test rows; the stored one must not be that of the test."""
    columns = probability_columns(predictions)
    raw = [name.replace("p_", "p_raw_") for name in columns]
    if len(columns) < 2 or not set(raw) <= set(predictions.columns):
        return
    rows = predictions[predictions["fold"] == fold.fold].sort_values(["pair", "time"], kind="stable")
    rows = rows[np.isfinite(rows[raw + columns].to_numpy(dtype=np.float64)).all(axis=1)]
    inner = rows[(rows["part"] == "inner") & rows["label"].notna()]
    test = rows[(rows["part"] == "test") & rows["label"].notna()]
    if len(inner) < LEAST_ROWS or len(test) < LEAST_ROWS or np.allclose(test[columns], test[raw]):
        return
    distances = {
        (part, method): _distance(source, test, raw, columns, method)
        for part, source in (("inner", inner), ("test", test))
        for method in ("platt", "isotonic")
    }
    ours = min(distances["inner", "platt"], distances["inner", "isotonic"])
    theirs = min(distances["test", "platt"], distances["test", "isotonic"])
    if ours > VISIBLE / 5 and theirs < ours / 4:
        yield (
            f"fold {fold.fold}: the calibrated probabilities are those of a calibrator fitted on the test rows (off by "
            f"{theirs:.4f}), not on inner rows (off by {ours:.4f})"
        )


def _calibrated_returns(fold: FoldRange, predictions: pd.DataFrame) -> Iterator[str]:
    """Say where stated returns are the line through the raw ones and what came in the test rows, not the inner rows.

    Distances are shares of the deviation of the raw returns. Only the very line of the test rows is proof: one that was
    shrunk on inner rows may lie nearer to it than to the free line of its own.
    """
    columns = ["expected_raw_bps", "expected_bps", "forward_return"]
    if not set(columns) <= set(predictions.columns):
        return
    rows = predictions[predictions["fold"] == fold.fold]
    rows = rows[np.isfinite(rows[columns].to_numpy(dtype=np.float64)).all(axis=1)]
    parts = {part: rows[rows["part"] == part][columns].to_numpy(dtype=np.float64) for part in ("inner", "test")}
    raw, stated = parts["test"][:, 0], parts["test"][:, 1]
    if min(len(part) for part in parts.values()) < LEAST_ROWS or np.allclose(raw, stated) or not raw.std() > 0.0:
        return
    lines = {part: realised_on_expected(values[:, 0], values[:, 2] * 1e4) for part, values in parts.items()}
    off = {part: _size(stated - line.slope * raw - line.intercept) / raw.std() for part, line in lines.items()}
    if off["inner"] > VISIBLE and off["test"] < EXACT:
        yield (
            f"fold {fold.fold}: the expected returns are those of a line fitted on the test rows (off by "
            f"{off['test']:.4f} deviations), not on inner rows (off by {off['inner']:.4f})"
        )


def _distance(source: pd.DataFrame, test: pd.DataFrame, raw: list[str], columns: list[str], method: str) -> float:
    """Return the mean distance between stored probabilities and those of a map fitted on `source`."""
    try:
        fitted = fit_calibrator(
            source[raw].to_numpy(dtype=np.float64),
            source["label"].to_numpy(dtype=np.float64),
            "platt" if method == "platt" else "isotonic",
        )
    except CryptoTeamError:
        return float("inf")
    given = fitted.apply(test[raw].to_numpy(dtype=np.float64))
    return float(np.nanmean(np.abs(given - test[columns].to_numpy(dtype=np.float64))))
