"""Freqtrade as a child process: offline, with limits, killed with its whole group when it has to stop."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from crypto_team.data.frame import epoch_ms
from crypto_team.data.importing import to_freqtrade
from crypto_team.errors import InputError, MissingExtraError, WorkerError
from crypto_team.executors import run_child
from crypto_team.freqtrade.results import metrics
from crypto_team.schemas.reviews import LookaheadFinding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MEMORY_MB = 8192
LEAST_TRADES, MOST_TRADES = 5, 10


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """One job for Freqtrade.

    `bars` are all candles that features may see, from the first one on; trading happens in [start, end) only.
    `fee_rate` is the fraction of the traded value that each side costs. `informative` pairs are read, not traded; their
    candles are among `bars`. `series` are tables of the catalog by the name of their file.
    """

    strategy_path: Path
    class_name: str
    pairs: tuple[str, ...]
    exchange: str
    timeframe: str
    trading_mode: str
    bars: Mapping[str, pd.DataFrame]
    funding: Mapping[str, pd.DataFrame]
    price_decimals: Mapping[str, int]
    fee_rate: float
    position_fraction: float
    wallet: float
    max_open_trades: int
    start: str
    end: str
    timeout_seconds: float = 1800.0
    informative: tuple[str, ...] = ()
    series: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BacktestRun:
    """What Freqtrade did.

    `trades` has one row per closed trade, `signals` one per pair and candle of the trading range, `metrics` the
    numbers computed from the trades, and `rejected_signals`: entries for which no position was free. A trade that is
    left open at the end is a defect of the run.
    """

    trades: pd.DataFrame
    signals: pd.DataFrame
    metrics: dict[str, float]
    open_trades_left: int
    freqtrade_version: str
    wallet: float
    start: str
    end: str


def backtest(
    request: BacktestRequest, workdir: Path, *, progress: Callable[[float, str], None] | None = None
) -> BacktestRun:
    """Run a backtest and return its trades and the signals that the engine saw.

    Raises
    ------
    MissingExtraError
        Freqtrade is not installed.
    WorkerError
        The strategy failed, or the run took longer than allowed.
    """
    report = progress or (lambda _share, _text: None)
    _write(request, workdir, timerange=_timerange(request.start, request.end))
    report(0.2, "Freqtrade is running")
    _child("backtest", workdir, request.timeout_seconds)
    report(0.9, "reading results")
    result = json.loads((workdir / "result.json").read_text(encoding="utf-8"))
    trades = pd.read_parquet(workdir / "trades.parquet")
    signals = pd.read_parquet(workdir / "signals.parquet")
    found = metrics(trades, signals, wallet=request.wallet, start=request.start, end=request.end)
    return BacktestRun(
        trades=trades,
        signals=signals,
        metrics=found | {"rejected_signals": float(result["rejected_signals"])},
        open_trades_left=int(result["open_trades_left"]),
        freqtrade_version=str(result["freqtrade_version"]),
        wallet=request.wallet,
        start=request.start,
        end=request.end,
    )


def lookahead(request: BacktestRequest, workdir: Path) -> LookaheadFinding:
    """Run Freqtrade's look-ahead analysis on up to ten trades and say what its verdict is worth."""
    first = min(epoch_ms(frame["timestamp"])[0] for frame in request.bars.values()) // 1000
    stop = int(datetime.fromisoformat(request.end).timestamp())
    _write(request, workdir, timerange=f"{first}-{stop}")
    _child("lookahead", workdir, request.timeout_seconds)
    found: dict[str, Any] = json.loads((workdir / "result.json").read_text(encoding="utf-8"))
    few = found.pop("failed")
    verdict = "no_verdict" if few else "biased" if found["has_bias"] else "clean"
    return LookaheadFinding.model_validate(found | {"verdict": verdict, "explanation": _explain(verdict, found)})


def _explain(verdict: str, found: dict[str, Any]) -> str:
    """Say in words what the analysis saw."""
    if verdict == "no_verdict":
        return f"{found['total_signals']} usable trades are too few for Freqtrade's analysis; our own probes decide."
    if verdict == "clean":
        return (
            f"{found['total_signals']} trades were repeated on cut candles, nothing changed. Later trades, and what "
            "stored models were trained on, are outside of this analysis; the leakage checks look at those."
        )
    return (
        f"{found['biased_entry_signals']} entries, {found['biased_exit_signals']} exits and the columns "
        f"{', '.join(found['biased_indicators']) or 'none'} changed when later candles were cut off. "
        "Known false alarms: columns that no signal reads, and entries that depend on other pairs or on open trades."
    )


def _timerange(start: str, end: str) -> str:
    return f"{int(datetime.fromisoformat(start).timestamp())}-{int(datetime.fromisoformat(end).timestamp())}"


def _write(request: BacktestRequest, workdir: Path, *, timerange: str) -> None:
    """Write the request and its candles for the child."""
    if importlib.util.find_spec("freqtrade") is None:
        raise MissingExtraError("Freqtrade is not installed", hint="pip install 'crypto-team[freqtrade]'")
    if not request.strategy_path.is_file():
        raise InputError("there is no strategy file", where=str(request.strategy_path))
    workdir.mkdir(parents=True, exist_ok=True)
    strategy_folder = _copy_bundle(request.strategy_path, workdir / "bundle")
    (workdir / "bundle" / "series").mkdir(exist_ok=True)
    for name, table in request.series.items():
        table.to_parquet(workdir / "bundle" / "series" / name, index=False)
    files, funding_files = {}, {}
    informative = [pair for pair in request.informative if pair not in request.pairs]
    for number, pair in enumerate([*request.pairs, *informative]):
        files[pair] = f"candles_{number}.parquet"
        to_freqtrade(request.bars[pair]).to_parquet(workdir / files[pair], index=False)
        if pair in request.funding:
            funding_files[pair] = f"funding_{number}.parquet"
            funding = request.funding[pair].rename(columns={"timestamp": "date"})
            funding.to_parquet(workdir / funding_files[pair], index=False)
    asked = {
        "class_name": request.class_name,
        "strategy_folder": str(strategy_folder),
        "pairs": list(request.pairs),
        "exchange": request.exchange,
        "timeframe": request.timeframe,
        "trading_mode": request.trading_mode,
        "price_decimals": dict(request.price_decimals),
        "fee_rate": request.fee_rate,
        "position_fraction": request.position_fraction,
        "wallet": request.wallet,
        "max_open_trades": request.max_open_trades,
        "timerange": timerange,
        "informative": informative,
        "files": files,
        "funding_files": funding_files,
        "least_trades": LEAST_TRADES,
        "most_trades": MOST_TRADES,
    }
    (workdir / "request.json").write_text(json.dumps(asked), encoding="utf-8")


def _copy_bundle(strategy: Path, bundle: Path) -> Path:
    """Copy strategy, models and feature code; Freqtrade imports every file beside a strategy, so it lies alone."""
    folder = bundle / "strategy"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(strategy, folder / strategy.name)
    models = strategy.parent.parent / "model"
    if models.is_dir():
        shutil.copytree(models, bundle / "model", dirs_exist_ok=True)
    (bundle / "code").mkdir(exist_ok=True)
    for path in sorted(strategy.parent.glob("*.py")):
        if path != strategy:
            shutil.copy(path, bundle / "code" / path.name)
    return folder


def _child(job: str, workdir: Path, seconds: float) -> None:
    """Run one module of `inside` on the work folder."""
    command = [sys.executable, "-m", f"crypto_team.freqtrade.inside.{job}", str(workdir)]
    try:
        run_child(command, workdir, seconds=seconds, memory_mb=MEMORY_MB)
    except WorkerError as problem:
        raise WorkerError(f"Freqtrade: {problem.what}", where=problem.where, hint=problem.hint) from None
    if not (workdir / "result.json").exists():
        raise WorkerError("Freqtrade ended without a result", where=str(workdir / "child.log"))
