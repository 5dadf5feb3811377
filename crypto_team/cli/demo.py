"""The demo: three strategies through the real pipeline, on a market whose truth is known, ending in one page."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crypto_team.cli import demo_steps as steps
from crypto_team.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.reports.html import StrategyPage

FOLDER = "demo-workspace"
EDGE_SEED = 21
BARS = 21_000
ORACLE_SHARPE = 8.0
# A market without any edge on which luck looks good: as the only try, the best of them would all but pass.
NOISE_SEED = 22
NOISE_TRIALS = 120
EXCHANGE = "synthetic"


def run_demo(*, folder: Path, data: Sequence[Path], pair: str | None, timeframe: str, exchange: str) -> int:
    """Run the demo in a fresh workspace and return the exit code.

    Without `data` it shows three strategies on synthetic markets: a planted edge that is approved, the same with a
    leaking feature, and the best of many noise strategies. With `data` it takes the user's candles through the path
    of the first.
    """
    from crypto_team.features.warming import warm

    target = _fresh(folder)
    crew = steps.Crew.hire(target)
    pages: list[StrategyPage] = []
    with crew.watch() as told:
        told("compiling what computes features (once for each version)")
        warm(crew.bar)
        if data:
            if pair is None:
                raise UsageError("--data needs --pair", hint="for example --pair BTC/USD --timeframe 1h")
            told(f"your candles: {', '.join(item.name for item in data)}")
            crew.use("data.import", file=list(data), exchange=exchange, pair=pair, timeframe=timeframe)
            pages.append(honest(crew, pair, timeframe, "your own candles, the standard features"))
        else:
            pages += _three(crew, told)
    return _finish(crew, pages)


def _three(crew: steps.Crew, told: Any) -> list[StrategyPage]:
    """Make the synthetic markets and run the three stories."""
    told("making two synthetic markets of known truth")
    with tempfile.TemporaryDirectory() as scratch:
        for pair, seed, sharpe in (("EDGE/USD", EDGE_SEED, ORACLE_SHARPE), ("NOISE/USD", NOISE_SEED, 0.0)):
            file = Path(scratch) / f"{pair.replace('/', '_').lower()}.parquet"
            stated = steps.write_market(file, seed=seed, bars=BARS, oracle_sharpe=sharpe)
            crew.use("data.import", file=[file], exchange=EXCHANGE, pair=pair, timeframe="1h", source=stated)
        told("STR-001: an edge that is really there")
        planted = honest(crew, "EDGE/USD", "1h", "a planted edge, the standard features")
        told("STR-002: the same with a feature that looks ahead")
        leaking = _leaking(crew, Path(scratch))
    told("STR-003: the best of many strategies on pure noise")
    return [planted, leaking, _lucky(crew)]


def honest(crew: steps.Crew, pair: str, timeframe: str, intent: str) -> StrategyPage:
    """Take a strategy with the standard features as far as the gates let it."""
    strategy_id = steps.design(crew, "planted_edge" if pair == "EDGE/USD" else "own_candles", pair, timeframe)
    crew.use("ml_engineer.set-model", strategy_id=strategy_id)
    crew.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=0.52, exit=0.5)
    return steps.judge(crew, strategy_id, intent)


def _leaking(crew: steps.Crew, scratch: Path) -> StrategyPage:
    """Add a Python feature that is centred on the bar, and let the gate find it."""
    strategy_id = steps.design(crew, "leaking_feature", "EDGE/USD", "1h")
    file = scratch / "centred.py"
    file.write_text(steps.LEAK, encoding="utf-8")
    crew.use("ml_engineer.add-code", strategy_id=strategy_id, file=file)
    crew.use("ml_engineer.add-feature", strategy_id=strategy_id, python="code/centred.py:centred_deviation")
    crew.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=0.52, exit=0.5)
    return steps.judge(crew, strategy_id, "the same market, one feature is a centred average", leak="centred_deviation")


def _lucky(crew: steps.Crew) -> StrategyPage:
    """Search on noise, keep the best, and let the deflated Sharpe ratio judge it."""
    strategy_id = steps.design(crew, "best_of_noise", "NOISE/USD", "1h")
    # Platt's sigmoid believes the noise of few labels, as people who search do.
    crew.use(
        "ml_engineer.set-model", strategy_id=strategy_id, model="logistic", param=["l2=0.05"],
        calibration="ordered_platt", max_features=6,
    )  # fmt: skip
    crew.use("ml_engineer.sweep", strategy_id=strategy_id, trials=NOISE_TRIALS, features_per_trial=1)
    return steps.judge(crew, strategy_id, f"the best of {NOISE_TRIALS} strategies on a market without any edge")


def _fresh(folder: Path) -> Path:
    """Empty the demo's own folder; anything that is not a workspace of the demo is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / steps.MARKER).exists():
            raise UsageError(
                "the folder is not empty and no earlier demo made it", where=str(folder), hint="give another --path"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / steps.MARKER).write_text("made by crypto-team demo; the next demo empties this folder\n")
    return folder


def _finish(crew: steps.Crew, pages: Sequence[StrategyPage]) -> int:
    """Write the page and print the table."""
    from rich.console import Console

    from crypto_team.reports.html import render_page
    from crypto_team.reports.table import verdict_table

    page = crew.folder / "demo.html"
    text = render_page(
        "crypto-team demo",
        pages,
        footer=f"Made by crypto-team demo in {crew.folder}. Every number was computed from stored evidence.",
        lead="Each strategy went through the same gates; each number was recomputed from stored evidence.",
    )
    page.write_text(text, encoding="utf-8")
    Console().print(verdict_table(pages))
    click.echo(f"page: {page.resolve()}")
    return 0
