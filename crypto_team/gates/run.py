"""Run a gate: every check of it over one case, under one policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from crypto_team.gates.case import Case, missing, places
from crypto_team.gates.policy import OPTIONAL_TABLES, deviations, policy_digest, resolve
from crypto_team.gates.registry import find, run_check
from crypto_team.schemas.gate import CheckResult, GateReport, Outcome_, Policy

Progress = Callable[[float, str], None]


def run_gate(gate: str, case: Case, policy: Policy, *, progress: Progress | None = None) -> GateReport:
    """Recompute every check of a gate; it passes only if all of them pass.

    Parameters
    ----------
    gate
        Name like ``data_collector->backtester``.
    case
        The strategy with its evidence; what is ``None`` in it does not pass.
    policy
        Profile and overrides; an unaccepted loosening raises :class:`~crypto_team.errors.RefusedError`.
    progress
        Called with the share done and the title of the check that starts.
    """
    settings = resolve(gate, policy)
    results = [_weighed(each, case, policy) for each in _run(settings, case, settings, progress)]
    return GateReport(
        gate=gate,
        strategy_id=case.strategy_id,
        passed=bool(results) and all(each.outcome == "passed" or not each.blocking for each in results),
        profile=policy.profile,
        policy_digest=policy_digest(policy),
        results=results,
        deviations=deviations(gate, policy),
    )


def _weighed(result: CheckResult, case: Case, policy: Policy) -> CheckResult:
    """Say that a check does not block where only tables are missing that the profile lets foreign evidence lack."""
    if case.imported is None or result.outcome != "not_enough_evidence":
        return result
    rule = find(result.code)
    absent = {name for name in rule.required if missing(case, name)}
    # A check that judges what is there says by "missing" that a table which it could do without kept it from passing.
    lacking = (name for name in rule.optional if missing(case, name))
    absent |= {name for name in lacking if result.explanation.startswith(f"missing: {places(name)[0]}")}
    if absent and absent <= OPTIONAL_TABLES[policy.profile]:
        return result.model_copy(update={"blocking": False})
    return result


def verdict(report: GateReport) -> Outcome_:
    """Return one word for a report: refused where any check refuses, else whether evidence is missing."""
    if any(each.outcome == "refused" for each in report.results):
        return "refused"
    return "passed" if report.passed else "not_enough_evidence"


def run_checks(codes: Iterable[str], case: Case, policy: Policy, *, gate: str) -> list[CheckResult]:
    """Run any checks with the settings that they have at `gate`; others run at their defaults."""
    return _run(codes, case, resolve(gate, policy), None)


def _run(
    codes: Iterable[str], case: Case, settings: Mapping[str, Mapping[str, float]], progress: Progress | None
) -> list[CheckResult]:
    listed = list(codes)
    results = []
    for number, code in enumerate(listed):
        if progress is not None:
            progress(number / len(listed), f"{code} {find(code).title}")
        results.append(run_check(code, case, settings.get(code)))
    return results
