"""The feature matrix of one pair: formulas by the plan, Python features in a child process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError
from crypto_team.features.formula import COLUMNS
from crypto_team.features.plan import compile_formulas

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from crypto_team.schemas.features import Feature


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """Features of one pair: names, values float32 of shape (bars, features), and the longest look-back in bars."""

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    lookback: int


def build_matrix(features: Sequence[Feature], bars: pd.DataFrame, *, code_dir: Path | None = None) -> FeatureMatrix:
    """Compute features on the regular bars of one pair.

    Parameters
    ----------
    features
        Formulas and Python features, in the order of the columns.
    bars
        timestamp, open, high, low, close, volume; a complete grid.
    code_dir
        Folder that references such as code/x.py:name are relative to; needed for Python features.

    Returns
    -------
    FeatureMatrix
        Rows before a feature's look-back are NaN.
    """
    formulas = [item.formula for item in features if item.formula is not None]
    plan = compile_formulas(formulas)
    columns = {name: bars[name].to_numpy(np.float64) for name in COLUMNS if name in bars}
    computed = plan.compute(columns, epoch_ms(bars["timestamp"]))
    if len(formulas) == len(features):
        return FeatureMatrix(tuple(item.name for item in features), computed, max(plan.lookback, default=0))
    values = np.empty((len(bars), len(features)), dtype=np.float32)
    by_formula = iter(computed.T)
    for number, item in enumerate(features):
        values[:, number] = next(by_formula) if item.formula is not None else _python(item, bars, code_dir)
    longest = max((*plan.lookback, *(item.lookback for item in features)), default=0)
    return FeatureMatrix(tuple(item.name for item in features), values, longest)


def _python(feature: Feature, bars: pd.DataFrame, code_dir: Path | None) -> npt.NDArray[np.float32]:
    from crypto_team.features.python_features import compute_python

    if code_dir is None or feature.python is None:
        raise InputError(f"the code of the feature {feature.name} is missing", where=feature.python)
    values = compute_python(feature.python, code_dir, bars).astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    values[: feature.lookback] = np.nan
    made: npt.NDArray[np.float32] = values
    return made
