"""Reports of gates as a gate would make them, without running one."""

from __future__ import annotations

from typing import Final

from crypto_team.schemas import Policy
from crypto_team.schemas.gate import CheckResult, GateReport
from crypto_team.schemas.rulebook import published


def _regimes(share: float, held: float) -> dict[str, float]:
    kinds = {"share": share, "held": held, "beyond_chance": -0.1}
    numbers = {f"{kind}_{name}": each for kind in ("volatility", "trend") for name, each in kinds.items()}
    return {"value": share, "days": 40, "profit": 0.2, **numbers}


PASSING: Final[dict[str, tuple[dict[str, float], ...]]] = {
    "DQ003": ({"value": 0.001, "problems": 0},),
    "DQ004": ({"value": 5, "thin": 0},),
    "HO001": ({"value": 0.1, "error": 0.02, "out_of_sample": 0.1},),
    "LK006": ({"value": 0.25, "features_sampled": 1, "sharpe": 3.0},),
    "LK012": ({"value": 0.5, "quiet_worse": 0.6, "ahead": 0.01},),
    "LK009": (
        {"value": 0.5, "gain": 1.0, "by_chance": 0.0, "horizon": 4, "more": 0.275},
        {"value": -0.5, "gain": 1.0, "by_chance": 0.9, "horizon": 4, "more": 0.0},
        {"value": -0.5, "gain": 1.0, "by_chance": 0.0, "horizon": 1, "more": 0.0},
    ),
    "OF001": ({"value": 0.6, "phantom": 0.0},),
    "OF002": (
        {"value": 0.35, "room": 0.1, "look_alikes": 1, "together": 0.6, "hidden": 0.0},
        {"value": 0.2, "room": 0.0, "look_alikes": 4, "together": 0.45, "hidden": 0.0},
    ),
    "OF003": ({"value": 0.25, "inner": 0.1, "error": 0.05, "test_low": 0.01},),
    "OF004": (
        {"value": 0.8, "good": 4, "known": 5, "without_best": 0.01, "mean": 0.02, "reach": 0.05, "so_few": 0.9},
        {"value": 0.4, "good": 4, "known": 10, "without_best": 0.01, "mean": 0.02, "reach": 0.01, "so_few": 0.16},
    ),
    "OF005": ({"value": 0.9, "clean": 0.1, "noisy": 0.09}, {"value": 0.9, "clean": 0.0, "noisy": -0.2}),
    "OF007": (
        {"value": 0.3, "shuffled": 0.1, "common": 0.2, "phantom": 0.0},
        {"value": -0.1, "shuffled": 0.1, "common": 0.8, "phantom": 0.0},
    ),
    "OF008": (
        {"value": 0.052, "by_chance": 0.06, "slope_low": 0.8, "slope_high": 1.2, "brier_high": 0.001},
        {"value": 0.02, "by_chance": 0.01, "slope_low": 0.8, "slope_high": 1.2, "brier_high": 0.001},
    ),
    "OF011": ({"value": 0.1, "lost": 0.4}, {"value": 0.6, "lost": 0.0}),
    "OF012": ({"value": 0.01},),
    "OF013": ({"value": 442, "needed": 65},),
    "OF014": ({"value": 0.8, "reach": 0.0, "chosen_by_test": 0}, {"value": 0.2, "reach": 0.15, "chosen_by_test": 0}),
    "OF015": ({"value": 0.4, "reach": 0.3, "so_many_lose": 0.5},),
    "OF016": ({"value": -0.03, "itself": 1, "error": 0.0}, {"value": -0.01, "itself": 0, "error": 0.01}),
    "OF017": ({"value": 0.4},),
    "PF001": ({"value": 0.4},),
    "PF003": ({"value": 0.05, "signal_drawdown": 0.3},),
    "PF005": ({"value": 1.4, "errors_above_one": 1.0}, {"value": 1.25, "errors_above_one": 3.3}),
    "PF007": (
        _regimes(share=0.7, held=0.5),
        _regimes(share=0.5, held=0.9),
    ),
    "PF011": ({"value": 0.5, "early": 0.01, "late": 0.001}, {"value": -3.5, "early": 0.01, "late": 0.008}),
    "PF013": ({"value": 1.0, "candles": 2000, "open_trades": 0, "lookahead_clean": 1},),
    "PR011": ({"value": 0.3},),
    "PR012": ({"value": 12, "shown": 12, "dead": 0.1},),
    "RK004": ({"value": 0.2, "in_all": 0.4},),
    "RK005": ({"value": 4, "ascending": 1, "deepest": 0.25, "stale": 0},),
    "RK006": ({"value": 0.1, "stops": 0.05},),
    "RK008": ({"value": 0.2, "still_trading": 0},),
    "RK009": ({"value": 0.1, "rarest": 30},),
}
"""Numbers that pass under the default policy, several where a rule has several ways; the others are at their limit."""


def passing(code: str, gate: str) -> tuple[dict[str, float], ...]:
    """Return numbers with which a check passes."""
    if code in PASSING:
        return PASSING[code]
    rules = published()
    rule = rules.checks[code]
    threshold = rule.threshold(rules.resolve(gate, Policy())[code], {})
    assert threshold is not None
    return ({"value": max(1.0, threshold) if code == "OF009" else threshold + (rule.shown.bound == "above")},)


def result(code: str, gate: str, numbers: dict[str, float]) -> CheckResult:
    """Return the record of a check that passed with these numbers, at the threshold of the default policy."""
    rules = published()
    rule, others = rules.checks[code], {name: float(each) for name, each in numbers.items() if name != "value"}
    threshold = rule.threshold(rules.resolve(gate, Policy())[code], others)
    return CheckResult(
        code=code,
        title=code,
        outcome="passed",
        value=float(numbers["value"]) if "value" in numbers else None,
        bound=rule.shown.bound if threshold is not None else None,
        threshold=threshold,
        numbers=others,
        explanation="holds",
    )


def passed_report(gate: str, strategy_id: str = "STR-001") -> GateReport:
    """Every check of the gate, passed, at the thresholds of the default policy."""
    rules, policy = published(), Policy()
    return GateReport(
        gate=gate,
        strategy_id=strategy_id,
        passed=True,
        profile=policy.profile,
        policy_digest=rules.policy_digest(policy),
        results=[result(code, gate, passing(code, gate)[0]) for code in rules.resolve(gate, policy)],
    )
