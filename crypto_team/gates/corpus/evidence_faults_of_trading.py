"""Faults of trading: positions that overlap or peek, costs that are missing, results that are claimed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from crypto_team.gates.corpus.evidence_honest import Study, study_of
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.corpus.evidence_search import daily_of, score_of

Rng = np.random.Generator


def _rows(study: Study) -> pd.DataFrame:
    return study.parts.tables["predictions"].copy()


def overlapping_positions(study: Study, _rng: Rng) -> EvidenceParts:
    """Let every row earn the return of its whole horizon."""
    table = _rows(study)
    test = table["part"] == "test"
    cost = table["return_gross"] - table["return_net"]
    table.loc[test, "return_gross"] = table["position"] * table["forward_return"]
    table.loc[test, "return_net"] = table["return_gross"] - cost
    return study.parts.with_table("predictions", table)


def same_bar(study: Study, _rng: Rng) -> EvidenceParts:
    """Let each position earn the return of the bar whose close it was decided at."""
    table = _rows(study)
    market = study.parts.tables["market"].sort_values(["pair", "time"])
    move = market["close"] / market.groupby("pair")["close"].shift(1) - 1.0
    keyed = pd.Series(move.to_numpy(), index=pd.MultiIndex.from_frame(market[["pair", "time"]]))
    before = keyed.reindex(pd.MultiIndex.from_frame(table[["pair", "time"]])).to_numpy()
    cost = table["return_gross"] - table["return_net"]
    table["return_gross"] = table["position"] * before
    table["return_net"] = table["return_gross"] - cost
    return study.parts.with_table("predictions", table)


def peeking_positions(study: Study, rng: Rng) -> EvidenceParts:
    """Turn half of the positions into what the next bar does, keeping the books in order."""
    table = _rows(study)
    test = (table["part"] == "test") & table["return_gross"].notna()
    table = table.sort_values(["pair", "fold", "part", "time"], kind="stable")
    move = (table["return_gross"] / table["position"].where(table["position"] != 0.0)).fillna(0.0)
    known = test.reindex(table.index) & (rng.random(len(table)) < 0.6) & (move != 0.0)
    table.loc[known, "position"] = np.sign(move[known])
    ordered = table[table["part"] == "test"].sort_values(["pair", "time"], kind="stable")
    traded_now = ordered["position"].groupby(ordered["pair"]).diff().fillna(ordered["position"]).abs()
    gross = ordered["position"] * move.reindex(ordered.index)
    table.loc[ordered.index, "return_gross"] = gross
    table.loc[ordered.index, "return_net"] = gross - traded_now * study.design.cost_bps / 1e4
    return study.parts.with_table("predictions", table)


def one_sided_costs(study: Study, _rng: Rng) -> EvidenceParts:
    """Pay for entries, not for exits."""
    table = _rows(study)
    half = (table["return_gross"] - table["return_net"]) * 0.5
    table["return_net"] = table["return_gross"] - half
    return study.parts.with_table("predictions", table)


def no_costs(study: Study, _rng: Rng) -> EvidenceParts:
    """Trade for nothing."""
    table = _rows(study)
    table["return_net"] = table["return_gross"]
    return study.parts.with_table("predictions", table).with_meta(cost_bps_per_side=0.0)


def cost_as_fraction(study: Study, _rng: Rng) -> EvidenceParts:
    """Write 2 basis points as 0.0002."""
    table = _rows(study)
    table["return_net"] = table["return_gross"] - (table["return_gross"] - table["return_net"]) / 1e4
    return study.parts.with_table("predictions", table).with_meta(cost_bps_per_side=study.design.cost_bps / 1e4)


def inflated_returns(study: Study, _rng: Rng) -> EvidenceParts:
    """Add a little to every net return."""
    table = _rows(study)
    table["return_net"] += 0.0005 * (table["position"] != 0.0)
    return study.parts.with_table("predictions", table)


def claimed_sharpe(study: Study, _rng: Rng) -> EvidenceParts:
    """State a Sharpe ratio a third too high."""
    value = score_of(daily_of(_rows(study)))
    return study.parts.with_meta(claims={"sharpe": round(value * 1.33 + 0.5, 3)})


def wrong_year(study: Study, _rng: Rng) -> EvidenceParts:
    """Annualise on 252 days."""
    return study.parts.with_meta(periods_per_year=study.parts.meta["periods_per_year"] * 252.0 / 365.0)


def lucky_day(study: Study, _rng: Rng) -> EvidenceParts:
    """Be out of a market without edge, but for three days with one great move each."""
    table = _rows(study).sort_values(["pair", "time"], kind="stable")
    test = table["part"] == "test"
    move = (table["return_gross"] / table["position"].where(table["position"] != 0.0)).fillna(0.0)
    days = pd.DatetimeIndex(table["time"]).floor("D")
    great = pd.Series(move.to_numpy(), index=days)[test.to_numpy()].groupby(level=0).max().nlargest(3).index
    best = table.index[test.to_numpy() & days.isin(great) & (move.to_numpy() > 2 * study.design.volatility)]
    table.loc[test, "position"] = 0.0
    table.loc[best, "position"] = 1.0
    ordered = table[test]
    changed = ordered["position"].groupby(ordered["pair"]).diff().fillna(ordered["position"]).abs()
    table.loc[ordered.index, "return_gross"] = ordered["position"] * move[ordered.index]
    table.loc[ordered.index, "return_net"] = (
        ordered["position"] * move[ordered.index] - changed * study.design.cost_bps / 1e4
    )
    return study.parts.with_table("predictions", table)


def with_positions(study: Study, table: pd.DataFrame, position: pd.Series) -> EvidenceParts:
    """Hold other positions over the test, with the returns and costs that go with them."""
    made = table.assign(position=position).sort_values(["pair", "time"], kind="stable")
    test = made[made["part"] == "test"]
    move = (table["return_gross"] / table["position"].where(table["position"] != 0.0)).reindex(test.index).fillna(0.0)
    changed = test["position"].groupby(test["pair"]).diff().fillna(test["position"]).abs()
    gross = test["position"] * move
    made.loc[test.index, "return_gross"] = gross
    made.loc[test.index, "return_net"] = gross - changed * study.design.cost_bps / 1e4
    return study.parts.with_table("predictions", made)


def fades(study: Study, _rng: Rng) -> EvidenceParts:
    """Earn in the first two thirds of the test and lose as much afterwards."""
    table = _rows(study)
    test = table["part"] == "test"
    late = test & (table["time"] > table.loc[test, "time"].quantile(2 / 3))
    return with_positions(study, table, table["position"].where(~late, -table["position"]))


def _in_one_regime(study: Study, measure: Callable[[pd.Series[float]], pd.Series[float]]) -> EvidenceParts:
    """Trade only on the third of the days before which something was highest of the market's daily returns."""
    table = _rows(study)
    close = study.parts.tables["market"].assign(day=lambda rows: rows["time"].dt.floor("D"))
    daily = close.sort_values("time").groupby(["day", "pair"])["close"].last().unstack().pct_change(fill_method=None)
    before = measure(daily.mean(axis=1)).shift(1)
    days = table["time"].dt.floor("D")
    there = before.reindex(days.loc[table["part"] == "test"].unique())
    chosen = set(there.index[there > there.quantile(2 / 3)])
    return with_positions(study, table, table["position"].where(days.isin(chosen), 0.0))


def one_regime(study: Study, _rng: Rng) -> EvidenceParts:
    """Trade only on the days that follow a wild month."""
    return _in_one_regime(study, lambda moves: moves.rolling(30, min_periods=5).std())


def one_trend(study: Study, _rng: Rng) -> EvidenceParts:
    """Trade only on the days that follow a month of rising prices."""
    return _in_one_regime(study, lambda moves: moves.rolling(30, min_periods=5).sum())


def _moves(table: pd.DataFrame) -> pd.Series[float]:
    """Return what each held row earns or loses; 0 where nothing is held."""
    return table["return_gross"].where(table["part"] == "test", 0.0).fillna(0.0)


def perfect_stop(study: Study, _rng: Rng) -> EvidenceParts:
    """Hold nothing in the bars that would have lost most."""
    table = _rows(study)
    earned = _moves(table)
    stopped = earned < -1.5 * study.design.volatility
    return with_positions(study, table, table["position"].where(~stopped, 0.0))


def worst_days_off(study: Study, _rng: Rng) -> EvidenceParts:
    """Hold nothing on the worst tenth of the days of each pair, chosen afterwards."""
    table = _rows(study)
    days = pd.MultiIndex.from_arrays([table["pair"], table["time"].dt.floor("D")])
    sums = pd.Series(_moves(table).to_numpy(), index=days).groupby(level=[0, 1]).sum()
    worst = sums[sums <= sums.groupby(level=0).transform(lambda each: each.quantile(0.1))].index
    return with_positions(study, table, table["position"].where(~days.isin(worst), 0.0))


def bouncing_close(study: Study, rng: Rng) -> EvidenceParts:
    """Earn the bounce of closes between bid and ask, which only who trades at that very close could have."""
    bounced = []
    for pair in study.market:
        side = rng.choice([-1.0, 1.0], len(pair.time))
        candles, features = pair.candles.copy(), pair.features.copy()
        candles["close"] *= 1.0 + 0.4 * study.design.volatility * side
        candles["high"] = candles[["high", "close"]].max(axis=1)
        candles["low"] = candles[["low", "close"]].min(axis=1)
        features[:, -1] = side + 0.5 * rng.standard_normal(len(side))
        bounced.append(replace(pair, candles=candles, features=features))
    return study_of(bounced, study.design, int(study.parts.meta["random_seed"])).parts
