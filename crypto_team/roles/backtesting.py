"""Running the exported strategy through Freqtrade and recording what it did."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.kb import store
from crypto_team.kb.files import write_atomic
from crypto_team.roles import candles, publishing, records
from crypto_team.roles.booking import booked
from crypto_team.roles.cases import newest_backtest, strategy_file
from crypto_team.roles.turns import require_turn
from crypto_team.schemas import Backtest
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.freqtrade.job import BacktestRequest, BacktestRun
    from crypto_team.schemas import MlSpec
    from crypto_team.schemas.evidence import EvidenceMeta
    from crypto_team.schemas.reviews import LookaheadFinding
    from crypto_team.tools.session import Session

WALLET = 10_000.0
LIMIT_SECONDS = 1_800


def run(session: Session, strategy_id: str, *, lookahead: bool) -> Outcome:
    """Run Freqtrade on a strategy that passed the gate, compare signals, book the trial, record BT-NNN."""
    spec = records.ml_spec(session, strategy_id)
    require_turn(session, strategy_id, "backtester")
    evidence = publishing.stored_evidence(session, strategy_id)
    code = strategy_file(session, spec)
    if not code.exists():
        raise NotFoundError(
            f"{strategy_id} has no exported strategy", hint=f"crypto-team ml-engineer export {strategy_id}"
        )
    fingerprint = "sha256:" + hashlib.sha256(code.read_bytes() + evidence.meta.data_hash.encode()).hexdigest()
    with booked(session, strategy_id, kind="backtest", fingerprint=fingerprint) as booking:
        request = make_request(session, spec, evidence.meta, code)
        done, finding = _execute(session, request, lookahead=lookahead)
        booking.measure(evidence.tables.predictions)
        record = _record(session, spec, evidence.meta, done, finding, evidence.tables.predictions, code)
        changes = [
            records.change(session, "backtest", session.layout.backtest(strategy_id, record.backtest_id), record),
            records.registry_change(
                session,
                strategy_id,
                role="backtester",
                event=f"{record.backtest_id}: Freqtrade return {record.metrics['total_return']:+.2%}",
            ),
            booking.finished(),
        ]
        revision = records.save(
            session, "backtester", "run", strategy_id, changes, f"{strategy_id}: {record.backtest_id} in Freqtrade"
        )
    copies = _readable(session, record)
    return Outcome(
        ok=True,
        summary=f"{record.backtest_id}: {record.metrics['n_trades']:.0f} trades, "
        f"{record.metrics['total_return']:+.2%}; signals equal on {record.signal_agreement:.2%} "
        f"of {record.candles_compared} candles; {', '.join(sorted(record.files))} in {copies}",
        revision=revision,
        path=str(session.layout.backtest(strategy_id, record.backtest_id)),
        data=record.metrics,
        next=[f"crypto-team handoff {strategy_id} --to quant_analyst"],
    )


def _readable(session: Session, record: Backtest) -> Path:
    """Copy the files of a run out of the store to where people look; the store keeps what counts."""
    folder = session.layout.backtest_files(record.strategy_id, record.backtest_id)
    for name, digest in record.files.items():
        write_atomic(folder / name, store.get(session.layout, digest).read_bytes(), scratch=session.layout.scratch)
    return folder


def make_request(session: Session, spec: MlSpec, meta: EvidenceMeta, code: Path) -> BacktestRequest:
    """Describe the job: full research candles for the features, trading inside the test folds only."""
    from crypto_team.freqtrade.export import class_name
    from crypto_team.freqtrade.job import BacktestRequest

    features = records.feature_set(session, spec.strategy_id).features
    found = candles.research(session, spec.market, features)
    sources = found.around.sources.values()
    funding = {
        pair: candles.load(session, item)
        for pair in spec.market.pairs
        if (item := candles.find(session, spec.market, pair, "funding")) is not None
    }
    return BacktestRequest(
        strategy_path=code,
        class_name=class_name(spec),
        pairs=tuple(spec.market.pairs),
        exchange=spec.market.exchange,
        timeframe=spec.market.timeframe,
        trading_mode=spec.market.trading_mode,
        bars={**found.around.bars, **found.bars},
        informative=tuple(sorted(found.around.bars)),
        series={Path(item.path).name: candles.load(session, item) for item in sources},
        funding=funding,
        price_decimals={str(item.pair): item.price_decimals for item in found.datasets},
        fee_rate=meta.cost_bps_per_side / 10_000,
        position_fraction=spec.risk.position_fraction,
        wallet=WALLET,
        max_open_trades=max(spec.risk.max_open_positions, 1),
        start=meta.folds[0].test_start,
        end=meta.folds[-1].test_end,
        timeout_seconds=LIMIT_SECONDS,
    )


def _execute(
    session: Session, request: BacktestRequest, *, lookahead: bool
) -> tuple[BacktestRun, LookaheadFinding | None]:
    from crypto_team.freqtrade import job

    with tempfile.TemporaryDirectory(dir=session.layout.scratch) as folder:
        session.progress(0.05, "Freqtrade backtest")
        done = job.backtest(
            request,
            Path(folder) / "backtest",
            progress=lambda share, text: session.progress(0.05 + 0.6 * share, text),
        )
        if not lookahead:
            return done, None
        session.progress(0.7, "Freqtrade look-ahead analysis")
        return done, job.lookahead(request, Path(folder) / "lookahead")


def _record(
    session: Session,
    spec: MlSpec,
    meta: EvidenceMeta,
    done: BacktestRun,
    finding: LookaheadFinding | None,
    predictions: pd.DataFrame,
    code: Path,
) -> Backtest:
    """Put the files of a run into the store and its numbers into a record."""
    from crypto_team.freqtrade.results import result_files, signal_agreement

    files = result_files(done)
    share, compared = signal_agreement(done.signals, predictions, spec.signal)
    return Backtest(
        backtest_id=session.allot("BT"),
        strategy_id=spec.strategy_id,
        freqtrade_version=done.freqtrade_version,
        code_hash="sha256:" + hashlib.sha256(code.read_bytes()).hexdigest(),
        data_hash=meta.data_hash,
        start=meta.folds[0].test_start,
        end=meta.folds[-1].test_end,
        metrics=done.metrics,
        signal_agreement=share,
        candles_compared=compared,
        open_trades_left=done.open_trades_left,
        files={name: store.put(session.layout, content).sha256 for name, content in files.items()},
        lookahead=finding,
        created=records.utc_text(session),
    )


def write_report(session: Session, strategy_id: str) -> Outcome:
    """Render backtest-report.md from the newest run; every number comes from its record."""
    found = newest_backtest(session, strategy_id)
    if found is None:
        raise NotFoundError(
            f"{strategy_id} was never run in Freqtrade", hint=f"crypto-team backtester run {strategy_id}"
        )
    lines = [
        f"# {strategy_id}: {found.backtest_id}",
        "",
        f"Freqtrade {found.freqtrade_version}, {found.start} to {found.end}.",
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {name} | {value:.6g} |" for name, value in sorted(found.metrics.items())),
        f"| signal agreement | {found.signal_agreement:.6g} |",
        "",
    ]
    if found.lookahead:
        lines += [f"Look-ahead analysis: {found.lookahead.verdict}. {found.lookahead.explanation}", ""]
    path = session.layout.backtest_report(strategy_id)
    change = records.change(session, "backtest_report", path, "\n".join(lines))
    revision = records.save(session, "backtester", "report", strategy_id, [change], f"{strategy_id}: backtest report")
    return Outcome(ok=True, summary=f"report of {found.backtest_id} written", path=str(path), revision=revision)
