"""The predictions of a FreqAI backtest as a folder of evidence, with labels recomputed from the candles beside them.

FreqAI trains anew for each window and keeps `backtesting_predictions/cb_COIN_STOP_prediction.feather`: the predictions
of one window of one pair, and when its training ended. It keeps neither labels nor features, so labels are those of the
usual targets: the return over `label_period_candles`, or its sign. Labels are made on candles cut where training ends,
so the last row with a label lies a horizon before that: the gap of FreqAI is its horizon.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import EvidenceError
from crypto_team.freqtrade.diagnose_data import Candles, Market, read_market
from crypto_team.labels import forward_returns
from crypto_team.validation.clock import utc_text, utc_times

FOLDER: Final = "backtesting_predictions"
USAGE: Final = "give user_data/models/IDENTIFIER of a FreqAI backtest"
RISING, FALLING = frozenset({"up", "long", "buy", "1"}), frozenset({"down", "short", "sell", "0"})
LARGEST_RETURN: Final = 1.0
"""Predictions that deviate by more than this are no returns as fractions."""
Floats = npt.NDArray[np.float64]
_NAME = re.compile(r"cb_(?P<coin>.+)_(?P<stop>\d{9,11})_prediction")
_KEPT_BESIDE = re.compile(r"_mean$|_std$|^do_predict$|^DI_values$|^date")


@dataclass(frozen=True)
class _Run:
    """One FreqAI run: its settings, the candles, and a table of predictions for each pair and window."""

    source: Path
    settings: dict[str, Any]
    market: Market
    tables: tuple[tuple[str, int, pd.DataFrame], ...]
    target: str

    @property
    def horizon(self) -> int:
        return int(self.settings["freqai"]["feature_parameters"]["label_period_candles"])

    @property
    def step_ms(self) -> int:
        return timeframe_seconds(str(self.settings["timeframe"])) * 1000

    @property
    def stops(self) -> list[int]:
        return sorted({stop for _, stop, _ in self.tables})


def convert(source: Path, target: Path, *, cost_bps: float, data: Path | None = None, column: str = "") -> Path:
    """Write FreqAI's predictions as a folder of evidence.

    Parameters
    ----------
    source
        `user_data/models/IDENTIFIER`, with `run_params.json` and `backtesting_predictions/`.
    target
        Folder to write.
    cost_bps
        Fee and slippage of each change of position, in basis points; FreqAI does not record it.
    data
        Data directory in Freqtrade's format; None looks in `user_data/data`.
    column
        Target that is judged, for example `&-s_close`; none means the first.

    Returns
    -------
    Path
        The folder: `meta.yaml`, `folds.yaml`, `predictions.parquet`, `market.parquet`.

    Raises
    ------
    EvidenceError
        There are no predictions or no candles, or the target is neither a return nor a direction.
    """
    run = _read(source, data, column)
    rows = [_rows(run, pair, stop, table) for pair, stop, table in run.tables]
    predictions = pd.concat(rows, ignore_index=True).drop_duplicates(["pair", "time"])
    market = pd.concat([_candles(run, pair) for pair in run.market.pairs], ignore_index=True)
    target.mkdir(parents=True, exist_ok=True)
    predictions.to_parquet(target / "predictions.parquet", index=False)
    market.to_parquet(target / "market.parquet", index=False)
    for name, document in (("meta.yaml", _meta(run, predictions, cost_bps)), ("folds.yaml", {"folds": _folds(run)})):
        (target / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return target


def _read(source: Path, data: Path | None, column: str) -> _Run:
    files = [(match, path) for path in _prediction_files(source) for match in [_NAME.fullmatch(path.stem)] if match]
    settings = _settings(source / "run_params.json")
    folder = data or next((item / "data" for item in source.resolve().parents if (item / "data").is_dir()), source)
    by_coin = {str(pair).partition("/")[0].lower(): str(pair) for pair in settings["pairs"]}
    unknown = {match["coin"] for match, _ in files} - set(by_coin)
    if unknown:
        raise EvidenceError(f"no pair of run_params.json is called {', '.join(sorted(unknown))}", where=str(source))
    pairs = tuple(by_coin[coin] for coin in sorted({match["coin"] for match, _ in files}))
    market = read_market(folder, str(settings["timeframe"]), pairs)
    tables = tuple((by_coin[match["coin"]], int(match["stop"]), pd.read_feather(path)) for match, path in files)
    return _Run(source, settings, market, tables, column or _first_target(tables[0][2], source))


def _prediction_files(source: Path) -> list[Path]:
    found = sorted((source / FOLDER).glob("cb_*_prediction.feather"))
    if not found:
        raise EvidenceError("there are no FreqAI predictions", where=str(source / FOLDER), hint=USAGE)
    return found


def _settings(path: Path) -> dict[str, Any]:
    """Return what FreqAI wrote about its run."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        parameters = found["freqai"]["feature_parameters"]
        needed = (found["timeframe"], found["pairs"], parameters["label_period_candles"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise EvidenceError(f"FreqAI's settings cannot be read: {problem!r}", where=str(path), hint=USAGE) from None
    if not all(needed):
        raise EvidenceError("timeframe, pairs or label_period_candles are empty", where=str(path), hint=USAGE)
    return dict(found)


def _first_target(table: pd.DataFrame, source: Path) -> str:
    names = [name for name in table.columns if name.startswith("&") and not _KEPT_BESIDE.search(name)]
    if not names:
        raise EvidenceError(f"no target (&...) among {', '.join(table.columns)}", where=str(source / FOLDER))
    return str(names[0])


def _rows(run: _Run, pair: str, stop: int, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one window of one pair, with label and forward return where the candles know them."""
    if run.target not in table.columns:
        raise EvidenceError(f"no target {run.target} among {', '.join(table.columns)}", where=str(run.source / FOLDER))
    date = "date" if "date" in table.columns else "date_pred"
    own = run.market.own(pair)
    at = np.asarray(pd.DatetimeIndex(pd.to_datetime(table[date], utc=True)).as_unit("ms").asi8)
    ahead = forward_returns(own.frame["close"].to_numpy(dtype=np.float64), run.horizon)
    known: Floats = np.asarray(pd.Series(ahead, index=own.opens).reindex(at), dtype=np.float64)
    made = pd.DataFrame({"time": utc_times(at), "pair": pair, "fold": run.stops.index(stop), "part": "test"})
    made["forward_return"] = known
    made["label_end"] = utc_times(at + run.horizon * run.step_ms)
    classes = _classes(table, run.target)
    made["label"] = _label(known, is_direction=bool(classes))
    forecasts = _directions(run, table, classes) if classes else {"expected_bps": _expected(run, table)}
    return made.assign(**forecasts)[at >= stop * 1000]


def _label(ahead: Floats, *, is_direction: bool) -> Floats:
    return np.where(np.isfinite(ahead), (ahead > 0.0).astype(np.float64), np.nan) if is_direction else ahead * 1e4


def _classes(table: pd.DataFrame, target: str) -> list[str]:
    """Return the classes of a classifier: their probabilities stand in columns with their names."""
    if pd.api.types.is_numeric_dtype(table[target]):
        return []
    others = (str(name) for name in table.columns if not str(name).startswith(("&", "%")))
    return [name for name in others if not _KEPT_BESIDE.search(name) and pd.api.types.is_numeric_dtype(table[name])]


def _directions(run: _Run, table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Floats]:
    """Return p_0 (falling) and p_1 (rising)."""
    rising = [name for name in classes if name.lower() in RISING]
    falling = [name for name in classes if name.lower() in FALLING]
    if len(classes) != 2 or not rising or not falling:
        raise EvidenceError(
            f"the classes of {run.target} are {', '.join(classes)}; FreqAI keeps no labels, and of "
            "classes only up and down can be made again",
            where=str(run.source / FOLDER),
            hint="call the classes up and down in set_freqai_targets, or import a folder of evidence with labels",
        )
    return {f"p_{k}": table[name].to_numpy(dtype=np.float64) for k, name in enumerate((falling[0], rising[0]))}


def _expected(run: _Run, table: pd.DataFrame) -> Floats:
    """Return a regression's forecast in basis points."""
    values = table[run.target].to_numpy(dtype=np.float64)
    if float(np.nanstd(values)) > LARGEST_RETURN:
        raise EvidenceError(
            f"{run.target} deviates by {np.nanstd(values):.3g}, which is no return as a fraction",
            where=str(run.source / FOLDER),
            hint="name the target that is a return with --target",
        )
    return values * 1e4


def _candles(run: _Run, pair: str) -> pd.DataFrame:
    item: Candles = run.market.own(pair)
    kept = item.frame[["open", "high", "low", "close", "volume"]].reset_index(drop=True)
    return kept.assign(time=utc_times(item.opens), pair=pair)


def _folds(run: _Run) -> list[dict[str, Any]]:
    """Return the training and test windows; training ends with the last row that has a label."""
    length = int(float(run.settings["freqai"]["train_period_days"]) * 86_400_000)
    folds = []
    for number, stop in enumerate(run.stops):
        end = stop * 1000
        folds.append(
            {
                "fold": number,
                "train_start": utc_text(end - length),
                "train_end": utc_text(end - run.horizon * run.step_ms),
                "gap_bars": run.horizon,
                # The last candle that the model saw, by its open as all rows are; it closes where the window ends.
                "trained_at": utc_text(end - run.step_ms),
            }
        )
    return folds


def _meta(run: _Run, predictions: pd.DataFrame, cost_bps: float) -> dict[str, Any]:
    freqai = run.settings["freqai"]
    is_direction = "p_1" in predictions.columns
    seeds = (
        freqai.get(part, {}).get("random_state") for part in ("model_training_parameters", "data_split_parameters")
    )
    seed = next((int(item) for item in seeds if item is not None), None)
    side = "long_short" if run.market.futures else "long_only"
    made: dict[str, Any] = {
        "strategy": run.source.name,
        "timeframe": run.settings["timeframe"],
        "horizon_bars": run.horizon,
        "gap_bars": run.horizon,
        "cost_bps_per_side": cost_bps,
        "label": {"kind": "direction" if is_direction else "return", "definition": f"FreqAI target {run.target}"},
        "signal": {"entry_threshold": 0.5, "exit_threshold": 0.5, "side": side},
        "feature_names": _features(run.source),
        "model": "FreqAI",
        "calibration": "none",
        "n_trials": _tried(run.source),
        "dataset_hashes": [_hash(run.market.own(pair).frame) for pair in run.market.pairs],
    }
    return made if seed is None else made | {"random_seed": seed}


def _features(source: Path) -> list[str]:
    """Return the features that FreqAI noted beside its models, if it kept them."""
    names: Iterable[str] = []
    for path in sorted(source.glob("sub-train-*/*_metadata.json"))[:1]:
        names = json.loads(path.read_text(encoding="utf-8")).get("training_features_list", [])
    return [str(name) for name in names]


def _tried(source: Path) -> int:
    """Count the runs beside this one: whoever changes something gives FreqAI another identifier."""
    return max(1, sum((item / FOLDER).is_dir() for item in source.resolve().parent.iterdir()))


def _hash(frame: pd.DataFrame) -> str:
    values = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return "sha256:" + hashlib.sha256(values.tobytes()).hexdigest()
