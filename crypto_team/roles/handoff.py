"""Handoffs and gates: tools that every role has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from crypto_team.errors import RefusedError, UsageError
from crypto_team.kb import standing, verdicts
from crypto_team.kb.handoffs import PIPELINE, current_stage, make_handoff, signing_key
from crypto_team.kb.registry import entry
from crypto_team.roles import cases, holdout, records
from crypto_team.roles.turns import require_sender
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas.base import Stage
    from crypto_team.schemas.gate import CheckResult, GateReport
    from crypto_team.tools.session import Session

Receiver = Literal["data_collector", "backtester", "quant_analyst", "critic", "risk_manager", "execution_specialist"]
GATES_WITH_REPLAY = frozenset({"data_collector->backtester", "critic->risk_manager"})


def next_stage(stage: Stage) -> Stage:
    """Return who receives work from `stage`."""
    if stage in {"strategy_researcher", "ml_engineer"}:
        return "data_collector"
    if stage == PIPELINE[-1]:
        raise UsageError("the execution specialist hands work back by return-work, not forward")
    return PIPELINE[PIPELINE.index(stage) + 1]


def judge(session: Session, strategy_id: str, gate: str, *, opening: Stage | None = None) -> GateReport:
    """Recompute every check of one gate; where nothing but the sealed bars is open, `opening` reads them."""
    from crypto_team.gates.run import run_checks, run_gate

    session.progress(0.0, f"gathering evidence for {gate}")
    case = cases.gather(session, strategy_id, with_replay=gate in GATES_WITH_REPLAY)
    policy = records.policy(session)
    report = run_gate(gate, case, policy, progress=lambda done, text: session.progress(0.5 + 0.5 * done, text))
    failed = [item.code for item in report.results if item.outcome != "passed"]
    if opening is None or failed != [holdout.HOLDOUT_CHECK] or case.holdout is not None:
        return report
    session.progress(0.9, "opening the sealed bars")
    opened = replace(case, holdout=holdout.look(session, strategy_id, opening))
    [answer] = run_checks([holdout.HOLDOUT_CHECK], opened, policy, gate=gate)
    results = [answer if item.code == answer.code else item for item in report.results]
    return report.model_copy(update={"results": results, "passed": answer.outcome == "passed"})


def rows(report: GateReport) -> list[dict[str, str | float | None]]:
    """Show the checks of a report as rows of a table."""
    return [
        {
            "code": item.code,
            "check": item.title,
            "outcome": item.outcome,
            "value": item.value,
            "bound": item.bound and item.bound.replace("_", " "),
            "threshold": item.threshold,
            "unit": item.unit,
        }
        for item in report.results
    ]


def findings(results: list[CheckResult]) -> list[Finding]:
    """Turn every check that did not pass into a finding with its explanation and its remedy."""
    return [
        Finding(
            code=item.code,
            severity="error",
            message=f"{item.title}: {item.explanation}",
            **_place(item.evidence),
            hint="; ".join(item.next) or None,
        )
        for item in results
        if item.outcome != "passed"
    ]


_PLACE = re.compile(r"([\w./-]+\.[a-z]{1,8})(?::(\d+)(?::(\d+))?)?(?=[:,\s]|$)")


def _place(evidence: Sequence[str]) -> dict[str, Any]:
    """Return file, line and column of the first evidence that names a file; nothing where none does."""
    for text in evidence:
        found = _PLACE.match(text)
        if found:
            line, column = (int(each) if each else None for each in found.groups()[1:])
            return {"file": found[1], "line": line, "col": column}
    return {}


@tool(role="every", long=True)
def handoff(session: Session, strategy_id: StrategyId, *, to: Receiver, dry_run: bool = False) -> Outcome:
    """Hand a strategy to the next role: its gate recomputes everything, and either records the handoff or refuses.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    to
        Who receives it; the next role of the pipeline.
    dry_run
        Judge, but record nothing.
    """
    return attempt(session, strategy_id, to, dry_run=dry_run)[1]


def attempt(session: Session, strategy_id: str, to: Receiver, *, dry_run: bool = False) -> tuple[GateReport, Outcome]:
    """Judge a handoff, record it where it passes, and return the report with the answer."""
    if entry(session.layout, strategy_id).type == "rule_based":
        raise RefusedError(
            "the gates judge walk-forward evidence, and a rule-based strategy has none",
            hint=f"crypto-team strategy-researcher test-rule {strategy_id}, or use the rule as features of a model: "
            "crypto-team ml-engineer new",
        )
    sender = current_stage(session.layout, strategy_id)
    require_sender(session, strategy_id, sender)
    expected = next_stage(sender)
    if to != expected:
        raise RefusedError(
            f"{strategy_id} is with the {sender}; the next to receive it is the {expected}, not the {to}",
            hint=f"crypto-team handoff {strategy_id} --to {expected}",
        )
    _require_free(session, strategy_id, sender, to)
    if not dry_run:
        signing_key(session.layout)  # refused now, not after minutes of judging
    report = judge(session, strategy_id, f"{sender}->{to}", opening=None if dry_run else sender)
    session.progress(1.0, "judged")
    if not report.passed:
        return report, _refused(session, strategy_id, report, dry_run=dry_run)
    if dry_run:
        return report, Outcome(ok=True, summary=f"{report.gate} would pass; nothing recorded", data=rows(report))
    return report, _recorded(session, strategy_id, sender, to, report)


def _require_free(session: Session, strategy_id: str, sender: Stage, to: Receiver) -> None:
    """Refuse to hand over what was rejected or halted, as long as that is about the strategy as it is.

    Raises
    ------
    RefusedError
        It was, and nothing changed; or somebody else than the risk manager wrote that it is approved.
    """
    for doubt in standing.doubts(session.layout, strategy_id) if to == "execution_specialist" else ():
        hint = f"crypto-team history {strategy_id} shows who wrote that; crypto-team risk-manager approve {strategy_id}"
        raise RefusedError(f"the entry of {strategy_id} says {doubt}", hint=hint)
    status = entry(session.layout, strategy_id).status
    if status not in {"rejected", "halted"}:
        return
    verdict = verdicts.Verdict(status, verdicts.GIVEN_BY[status], None)
    if sender == "risk_manager" or not verdicts.permitted(session.layout, strategy_id, sender, "in_progress", to):
        what = f"{strategy_id} is {verdict.told}, and is not handed over"
        raise RefusedError(what, hint=verdicts.way_on(verdict, strategy_id))


def _recorded(session: Session, strategy_id: str, sender: Stage, to: Receiver, report: GateReport) -> Outcome:
    """Write the handoff record and move the strategy on."""
    record, changes = make_handoff(
        session.layout, strategy_id, sender=sender, receiver=to, report=report, now=session.now()
    )
    changes.append(
        records.registry_change(
            session,
            strategy_id,
            role=sender,
            event=f"handed to {to}: {len(report.results)} checks passed",
            stage=to,
            status=None if to == "execution_specialist" else "in_progress",
        )
    )
    revision = records.save(
        session, sender, "handoff", strategy_id, changes, f"{strategy_id}: handed to {to}", gate=report.gate
    )
    return Outcome(
        ok=True,
        summary=f"{strategy_id} handed to the {to}: {len(report.results)} checks passed (record {record.number:03d})",
        revision=revision,
        data=rows(report),
        next=[_after(strategy_id, to)],
    )


def _refused(session: Session, strategy_id: str, report: GateReport, *, dry_run: bool) -> Outcome:
    """Answer with every failed check; the refusal goes into the registry's history."""
    failed = [item for item in report.results if item.outcome != "passed"]
    codes = ", ".join(item.code for item in failed)
    if not dry_run:
        change = records.registry_change(
            session,
            strategy_id,
            role=current_stage(session.layout, strategy_id),
            event=f"refused at {report.gate}: {codes}",
            status="refused",
        )
        records.save(
            session,
            current_stage(session.layout, strategy_id),
            "handoff",
            strategy_id,
            [change],
            f"{strategy_id}: refused at {report.gate} ({codes})",
        )
    return Outcome(
        ok=False,
        summary=f"{report.gate} refuses {strategy_id}: {len(failed)} of {len(report.results)} checks did not pass "
        f"({codes})",
        data=rows(report),
        findings=findings(report.results),
        next=list(dict.fromkeys(text for item in failed for text in item.next))[:5],
        exit_code=3,
    )


def _after(strategy_id: str, receiver: str) -> str:
    """Return the first command of the role that received the work."""
    return {
        "data_collector": f"crypto-team data-collector assess {strategy_id}",
        "backtester": f"crypto-team backtester run {strategy_id}",
        "quant_analyst": f"crypto-team quant-analyst review {strategy_id}",
        "critic": f"crypto-team critic review {strategy_id}",
        "risk_manager": f"crypto-team risk-manager approve {strategy_id}",
        "execution_specialist": f"crypto-team execution-specialist paper {strategy_id}",
    }[receiver]


@tool(role="every", read_only=True, long=True)
def verify(session: Session, strategy_id: StrategyId) -> Outcome:
    """Retrain a strategy from data hash, specification, code and seed, and compare every stored object.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    from crypto_team.roles.replay import replay

    found = replay(session, strategy_id)
    session.progress(1.0, "compared")
    return Outcome(
        ok=found.equal,
        summary=f"{strategy_id}: every object of the evidence was rebuilt with the same hash"
        if found.equal
        else f"{strategy_id}: the evidence cannot be rebuilt, {len(found.differences)} difference(s)",
        data=None,
        findings=[Finding(code="replay", severity="error", message=text) for text in found.differences],
        next=[] if found.equal else [f"crypto-team ml-engineer train {strategy_id}"],
        exit_code=0 if found.equal else 1,
    )
