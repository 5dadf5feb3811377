"""Columns of probabilities under whatever names, brought to p_0 .. p_K in the order of the classes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

ORDER = {"strong_down": 0, "down": 1, "short": 1, "sell": 1, "flat": 2, "neutral": 2, "hold": 2, "up": 3, "long": 3}
ORDER |= {"buy": 3, "strong_up": 4}
PLAIN = ("p", "prob", "proba", "probability", "y_prob", "y_pred_proba", "score")
TOLERANCE = 1e-3


def with_forecasts(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the predictions with p_0 .. p_K (and p_raw_0 ..) and whole class numbers, and what is wrong with them."""
    made = table.copy()
    single = next((name for name in PLAIN if name in made.columns), None)
    if single is not None and not any(name.startswith("p_") for name in made.columns):
        made = made.rename(columns={single: "p_1"})
    if "p_raw" in made.columns:
        made = made.rename(columns={"p_raw": "p_raw_1"})
    problems = []
    raw = [name for name in made.columns if name.startswith("p_raw_")]
    final = [name for name in made.columns if name.startswith("p_") and name not in raw]
    for prefix, names in (("p_raw_", raw), ("p_", final)):
        if names:
            made, wrong = _numbered(made, prefix, names)
            problems += wrong
    if not final and raw:
        for name in [each for each in made.columns if each.startswith("p_raw_")]:
            made[name.replace("p_raw_", "p_")] = made[name]
    elif not final and "expected_bps" not in made.columns:
        made["expected_bps"], wrong = _uncalibrated(made)
        problems += wrong
    return _whole_labels(made), problems


def _uncalibrated(table: pd.DataFrame) -> tuple[pd.Series[float], list[str]]:
    """Return expected returns where none are called calibrated: the raw ones, which then count as they are."""
    if "expected_raw_bps" in table.columns:
        return table["expected_raw_bps"], []
    return pd.Series(np.nan, index=table.index), ["there are no forecasts: neither p_0, p_1, ... nor expected_bps"]


def _rank(suffix: str) -> tuple[float, str]:
    if re.fullmatch(r"-?\d+", suffix):
        return float(suffix), suffix
    return float(ORDER.get(suffix.lower(), 2.5)), suffix


def _numbered(table: pd.DataFrame, prefix: str, names: list[str]) -> tuple[pd.DataFrame, list[str]]:
    ordered = sorted(names, key=lambda name: _rank(name.removeprefix(prefix)))
    values = table[ordered].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    problems = list(_no_numbers(table, ordered, values))
    # A forecast that is no number is none.
    values = np.where(np.isfinite(values), values, np.nan)
    rest = table.drop(columns=ordered)
    if values.shape[1] == 1:
        values = np.column_stack([1.0 - values[:, 0], values[:, 0]])
    for number in range(values.shape[1]):
        rest[f"{prefix}{number}"] = values[:, number]
    known = np.isfinite(values).all(axis=1)
    outside = int(((values[known] < -TOLERANCE) | (values[known] > 1.0 + TOLERANCE)).any(axis=1).sum())
    if outside:
        problems.append(f"{prefix}*: {outside} rows lie outside [0, 1]; probabilities are fractions")
    elif int((np.abs(values[known].sum(axis=1) - 1.0) > 10 * TOLERANCE).sum()):
        problems.append(f"{prefix}*: the probabilities of a row do not sum to 1")
    return rest, problems


def _no_numbers(table: pd.DataFrame, names: list[str], values: npt.NDArray[np.float64]) -> Iterator[str]:
    """Name what stands where a forecast should and is no finite number, in whatever part; an empty field is none."""
    for name, column in zip(names, values.T, strict=True):
        wrong = ~np.isfinite(column) & table[name].notna().to_numpy()
        if wrong.any():
            first = table.iloc[int(wrong.argmax())]
            yield (
                f"column {name} is no finite number in {int(wrong.sum())} of {len(table)} rows, first {first[name]} "
                f"for {first['time']}, fold {first['fold']}, part {first['part']}"
            )


def _whole_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Give classes the numbers 0, 1, ... where labels count otherwise (-1, 0, 1); regressions stay as they are."""
    if "p_1" not in table.columns:
        return table
    labels = table["label"].to_numpy(dtype=np.float64)
    classes = np.unique(labels[np.isfinite(labels)])
    if classes.size and (classes.min() < 0 or (classes % 1 != 0).any()) and classes.size <= 20:
        table["label"] = np.where(np.isfinite(labels), np.searchsorted(classes, np.nan_to_num(labels)), np.nan)
    return table
