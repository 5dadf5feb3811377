"""What each peer says about the exported corpus: `python peers_judges.py WORK PEER` in the peers' own environment.

Imports nothing of the product. Reads `WORK/features`, `WORK/strategies`, `WORK/evidence` and `WORK/noise`, and writes
`WORK/verdicts/PEER.jsonl`: kind, name, refused (null where it cannot be asked) and why. Each peer is asked by its
documented programming interface, with its own defaults; what it is given beside the data stands in the code below.
"""

from __future__ import annotations

import ast
import json
import math
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

Answer = tuple[bool | None, str]
PARAMETERS = 3
"""Tuned numbers of every study of the corpus: entry, exit, penalty. falsify-backtest has to be told."""
SLOW_SECONDS, FEW = 20.0, 3
"""Where one best of N takes longer than this, only three of the same size are asked about."""
PATIENCE_SECONDS = 90.0
"""CPU seconds after which an answer is not waited for."""
START, END = datetime(2022, 1, 3, tzinfo=UTC), datetime(2023, 6, 1, tzinfo=UTC)


def monte_neo_feature(work: Path, name: str) -> Answer:
    """Probe a signal that is made of the feature; only its look-ahead and repaint checks count here."""
    from monte_neo.verify import verify_strategy

    if uses_other_frames(work / "features" / f"{name}.py"):
        return None, "it is given one table of candles"
    found = verify_strategy(
        work / "market.csv", strategy=work / "features" / f"{name}.signal.py", positions="weight", jobs=1
    )
    failed = [
        item["id"]
        for item in found["checks"]
        if item["status"] == "fail" and item["id"].startswith(("lookahead", "repaint", "determinism"))
    ]
    return bool(failed), ", ".join(failed)


def uses_other_frames(path: Path) -> bool:
    """Tell whether `features` reads frames beside the bars."""
    function = next(
        item
        for item in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(item, ast.FunctionDef) and item.name == "features"
    )
    return any(isinstance(item, ast.Name) and item.id == "aux" for item in ast.walk(function))


def monte_neo_strategy(work: Path, name: str) -> Answer:
    """Lint the text of a Freqtrade strategy, which it cannot run."""
    from monte_neo.verify import lint_source

    found = lint_source((work / "strategies" / name / "sample.py").read_text(encoding="utf-8"))
    names = sorted({str(item["rule"]) for item in found["findings"]})
    return found["status"] == "fail", ", ".join(names)


def monte_neo_returns(folder: Path) -> Answer:
    """Give it daily returns, the number of trials and the claimed Sharpe ratio, then each pair's positions."""
    from monte_neo.verify.returns_dd import verify_returns

    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    table = pd.read_csv(folder / "returns.csv", index_col=0, parse_dates=True)
    claim = {"sharpe": meta["claimed_sharpe"]} if meta.get("claimed_sharpe") else None
    found = verify_returns(table["net"], n_strategies=meta["n_trials"], claim=claim, periods_per_year=365)
    failed = [item["id"] for item in found["checks"] if item["status"] == "fail"]
    if (folder / "bars.csv").exists():
        bars = pd.read_csv(folder / "bars.csv")
        failed += [name for _, rows in bars.groupby("pair") for name in overclaimed(rows.reset_index(drop=True), meta)]
    refused = found["verdict"] not in ("PASS", "PASS_WITH_WARNINGS") or "claim_consistency" in failed
    return refused, "; ".join(dict.fromkeys(failed))


def overclaimed(rows: pd.DataFrame, meta: dict[str, float]) -> list[str]:
    """Let it trade the positions of one pair at the stated costs, and compare with the stated returns."""
    from monte_neo.verify import model_from_costs, verify_strategy

    net, year = rows["return_net"].fillna(0.0), meta["bars_per_year"]
    spread = float(net.std())
    if spread == 0.0:
        return []
    claim = {"sharpe": float(net.mean()) / spread * year**0.5, "total_return": float((1.0 + net).prod() - 1.0)}
    ohlc = rows.rename(columns={"time": "timestamp"})[["timestamp", "open", "high", "low", "close"]]
    model = model_from_costs(commission_bps=meta["cost_bps"], slippage_bps=0.0, warmup_bars=0, n_bars=len(rows))
    found = verify_strategy(
        ohlc, signals=rows["position"].fillna(0.0).to_numpy(), positions="weight", claim=claim, model=model,
        n_trials=int(meta["n_trials"]), periods_per_year=year,
    )  # fmt: skip
    return [item["id"] for item in found["checks"] if item["status"] == "fail" and item["id"] == "claim_consistency"]


LEAKS = ("LAB", "LEAK")


def audited(path: Path) -> Answer:
    """Ask backtest-audit for its rules about look-ahead and leaks; its others are no matter of features."""
    import re

    from backtest_audit.cli import main
    from click.testing import CliRunner

    told = CliRunner().invoke(main, ["check", str(path), "--format", "json"]).output
    found = sorted({code for code in re.findall(r'"code":\s*"(\w+)"', told) if code.startswith(LEAKS)})
    return bool(found), ", ".join(found)


def trialgate(folder: Path, floor: int | None) -> Answer:
    """Register every trial with its returns, then evaluate the one that is shown; all trials count."""
    from trialgate import append_trial, evaluate_registry

    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    trials = pd.read_csv(folder / "trials.csv", index_col=0)
    shown = trials.columns.get_loc(meta["chosen"])
    costs = pd.read_csv(folder / "returns.csv", index_col=0)["cost"]
    aligned = costs.reindex(trials.index).fillna(0.0).clip(lower=0.0).tolist()
    with tempfile.TemporaryDirectory() as scratch:
        registry = Path(scratch) / "registry.jsonl"
        for number, column in enumerate(trials.columns):
            append_trial(
                registry, recorded_at=END, code_version="1", strategy_id="s", parameters={"trial": str(number)},
                universe=("COIN0",), data_start=START, data_end=END,
                cost_assumptions={"round_trip_bps": str(2.0 * meta["cost_bps"])}, metrics={}, operator_note="",
                period_returns=trials[column].tolist(), period_costs=aligned if number == shown else None,
            )  # fmt: skip
        options = {} if floor is None else {"min_observations": floor}
        report = evaluate_registry(
            registry, candidate_trial_id=shown + 1, periods_per_year=365,
            effective_trials=max(len(trials.columns), meta["n_trials"]), strategy_id="s", **options,
        )  # fmt: skip
    return not report.passed, "; ".join(item.gate for item in report.checks if not item.passed)


def holdout(folder: Path) -> Answer:
    """Deflate the best trial by all of them (0.95, as its documentation uses it)."""
    from holdout import deflate_trials

    table = pd.read_csv(folder / "trials.csv", index_col=0)
    if table.shape[1] < 2:
        return None, "it needs two trials or more"
    found = deflate_trials(table.to_numpy(), n_trials=float(table.shape[1]))
    refused = not (math.isfinite(found.deflated) and found.deflated >= 0.95)
    return refused, f"deflated {found.deflated:.3f}"


def falsify(folder: Path) -> Answer:
    """Give it the trades with the numbers of parameters and trials; `warn` is no refusal."""
    from falsify.checks import worst_verdict
    from falsify.cli import run_checks
    from falsify.io import load_trades

    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    trades = load_trades(str(folder / "trades.csv"))[0]
    found = run_checks(trades, PARAMETERS, meta["n_trials"]).results
    failed = [item.name for item in found if item.verdict.value == "fail"]
    return worst_verdict(found).value == "fail", "; ".join(failed)


Ask = Callable[[Path, str], Answer]


def evidence(ask: Callable[[Path], Answer]) -> dict[str, Ask]:
    """Return how to ask about evidence and about noise, which are folders of the same form."""
    return {
        "evidence": lambda work, name: ask(work / "evidence" / name),
        "noise": lambda work, name: ask(work / "noise" / name),
    }


PEERS: dict[str, dict[str, Ask]] = {
    "monte-neo": {
        "features": monte_neo_feature,
        "strategies": monte_neo_strategy,
        **evidence(monte_neo_returns),
    },
    "backtest-audit": {
        "features": lambda work, name: audited(work / "features" / f"{name}.py"),
        "strategies": lambda work, name: audited(work / "strategies" / name / "sample.py"),
    },
    "trialgate": evidence(lambda folder: trialgate(folder, None)),
    "trialgate, any length": evidence(lambda folder: trialgate(folder, 30)),
    "holdout-backtest": evidence(holdout),
    "falsify-backtest": evidence(falsify),
}


def judged(work: Path, peer: str) -> Iterator[dict[str, object]]:
    """Ask a peer about everything that it can judge; an exception is no verdict, and is said."""
    work_list = json.loads((work / "work.json").read_text(encoding="utf-8"))
    for kind, ask in PEERS[peer].items():
        asked: dict[str, list[float]] = {}
        for name in work_list[kind]:
            took = asked.setdefault(name.partition("__")[0], [])
            longest = max(took, default=0.0)
            if kind == "noise" and (longest >= PATIENCE_SECONDS or (longest > SLOW_SECONDS and len(took) >= FEW)):
                refused, why, seconds = None, f"not asked: another took {longest:.0f} s", 0.0
            else:
                refused, why, seconds = answer(ask, work, name)
                took.append(seconds)
            yield {"kind": kind, "name": name, "refused": refused, "why": why, "seconds": round(seconds, 3)}


class TooLongError(BaseException):
    """Somebody else's program did not come to an end."""


def give_up(_number: int, _frame: object) -> None:
    raise TooLongError


def answer(ask: Ask, work: Path, name: str) -> tuple[bool | None, str, float]:
    """Ask about one piece of work and take the time."""
    started = time.process_time()
    np.random.seed(0)  # noqa: NPY002, TID251 - some features of the corpus draw from the global generator
    signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE_SECONDS)
    try:
        refused, why = ask(work, name)
    except TooLongError:
        refused, why = None, f"not asked to the end: no answer within {PATIENCE_SECONDS:.0f} s"
    except Exception as problem:  # noqa: BLE001 - the program of somebody else
        refused, why = None, f"{type(problem).__name__}: {problem}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return refused, why, time.process_time() - started


if __name__ == "__main__":
    folder, asked = Path(sys.argv[1]), sys.argv[2]
    target = folder / "verdicts" / f"{asked}.jsonl"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8") as out:
        for row in judged(folder, asked):
            out.write(json.dumps(row) + "\n")
            out.flush()
