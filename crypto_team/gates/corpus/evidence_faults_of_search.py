"""Faults of search: lucky seeds, thresholds chosen by the test, trials hidden or padded, noise chosen from noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.corpus.evidence_honest import Study
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.corpus.evidence_search import daily_of_columns, score_of

Rng = np.random.Generator
MANY = 200


def _random_trials(study: Study, rng: Rng, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trade at random `count` times on the real market; return all daily returns and the rows of the best."""
    table = study.parts.tables["predictions"].copy()
    test = table[table["part"] == "test"].sort_values(["pair", "time"], kind="stable")
    market = study.parts.tables["market"].sort_values(["pair", "time"])
    ahead = market.groupby("pair")["close"].shift(-1) / market["close"] - 1.0
    keyed = pd.Series(ahead.to_numpy(), index=pd.MultiIndex.from_frame(market[["pair", "time"]]))
    move = keyed.reindex(pd.MultiIndex.from_frame(test[["pair", "time"]])).to_numpy()
    pairs = test["pair"].to_numpy()
    follows = np.append(False, pairs[1:] == pairs[:-1])
    moves, cost = np.asarray(move, dtype=np.float64), study.design.cost_bps / 1e4
    held = np.empty((len(test), count))
    for number in range(count):
        held[:, number] = np.repeat(rng.choice([-1.0, 0.0, 1.0], len(test) // 24 + 1), 24)[: len(test)]
    before = np.where(follows[:, None], np.roll(held, 1, axis=0), 0.0)
    gross = held * moves[:, None]
    net = gross - np.abs(held - before) * cost
    known = np.isfinite(moves)
    names = [f"t{number}" for number in range(count)]
    daily = daily_of_columns(pd.DataFrame(net[known], columns=names), test["time"][known])
    best = int(np.argmax([score_of(daily[name]) for name in names]))
    rows = test.assign(position=held[:, best], return_gross=gross[:, best], return_net=net[:, best])
    return pd.concat([table[table["part"] != "test"], rows], ignore_index=True), daily.fillna(0.0)


def _searched(study: Study, rng: Rng, *, disclosed: int) -> EvidenceParts:
    table, daily = _random_trials(study, rng, MANY)
    scores = np.array([score_of(daily[name]) for name in daily])
    chosen = int(scores.argmax())
    # The chosen one keeps its place; as many others as are disclosed stand beside it.
    shown = [chosen, *(each for each in range(MANY) if each != chosen)][:disclosed]
    trials = pd.DataFrame(
        {
            "configuration": [f"t{each}" for each in shown],
            "inner_score": rng.normal(0.0, 1.0, len(shown)),
            "outer_score": scores[shown],
            "chosen": [each == chosen for each in shown],
        }
    )
    returns = daily[[f"t{each}" for each in shown]].rename_axis("time").reset_index()
    made = study.parts.without("seeds", "thresholds").with_table("predictions", table)
    return made.with_table("trials", trials).with_table("trial_returns", returns).with_meta(n_trials=disclosed)


def best_of_many(study: Study, rng: Rng) -> EvidenceParts:
    """Show the best of two hundred random strategies, all disclosed."""
    return _searched(study, rng, disclosed=MANY)


def chosen_by_test(study: Study, rng: Rng) -> EvidenceParts:
    """Show the best of two hundred random strategies beside thirty of the others."""
    return _searched(study, rng, disclosed=30).with_meta(n_trials=30)


def chosen_trial_by_test(study: Study, rng: Rng) -> EvidenceParts:
    """Choose among forty trials the one that is best out of sample; inside it is number twenty."""
    outer = rng.normal(0.5, 0.5, 40)
    outer[-1] = outer.max() + 0.5
    inner = np.sort(rng.normal(1.0, 0.5, 40))
    inner[[20, -1]] = inner[[-1, 20]]
    names = [f"t{each}" for each in range(40)]
    table = {"configuration": names, "inner_score": inner, "outer_score": outer, "chosen": np.arange(40) == 39}
    made = study.parts.without("trial_returns", "seeds", "thresholds")
    return made.with_table("trials", pd.DataFrame(table)).with_meta(n_trials=40)


def best_seed(study: Study, rng: Rng) -> EvidenceParts:
    """Show the best of thirty seeds of a model without skill."""
    table, daily = _random_trials(study, rng, 30)
    scores = np.array([score_of(daily[name]) for name in daily])
    seeds = pd.DataFrame({"seed": np.arange(30), "score": scores, "chosen": scores == scores.max()})
    made = study.parts.without("trials", "trial_returns", "thresholds").with_table("predictions", table)
    return made.with_table("seeds", seeds).with_meta(n_trials=1)


def _thresholds(inner: npt.NDArray[np.float64], outer: npt.NDArray[np.float64], chosen: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "threshold": 0.51 + 0.01 * np.arange(len(inner)),
            "inner_score": inner,
            "outer_score": outer,
            "chosen": np.arange(len(inner)) == chosen,
        }
    )


def tuned_threshold(study: Study, rng: Rng) -> EvidenceParts:
    """Choose the threshold that is best out of sample, though inside others were better."""
    outer = np.sort(rng.uniform(0.8, 1.6, 9))
    outer[-1] *= 1.3
    inner = np.linspace(0.4, 0.1, 9)
    return study.parts.with_table("thresholds", _thresholds(inner, outer, 8))


def threshold_spike(study: Study, rng: Rng) -> EvidenceParts:
    """Choose a threshold whose neighbours earn nothing."""
    outer = rng.normal(0.0, 0.1, 9)
    outer[4] = 2.5
    inner = rng.normal(0.0, 0.1, 9)
    inner[4] = 0.3
    return study.parts.with_table("thresholds", _thresholds(inner, outer, 4))


def undisclosed_trials(study: Study, _rng: Rng) -> EvidenceParts:
    """Declare one trial where the tables show several."""
    return study.parts.with_meta(n_trials=1)


def padded_trials(study: Study, _rng: Rng) -> EvidenceParts:
    """Add three hundred trials that never traded to make the spread of all look small."""
    returns = study.parts.tables["trial_returns"].copy()
    dead = pd.DataFrame(0.0, index=returns.index, columns=[f"dead{number}" for number in range(300)])
    made = study.parts.with_table("trial_returns", pd.concat([returns, dead], axis=1))
    return made.with_meta(n_trials=study.design.trials + 300)


def only_beta(study: Study, _rng: Rng) -> EvidenceParts:
    """Hold every pair all the time and call it a model."""
    table = study.parts.tables["predictions"].copy().sort_values(["pair", "time"], kind="stable")
    market = study.parts.tables["market"].sort_values(["pair", "time"])
    ahead = market.groupby("pair")["close"].shift(-1) / market["close"] - 1.0
    keyed = pd.Series(ahead.to_numpy(), index=pd.MultiIndex.from_frame(market[["pair", "time"]]))
    test = table.index[table["part"] == "test"]
    move = keyed.reindex(pd.MultiIndex.from_frame(table.loc[test, ["pair", "time"]])).to_numpy()
    first = ~table.loc[test].duplicated("pair")
    table.loc[test, "position"], table.loc[test, "return_gross"] = 1.0, move
    table.loc[test, "return_net"] = move - first.to_numpy() * study.design.cost_bps / 1e4
    return replace(study.parts.with_table("predictions", table))
