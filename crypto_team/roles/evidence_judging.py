"""Judging at a gate without recording: a strategy of the workspace, or a folder of evidence from anywhere."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError, EvidenceError, UsageError
from crypto_team.kb.handoffs import current_stage
from crypto_team.roles import records
from crypto_team.roles.handoff import findings, judge, next_stage, rows
from crypto_team.schemas.base import CheckCode, StrategyId
from crypto_team.schemas.gate import Policy, Profile
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.gates.case import Case
    from crypto_team.schemas.gate import GateReport
    from crypto_team.tools.session import Session


@tool(role="every", group="gate", name="check", read_only=True, long=True)
def gate_check(
    session: Session,
    strategy_id: StrategyId | None = None,
    /,
    *,
    gate: str | None = None,
    evidence: Path | None = None,
    profile: Profile | None = None,
    html: Path | None = None,
) -> Outcome:
    """Judge a strategy at a gate, or a folder of evidence from anywhere, without recording anything.

    A folder needs no workspace: `gate check --evidence DIR`.

    Parameters
    ----------
    strategy_id
        For example STR-001; with a folder of evidence it is only a name.
    gate
        For example ml_engineer->data_collector; the next gate of the strategy where not given.
    evidence
        Folder with meta.yaml, predictions.parquet and the other tables (docs/reference/evidence.md).
    profile
        strict, seed-literal or research; the policy of the workspace where not given, else strict.
    html
        Write the verdict as one page with pictures.
    """
    case, report = (
        _of_folder(session, evidence, profile, strategy_id)
        if evidence is not None
        else (None, _of_strategy(session, strategy_id, gate))
    )
    if html is not None:
        from crypto_team.roles.evidence_page import write_page

        write_page(session.folder / html, report, case)
    return answer(report, session.folder / html if html is not None else None)


def _of_strategy(session: Session, strategy_id: StrategyId | None, gate: str | None) -> GateReport:
    if strategy_id is None:
        raise UsageError(
            "neither a strategy nor evidence is named",
            hint="crypto-team gate check STR-001, or gate check --evidence DIR",
        )
    stage = current_stage(session.layout, strategy_id)
    return judge(session, strategy_id, gate or f"{stage}->{next_stage(stage)}")


def _of_folder(
    session: Session, folder: Path, profile: Profile | None, strategy_id: StrategyId | None
) -> tuple[Case, GateReport]:
    from crypto_team.gates.imported.case import IMPORTED_ID, case_from_folder
    from crypto_team.gates.policy import IMPORTED
    from crypto_team.gates.run import run_gate
    from crypto_team.roles.seals import refuse_sealed

    session.progress(0.0, "reading the evidence")
    case = case_from_folder(session.folder / folder, strategy_id or IMPORTED_ID)
    if case.meta is None:
        told = "; ".join([*case.evidence_problems, *(item.message for item in case.document_findings or [])])
        raise EvidenceError(f"there are no predictions to judge: {told}"[:1000], where=str(folder))
    refuse_sealed(session, session.folder / folder, case)
    report = run_gate(IMPORTED, case, _policy(session, profile), progress=session.progress)
    return case, report


def _policy(session: Session, profile: Profile | None) -> Policy:
    if profile is not None:
        return Policy(profile=profile)
    if session.workspace is None:
        return Policy()
    try:
        return records.policy(session)
    except CryptoTeamError:
        return Policy()


def answer(report: GateReport, page: Path | None = None) -> Outcome:
    """Return a report as the answer of a tool: one word, every check with its numbers, and what to do about it."""
    from crypto_team.gates.run import verdict

    word = verdict(report)
    failed = [item for item in report.results if item.outcome != "passed" and item.blocking]
    good = sum(item.outcome == "passed" for item in report.results)
    codes = f": {', '.join(item.code for item in failed)}" if failed else ""
    return Outcome(
        ok=report.passed,
        summary=f"{report.gate}: {word.replace('_', ' ')} ({good} of {len(report.results)} checks passed){codes}",
        path=None if page is None else str(page),
        data=rows(report) if page is None and report.gate != "imported" else _full(report, word),
        findings=findings(failed),
        next=list(dict.fromkeys(text for item in failed for text in item.next))[:5],
        exit_code=0 if report.passed else 3,
    )


def _full(report: GateReport, word: str) -> dict[str, object]:
    """Return all that programs want to know: the verdict, and of every check interval and explanation too."""
    checks = [
        {**row, "interval": item.interval, "blocking": item.blocking, "explanation": item.explanation}
        for row, item in zip(rows(report), report.results, strict=True)
    ]
    about = {"verdict": word, "gate": report.gate, "profile": report.profile, "policy": report.policy_digest}
    return {**about, "deviations": "; ".join(report.deviations) or "none", "checks": checks}


@tool(role="every", group="gate", name="list", read_only=True)
def gate_list(session: Session) -> Outcome:
    """List the gates and their checks."""
    from crypto_team.gates.policy import GATES

    # One line for each family of checks: a gate with all of them would not fit any terminal.
    data = [
        {
            "gate": name,
            "checks": "\n".join(" ".join(codes) for _, codes in groupby(sorted(gate.codes), lambda x: x[:2])),
        }
        for name, gate in GATES.items()
    ]
    return Outcome(ok=True, summary=f"{len(data)} gates", data=data)


@tool(role="every", group="gate", name="explain", read_only=True)
def gate_explain(session: Session, code: CheckCode) -> Outcome:
    """Explain one check: what must hold, how it is measured, where it comes from, what to do.

    Parameters
    ----------
    code
        For example OF010.
    """
    from crypto_team.gates.explained import explain

    return Outcome(ok=True, summary=code, data=explain(code))
