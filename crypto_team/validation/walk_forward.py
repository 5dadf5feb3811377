"""Purged walk-forward: fit every fold on its past, predict its future, and trade the joined predictions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import InputError
from crypto_team.models.base import Progress
from crypto_team.schemas.evidence import FoldRange
from crypto_team.trading.costs import net_returns
from crypto_team.trading.signals import positions
from crypto_team.validation.baselines import baseline_returns
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.fold_fit import FittedFold
from crypto_team.validation.fold_queue import fit_all
from crypto_team.validation.fold_rows import check_folds, shared_bins
from crypto_team.validation.fold_selection import without_spread
from crypto_team.validation.fold_store import FoldStore
from crypto_team.validation.panel import Panel, panel_rows
from crypto_team.validation.scores import skill
from crypto_team.validation.selection import varies
from crypto_team.validation.settings import TradingRules, WalkForwardSettings
from crypto_team.validation.splits import Fold, walk_forward

__all__ = ["Panel", "Progress", "WalkForwardResult", "run", "skill_table"]


@dataclass(frozen=True)
class WalkForwardResult:
    """The evidence of a run; `models` holds the bytes of each fold file by name.

    `fitted` holds the fitted features of every row of the panel as the fold that tests it saw them, NaN elsewhere.
    """

    predictions: pd.DataFrame
    folds: list[FoldRange]
    importances: pd.DataFrame
    preprocessing: pd.DataFrame
    noise: pd.DataFrame
    skill: pd.DataFrame
    baselines: pd.DataFrame
    simple: pd.DataFrame
    models: dict[str, bytes]
    fitted: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)


def run(
    panel: Panel,
    settings: WalkForwardSettings,
    *,
    progress: Progress | None = None,
    store: FoldStore | None = None,
) -> WalkForwardResult:
    """Run all folds; the same panel and settings give the same bits, whatever `settings.workers` is.

    Parameters
    ----------
    panel
        Rows of all pairs.
    settings
        Geometry, learner, selection, calibration, trading rules and seed.
    progress
        Called with the share done and what was done last.
    store
        Where finished folds are kept and taken from; the result has the same bits with and without one.

    Returns
    -------
    WalkForwardResult
        Predictions are sorted by (part, pair, time); every bar of every test part is predicted, also where features are
        unknown.

    Raises
    ------
    InputError
        Too little history for the folds asked for, or a fold that cannot be fitted; its number is said.
    """
    folds = planned(panel, settings)
    shared = replace(panel, bins=shared_bins(panel, folds[0], settings))
    fitted = fit_all(shared, folds, settings, progress=progress, store=store)
    predictions = _traded(pd.concat([one.predictions for one in fitted], ignore_index=True), panel, settings.trading)
    simple = pd.concat([one.simple for one in fitted], ignore_index=True).assign(part="test")
    simple = _traded(simple, panel, settings.trading)
    return WalkForwardResult(
        predictions=predictions,
        folds=[one.range for one in fitted],
        importances=pd.concat([one.importances for one in fitted], ignore_index=True),
        preprocessing=pd.concat([one.preprocessing for one in fitted], ignore_index=True),
        noise=pd.concat([one.noise for one in fitted], ignore_index=True),
        skill=skill_table(predictions),
        baselines=baseline_returns(panel, predictions, settings, simple),
        simple=simple[["time", "pair", "fold", "label", "forward_return", "signal", "event"]],
        models={one.range.model_file: one.data for one in fitted},
        fitted=_fitted_columns(panel, fitted),
    )


def planned(panel: Panel, settings: WalkForwardSettings) -> list[Fold]:
    """Return the folds of a run; nothing is fitted, but what could not be is refused.

    Raises
    ------
    InputError
        Too little history for the folds asked for, a fold with too few rows or one class only, or features that are
        constant everywhere; those that are fitted may turn out to vary.
    """
    if not panel.usable.any():
        raise InputError("no bar has features and a known label", hint="bring more bars than the longest look-back")
    columns = range(len(panel.names))
    if not panel.fitted and not any(varies(panel.features[panel.usable, column]) for column in columns):
        raise without_spread("")
    times = np.unique(panel.time)
    folds = walk_forward(times[times >= panel.time[panel.usable].min()], settings.geometry)
    check_folds(panel, folds, settings)
    return folds


def _fitted_columns(panel: Panel, folds: list[FittedFold]) -> dict[str, npt.NDArray[np.float32]]:
    made = {name: np.full(panel.time.size, np.nan, dtype=np.float32) for name in panel.fitted}
    for one in folds:
        for name, values in one.fitted.items():
            made[name][one.test_rows] = values
    return made


def skill_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Measure every fold on its calibration tail (`inner`) and on its test part."""
    rows = [
        {"fold": fold, "part": part, **skill(group)}
        for (fold, part), group in predictions.groupby(["fold", "part"], sort=True)
    ]
    return pd.DataFrame(rows).astype({"fold": "int16", "n": "int64"})


def _traded(predictions: pd.DataFrame, panel: Panel, rules: TradingRules) -> pd.DataFrame:
    """Sort, and add positions and returns to the test rows; a position carries over between adjoining folds."""
    table = predictions.sort_values(["part", "pair", "time", "fold"], kind="stable", ignore_index=True)
    for column in ("position", "return_gross", "return_net"):
        table[column] = np.nan
    following = panel.next_return[panel_rows(panel, table)]
    time = milliseconds(table["time"])
    test = np.flatnonzero((table["part"] == "test").to_numpy())
    pair = table["pair"].to_numpy()[test]
    joined = (pair[1:] == pair[:-1]) & (np.diff(time[test]) == panel.timeframe_ms)
    signal = table["signal"].to_numpy()
    for rows in np.split(test, np.flatnonzero(~joined) + 1):
        held = positions(
            signal[rows],
            entry=rules.entry,
            exit=rules.exit,
            long_short=rules.long_short,
            confidence_weighted=rules.confidence_weighted,
        )
        gross, net = net_returns(held, following[rows], rules.cost_bps_per_side)
        table.loc[rows, "position"], table.loc[rows, "return_gross"], table.loc[rows, "return_net"] = held, gross, net
    return table
