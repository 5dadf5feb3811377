"""The corpus written down for programs that know nothing of it: features, strategies, returns, trials and trades."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from crypto_team.gates.corpus import evidence_bad, evidence_honest, strategies_honest, strategies_leaky
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.corpus.feature_market import market
from crypto_team.gates.corpus.honest_features import honest_features
from crypto_team.gates.corpus.leaking_features import leaking_features

SIGNAL = '''

def signal(df):
    """Trade the feature: the hyperbolic tangent of its distance from its own past."""
    bars = df.reset_index(drop=True).copy()
    bars["timestamp"] = pd.to_datetime(bars["timestamp"], utc=True)
    x = pd.Series(np.asarray(features(bars, {}), dtype=float))
    past = x.rolling(100, min_periods=5)
    return np.tanh((x - past.mean()) / past.std()).fillna(0.0).to_numpy()
'''
REPEATS = {50: 20, 1_000: 5}
"""How many times the best of so many strategies of noise is shown to the peers: the first of what we judge."""
NOISE_DAYS = 500
CLASSES = {
    "rows": "rows and labels",
    "training": "training and folds",
    "trading": "trading and costs",
    "search": "search and luck",
    "hindsight": "positions and inputs that know the future",
}
SEEN_IN_RETURNS = (CLASSES["trading"], CLASSES["search"], CLASSES["hindsight"])
FILES = ("returns.csv", "trials.csv", "trades.csv", "bars.csv", "meta.json")


def export(work: Path, seed: int) -> None:
    """Write everything, and `work.json` that lists it."""
    listed = {
        "features": _features(work),
        "strategies": _strategies(work),
        "evidence": _evidence(work, seed),
        "noise": _noise(work, seed),
    }
    (work / "work.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")


def fault_class(name: str) -> str:
    """Return the class of a fault of evidence: the module that builds it in."""
    return CLASSES[evidence_bad.FAULTS[name].breaker.__module__.rpartition("_of_")[2]]


def _features(work: Path) -> list[str]:
    folder = work / "features"
    folder.mkdir(parents=True)
    frame, _ = market()
    frame.to_csv(work / "market.csv", index=False)
    names = []
    for kind, features in (("leaking", leaking_features()), ("honest", honest_features())):
        for item in features:
            names.append(f"{kind}__{item.name}")
            (folder / f"{names[-1]}.py").write_text(item.source, encoding="utf-8")
            (folder / f"{names[-1]}.signal.py").write_text(item.source + SIGNAL, encoding="utf-8")
    return names


def _strategies(work: Path) -> list[str]:
    names = []
    for kind, cases in (("leaking", strategies_leaky.LEAKY), ("honest", strategies_honest.HONEST)):
        for item in cases:
            names.append(f"{kind}__{item.name}")
            folder = work / "strategies" / names[-1]
            folder.mkdir(parents=True)
            for name, text in {"sample.py": item.source, **item.beside}.items():
                (folder / name).write_text(text, encoding="utf-8")
    return names


def _evidence(work: Path, seed: int) -> list[str]:
    """Write what each study shows of returns; of bad ones those whose fault is to be seen there."""
    names = []
    for name in evidence_honest.HONEST:
        names.append(f"honest__{name}")
        shown(evidence_honest.honest(name, seed), work / "evidence" / names[-1])
    plain = {}
    for name, fault in evidence_bad.FAULTS.items():
        if fault_class(name) not in SEEN_IN_RETURNS:
            continue
        study = plain.setdefault(fault.design, evidence_honest.study(fault.design, seed))
        folder, before = work / "evidence" / f"bad__{name}", work / "before" / name
        shown(fault.breaker(study, np.random.default_rng([seed, 99])), folder)
        shown(study.parts, before)
        if any((folder / file).read_bytes() != (before / file).read_bytes() for file in FILES):
            names.append(folder.name)
    return names


def shown(parts: EvidenceParts, folder: Path) -> None:
    """Write daily returns as they are stated, trials, trades and the numbers that belong to them."""
    folder.mkdir(parents=True)
    table = parts.tables["predictions"]
    test = table[(table["part"] == "test") & table["return_net"].notna()].sort_values(["pair", "time"])
    bars = test.assign(cost=test["return_gross"] - test["return_net"]).groupby("time")[["return_net", "cost"]].mean()
    daily = bars.groupby(pd.DatetimeIndex(bars.index).floor("D")).sum().rename(columns={"return_net": "net"})
    daily.rename_axis("date").to_csv(folder / "returns.csv")
    chosen, trials = _trials(parts, daily["net"])
    trials.to_csv(folder / "trials.csv")
    _trades(test).to_csv(folder / "trades.csv", index=False)
    candles = parts.tables["market"][["time", "pair", "open", "high", "low", "close"]]
    held = test[["time", "pair", "position", "return_net"]].drop_duplicates(["time", "pair"])
    held.merge(candles, on=["time", "pair"]).to_csv(folder / "bars.csv", index=False)
    claims = parts.meta.get("claims") or parts.meta.get("metrics") or {}
    meta = {
        "n_trials": int(max(parts.meta["n_trials"], trials.shape[1], len(parts.tables.get("seeds", ())))),
        "chosen": chosen,
        "cost_bps": float(parts.meta["cost_bps_per_side"]),
        "claimed_sharpe": claims.get("sharpe"),
        "bars_per_year": float(parts.meta["periods_per_year"]),
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _trials(parts: EvidenceParts, net: pd.Series[float]) -> tuple[str, pd.DataFrame]:
    """Return the name of the trial that is shown and the returns of all; without such a table its own returns."""
    if "trial_returns" not in parts.tables:
        return "shown", net.rename("shown").to_frame().rename_axis("date")
    table = parts.tables["trial_returns"].set_index("time").rename_axis("date")
    trials = parts.tables["trials"]
    return str(trials.loc[trials["chosen"].to_numpy(dtype=bool), "configuration"].iloc[0]), table


def _trades(test: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each time that a pair was held in one direction."""
    side = np.sign(test["position"].fillna(0.0))
    key = (side.ne(side.shift()) | test["pair"].ne(test["pair"].shift())).cumsum()
    groups = test.assign(side=side).groupby(key)
    made = groups.agg(
        entry_time=("time", "first"), exit_time=("time", "last"), pnl=("return_net", "sum"), side=("side", "first")
    )
    made = made[made["side"] != 0.0].sort_values("entry_time")
    # A position earns the bar after its row, so it is left one bar after its last row.
    made["exit_time"] += test["time"].diff().abs().min()
    return made.assign(side=np.where(made["side"] > 0.0, "long", "short"))


def _noise(work: Path, seed: int) -> list[str]:
    """Write the best of many strategies without skill, the same draws as our own judgement makes."""
    names = []
    days = pd.date_range("2022-01-03", periods=NOISE_DAYS, freq="D")
    for tries, repeats in REPEATS.items():
        rng = np.random.default_rng([seed, tries])
        for number in range(repeats):
            returns = rng.standard_t(5, size=(tries, NOISE_DAYS)) * 0.01
            best = int((returns.mean(axis=1) / returns.std(axis=1, ddof=1)).argmax())
            names.append(f"{tries}__{number}")
            folder = work / "noise" / names[-1]
            folder.mkdir(parents=True)
            table = pd.DataFrame(returns.T, index=days.rename("date"), columns=[f"t{k}" for k in range(tries)])
            table.to_csv(folder / "trials.csv")
            net = table[f"t{best}"]
            pd.DataFrame({"net": net, "cost": 0.0005}).to_csv(folder / "returns.csv")
            after = days + pd.Timedelta("1D")
            trades = {"entry_time": days, "exit_time": after, "pnl": net.to_numpy(), "side": "long"}
            pd.DataFrame(trades).to_csv(folder / "trades.csv", index=False)
            meta = {"n_trials": tries, "chosen": f"t{best}", "cost_bps": 2.5, "claimed_sharpe": None}
            (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return names
