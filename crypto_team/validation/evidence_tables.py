"""The tables of an evidence set: their columns, their canonical types and a hash of the predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import EvidenceError
from crypto_team.validation.clock import milliseconds, utc_times
from crypto_team.validation.expected_returns import FINAL, RAW
from crypto_team.validation.horizon_returns import columns_of, horizons_in
from crypto_team.validation.metrics import out_of_sample_rows
from crypto_team.validation.panel import Panel, panel_rows
from crypto_team.validation.prediction import FoldModel
from crypto_team.validation.walk_forward import WalkForwardResult

TIME = "datetime64[ms, UTC]"
SAMPLE_ROWS = 20_000
CONTRACTS: dict[str, dict[str, str]] = {
    "predictions": {
        "time": TIME,
        "pair": "str",
        "fold": "int16",
        "part": "str",
        "label": "float64",
        "label_end": TIME,
        "forward_return": "float64",
        "signal": "float64",
        "position": "float64",
        "return_gross": "float64",
        "return_net": "float64",
    },
    "market": {
        "time": TIME,
        "pair": "str",
        "open": "float64",
        "high": "float64",
        "low": "float64",
        "close": "float64",
        "volume": "float64",
        "filled": "bool",
    },
    "features": {"time": TIME, "pair": "str"},
    "importances": {"fold": "int16", "feature": "str", "kind": "str", "value": "float64"},
    "preprocessing": {
        "fold": "int16",
        "stage": "str",
        "feature": "str",
        "kept": "bool",
        "a": "float64",
        "b": "float64",
        "fitted_from": TIME,
        "fitted_to": TIME,
        "reason": "str",
    },
    "noise": {
        "fold": "int16",
        "repeat": "int16",
        "signal_rank_correlation": "float64",
        "skill_base": "float64",
        "skill_noisy": "float64",
    },
    "skill": {
        "fold": "int16",
        "part": "str",
        "n": "int64",
        "accuracy": "float64",
        "base_rate": "float64",
        "auc": "float64",
        "log_loss": "float64",
        "ic": "float64",
    },
    "baselines": {"time": TIME, "name": "str", "position_mean": "float64", "return_net": "float64"},
    "simple": {
        "time": TIME,
        "pair": "str",
        "fold": "int16",
        "label": "float64",
        "forward_return": "float64",
        "signal": "float64",
        "event": "float64",
    },
}
# Tables that evidence written by earlier versions does not have: they are read as empty.
LATER = frozenset({"simple"})
# Columns beyond the contract that a table may have: forecasts by class, features by name, more of the market.
EXTRA_DTYPES: dict[str, str] = {"predictions": "float64", "features": "float32", "market": "float64"}


@dataclass(frozen=True)
class EvidenceTables:
    """All tables of an evidence set."""

    predictions: pd.DataFrame
    market: pd.DataFrame
    features: pd.DataFrame
    importances: pd.DataFrame
    preprocessing: pd.DataFrame
    noise: pd.DataFrame
    skill: pd.DataFrame
    baselines: pd.DataFrame
    simple: pd.DataFrame


def conform(name: str, frame: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """Return the table with its contract's types; a missing, unknown or inconvertible column is an EvidenceError."""
    contract = CONTRACTS[name]
    missing = [column for column in contract if column not in frame.columns]
    extra = [str(column) for column in frame.columns if column not in contract]
    if missing:
        raise EvidenceError(f"table {name} lacks the columns {', '.join(missing)}", where=where)
    if extra and name not in EXTRA_DTYPES:
        raise EvidenceError(f"table {name} has unknown columns {', '.join(extra)}", where=where)
    if name == "predictions":
        _check_forecasts(extra, where)
    types = contract | dict.fromkeys(extra, EXTRA_DTYPES.get(name, ""))
    try:
        return frame[[*contract, *extra]].astype(types).reset_index(drop=True)
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"table {name} has a column of the wrong type: {error}", where=where) from error


def _check_forecasts(extra: list[str], where: str) -> None:
    forecasts = set(extra) - {"side"}
    classes = len(forecasts) // 2
    wanted = {f"p_{k}" for k in range(classes)} | {f"p_raw_{k}" for k in range(classes)}
    # Evidence written by earlier versions has no raw basis points.
    several = {name for bars in horizons_in(extra) for name in columns_of(bars)}
    regression = set(extra) in ({FINAL}, {RAW, FINAL} | several)
    if not regression and (classes < 2 or forecasts != wanted):
        raise EvidenceError(
            f"table predictions has forecast columns {', '.join(sorted(extra)) or 'none'}; expected expected_bps and "
            "expected_raw_bps, or p_k and p_raw_k for every class",
            where=where,
        )


def market_table(bars_by_pair: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the bars of all pairs, sorted by (pair, time); `filled` marks bars without a trade."""
    parts = []
    for pair in sorted(bars_by_pair):
        bars = bars_by_pair[pair]
        part = bars[["open", "high", "low", "close", "volume"]].copy()
        part.insert(0, "time", bars["timestamp"])
        part.insert(1, "pair", pair)
        part["filled"] = bars.get("filled", False)
        parts.append(part)
    return conform("market", pd.concat(parts, ignore_index=True), where="market")


def features_sample(panel: Panel, result: WalkForwardResult) -> pd.DataFrame:
    """Return the features that any fold selected, for the test rows; at most 20,000 rows, evenly spaced.

    Where models read the bars before a row, the rows come in evenly spaced runs, and the bars that the first rows of a
    run read stand before them, also where these lie before the first test part: what was said to every test row in the
    sample can be computed again. Fitted features are those of the fold that tests a row, and unknown before the first.
    """
    test = out_of_sample_rows(result.predictions)
    history = max((FoldModel.load(data).history for data in result.models.values()), default=0)
    if len(test) > SAMPLE_ROWS:
        test = test.iloc[_spaced(len(test), history)]
    selected = sorted({name for fold in result.folds for name in fold.selected})
    rows = panel.with_history(panel_rows(panel, test), history)
    columns = [panel.names.index(name) for name in selected]
    table = pd.DataFrame(panel.block(rows, columns), columns=selected)
    for name in result.fitted.keys() & set(selected):
        table[name] = result.fitted[name][rows]
    table.insert(0, "time", utc_times(panel.time[rows]))
    table.insert(1, "pair", np.array(panel.pairs, dtype=object)[panel.pair_index[rows]])
    return conform("features", table, where="features")


def _spaced(rows: int, history: int) -> npt.NDArray[np.int64]:
    """Return evenly spaced runs of some rows, as long as their history and one: at most 20,000 rows with that."""
    run = history + 1
    starts = np.linspace(0, rows - run, max(1, SAMPLE_ROWS // (run + history))).astype(np.int64)
    return np.unique(starts[:, None] + np.arange(run))


def tables_from(result: WalkForwardResult, *, market: pd.DataFrame, features: pd.DataFrame) -> EvidenceTables:
    """Join a walk-forward result with its market and its features sample."""
    return EvidenceTables(
        predictions=result.predictions,
        market=market,
        features=features,
        importances=result.importances,
        preprocessing=result.preprocessing,
        noise=result.noise,
        skill=result.skill,
        baselines=result.baselines,
        simple=result.simple,
    )


def prediction_hash(predictions: pd.DataFrame) -> str:
    """Return a hash of the content of a predictions table: row order counts, column order and file format do not."""
    table = conform("predictions", predictions, where="predictions")
    digest = hashlib.sha256()
    for name in sorted(table.columns):
        values = table[name]
        digest.update(f"{name}:{len(values)}:".encode())
        if values.dtype == "float64":
            # One NaN for all: parquet and pandas may carry different payload bits.
            floats = values.to_numpy(dtype="<f8", copy=True)
            floats[np.isnan(floats)] = np.nan
            digest.update(floats.tobytes())
        elif name in {"pair", "part"}:
            digest.update("\x1f".join(values).encode())
        else:
            whole = values.to_numpy() if name == "fold" else milliseconds(values)
            digest.update(whole.astype("<i8").tobytes())
    return f"sha256:{digest.hexdigest()}"
