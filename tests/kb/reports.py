"""Reports of gates as a gate would make them, without running one."""

from __future__ import annotations

from crypto_team.schemas import Policy
from crypto_team.schemas.gate import CheckResult, GateReport
from crypto_team.schemas.rulebook import published


def passed_report(gate: str, strategy_id: str = "STR-001") -> GateReport:
    """Every check of the gate, passed, at the thresholds of the default policy."""
    rules, policy, results = published(), Policy(), []
    for code, settings in rules.resolve(gate, policy).items():
        limit = rules.checks[code].limit_under(settings)
        results.append(
            CheckResult(
                code=code,
                title=code,
                outcome="passed",
                value=limit.value + (1.0 if limit.bound == "above" else 0.0) if limit else None,
                bound=limit.bound if limit else None,
                threshold=limit.value if limit else None,
                explanation="holds",
            )
        )
    return GateReport(
        gate=gate,
        strategy_id=strategy_id,
        passed=True,
        profile=policy.profile,
        policy_digest=rules.policy_digest(policy),
        results=results,
    )
