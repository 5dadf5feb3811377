# SPDX-License-Identifier: GPL-3.0-or-later
"""Freqtrade's own analyses of the exported strategies: `python peers_freqtrade.py WORK`.

Both run offline with their own defaults on the same random candles as our audit, each strategy in a process of its own.
FreqAI strategies train a real LightGBM model. Verdicts go to `WORK/verdicts/lookahead-analysis.jsonl` and
`recursive-analysis.jsonl`; strategies that stand there already are left out, so a run can be continued.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import freqtrade.optimize.backtesting as engine
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode
from freqtrade.optimize.analysis.lookahead import LookaheadAnalysis
from freqtrade.optimize.analysis.lookahead_helpers import LookaheadAnalysisSubFunctions
from freqtrade.optimize.analysis.recursive import RecursiveAnalysis
from freqtrade.resolvers import StrategyResolver

from crypto_team.freqtrade.diagnose_data import write_market
from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_source import Source, read_source
from crypto_team.freqtrade.inside import offline

FREQAI: dict[str, Any] = {
    "enabled": True,
    "identifier": "peers",
    "train_period_days": 3,
    "backtest_period_days": 1,
    "feature_parameters": {
        "include_timeframes": ["5m"],
        "include_corr_pairlist": [],
        "label_period_candles": 12,
        "include_shifted_candles": 1,
        "indicator_periods_candles": [10, 20],
    },
    "data_split_parameters": {"test_size": 0.2, "shuffle": False},
    "model_training_parameters": {"n_estimators": 20, "n_jobs": 1, "verbosity": -1},
}
LOOKAHEAD_MARK = "found lookahead in indicator "


class NoProgress:
    """Takes the analyses' progress reports."""

    def add_task(self, *_arguments: Any, **_options: Any) -> int:
        return 0

    def update(self, *_arguments: Any, **_options: Any) -> None:
        return None


class Heard(logging.Handler):
    """Keeps what recursive-analysis says of look-ahead: it says so in its log only."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if LOOKAHEAD_MARK in text:
            self.columns.append(text.rpartition(LOOKAHEAD_MARK)[2])


def configuration(folder: Path, source: Source, pairs: list[str], timerange: str) -> dict[str, Any]:
    """Return a usual configuration for backtests, offline."""
    config: dict[str, Any] = {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "dry_run_wallet": 10_000.0,
        "strategy": source.class_name,
        "strategy_path": str(folder / "strategies"),
        "datadir": folder / "data",
        "user_data_dir": folder,
        "exchange": {"name": "binance", "pair_whitelist": pairs},
        "pairs": pairs,
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": "USDT",
        "stake_amount": 500.0,
        "max_open_trades": len(pairs),
        "timeframe": source.timeframe,
        "fee": 0.001,
        "trading_mode": "futures" if source.can_short else "spot",
        "margin_mode": "isolated" if source.can_short else "",
        "entry_pricing": {"price_side": "same", "use_order_book": True},
        "exit_pricing": {"price_side": "same", "use_order_book": True},
        "dataformat_ohlcv": "feather",
        "export": "none",
        "backtest_cache": "none",
        "timerange": timerange,
        "minimum_trade_amount": 10,
        "targeted_trade_amount": 20,
    }
    if uses_freqai(folder / "strategies"):
        config |= {"freqai": FREQAI, "freqaimodel": "LightGBMRegressor"}
        # FreqAI copies the first of these beside its models.
        config["config_files"] = [str(folder / "config.json")]
        (folder / "config.json").write_text("{}", encoding="utf-8")
    validate_config_consistency(config, preliminary=True)
    return config


def lookahead(config: dict[str, Any], strategy: dict[str, Any], exchange: Any) -> dict[str, Any]:
    """Run lookahead-analysis; too few trades are no verdict."""
    analysis = LookaheadAnalysis(config, strategy)
    analysis.exchange = exchange
    analysis.start(NoProgress())
    seen = analysis.current_analysis
    if analysis.failed_bias_check:
        return {"refused": None, "why": f"too few trades ({seen.total_signals})"}
    why = f"{seen.false_entry_signals} entries, {seen.false_exit_signals} exits, columns {seen.false_indicators}"
    return {"refused": bool(seen.has_bias), "why": why}


def recursive(config: dict[str, Any], strategy: dict[str, Any], exchange: Any) -> dict[str, Any]:
    """Run recursive-analysis; what counts here is its look-ahead part."""
    heard = Heard()
    logger = logging.getLogger("freqtrade.optimize.analysis.recursive")
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    analysis = RecursiveAnalysis(config, strategy)
    analysis.exchange = exchange
    analysis.start(NoProgress())
    return {"refused": bool(heard.columns), "why": ", ".join(heard.columns)}


ANALYSES = {"lookahead-analysis": lookahead, "recursive-analysis": recursive}


def both(given: Path, folder: Path) -> None:
    """Run both analyses of a strategy; an exception is no verdict, and is said."""
    offline.refuse_network()
    engine.get_tick_size_over_time = lambda _frame: None
    shutil.copytree(given, folder / "strategies")
    source = read_source((given / "sample.py").read_text(encoding="utf-8"), "sample.py")
    market = synthetic(source, 0)
    write_market(market, folder / "data")
    first, last = (int(market.own(market.pairs[0]).opens[place]) // 1000 for place in (0, -1))
    # FreqAI trains on what lies before the time range.
    timerange = f"{first + FREQAI['train_period_days'] * 86_400 + 3_600 if uses_freqai(given) else first}-{last}"
    found = {}
    for title, analyse in ANALYSES.items():
        started = time.process_time()
        try:
            config = configuration(folder, source, list(market.pairs), timerange)
            if title == "lookahead-analysis":
                config = LookaheadAnalysisSubFunctions.calculate_config_overrides(config)
            names = sorted({item.pair for item in market.files})
            markets = {pair: offline.market(pair, fee=0.001, decimals=8, futures=source.can_short) for pair in names}
            listed = StrategyResolver.search_all_objects(config, enum_failed=False)
            strategy = next(item for item in listed if item["name"] == source.class_name)
            found[title] = analyse(config, strategy, offline.offline_exchange(config, markets))
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - the strategy or the analysis failed
            found[title] = {"refused": None, "why": f"{type(problem).__name__}: {problem}"[:200]}
        found[title]["seconds"] = round(time.process_time() - started, 2)
    (folder / "verdict.json").write_text(json.dumps(found), encoding="utf-8")


def uses_freqai(folder: Path) -> bool:
    """Tell whether a strategy asks FreqAI for predictions."""
    return "self.freqai" in (folder / "sample.py").read_text(encoding="utf-8")


def main(work: Path) -> None:
    """Analyse every strategy that has no verdict yet."""
    targets = {title: work / "verdicts" / f"{title}.jsonl" for title in ANALYSES}
    for target in targets.values():
        target.parent.mkdir(exist_ok=True)
        target.touch()
    done = {json.loads(line)["name"] for line in targets["recursive-analysis"].read_text().splitlines()}
    context = multiprocessing.get_context("fork")
    for name in json.loads((work / "work.json").read_text(encoding="utf-8"))["strategies"]:
        if name in done:
            continue
        folder = work / "freqtrade" / name
        shutil.rmtree(folder, ignore_errors=True)
        child = context.Process(target=both, args=(work / "strategies" / name, folder))
        child.start()
        child.join()
        found = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        for title, target in targets.items():
            with target.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"kind": "strategies", "name": name, **found[title]}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
