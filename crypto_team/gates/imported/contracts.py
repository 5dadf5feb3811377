"""Columns of the tables of imported evidence: what is needed, what may be there, and the other names it may have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Type = Literal["time", "text", "number", "whole", "truth"]


@dataclass(frozen=True)
class Column:
    """One column: type, what it holds, whether the table is useless without it, other names, least value."""

    type: Type
    what: str
    required: bool = False
    aliases: tuple[str, ...] = ()
    least: float = -math.inf


@dataclass(frozen=True)
class Contract:
    """One table; `extra` says what further columns mean, empty where there are none."""

    what: str
    columns: Mapping[str, Column]
    extra: str = ""
    aliases: tuple[str, ...] = field(default=())


def _time(required: bool = True) -> Column:
    return Column("time", "UTC time at which the bar opens", required, ("timestamp", "date", "datetime"))


def _pair() -> Column:
    return Column("text", "the pair; may be left out where there is only one", False, ("symbol", "ticker", "asset"))


FOLD = Column("whole", "number of the fold, in order of time, from 0 on", True, ("split", "window", "fold_id"), 0.0)

CONTRACTS: Mapping[str, Contract] = {
    "predictions": Contract(
        "one row for each prediction",
        {
            "time": _time(),
            "pair": _pair(),
            "fold": FOLD,
            "part": Column(
                "text", "train, inner (validation), test or holdout", True, ("set", "subset", "split_part", "split")
            ),
            "label": Column("number", "class number, or the forward return in basis points", False, ("y", "target")),
            "label_end": Column("time", "time at which the label is known", False, ("t1", "label_end_time")),
            "forward_return": Column(
                "number",
                "return from this close to the close of label_end, as a fraction; over an outage of the market the "
                "horizon counts time or rows, the same for all rows of a pair",
                False,
                ("fwd_return", "ret"),
            ),
            "expected_bps": Column(
                "number", "regression: expected return in basis points", False, ("expected_return_bps",)
            ),
            "expected_raw_bps": Column(
                "number", "regression: the same before calibration", False, ("raw_bps", "expected_bps_raw")
            ),
            "position": Column("number", "position from this close on, -1 to 1", False, ("pos", "weight")),
            "return_gross": Column("number", "position times the return of the next bar", False, ("gross_return",)),
            "return_net": Column("number", "return_gross less costs", False, ("net_return",)),
        },
        "p_0, p_1, ... calibrated probability of each class, p_raw_0, ... before calibration; expected_bps_6 and "
        "expected_raw_bps_6: the same over a horizon of 6 bars",
    ),
    "market": Contract(
        "candles of every pair that could have been traded, delisted ones included",
        {
            "time": _time(),
            "pair": _pair(),
            "open": Column("number", "first price"),
            "high": Column("number", "highest price"),
            "low": Column("number", "lowest price"),
            "close": Column("number", "last price", True, ("price",)),
            "volume": Column("number", "traded volume"),
        },
        "more of the market",
    ),
    "universe": Contract(
        "the pairs that were eligible, chosen before the test",
        {
            "pair": Column("text", "the pair", True, ("symbol", "ticker", "asset")),
            "listed": Column("time", "first day of trading", False, ("listed_at", "start", "from")),
            "delisted": Column(
                "time", "last day of trading, empty while it trades", False, ("delisted_at", "end", "to")
            ),
        },
        "more about the pair",
    ),
    "features": Contract(
        "the selected features of some or all rows, training rows too where they can be had; what a network says to a "
        "row can be recomputed where the bars that it reads before it are there",
        {"time": _time(), "pair": _pair()},
        "one column for each feature",
        ("features_sample",),
    ),
    "importances": Contract(
        "how much each fold's model leans on each feature",
        {
            "fold": FOLD,
            "feature": Column("text", "name of the feature", True, ("name",)),
            "kind": Column("text", "gain, permutation or shap", False, ("type", "method")),
            "value": Column("number", "size; scaled to shares", True, ("importance", "share", "gain")),
        },
    ),
    "preprocessing": Contract(
        "what was fitted, on which rows",
        {
            "fold": FOLD,
            "stage": Column(
                "text", "scaler, selection, tuning, transformer or calibration", False, ("kind", "step", "type")
            ),
            "feature": Column("text", "the feature, empty for calibration", False, ("name", "column")),
            "kept": Column("truth", "selection: whether the feature stays", False, ("selected",)),
            "a": Column(
                "number",
                "scaler: mean; calibration: Platt's A, or the slope of a line",
                False,
                ("mean", "center", "location"),
            ),
            "b": Column(
                "number",
                "scaler: deviation; calibration: Platt's B, or the intercept of a line",
                False,
                ("scale", "std", "sd", "deviation"),
            ),
            "fitted_from": Column(
                "time", "first row that it was fitted on", False, ("fit_start", "fit_from", "start", "fitted_start")
            ),
            "fitted_to": Column(
                "time", "last row that it was fitted on", False, ("fit_end", "fit_to", "end", "fitted_end")
            ),
        },
        "more about the fit",
    ),
    "trials": Contract(
        "everything that was tried",
        {
            "configuration": Column(
                "text", "hash of the configuration", False, ("config_hash", "config", "hash", "trial", "trial_id")
            ),
            "inner_score": Column(
                "number", "score inside the training window", False, ("inner", "is_score", "train_score")
            ),
            "outer_score": Column(
                "number", "score out of sample", False, ("outer", "oos_score", "test_score", "score")
            ),
            "chosen": Column("truth", "whether it was chosen", False, ("selected", "is_chosen")),
        },
        "more about the trial",
    ),
    "trial_returns": Contract(
        "return of each period of each trial: time and a column for each trial, or time, trial, return",
        {"time": _time(False)},
        "one column for each trial",
    ),
    "seeds": Contract(
        "the same design with other seeds",
        {
            "seed": Column("whole", "seed of the model", True, ("random_seed",)),
            "score": Column(
                "number", "score out of sample", True, ("outer_score", "outer", "oos_score", "test_score", "sharpe")
            ),
            "chosen": Column("truth", "whether it was chosen", False, ("selected", "is_chosen")),
        },
        "more about the run",
    ),
    "thresholds": Contract(
        "the thresholds that were compared",
        {
            "threshold": Column("number", "entry threshold", True, ("entry", "entry_threshold", "value")),
            "inner_score": Column(
                "number", "score inside the training window", False, ("inner", "is_score", "train_score")
            ),
            "outer_score": Column(
                "number", "score out of sample", False, ("outer", "oos_score", "test_score", "score")
            ),
            "chosen": Column("truth", "whether it was chosen", False, ("selected", "is_chosen")),
        },
        "more about the threshold",
    ),
}

META_ALIASES: Mapping[str, tuple[str, ...]] = {
    "timeframe": ("bar", "interval", "frequency", "freq"),
    "horizon_bars": ("horizon", "label_horizon", "label_horizon_bars"),
    "cost_bps_per_side": ("cost_bps", "costs_bps_per_side", "fee_bps_per_side"),
    "n_trials": ("declared_n_trials", "declared_trials", "trials"),
    "strategy": ("strategy_id", "strategy_name", "name"),
    "gap_bars": ("gap", "embargo_bars"),
    "label": ("label_definition", "target", "labels"),
    "signal": ("signal_rule", "rule"),
    "feature_names": ("features", "selected_features"),
    "model": ("model_name",),
    "random_seed": ("seed",),
    "versions": ("library_versions", "packages"),
    "dataset_hashes": ("data_hashes", "datasets", "dataset_hash", "data_hash"),
    "holdout_start": ("holdout_date", "holdout", "holdout_from", "sealed_from"),
    "claims": ("stated", "metrics", "results", "claimed", "claimed_metrics", "reported"),
}

PARTS: Mapping[str, str] = {
    "in_sample": "train",
    "is": "train",
    "training": "train",
    "val": "inner",
    "valid": "inner",
    "validation": "inner",
    "calibration": "inner",
    "oos": "test",
    "out_of_sample": "test",
    "backtest": "test",
    "sealed": "holdout",
}
