"""Checks of the limits that a strategy carries into trading (RK)."""

from __future__ import annotations

from itertools import pairwise

from crypto_team.gates.registry import Verdict, check, judge
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.reviews import RiskAssessment

REMEDY = ("crypto-team ml-engineer design STR", "crypto-team risk-manager assess STR")
CAP = "position limits of the ML subsystem"


def _same(stated: float, computed: float) -> bool:
    return abs(stated - computed) <= 1e-9 + 1e-6 * abs(computed)


@check(
    "RK001",
    "Risk of one trade",
    unit="fraction of the account",
    source=CAP,
    remedy=REMEDY,
    stricter={"risk_limit": "lower"},
)
def risk_per_trade(spec: MlSpec, risk: RiskAssessment, *, risk_limit: float = 0.02) -> Verdict:
    """Position size times the distance of the hard stop is within the limit, and the assessment says the same."""
    value = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    text = f"{spec.risk.position_fraction:.2%} of the account with a stop at {spec.risk.stop_loss_fraction:.1%}"
    if not _same(risk.risk_per_trade, value):
        return judge(False, f"{text}: the assessment says {risk.risk_per_trade:.4%}, it is {value:.4%}", value)
    return judge(value <= risk_limit + 1e-12, f"{text}: {value:.2%} at risk", value)


@check(
    "RK002",
    "Heat of the portfolio",
    unit="fraction of the account",
    source=CAP,
    remedy=REMEDY,
    stricter={"heat": "lower"},
)
def portfolio_heat(spec: MlSpec, risk: RiskAssessment, *, heat: float = 0.06) -> Verdict:
    """Sum the risks of all positions that may be open at once; within the limit, and as the assessment says."""
    each = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    value = each * spec.risk.max_open_positions
    text = f"{spec.risk.max_open_positions} positions at {each:.2%} risk"
    if not _same(risk.portfolio_heat, value):
        return judge(False, f"{text}: the assessment says {risk.portfolio_heat:.4%}, it is {value:.4%}", value)
    return judge(value <= heat + 1e-12, f"{text}: {value:.2%} in all", value)


@check(
    "RK003",
    "Size of one position",
    unit="fraction of the account",
    source=CAP,
    remedy=REMEDY,
    stricter={"position": "lower"},
)
def position_cap(spec: MlSpec, risk: RiskAssessment, *, position: float = 0.05) -> Verdict:
    """One position is at most so large, and the assessment judged the size that the specification has."""
    value = spec.risk.position_fraction
    if not _same(risk.position_fraction, value):
        return judge(
            False, f"the assessment judged {risk.position_fraction:.2%}, the specification says {value:.2%}", value
        )
    return judge(value <= position + 1e-12, f"a position takes {value:.2%} of the account", value)


@check(
    "RK005",
    "Drawdown breakers are configured",
    unit="breakers",
    source="drawdown breakers at 10, 15, 20 and 25 %",
    remedy=("crypto-team risk-manager assess STR",),
    stricter={"breakers": "higher", "last": "lower"},
)
def breakers_configured(risk: RiskAssessment, *, breakers: float = 4, last: float = 0.25) -> Verdict:
    """There are ascending drawdown levels at which size is cut, the last of them no deeper than the limit."""
    levels = risk.breakers
    ascending = all(low < high for low, high in pairwise(levels)) and all(each > 0.0 for each in levels)
    holds = len(levels) >= breakers and ascending and levels[-1] <= last + 1e-12
    return judge(holds, f"breakers at {', '.join(f'{each:.0%}' for each in levels) or 'no level'}", len(levels))
