"""Honest studies, truly carried out: purged walk-forward on a simulated market with an edge, in the imported form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.corpus.evidence_market import Design, PairData, simulate
from crypto_team.gates.corpus.evidence_model import Fitted, Fold, cut_folds, fit, forecast
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.labels import classes_of, forward_returns
from crypto_team.trading.costs import net_returns
from crypto_team.trading.signals import positions
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
    tables |= searched(market, labels, folds, design, seed)
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
    table = pd.concat([each for each in rows if len(each)], ignore_index=True)
    return traded(table, market, design)


def _part(pair: PairData, label: pd.DataFrame, fold: Fold, model: Fitted, part: str, design: Design) -> pd.DataFrame:
    first, last = fold.span(part)
    rows = slice(first, min(last, len(pair.time)))
    # Training rows show what the model had seen; every fourth is enough for that and keeps the table small.
    rows = slice(first, rows.stop, 4) if part == "train" else rows
    table = label.iloc[rows].copy()
    table.insert(1, "pair", pair.pair)
    table.insert(2, "fold", fold.number)
    table.insert(3, "part", part)
    for name, values in forecast(model, pair.features[rows], design).items():
        table[name] = values
    return table[table["label"].notna()] if part != "test" else table


def signal_of(table: pd.DataFrame, design: Design) -> Floats:
    """Return the signal in [0, 1] that the trading rule reads."""
    if design.classes == 0:
        return np.asarray(0.5 + np.clip(table["expected_bps"] / (1e4 * design.volatility * 4.0), -0.5, 0.5))
    if design.classes == 2:
        return table["p_1"].to_numpy(dtype=np.float64)
    return np.asarray((1.0 + table["p_2"] - table["p_0"]) / 2.0, dtype=np.float64)


def traded(table: pd.DataFrame, market: list[PairData], design: Design) -> pd.DataFrame:
    """Add position and returns of the test rows; times become UTC."""
    made = table.copy()
    for column in ("position", "return_gross", "return_net"):
        made[column] = np.nan
    step = timeframe_seconds(design.timeframe) * 1000
    for pair in market:
        rows = made.index[(made["pair"] == pair.pair) & (made["part"] == "test")]
        signal = signal_of(made.loc[rows], design)
        held = positions(
            signal, entry=design.entry, exit=0.5, long_short=not design.long_only, confidence_weighted=False
        )
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


def daily_of(table: pd.DataFrame) -> pd.Series[float]:
    """Return the net return of each day: sum over bars of the mean over pairs."""
    test = table[(table["part"] == "test") & table["return_net"].notna()]
    bars = test.groupby("time")["return_net"].mean()
    made: pd.Series[float] = bars.groupby(pd.DatetimeIndex(bars.index).floor("D")).sum()
    return made


def score_of(daily: pd.Series[float]) -> float:
    """Return the annualised Sharpe ratio of daily returns."""
    spread = float(daily.std())
    return float(daily.mean()) / spread * 365.0**0.5 if spread > 0.0 else 0.0


def searched(
    market: list[PairData], labels: list[pd.DataFrame], folds: list[Fold], design: Design, seed: int
) -> dict[str, pd.DataFrame]:
    """Return what else was tried: trials with other penalties, seeds (bootstrap samples), entry thresholds."""
    rng = np.random.default_rng([seed, 7])
    trials, returns = [], {}
    for number in range(design.trials):
        # The first trial is the one shown; the others regularise otherwise and enter at another threshold.
        penalty = 1.0 if number == 0 else float(10.0 ** rng.uniform(1.0, 3.5))
        other = design if number == 0 else replace(design, entry=design.entry + float(rng.uniform(-0.02, 0.03)))
        models = [fit(market, labels, fold, design, penalty=penalty) for fold in folds]
        daily = daily_of(predict(market, labels, folds, models, replace(other, entry=max(0.502, other.entry))))
        inner = float(np.mean([each.inner_score for each in models]))
        key = hashlib.sha256(f"{seed}:{penalty}".encode()).hexdigest()[:16]
        trials.append((key, inner, score_of(daily), number == 0))
        returns[key] = daily
    made = {"trials": pd.DataFrame(trials, columns=["configuration", "inner_score", "outer_score", "chosen"])}
    made["trial_returns"] = pd.DataFrame(returns).fillna(0.0).rename_axis("time").reset_index()
    seeds = []
    for number in range(4):
        chosen = None if number == 0 else np.random.default_rng([seed, 100 + number])
        models = [fit(market, labels, fold, design, resample=chosen) for fold in folds]
        seeds.append((number, score_of(daily_of(predict(market, labels, folds, models, design))), number == 0))
    made["seeds"] = pd.DataFrame(seeds, columns=["seed", "score", "chosen"])
    return made | {"thresholds": _thresholds(market, labels, folds, design)}


def _thresholds(market: list[PairData], labels: list[pd.DataFrame], folds: list[Fold], design: Design) -> pd.DataFrame:
    models = [fit(market, labels, fold, design) for fold in folds]
    rows = []
    for entry in (design.entry - 0.02, design.entry - 0.01, design.entry, design.entry + 0.01, design.entry + 0.02):
        other = replace(design, entry=max(0.501, entry))
        table = predict(market, labels, folds, models, other)
        inside = table[table["part"] == "inner"]
        picked = np.abs(signal_of(inside, other) - 0.5) >= other.entry - 0.5
        direction = np.sign(signal_of(inside, other) - 0.5)
        gain = float((direction * inside["forward_return"])[picked].mean()) if picked.any() else 0.0
        rows.append((other.entry, gain, score_of(daily_of(table)), entry == design.entry))
    return pd.DataFrame(rows, columns=["threshold", "inner_score", "outer_score", "chosen"])


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
