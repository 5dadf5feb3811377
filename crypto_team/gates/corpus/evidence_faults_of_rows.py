"""Faults in the rows of evidence: time, labels, prices, forecasts, positions, costs, importances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.corpus.evidence_honest import (
    Study,
    label_table,
    market_of,
    predict,
    traded,
)
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.validation.clock import milliseconds

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator


def _rows(study: Study) -> pd.DataFrame:
    return study.parts.tables["predictions"].copy()


def _step(study: Study) -> int:
    return timeframe_seconds(study.design.timeframe)


def _retraded(study: Study, table: pd.DataFrame) -> EvidenceParts:
    """Trade changed forecasts anew, so that only the fault itself is wrong."""
    made = table.copy()
    for column in ("time", "label_end"):
        made[column] = milliseconds(made[column])
    return study.parts.with_table("predictions", traded(made, study.market, study.design))


def shuffled_time(study: Study, rng: Rng) -> EvidenceParts:
    """Deal the times of each pair's test rows out anew."""
    table = _rows(study)
    for _, rows in table[table["part"] == "test"].groupby(["pair", "fold"]):
        table.loc[rows.index, "time"] = rng.permutation(rows["time"].to_numpy())
    table["time"] = pd.to_datetime(table["time"], utc=True).astype("datetime64[ms, UTC]")
    return study.parts.with_table("predictions", table)


def labels_wrong(study: Study, rng: Rng) -> EvidenceParts:
    """Turn one label in twenty into what the forecast says."""
    table = _rows(study)
    chosen = rng.random(len(table)) < 0.05
    table.loc[chosen, "label"] = (table.loc[chosen, "p_1"] > 0.5).astype(float)
    return study.parts.with_table("predictions", table)


def forward_shifted(study: Study, _rng: Rng) -> EvidenceParts:
    """Give each row the forward return and label of the next one."""
    table = _rows(study)
    group = table.groupby(["pair", "fold", "part"], sort=False)
    for column in ("forward_return", "label"):
        table[column] = group[column].shift(-1)
    return study.parts.with_table("predictions", table)


def forward_in_percent(study: Study, _rng: Rng) -> EvidenceParts:
    """Write forward returns as percentages."""
    table = _rows(study)
    table["forward_return"] *= 100.0
    return study.parts.with_table("predictions", table)


def label_end_early(study: Study, _rng: Rng) -> EvidenceParts:
    """Say that labels over several bars are known after one."""
    table = _rows(study)
    table["label_end"] = table["time"] + pd.Timedelta(_step(study), "s")
    return study.parts.with_table("predictions", table)


def timezone(study: Study, _rng: Rng) -> EvidenceParts:
    """Write local times as if they were UTC."""
    table = _rows(study)
    table["time"] += pd.Timedelta(max(3 * 3600, 3 * _step(study)), "s")
    table["label_end"] += pd.Timedelta(max(3 * 3600, 3 * _step(study)), "s")
    return study.parts.with_table("predictions", table)


def duplicated_rows(study: Study, _rng: Rng) -> EvidenceParts:
    """Count the best rows twice."""
    table = _rows(study)
    best = table[table["part"] == "test"].nlargest(len(table) // 50, "return_net")
    return study.parts.with_table("predictions", pd.concat([table, best], ignore_index=True))


def losers_dropped(study: Study, _rng: Rng) -> EvidenceParts:
    """Leave out the worst rows of the test."""
    table = _rows(study)
    test = table[table["part"] == "test"]
    return study.parts.with_table("predictions", table.drop(test.nsmallest(len(test) // 12, "return_net").index))


def period_dropped(study: Study, _rng: Rng) -> EvidenceParts:
    """Leave out the worst test part that is not at an end."""
    table = _rows(study)
    inner = sorted(table["fold"].unique())[1:-1]
    gains = table[table["part"] == "test"].groupby("fold")["return_net"].sum()
    worst = inner[int(gains.loc[inner].to_numpy().argmin())]
    folds = [fold for fold in study.parts.folds if fold["fold"] != worst]
    kept = {
        name: frame[frame["fold"] != worst] if "fold" in frame else frame for name, frame in study.parts.tables.items()
    }
    return replace(study.parts, folds=folds, tables=kept)


def _without_pair(study: Study, pair: str) -> EvidenceParts:
    table = _rows(study)
    features = study.parts.tables["features"]
    made = study.parts.with_table("predictions", table[table["pair"] != pair])
    return made.with_table("features", features[features["pair"] != pair])


def pair_dropped(study: Study, _rng: Rng) -> EvidenceParts:
    """Leave out the pair that earned least."""
    table = _rows(study)
    return _without_pair(study, str(table.groupby("pair")["return_net"].sum().idxmin()))


def same_asset_again(study: Study, _rng: Rng) -> EvidenceParts:
    """Count the pair that earned most four times, under four names; every table knows all of them."""
    predictions = study.parts.tables["predictions"]
    table = predictions[predictions["part"] == "test"]
    best, made = str(table.groupby("pair")["return_net"].sum().idxmax()), study.parts
    for name in ("predictions", "market", "universe", "features"):
        rows = study.parts.tables[name]
        own = rows[rows["pair"] == best]
        again = [own.assign(pair=best.replace("USDT", quote)) for quote in ("USDC", "FDUSD", "TUSD")]
        made = made.with_table(name, pd.concat([rows, *again], ignore_index=True))
    return made


def delisted_dropped(study: Study, _rng: Rng) -> EvidenceParts:
    """Leave out the pair that was delisted, from the market too; only the universe still knows it."""
    universe = study.parts.tables["universe"]
    dead = str(universe.loc[universe["delisted"].notna(), "pair"].iloc[0])
    made = _without_pair(study, dead)
    market = made.tables["market"]
    return made.with_table("market", market[market["pair"] != dead])


def stale_prices(study: Study, _rng: Rng) -> EvidenceParts:
    """Let the market of one pair stand still several times, and compute everything from those prices."""
    return _on_other_closes(study)


def _frozen(close: Floats, study: Study) -> Floats:
    made = close.copy()
    length = 3 * max(12, 86_400 // _step(study))
    for begin in np.linspace(close.size * 0.5, close.size * 0.9, 4).astype(int):
        made[begin : begin + length] = made[begin]
    return made


def _on_other_closes(study: Study) -> EvidenceParts:
    first = study.market[0]
    candles = first.candles.copy()
    close = _frozen(candles["close"].to_numpy(dtype=np.float64), study)
    for column in ("open", "high", "low", "close"):
        candles[column] = close
    market = [replace(first, candles=candles), *study.market[1:]]
    labels = [label_table(pair, study.design) for pair in market]
    table = predict(market, labels, study.folds, study.fitted, study.design)
    return study.parts.with_table("predictions", table).with_table("market", market_of(market))


def market_holes(study: Study, rng: Rng) -> EvidenceParts:
    """Take one bar in thirty out of the market."""
    market = study.parts.tables["market"]
    return study.parts.with_table("market", market[rng.random(len(market)) > 1 / 30])


def missing_forecasts(study: Study, rng: Rng) -> EvidenceParts:
    """Lose the forecasts of some test rows."""
    table = _rows(study)
    test = table.index[table["part"] == "test"]
    table.loc[rng.choice(test, len(test) // 40, replace=False), ["p_0", "p_1"]] = np.nan
    return study.parts.with_table("predictions", table)


def percent_probabilities(study: Study, _rng: Rng) -> EvidenceParts:
    """Write probabilities as percentages."""
    table = _rows(study)
    table[["p_0", "p_1"]] *= 100.0
    return study.parts.with_table("predictions", table)


def _with_probability(study: Study, p: Floats) -> EvidenceParts:
    table = _rows(study)
    table["p_1"], table["p_0"] = p, 1.0 - p
    return _retraded(study, table)


def bimodal(study: Study, rng: Rng) -> EvidenceParts:
    """Push every forecast to one of two peaks."""
    table = _rows(study)
    side = np.where(table["p_1"] > 0.5, 1.0, -1.0)
    return _with_probability(study, np.clip(0.5 + side * 0.25 + 0.04 * rng.standard_normal(len(table)), 0.01, 0.99))


def uncalibrated(study: Study, _rng: Rng) -> EvidenceParts:
    """Make every forecast six times as bold."""
    p = np.clip(_rows(study)["p_1"].to_numpy(dtype=np.float64), 1e-3, 1 - 1e-3)
    return _with_probability(study, np.clip(1.0 / (1.0 + np.exp(-6.0 * np.log(p / (1.0 - p)))), 1e-3, 1 - 1e-3))


def disguised_label(study: Study, rng: Rng) -> EvidenceParts:
    """Let a feature be the coming return with a little noise."""
    features = study.parts.tables["features"].copy()
    market = study.parts.tables["market"].sort_values(["pair", "time"])
    ahead = market.groupby("pair")["close"].shift(-study.design.horizon) / market["close"] - 1.0
    keyed = pd.Series(ahead.to_numpy(), index=pd.MultiIndex.from_frame(market[["pair", "time"]]))
    values = keyed.reindex(pd.MultiIndex.from_frame(features[["pair", "time"]])).to_numpy()
    features["f0"] = values + 0.5 * np.nanstd(values) * rng.standard_normal(len(features))
    return study.parts.with_table("features", features)


def too_many_features(study: Study, rng: Rng) -> EvidenceParts:
    """Lean on eighty features in every fold."""
    numbers = sorted(study.parts.tables["importances"]["fold"].unique())
    rows = [(n, f"g{k}", "gain", v) for n in numbers for k, v in enumerate(rng.dirichlet(np.full(80, 0.2)))]
    return study.parts.with_table("importances", pd.DataFrame(rows, columns=["fold", "feature", "kind", "value"]))


def dominant_feature(study: Study, _rng: Rng) -> EvidenceParts:
    """Give two thirds of the importance to one feature."""
    table = study.parts.tables["importances"].copy()
    table["value"] *= np.where(table["feature"] == table["feature"].iloc[0], 20.0, 1.0)
    return study.parts.with_table("importances", table)


def dominant_cluster(study: Study, rng: Rng) -> EvidenceParts:
    """Lean on one feature under five names: noisy, rescaled copies that share its importance."""
    names = [f"f{number}" for number in range(5)]
    features = study.parts.tables["features"].copy()
    for name in names[1:]:
        copy = features["f0"] + 0.25 * rng.standard_normal(len(features))
        features[name] = np.exp(copy) if name == "f4" else copy
    table = study.parts.tables["importances"].copy()
    table["value"] = np.where(table["feature"].isin(names), 1.0, 0.2) * rng.uniform(0.8, 1.2, len(table))
    return study.parts.with_table("features", features).with_table("importances", table)


def unstable_importances(study: Study, rng: Rng) -> EvidenceParts:
    """Let each fold lean on other features."""
    numbers = sorted(study.parts.tables["importances"]["fold"].unique())
    rows = []
    for n in numbers:
        chosen = rng.choice(40, 10, replace=False)
        rows += [(n, f"g{k}", "gain", v) for k, v in zip(chosen, rng.dirichlet(np.full(10, 2.0)), strict=True)]
    return study.parts.with_table("importances", pd.DataFrame(rows, columns=["fold", "feature", "kind", "value"]))


def evened_importances(study: Study, rng: Rng) -> EvidenceParts:
    """Let one feature carry every forecast, and write that all matter alike."""
    table = study.parts.tables["importances"].copy()
    table["value"] = rng.uniform(0.9, 1.1, len(table))
    return study.parts.with_table("importances", table)


def borrowed_importances(study: Study, rng: Rng) -> EvidenceParts:
    """Write importances that lie on features which the model does not read."""
    table = study.parts.tables["importances"].copy()
    features = study.parts.tables["features"].copy()
    names = [f"g{number}" for number in range(4)]
    for name in names:
        features[name] = rng.standard_normal(len(features))
    made = [(fold, name, "gain", rng.uniform(0.9, 1.1)) for fold in table["fold"].unique() for name in names]
    return study.parts.with_table("features", features).with_table(
        "importances", pd.DataFrame(made, columns=["fold", "feature", "kind", "value"])
    )
