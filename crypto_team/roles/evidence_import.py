"""Bringing in results from elsewhere: read without trust, stored by content, booked as the trials that they declare."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from crypto_team.kb import store
from crypto_team.kb.ownership import check_write
from crypto_team.kb.registry import entry
from crypto_team.roles import records
from crypto_team.roles.booking import booked
from crypto_team.roles.ledger_tools import refuse_again
from crypto_team.schemas import EvidenceManifest
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.gates.case import Case
    from crypto_team.tools.session import Session

Origin = Literal["folder", "freqai"]


@tool(role="ml_engineer", group="evidence", name="import", long=True)
def evidence_import(
    session: Session,
    folder: Path,
    *,
    out: Path | None = None,
    strategy: StrategyId | None = None,
    from_: Origin = "folder",
    cost_bps: float = 10.0,
    data: Path | None = None,
    target: str = "",
) -> Outcome:
    """Bring in evidence from elsewhere: say what is there, what is missing and what breaks the form.

    With a strategy the files are stored by content, and the trials that they declare are booked in the ledger.

    Parameters
    ----------
    folder
        Folder with meta.yaml, predictions.parquet and the other tables (docs/reference/evidence.md). Of FreqAI:
        user_data/models/IDENTIFIER of a backtest.
    out
        Copy the files of the form, and nothing else, to this folder.
    strategy
        For example STR-001: keep it in the knowledge base.
    from_
        Who wrote the folder: `folder` for the form of evidence, `freqai` for predictions of a FreqAI backtest.
    cost_bps
        FreqAI: fee and slippage of each change of position in basis points, which it does not record.
    data
        FreqAI: data directory in Freqtrade's format; user_data/data otherwise.
    target
        FreqAI: the target that is judged; the first otherwise.
    """
    with TemporaryDirectory(prefix="evidence-") as scratch:
        source = session.folder / folder
        if from_ == "freqai":
            source = _from_freqai(session, source, Path(scratch), cost_bps, data, target)
        return _brought_in(session, folder, source, out, strategy)


def _from_freqai(
    session: Session, source: Path, scratch: Path, cost_bps: float, data: Path | None, target: str
) -> Path:
    from crypto_team.freqtrade.freqai_evidence import convert

    session.progress(0.05, "reading FreqAI's predictions")
    candles = None if data is None else session.folder / data
    return convert(source, scratch, cost_bps=cost_bps, data=candles, column=target)


def _brought_in(session: Session, folder: Path, source: Path, out: Path | None, strategy: StrategyId | None) -> Outcome:
    from crypto_team.gates.imported.case import case_from_folder
    from crypto_team.roles.seals import refuse_sealed

    session.progress(0.1, "reading the evidence")
    case = case_from_folder(source, strategy or "STR-000")
    refuse_sealed(session, source, case)
    if out is not None:
        _copied(source, session.folder / out)
    broken = any(item.severity == "error" for item in case.document_findings or [])
    kept = strategy is not None and not broken
    revision = _kept(session, strategy, source, case) if strategy is not None and kept else None
    return _answer(folder, case, out, strategy if kept else None, revision)


def _copied(source: Path, target: Path) -> None:
    """Copy the files of the form, and nothing else."""
    from crypto_team.kb.files import write_atomic

    target.mkdir(parents=True, exist_ok=True)
    for path in _files(source):
        write_atomic(target / path.name, path.read_bytes())


def _files(folder: Path) -> list[Path]:
    from crypto_team.gates.imported.contracts import CONTRACTS

    names = {alias for name, contract in CONTRACTS.items() for alias in (name, *contract.aliases)}
    found = [folder / name for name in ("meta.yaml", "folds.yaml")]
    found += [folder / f"{name}{ending}" for name in sorted(names) for ending in (".parquet", ".csv")]
    return [path for path in found if path.is_file()]


def _kept(session: Session, strategy_id: StrategyId, folder: Path, case: Case) -> str | None:
    """Store the files by content and book what was tried; what may not be kept is not booked either."""
    from crypto_team.validation.evidence_io import prediction_hash
    from crypto_team.validation.significance import moments

    entry(session.layout, strategy_id)
    check_write(session.layout, "ml_engineer", "evidence_import", "imported_evidence")
    contents = {path.name: path.read_bytes() for path in _files(folder)}
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(name.encode() + hashlib.sha256(content).digest())
    fingerprint = "sha256:" + digest.hexdigest()
    refuse_again(session, "evaluate", fingerprint)
    tried = case.ledger.n_trials if case.ledger is not None else 1
    note = f"imported: {tried} trials declared"
    with booked(session, strategy_id, kind="evaluate", fingerprint=fingerprint, n_trials=tried, note=note) as booking:
        objects = {name: store.put(session.layout, content) for name, content in contents.items()}
        shown = list(case.ledger.sharpes) if case.ledger is not None else []
        if case.returns is not None:
            booking.shown(prediction_hash(case.returns.predictions))
            own = moments(case.returns.daily)
            booking.sharpes = [*shown[: max(0, tried - 1)], own.sharpe if own.std > 0 else 0.0]
            booking.n_periods = own.n
        manifest = EvidenceManifest(
            strategy_id=strategy_id,
            trial_id=booking.trial_id,
            spec_hash=fingerprint,
            recorded=records.utc_text(session),
            objects=objects,
        )
        path = session.layout.imported_evidence(strategy_id)
        changes = [records.change(session, "imported_evidence", path, manifest), booking.finished()]
        text = f"{strategy_id}: evidence imported, {tried} trials"
        return records.save(session, "ml_engineer", "evidence_import", strategy_id, changes, text)


def _answer(folder: Path, case: Case, out: Path | None, strategy: StrategyId | None, revision: str | None) -> Outcome:
    from crypto_team.gates.imported.contracts import CONTRACTS
    from crypto_team.gates.imported.listing import inventory

    wrong = [item for item in case.document_findings or [] if item.severity == "error"]
    there = case.imported.tables if case.imported is not None else frozenset()
    return Outcome(
        ok=not wrong,
        summary=f"{folder}: {len(there)} of {len(CONTRACTS)} tables, {len(wrong)} breach(es) of the form"
        + (f"; kept as evidence of {strategy}" if strategy else ""),
        path=None if out is None else str(out),
        revision=revision,
        data=inventory(case),
        findings=wrong,
        next=[f"crypto-team gate check --evidence {out or folder}"],
        exit_code=1 if wrong else 0,
    )
