"""Honest studies, truly carried out: purged walk-forward on a simulated market with an edge, in the imported form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.corpus.evidence_market import Design, PairData, simulate
from crypto_team.gates.corpus.evidence_model import Fitted, Fold, cut_folds, fit, forecast
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.corpus.evidence_search import Trading, held_at, searched, signal_of
from crypto_team.labels import classes_of, forward_returns
from crypto_team.trading.costs import net_returns
from crypto_team.validation.clock import utc_text, utc_times

Floats = npt.NDArray[np.float64]
HONEST: Mapping[str, Design] = {
    "plain": Design(),
    "one_pair": Design(pairs=1, edge=0.24),
    "five_pairs": Design(pairs=5, edge=0.12),
    "next_bar": Design(horizon=1, edge=0.14),
    "long_horizon": Design(horizon=12, edge=0.26, bars=6800),
    "quarter_hours": Design(timeframe="15m", bars=9000, train=3000, inner=600, test=1000, volatility=0.003, edge=0.16),
    "four_hours": Design(timeframe="4h", bars=4200, test=300, volatility=0.012, edge=0.14),
    "days": Design(timeframe="1d", bars=2600, train=900, inner=200, test=250, horizon=1, volatility=0.03, edge=0.2),
    "three_classes": Design(classes=3, entry=0.54),
    "regression": Design(classes=0, entry=0.54),
    "isotonic": Design(calibration="isotonic", inner=600, train=1500),
    "delisted_pair": Design(pairs=4, delisted=True),
    "expanding": Design(expanding=True),
    "many_trials": Design(trials=24, edge=0.18),
    "long_only": Design(long_only=True, edge=0.2),
    "heavy_tails": Design(heavy_tails=True, edge=0.18),
    "forty_features": Design(features=40, informative=14, edge=0.18),
    "dear_market": Design(cost_bps=8.0, edge=0.22, horizon=8, volatility=0.01),
    "no_waves": Design(edge=0.16, volatility=0.004),
    "short_folds": Design(test=300, bars=4800, edge=0.17),
}


@dataclass(frozen=True)
class Study:
    """An honest study with everything that it was made of, so that faults can be built into it."""

    design: Design
    market: list[PairData]
    folds: list[Fold]
    fitted: list[Fitted]
    parts: EvidenceParts


def honest(name: str, seed: int) -> EvidenceParts:
    """Return one honest set of evidence by the name of its design."""
    return study(HONEST[name], seed).parts


def study(design: Design, seed: int) -> Study:
    """Carry a study out: labels, folds, fits inside each fold, forecasts, positions, costs, trials, seeds."""
    return study_of(simulate(design, seed), design, seed)


def study_of(market: list[PairData], design: Design, seed: int) -> Study:
    """Carry a study out on a market that is there."""
    folds = cut_folds(design)
    labels = [label_table(each, design) for each in market]
    fitted = [fit(market, labels, fold, design) for fold in folds]
    predictions = predict(market, labels, folds, fitted, design)
    tables = {
        "predictions": predictions,
        "market": market_of(market),
        "universe": universe_of(market, design),
        "features": features_of(market, design),
        "importances": pd.concat([each.importances for each in fitted], ignore_index=True),
        "preprocessing": pd.concat([each.preprocessing for each in fitted], ignore_index=True),
    }
    tables |= searched(Trading(market, labels, folds, design), fitted, seed)
    parts = EvidenceParts(_meta(design, seed), [_fold_words(fold, market[0].time) for fold in folds], tables)
    return Study(design, market, folds, fitted, parts)


def label_table(pair: PairData, design: Design) -> pd.DataFrame:
    """Return time, forward return, label and label end of every bar of one pair."""
    ahead = forward_returns(pair.candles["close"].to_numpy(dtype=np.float64), design.horizon)
    wide = 40.0 * design.volatility * np.sqrt(design.horizon) * 100.0
    label = {
        0: ahead * 1e4,
        2: np.where(np.isfinite(ahead), (ahead > 0.0).astype(np.float64), np.nan),
        3: classes_of(ahead, (-wide, wide)),
    }[design.classes]
    step = timeframe_seconds(design.timeframe) * 1000
    return pd.DataFrame(
        {
            "time": pair.time,
            "forward_return": ahead,
            "label": label,
            "label_end": pair.time + design.horizon * step,
        }
    )


def predict(
    market: list[PairData], labels: list[pd.DataFrame], folds: list[Fold], fitted: list[Fitted], design: Design
) -> pd.DataFrame:
    """Return the table of predictions: train, inner and test rows of every fold, traded at the stated cost."""
    rows = [
        _part(pair, label, fold, model, part, design)
        for fold, model in zip(folds, fitted, strict=True)
        for pair, label in zip(market, labels, strict=True)
        for part in ("train", "inner", "test")
    ]
    joined = {name: np.concatenate([each[name] for each in rows]) for name in rows[0]}
    return traded(pd.DataFrame(joined), market, design)


def _part(
    pair: PairData, label: pd.DataFrame, fold: Fold, model: Fitted, part: str, design: Design
) -> dict[str, npt.NDArray[Any]]:
    first, last = fold.span(part)
    rows = np.arange(first, max(first, min(last, len(pair.time))))
    # Training rows show what the model had seen; every fourth is enough for that and keeps the table small.
    rows = rows[::4] if part == "train" else rows
    own = {name: label[name].to_numpy()[rows] for name in label.columns}
    said = {"pair": pair.pair, "fold": fold.number, "part": part}
    table = {"time": own.pop("time"), **{name: np.full(rows.size, value) for name, value in said.items()}, **own}
    table |= forecast(model, pair.features[rows], design)
    known = np.isfinite(table["label"])
    return table if part == "test" else {name: values[known] for name, values in table.items()}


def traded(table: pd.DataFrame, market: list[PairData], design: Design) -> pd.DataFrame:
    """Add position and returns of the test rows; times become UTC."""
    made = table.copy()
    for column in ("position", "return_gross", "return_net"):
        made[column] = np.nan
    step = timeframe_seconds(design.timeframe) * 1000
    for pair in market:
        rows = made.index[(made["pair"] == pair.pair) & (made["part"] == "test")]
        signal = signal_of(made.loc[rows], design)
        held = held_at(signal, design)
        place = (made.loc[rows, "time"].to_numpy() - pair.time[0]) // step
        close = np.append(pair.candles["close"].to_numpy(dtype=np.float64), np.nan)
        gross, net = net_returns(held, close[place + 1] / close[place] - 1.0, design.cost_bps)
        made.loc[rows, "position"], made.loc[rows, "return_gross"], made.loc[rows, "return_net"] = held, gross, net
    for column in ("time", "label_end"):
        made[column] = utc_times(made[column].to_numpy(dtype=np.int64))
    return made


def market_of(market: list[PairData]) -> pd.DataFrame:
    """Return the candles of all pairs in one table."""
    parts = [each.candles.assign(time=utc_times(each.time), pair=each.pair) for each in market]
    return pd.concat(parts, ignore_index=True)


def universe_of(market: list[PairData], design: Design) -> pd.DataFrame:
    """Return when each pair was listed and, where it was, delisted."""
    ends = [utc_times(each.time[-1:])[0] if len(each.time) < design.bars else pd.NaT for each in market]
    listed = [utc_times(each.time[:1])[0] for each in market]
    table = pd.DataFrame({"pair": [each.pair for each in market], "listed": listed})
    table["delisted"] = pd.Series(ends, dtype="datetime64[ms, UTC]")
    return table


def features_of(market: list[PairData], design: Design) -> pd.DataFrame:
    """Return every second row of the features."""
    parts = []
    for each in market:
        names = [f"f{number}" for number in range(design.features)]
        table = pd.DataFrame(each.features[::2], columns=names)
        table.insert(0, "pair", each.pair)
        table.insert(0, "time", utc_times(each.time[::2]))
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _meta(design: Design, seed: int) -> dict[str, Any]:
    return {
        "timeframe": design.timeframe,
        "periods_per_year": 365.0 * 86_400 / timeframe_seconds(design.timeframe),
        "horizon_bars": design.horizon,
        "gap_bars": design.horizon + 1,
        "cost_bps_per_side": design.cost_bps,
        "label": {"kind": {0: "return", 2: "direction", 3: "other"}[design.classes], "definition": "close to close"},
        "feature_names": [f"f{number}" for number in range(design.features)],
        "model": "logistic" if design.classes else "ridge",
        "random_seed": seed,
        "versions": {"numpy": np.__version__, "pandas": pd.__version__},
        "n_trials": design.trials,
        "dataset_hashes": ["sha256:" + hashlib.sha256(f"{design}{seed}".encode()).hexdigest()],
        "calibration": design.calibration if design.classes else "none",
    }


def _fold_words(fold: Fold, time: npt.NDArray[np.int64]) -> dict[str, Any]:
    step = int(time[1] - time[0])
    words: dict[str, Any] = {"fold": fold.number, "gap_bars": fold.test[0] - fold.inner[1]}
    for part in ("train", "inner", "test"):
        first, last = fold.span(part)
        words |= {f"{part}_start": utc_text(int(time[first])), f"{part}_end": utc_text(int(time[last - 1]) + step)}
    return words
