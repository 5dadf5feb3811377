"""Checks of the limits that a strategy carries into trading (RK)."""

from __future__ import annotations

from itertools import pairwise
from math import isclose

from crypto_team.gates.registry import Verdict, check, judge, weigh
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.registry import RegistryEntry
from crypto_team.schemas.reviews import RiskAssessment

REMEDY = ("crypto-team ml-engineer set-signal STR", "crypto-team risk-manager assess STR")
CAP = "position limits of the ML subsystem"


@check(
    "RK001",
    "Risk of one trade",
    unit="fraction of the account",
    source=CAP,
    remedy=REMEDY,
    stricter={"risk_limit": "lower"},
)
def risk_per_trade(spec: MlSpec, *, risk_limit: float = 0.02) -> Verdict:
    """Position size times the distance of the hard stop is within the limit."""
    value = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    text = f"{spec.risk.position_fraction:.2%} of the account with a stop at {spec.risk.stop_loss_fraction:.1%}"
    return judge(value <= risk_limit + 1e-12, f"{text}: {value:.2%} at risk", value)


@check(
    "RK002",
    "Heat of the portfolio",
    unit="fraction of the account",
    source=CAP,
    remedy=REMEDY,
    stricter={"heat": "lower"},
)
def portfolio_heat(spec: MlSpec, *, heat: float = 0.06) -> Verdict:
    """Sum the risks of all positions that may be open at once; the sum is within the limit."""
    each = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    value = each * spec.risk.max_open_positions
    text = f"{spec.risk.max_open_positions} positions at {each:.2%} risk"
    return judge(value <= heat + 1e-12, f"{text}: {value:.2%} in all", value)


@check(
    "RK003",
    "Size of one position",
    unit="fraction of the account",
    source=CAP,
    remedy=REMEDY,
    stricter={"position": "lower"},
)
def position_cap(spec: MlSpec, *, position: float = 0.05) -> Verdict:
    """One position is at most so large."""
    value = spec.risk.position_fraction
    return judge(value <= position + 1e-12, f"a position takes {value:.2%} of the account", value)


@check(
    "RK005",
    "Drawdown breakers are configured for this specification",
    unit="breakers",
    source="drawdown breakers at 10, 15, 20 and 25 %",
    remedy=("crypto-team risk-manager assess STR",),
    stricter={"breakers": "higher", "last": "lower"},
    passes="value >= breakers and ascending == 1 and deepest <= last and stale == 0",
)
def breakers_configured(spec: MlSpec, risk: RiskAssessment, *, breakers: float = 4, last: float = 0.25) -> Verdict:
    """There are ascending drawdown levels at which size is cut, and the assessment judged the limits that hold now."""
    each = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    computed = {
        "risk_per_trade": each,
        "portfolio_heat": each * spec.risk.max_open_positions,
        "position_fraction": spec.risk.position_fraction,
    }
    stale = [name for name, value in computed.items() if not isclose(getattr(risk, name), value, rel_tol=1e-6)]
    levels = risk.breakers
    ascending = all(low < high for low, high in pairwise([0.0, *levels]))
    numbers = {"ascending": float(ascending), "deepest": max(levels, default=0.0), "stale": len(stale)}
    text = f"breakers at {', '.join(f'{level:.0%}' for level in levels) or 'no level'}"
    if stale:
        lines = tuple(f"{name}: the assessment says {getattr(risk, name)}, it is {computed[name]}" for name in stale)
        return weigh(f"{text}; {'; '.join(lines)}", len(levels), numbers, evidence=lines)
    return weigh(text, len(levels), numbers)


@check(
    "RK010",
    "The risk manager approved it as it stands",
    unit="objections",
    source="nothing trades without the assessment of the risk manager",
    remedy=("crypto-team risk-manager approve STR", "crypto-team return-work STR --reason TEXT"),
    stricter={},
)
def approved_as_it_stands(risk: RiskAssessment, registry: RegistryEntry) -> Verdict:
    """Require an assessment that approves, and that no rejection, halt or change of the strategy came since.

    A strategy whose files change, that is returned or halted, is not `approved` in the registry any more.
    """
    problems = [f"risk-assessment.yaml: the verdict is {risk.verdict}"] if risk.verdict != "approved" else []
    problems += [f"registry: it is {registry.status}"] if registry.status != "approved" else []
    problems += [f"risk-assessment.yaml: {reason}" for reason in risk.reasons if risk.verdict == "rejected"]
    text = "; ".join(problems[:4]) or f"approved on {risk.assessed}, and nothing was said or changed since"
    return judge(not problems, text, len(problems), evidence=tuple(problems))
