"""The ML report: rendered from stored evidence, pictures beside it, one self-contained page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb.files import write_atomic
from crypto_team.roles import ledgers, publishing, records
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crypto_team.gates.case import LedgerView
    from crypto_team.reports.report_data import ReportData
    from crypto_team.schemas import MlSpec
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence


def write_report(session: Session, strategy_id: str) -> Outcome:
    """Render ml-report.md into the knowledge base and the page beside the evidence store."""
    from crypto_team.reports.pictures import draw_pictures

    spec = records.ml_spec(session, strategy_id)
    session.progress(0.1, "reading evidence")
    evidence = publishing.stored_evidence(session, strategy_id)
    found = data(evidence, ledgers.ledger_view(session))
    session.progress(0.4, "drawing")
    drawn = draw_pictures(evidence.meta, evidence.tables, found)
    layout = session.layout
    folder = layout.pictures_dir(strategy_id)
    text = _text(session, spec, evidence, found, drawn)
    page = _page(session, spec, found, drawn)
    changes = [
        records.change(session, "ml_report", layout.ml_report(strategy_id), text),
        *(records.change(session, "ml_report", folder / f"{name}.svg", picture) for name, picture in drawn.items()),
        records.registry_change(session, strategy_id, role="ml_engineer", event="report rendered"),
    ]
    revision = records.save(session, "ml_engineer", "report", strategy_id, changes, f"{strategy_id}: report rendered")
    html = layout.reports / f"{strategy_id}.html"
    write_atomic(html, page.encode())
    session.progress(1.0, "rendered")
    return Outcome(
        ok=True,
        summary=f"report written, page at {html}",
        path=str(layout.ml_report(strategy_id)),
        revision=revision,
        data={"report": str(layout.ml_report(strategy_id)), "page": str(html)},
        next=[f"crypto-team ml-engineer export {strategy_id}"],
    )


def _text(session: Session, spec: MlSpec, evidence: Evidence, found: ReportData, pictures: Iterable[str]) -> str:
    from crypto_team.reports.ml_report import render_ml_report
    from crypto_team.validation.trained_with import changed_since

    paths = {name: f"pictures/{name}.svg" for name in pictures}
    features = records.feature_set(session, spec.strategy_id)
    code = session.layout.code_dir(spec.strategy_id).parent
    changed = changed_since(evidence.meta, spec, features, code)
    return render_ml_report(spec, features, evidence.meta, found, paths, changed=changed)


def rendered_again(session: Session, spec: MlSpec, evidence: Evidence, ledger: LedgerView) -> str:
    """Render the report anew from evidence, documents and a ledger, with the pictures that lie beside it."""
    pictures = sorted(path.stem for path in session.layout.pictures_dir(spec.strategy_id).glob("*.svg"))
    return _text(session, spec, evidence, data(evidence, ledger), pictures)


def _page(session: Session, spec: MlSpec, found: ReportData, drawn: dict[str, bytes]) -> str:
    """Render the self-contained page of one strategy."""
    from crypto_team.reports.html import StrategyPage, render_single
    from crypto_team.reports.pictures import TITLES

    strategy_id = spec.strategy_id
    return render_single(
        StrategyPage(
            strategy_id=strategy_id,
            name=spec.strategy_name,
            intent=spec.hypothesis or (spec.target.definition if spec.target else ""),
            verdict=registry_status(session, strategy_id),
            deciding=None,
            gates=[],
            numbers=found.headline,
            pictures={TITLES[name]: picture.decode() for name, picture in drawn.items()},
            data=found,
        ),
        footer=f"Evidence of trial {store_trial(session, strategy_id)}, rendered by crypto-team.",
    )


def data(evidence: Evidence, ledger: LedgerView) -> ReportData:
    """Compute every number of a report, with the ledger of the whole registry."""
    from crypto_team.reports.report_data import TrialLedger, report_data

    return report_data(evidence.meta, evidence.tables, TrialLedger(ledger.n_trials, ledger.sharpes, ledger.searches))


def registry_status(session: Session, strategy_id: str) -> str:
    """Return where a strategy stands, as pages say it."""
    from crypto_team.kb.registry import entry

    found = entry(session.layout, strategy_id)
    return f"{found.status.replace('_', ' ')} (with the {found.stage.replace('_', ' ')})"


def store_trial(session: Session, strategy_id: str) -> str:
    """Return the trial that the evidence of a strategy belongs to."""
    from crypto_team.kb.evidence import load_manifest

    return load_manifest(session.layout, strategy_id).trial_id
