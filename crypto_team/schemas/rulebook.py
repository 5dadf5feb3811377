"""The rules of the gates as data: which checks a gate demands, at which settings, and what a policy makes of them.

The gates fill a rulebook from their functions. `rulebook.json` is the same, generated, for whoever judges records of
gates without running them: the audit of history needs no numerical libraries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from crypto_team.errors import NotFoundError, RefusedError, UsageError
from crypto_team.schemas import conditions
from crypto_team.schemas.gate import Bound, Policy, PolicyOverride, Profile

Stricter = Literal["lower", "higher"]
Settings = Mapping[str, float]
_SIGNS: Mapping[Bound, str] = {"at_least": ">=", "at_most": "<=", "above": ">"}


@dataclass(frozen=True)
class Limit:
    """What reports show beside the value of a check, in its unit: a number, or the name of one that the record has."""

    bound: Bound
    value: float | str


@dataclass(frozen=True)
class Setting:
    """A number that the policy may change, and the direction in which it becomes stricter."""

    default: float
    stricter: Stricter

    def is_looser(self, value: float, than: float) -> bool:
        """Say whether `value` lets more through than `than` does."""
        return value > than if self.stricter == "lower" else value < than


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The numbers of one check: its settings, what reports show as its threshold, and when it passes.

    `passes` is a condition over `value`, the settings, and whatever further numbers the record has to carry for it
    (:mod:`crypto_team.schemas.conditions`). Without one the value has to keep the limit.
    """

    settings: Mapping[str, Setting]
    limit: Limit | None = None
    passes: str = ""

    @property
    def shown(self) -> Limit:
        """Return what reports show as the threshold, by name: the check's own limit, else its first setting."""
        if self.limit is not None:
            return self.limit
        name = next(iter(self.settings), None)
        if name is None:
            # A check without settings counts what is wrong.
            return Limit("at_most", 0.0)
        return Limit("at_least" if self.settings[name].stricter == "higher" else "at_most", name)

    @property
    def condition(self) -> str:
        """Return when the check passes."""
        return self.passes or f"value {_SIGNS[self.shown.bound]} {self.shown.value}"

    @property
    def numbers(self) -> frozenset[str]:
        """Return the names of what a record has to carry besides the value."""
        told = {self.shown.value} if isinstance(self.shown.value, str) else set()
        return (conditions.names(self.condition) | told) - self.settings.keys() - {"value"}

    def threshold(self, settings: Settings, numbers: Mapping[str, float]) -> float | None:
        """Return what a report shows as the threshold; None where it belongs to the evidence and is not there."""
        limit = self.shown.value
        return {**numbers, **settings}.get(limit) if isinstance(limit, str) else limit

    def holds(self, settings: Settings, value: float | None, numbers: Mapping[str, float]) -> bool:
        """Say whether a check passes with these numbers; what is missing never passes."""
        own = {name: number for name, number in numbers.items() if name in self.numbers}
        told = {} if value is None else {"value": value}
        return value is not None and conditions.holds(self.condition, {**own, **settings, **told})


@dataclass(frozen=True)
class Gate:
    """The checks of one handoff and the settings in which it differs from their defaults."""

    codes: tuple[str, ...]
    settings: Mapping[str, Settings] = field(default_factory=dict)


@dataclass(frozen=True)
class Rulebook:
    """Every check with its numbers, every gate, every profile."""

    checks: Mapping[str, Rule]
    gates: Mapping[str, Gate]
    profiles: Mapping[Profile, Mapping[str, Settings]]

    def gate(self, name: str) -> Gate:
        """Return a gate by name; raise :class:`NotFoundError` naming what there is."""
        try:
            return self.gates[name]
        except KeyError:
            raise NotFoundError(f"no gate is called {name}", hint=f"known: {', '.join(self.gates)}") from None

    def _rule(self, code: str) -> Rule:
        try:
            return self.checks[code]
        except KeyError:
            raise NotFoundError(f"no check is called {code}", hint=f"known: {', '.join(sorted(self.checks))}") from None

    def check_policy(self, policy: Policy) -> None:
        """Refuse a policy that names unknown settings, or loosens a check without a reason and the lead's acceptance.

        Raises
        ------
        NotFoundError
            An override names a check that does not exist.
        UsageError
            An override names a setting that its check does not have.
        RefusedError
            An override is looser than every gate's own setting and was not accepted.
        """
        for override in policy.overrides:
            rule = self._rule(override.code)
            if override.setting not in rule.settings:
                known = ", ".join(rule.settings) or "none"
                raise UsageError(
                    f"{override.code} has no setting {override.setting}", where="policy.yaml", hint=f"it has: {known}"
                )
            setting = rule.settings[override.setting]
            stated = [
                self._of_profile(name, override.code, policy.profile)[override.setting]
                for name, gate in self.gates.items()
                if override.code in gate.codes
            ]
            if not accepted(override) and all(
                setting.is_looser(override.value, each) for each in stated or [setting.default]
            ):
                raise RefusedError(
                    f"{override.code}.{override.setting} = {override.value:g} is looser than the profile allows",
                    where="policy.yaml",
                    hint="state a reason and have the lead accept it (accepted_by: lead)",
                )

    def _of_profile(self, gate: str, code: str, profile: Profile) -> dict[str, float]:
        settings = {name: each.default for name, each in self.checks[code].settings.items()}
        return settings | dict(self.gates[gate].settings.get(code, {})) | dict(self.profiles[profile].get(code, {}))

    def resolve(self, gate: str, policy: Policy) -> dict[str, dict[str, float]]:
        """Return the settings of every check of a gate under a policy.

        An override that was not accepted applies only where it makes a gate stricter. Raises as `check_policy`.
        """
        demanded = self.gate(gate).codes
        self.check_policy(policy)
        result = {code: self._of_profile(gate, code, policy.profile) for code in demanded}
        for override in policy.overrides:
            settings = result.get(override.code)
            if settings is None:
                continue
            rule = self.checks[override.code].settings[override.setting]
            if accepted(override) or not rule.is_looser(override.value, settings[override.setting]):
                settings[override.setting] = override.value
        return result

    def policy_digest(self, policy: Policy) -> str:
        """Return one hash over the settings that a policy gives every gate, defaults included."""
        settings = {name: self.resolve(name, policy) for name in self.gates}
        text = json.dumps({"profile": policy.profile, "gates": settings}, sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def as_data(self) -> dict[str, Any]:
        """Return the rulebook as plain data, for the generated file."""
        return {
            "checks": {code: _rule_data(rule) for code, rule in sorted(self.checks.items())},
            "gates": {
                name: {
                    "codes": list(gate.codes),
                    "settings": {code: dict(each) for code, each in gate.settings.items()},
                }
                for name, gate in self.gates.items()
            },
            "profiles": {
                name: {code: dict(each) for code, each in settings.items()} for name, settings in self.profiles.items()
            },
        }


def accepted(override: PolicyOverride) -> bool:
    """Say whether the lead accepted an override, with a reason."""
    return bool(override.reason.strip()) and override.accepted_by == "lead"


def _plain(settings: Mapping[str, Settings]) -> dict[str, dict[str, float]]:
    return {code: dict(each) for code, each in settings.items()}


def _rule_data(rule: Rule) -> dict[str, Any]:
    limit = rule.shown
    return {
        "settings": {name: [each.default, each.stricter] for name, each in rule.settings.items()},
        "shows": [limit.bound, limit.value],
        "passes": rule.condition,
    }


def _rule_of(data: Mapping[str, Any]) -> Rule:
    settings = {name: Setting(default, stricter) for name, (default, stricter) in data["settings"].items()}
    return Rule(settings=settings, limit=Limit(*data["shows"]), passes=data["passes"])


@cache
def published() -> Rulebook:
    """Return the rulebook of this version from its generated file."""
    data = json.loads(Path(__file__).with_name("rulebook.json").read_text(encoding="utf-8"))
    return Rulebook(
        checks={code: _rule_of(item) for code, item in data["checks"].items()},
        gates={name: Gate(tuple(item["codes"]), item["settings"]) for name, item in data["gates"].items()},
        profiles=data["profiles"],
    )
