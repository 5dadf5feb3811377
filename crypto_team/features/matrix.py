"""The feature matrix of one pair: formulas by the plan, Python features in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError
from crypto_team.features.composition import composed_columns, formula_values
from crypto_team.features.formula import COLUMNS, parse
from crypto_team.features.nodes import column_name
from crypto_team.features.plan import compile_formulas
from crypto_team.features.scopes import TIMEFRAMES
from crypto_team.features.surroundings import Frame, Surroundings
from crypto_team.features.transformers import FittedInput, fitted_input

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.schemas.features import Feature


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """Features of one pair: names, values float32 of shape (bars, features), and the longest look-back in bars.

    The column of a fitted feature is NaN until a fold has fitted it; `fitted` holds what goes into it.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    lookback: int
    fitted: Mapping[str, FittedInput] = field(default_factory=dict)


def build_matrix(
    features: Sequence[Feature],
    bars: pd.DataFrame,
    *,
    code_dir: Path | None = None,
    surroundings: Surroundings | None = None,
) -> FeatureMatrix:
    """Compute features on the regular bars of one pair.

    Parameters
    ----------
    features
        Formulas and Python features, in the order of the columns.
    bars
        timestamp, open, high, low, close, volume; a complete grid.
    code_dir
        Folder that references such as code/x.py:name are relative to; needed for Python features.
    surroundings
        Other pairs and series of the catalog; needed where a formula reads any.

    Returns
    -------
    FeatureMatrix
        Rows before a feature's look-back are NaN.
    """
    formulas = [item.formula for item in features if item.formula is not None]
    frame = bar_frame(bars)
    plan = compile_formulas(formulas, _timeframe(frame))
    columns = {**frame.columns, **composed_columns(plan.formulas, frame, surroundings)}
    computed = plan.compute(columns, frame.times)
    named = zip([item.name for item in features if item.formula is not None], plan.formulas, strict=True)
    fitted = {name: fitted_input(node, frame, surroundings) for name, node in named if node.kind == "fitted"}
    if len(formulas) == len(features):
        return FeatureMatrix(tuple(item.name for item in features), computed, max(plan.lookback, default=0), fitted)
    values = np.empty((len(bars), len(features)), dtype=np.float32)
    by_formula = iter(computed.T)
    for number, item in enumerate(features):
        if item.formula is not None:
            values[:, number] = next(by_formula)
        else:
            values[:, number] = _python(item, bars, code_dir, read_frames(item.reads, bars, surroundings))
    longest = max((*plan.lookback, *(item.lookback for item in features)), default=0)
    return FeatureMatrix(tuple(item.name for item in features), values, longest, fitted)


def bar_frame(bars: pd.DataFrame, step: int | None = None) -> Frame:
    """Return bars as formulas read them; their step is measured where it is not given."""
    times = epoch_ms(bars["timestamp"])
    if step is None:
        step = int(np.diff(times).min()) if times.size > 1 else 0
    return Frame({name: bars[name].to_numpy(np.float64) for name in COLUMNS if name in bars}, times, step)


def _timeframe(frame: Frame) -> str | None:
    """Return the timeframe of bars; a single bar has none that could be told."""
    return next((name for name, length in TIMEFRAMES.items() if length == frame.step), None)


def read_frames(reads: Sequence[str], bars: pd.DataFrame, surroundings: Surroundings | None) -> dict[str, pd.DataFrame]:
    """Return what a Python function is handed as `aux`: for each formula that it reads, by column name, its values.

    Each frame has the rows of the bars: timestamp (open) and value, which is known at the bar's close; NaN where it is
    not known by then, and before the look-back of the formula.
    """
    frame = bar_frame(bars)
    nodes = [parse(text, _timeframe(frame)) for text in reads]
    found = zip(nodes, formula_values(nodes, frame, surroundings), strict=True)
    times = bars["timestamp"].reset_index(drop=True)
    return {column_name(node): pd.DataFrame({"timestamp": times, "value": values}) for node, values in found}


def _python(
    feature: Feature, bars: pd.DataFrame, code_dir: Path | None, aux: Mapping[str, pd.DataFrame]
) -> npt.NDArray[np.float32]:
    from crypto_team.features.python_features import compute_python

    if code_dir is None or feature.python is None:
        raise InputError(f"the code of the feature {feature.name} is missing", where=feature.python)
    values = compute_python(feature.python, code_dir, bars, aux).astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    values[: feature.lookback] = np.nan
    made: npt.NDArray[np.float32] = values
    return made
