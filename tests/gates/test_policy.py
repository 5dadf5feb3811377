"""Policies tighten freely, loosen only with a reason and the lead's acceptance, and always say so."""

from __future__ import annotations

import pytest

from crypto_team.errors import NotFoundError, RefusedError, UsageError
from crypto_team.gates.policy import GATES, PROFILES, deviations, gate_name, policy_digest, resolve
from crypto_team.gates.registry import CHECKS
from crypto_team.schemas.gate import Policy, PolicyOverride

BACKTESTER = "data_collector->backtester"
APPROVAL = "risk_manager->execution_specialist"


def policy(code: str, setting: str, value: float, *, reason: str = "", lead: bool = False) -> Policy:
    override = PolicyOverride(
        code=code, setting=setting, value=value, reason=reason, accepted_by="lead" if lead else ""
    )
    return Policy(overrides=[override])


def test_every_code_of_every_gate_and_profile_exists() -> None:
    named = {code for gate in GATES.values() for code in (*gate.codes, *gate.settings)}
    named |= {code for profile in PROFILES.values() for code in profile}
    assert named <= set(CHECKS)


def test_every_check_stands_at_some_gate() -> None:
    assert {code for gate in GATES.values() for code in gate.codes} == set(CHECKS)


def test_settings_of_gates_and_profiles_exist() -> None:
    for table in (*PROFILES.values(), *(gate.settings for gate in GATES.values())):
        for code, settings in table.items():
            assert set(settings) <= set(CHECKS[code].settings)


def test_stricter_is_free_and_listed() -> None:
    tighter = policy("OF009", "features", 30)
    assert resolve(BACKTESTER, tighter)["OF009"]["features"] == 30
    assert deviations(BACKTESTER, tighter) == ["OF009.features = 30 instead of 50 (stricter)"]


@pytest.mark.parametrize(("reason", "lead"), [("", False), ("small study", False), ("", True)])
def test_looser_without_reason_and_acceptance_is_refused(reason: str, lead: bool) -> None:
    with pytest.raises(RefusedError, match="looser"):
        resolve(BACKTESTER, policy("OF010", "probability", 0.5, reason=reason, lead=lead))


def test_looser_with_reason_and_acceptance_applies_and_is_listed() -> None:
    accepted = policy("OF010", "probability", 0.5, reason="small study", lead=True)
    assert resolve(BACKTESTER, accepted)["OF010"]["probability"] == 0.5
    assert deviations(BACKTESTER, accepted) == [
        "OF010.probability = 0.5 instead of 0.95 (looser): small study (accepted by lead)"
    ]


def test_one_value_tightens_one_gate_and_does_not_loosen_another() -> None:
    middle = policy("PF002", "ratio", 0.8)
    assert resolve(BACKTESTER, middle)["PF002"]["ratio"] == 0.8
    assert resolve(APPROVAL, middle)["PF002"]["ratio"] == 1.0


def test_approval_asks_for_a_higher_sharpe_ratio_than_going_on() -> None:
    assert resolve(BACKTESTER, Policy())["PF002"]["ratio"] == 0.5
    assert resolve(APPROVAL, Policy())["PF002"]["ratio"] == 1.0


def test_profiles_list_how_they_differ() -> None:
    assert deviations(BACKTESTER, Policy()) == []
    assert any("looser" in line for line in deviations(BACKTESTER, Policy(profile="research")))
    assert any("PF002.ratio = 2" in line for line in deviations(BACKTESTER, Policy(profile="seed-literal")))


def test_unknown_checks_settings_and_gates_are_named() -> None:
    with pytest.raises(NotFoundError, match="LV001"):
        resolve(BACKTESTER, policy("LV001", "x", 1.0))
    with pytest.raises(UsageError, match="no setting"):
        resolve(BACKTESTER, policy("OF009", "x", 1.0))
    with pytest.raises(NotFoundError, match="critic->backtester"):
        gate_name("critic", "backtester")
    assert gate_name("critic", "risk_manager") == "critic->risk_manager"


def test_digest_changes_with_settings_only() -> None:
    assert policy_digest(Policy()) == policy_digest(Policy(holdout_fraction=0.2))
    assert policy_digest(Policy()) != policy_digest(policy("OF009", "features", 30))
    assert policy_digest(Policy()) != policy_digest(Policy(profile="research"))
