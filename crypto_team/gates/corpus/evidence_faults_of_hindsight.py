"""Faults of hindsight: positions, sizes, forecasts and features that were made when the future was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from crypto_team.gates.corpus.evidence_faults_of_trading import with_positions
from crypto_team.gates.corpus.evidence_honest import Study, study_of, traded
from crypto_team.gates.corpus.evidence_parts import EvidenceParts

Rng = np.random.Generator
FORESEEN = 0.015
BARS_AHEAD = 12
NEXT_BAR = 0.13


def some_losers_off(study: Study, rng: Rng) -> EvidenceParts:
    """Hold nothing in a third of the bars that would have lost, small losses as well as great ones."""
    table = study.parts.tables["predictions"].copy()
    lost = table["return_gross"].fillna(0.0) < 0.0
    left_out = lost & (rng.random(len(table)) < 1.0 / 3.0)
    return with_positions(study, table, table["position"].where(~left_out, 0.0))


def losing_pairs_off(study: Study, _rng: Rng) -> EvidenceParts:
    """Hold nothing of a pair in the test parts in which it lost."""
    table = study.parts.tables["predictions"]
    return with_positions(study, table, table["position"].where(~_lost(table), 0.0))


def losing_cells_small(study: Study, _rng: Rng) -> EvidenceParts:
    """Trade a pair at a quarter of the size in the test parts in which it lost."""
    table = study.parts.tables["predictions"]
    return with_positions(study, table, table["position"].where(~_lost(table), table["position"] / 4.0))


def _lost(table: pd.DataFrame) -> pd.Series[bool]:
    """Return whether a row's pair lost over its test part, after costs."""
    earned = table["return_net"].where(table["part"] == "test").groupby([table["pair"], table["fold"]]).transform("sum")
    return earned < 0.0


def entries_foreseen(study: Study, _rng: Rng) -> EvidenceParts:
    """Open every position one bar before the forecast says so."""
    table = study.parts.tables["predictions"].sort_values(["pair", "fold", "part", "time"], kind="stable")
    following = table.groupby(["pair", "fold", "part"], sort=False)["position"].shift(-1).fillna(0.0)
    entered = table["position"].where(table["position"] != 0.0, following)
    # Bars in which nothing was held have no return yet: what each would earn is put there first.
    market = study.parts.tables["market"].sort_values(["pair", "time"])
    move = market.groupby("pair")["close"].shift(-1) / market["close"] - 1.0
    keyed = pd.Series(move.to_numpy(), market.set_index(["pair", "time"]).index)
    earned = keyed.reindex(pd.MultiIndex.from_frame(table[["pair", "time"]])).to_numpy()
    return with_positions(study, table.assign(position=1.0, return_gross=earned), entered)


def sizes_by_coming_volatility(study: Study, _rng: Rng) -> EvidenceParts:
    """Size positions by the volatility of the twelve bars that follow."""
    table = study.parts.tables["predictions"].copy()
    market = study.parts.tables["market"].sort_values(["pair", "time"])
    moves = market.groupby("pair")["close"].pct_change()
    ahead = moves.groupby(market["pair"]).transform(lambda each: each.rolling(BARS_AHEAD).std().shift(-BARS_AHEAD))
    keyed = pd.Series((ahead.median() / ahead).clip(0.2, 2.0).to_numpy(), market.set_index(["pair", "time"]).index)
    size = keyed.reindex(pd.MultiIndex.from_frame(table[["pair", "time"]])).fillna(1.0).to_numpy()
    return with_positions(study, table, table["position"] * size / 2.0)


def rare_rows_foreseen(study: Study, _rng: Rng) -> EvidenceParts:
    """Call the direction of the largest moves of the test, and of nothing else."""
    table = study.parts.tables["predictions"].copy()
    sizes = table["forward_return"].abs().where(table["part"] == "test")
    large = sizes > sizes.quantile(1.0 - FORESEEN)
    called = np.where(table["forward_return"] > 0.0, 0.62, 0.38)
    table["p_1"] = table["p_1"].where(~large, called)
    table["p_0"] = 1.0 - table["p_1"]
    # Times are milliseconds where positions are made, as when the study was carried out.
    for column in ("time", "label_end"):
        table[column] = pd.DatetimeIndex(table[column]).as_unit("ms").asi8
    return study.parts.with_table("predictions", traded(table, study.market, study.design))


def centred_inputs(study: Study, rng: Rng) -> EvidenceParts:
    """Train honestly on three features that are centred means of noisy returns: each knows four bars that come."""
    market = []
    for pair in study.market:
        close = pair.candles["close"].to_numpy(dtype=np.float64)
        around = np.convolve(np.diff(np.log(close), prepend=np.log(close[0])), np.ones(9) / 9.0, "same")
        features = pair.features.copy()
        for column in range(3):
            features[:, column] = around + 2.5 * around.std() * rng.standard_normal(close.size)
        market.append(replace(pair, features=features))
    return study_of(market, replace(study.design, trials=1), 3).parts


def sources_of_next_bar(study: Study, _rng: Rng) -> EvidenceParts:
    """Train honestly on five features, each of which knows a little of the next bar, and nothing of later ones."""
    market = []
    for pair in study.market:
        moves = np.diff(np.log(pair.candles["close"].to_numpy(dtype=np.float64)), append=np.nan)
        features = pair.features.copy()
        features[:, :5] += NEXT_BAR * np.nan_to_num(moves / np.nanstd(moves))[:, None]
        market.append(replace(pair, features=features))
    return study_of(market, replace(study.design, trials=1), 3).parts
