"""Which checks stand between which roles, at which settings, and how a workspace may change them."""

from __future__ import annotations

from collections.abc import Mapping

from crypto_team.gates import (
    anticipation,
    backtesting,
    calibration,
    causality,
    completeness,
    data,
    disguise,
    engines,
    fading,
    hindsight,
    holdout,
    importance,
    label_checks,
    leakage,
    limits,
    luck,
    memory,
    overfitting,
    performance,
    plateau,
    point_in_time,
    process,
    refits,
    regimes,
    risk,
    searches,
    simplest,
    stress,
    universe,
)
from crypto_team.gates.registry import CHECKS
from crypto_team.schemas.gate import Policy, Profile
from crypto_team.schemas.rulebook import Gate, Rulebook, Settings, accepted

# Importing a family enters its checks into the table; whoever has a policy has them all.
FAMILIES = (
    data,
    causality,
    leakage,
    disguise,
    hindsight,
    anticipation,
    refits,
    point_in_time,
    importance,
    label_checks,
    overfitting,
    calibration,
    luck,
    holdout,
    performance,
    backtesting,
    process,
    risk,
    universe,
    regimes,
    fading,
    searches,
    plateau,
    limits,
    stress,
    memory,
    completeness,
    engines,
    simplest,
)


DESIGN = ("PR001", "PR004", "PR005", "PR006", "PR007", "PR008", "PR011", "LK001", "LK002", "LK003", "OF009")
DATA = ("DQ001", "DQ002", "DQ003", "DQ004", "DQ005", "DQ006", "DQ007", "DQ008")
LEAKAGE = ("LK001", "LK002", "LK003", "LK004", "LK005", "LK006", "LK007", "LK008", "LK009", "LK011")
SKILL = ("OF001", "OF002", "OF003", "OF004", "OF005", "OF006", "OF007", "OF008", "OF009", "OF010")
CLAIMS = ("PR002", "PR003", "PR010", "PR012")
TRADED = ("PF003", "PF004", "PF005", "PF006", "PF007", "PF008", "PF009", "PF013", "LK010")
LUCK = ("OF010", "OF011", "OF012", "OF013", "OF014", "OF015", "OF016", "OF017", "PF010", "PF011", "PF012")
SEALED = ("HO001",)
BEFORE_FREQTRADE = (*DATA, *LEAKAGE, *SKILL, "PF001", "PF002", *CLAIMS)

# What can be judged of evidence from elsewhere, without its data and code.
IMPORTED = "imported"
FOREIGN = (
    *("PR001", "PR002", "PR004", "PR012", "DQ003", "DQ004", "DQ005", "DQ006", "DQ007", "DQ008"),
    *(
        "LK004",
        "LK005",
        "LK006",
        "LK008",
        "LK009",
        "LK012",
        "LK013",
        "LK014",
        "LK015",
        "OF001",
        "OF002",
        "OF003",
        "OF004",
        "OF006",
        "OF007",
        "OF008",
        "OF009",
    ),
    *("OF010", "OF011", "OF013", "OF014", "OF015", "OF017", "PF001", "PF002", "PF003", "PF004", "PF005"),
    *("PF006", "PF007", "PF008", "PF009", "PF010", "PF011"),
)
# Tables that foreign evidence may lack: a check that needs one of them says so, and does not block.
OPTIONAL_TABLES: Mapping[Profile, frozenset[str]] = {
    "strict": frozenset({"universe", "trials", "trial_returns", "seeds", "thresholds"}),
    "seed-literal": frozenset({"universe", "trials", "trial_returns", "seeds", "thresholds"}),
    "research": frozenset(
        {
            *("universe", "trials", "trial_returns", "seeds", "thresholds"),
            *("features_sample", "importances", "preprocessing", "ledger"),
        }
    ),
}

GATES: Mapping[str, Gate] = {
    "ml_engineer->data_collector": Gate(DESIGN),
    "strategy_researcher->data_collector": Gate(("PR001",)),
    "data_collector->backtester": Gate(BEFORE_FREQTRADE, {"PF002": {"ratio": 0.5}}),
    "backtester->quant_analyst": Gate(TRADED),
    "quant_analyst->critic": Gate((*LUCK, *SEALED)),
    "critic->risk_manager": Gate(
        tuple(dict.fromkeys((*DESIGN, *BEFORE_FREQTRADE, *TRADED, *LUCK, *SEALED, "PR009"))), {"PF002": {"ratio": 0.5}}
    ),
    "risk_manager->execution_specialist": Gate(
        (
            *("RK001", "RK002", "RK003", "RK004", "RK005", "RK006", "RK007", "RK008", "RK009", "RK010"),
            *("PF002", "PF014"),
        ),
        {"PF002": {"ratio": 1.0}},
    ),
    # Nothing tells what part of an account foreign positions stake: they may fall as far as ours may at full size.
    IMPORTED: Gate(FOREIGN, {"PF002": {"ratio": 0.5}, "PF003": {"drawdown": 0.5}}),
}

PROFILES: Mapping[Profile, Mapping[str, Settings]] = {
    "strict": {},
    # The team cards read to the letter: plain numbers instead of limits of intervals, KPI levels as thresholds.
    "seed-literal": {
        "OF003": {"confidence": 0.5},
        "OF004": {"share": 0.0, "literal": 1},
        "OF011": {"loss": 0.0},
        "PF002": {"ratio": 2.0},
        # However sure gains are, the factor alone decides.
        "PF005": {"factor": 1.5, "sure": 1e6},
    },
    # For exploring on little data; nothing that passes under it should be traded.
    "research": {
        "OF008": {"error": 0.1},
        "OF010": {"probability": 0.5},
        "PF002": {"ratio": 0.0},
        "PF003": {"drawdown": 0.25},
        "PF004": {"trades": 30},
        "PF009": {"confidence": 0.5},
    },
}


RULES = Rulebook(CHECKS, GATES, PROFILES)
"""What this module says, as the data that `rulebook.json` publishes."""


def gate_name(sender: str, receiver: str) -> str:
    """Return the name of the gate between two roles; raise :class:`NotFoundError` when there is none."""
    name = f"{sender}->{receiver}"
    find_gate(name)
    return name


def find_gate(name: str) -> Gate:
    """Return a gate by name; raise :class:`NotFoundError` naming what there is."""
    return RULES.gate(name)


def check_policy(policy: Policy) -> None:
    """Refuse a policy that names unknown settings, or loosens a check without a reason and the lead's acceptance."""
    RULES.check_policy(policy)


def resolve(gate: str, policy: Policy) -> dict[str, dict[str, float]]:
    """Return the settings of every check of a gate under a policy; :class:`Rulebook` says what it refuses."""
    return RULES.resolve(gate, policy)


def deviations(gate: str, policy: Policy) -> list[str]:
    """Return in words every setting of a gate that differs from the strict profile, and who accepted it."""
    strict, ours = resolve(gate, Policy()), resolve(gate, policy)
    reasons = {(each.code, each.setting): each for each in policy.overrides}
    lines = []
    for code, settings in ours.items():
        for name, value in settings.items():
            before = strict[code][name]
            if value == before:
                continue
            looser = CHECKS[code].settings[name].is_looser(value, before)
            line = f"{code}.{name} = {value:g} instead of {before:g} ({'looser' if looser else 'stricter'})"
            stated = reasons.get((code, name))
            lines.append(
                f"{line}: {stated.reason} (accepted by {stated.accepted_by})" if stated and accepted(stated) else line
            )
    return [line[:500] for line in lines]


def policy_digest(policy: Policy) -> str:
    """Return one hash over the settings that a policy gives every gate, defaults included."""
    return RULES.policy_digest(policy)
