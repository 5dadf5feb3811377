"""What a check is, in words: what must hold, at which numbers, at which gates, and how often it was right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crypto_team.gates.case import places
from crypto_team.gates.policy import GATES, PROFILES
from crypto_team.gates.registry import Check, find
from crypto_team.gates.statistics import share_interval
from crypto_team.schemas.rulebook import Settings

POWER = Path(__file__).with_name("power.json")
"""Generated from the verdicts of `docs/error-rates.json`."""


def explain(code: str) -> str:
    """Return in words what a check demands, from what evidence, by whose rule, what helps, and its published power."""
    rule = find(code)
    lines = [f"{rule.code}: {rule.title}", "", rule.what, "", f"source: {rule.source}"]
    lines += [f"metric: {rule.unit}", f"threshold: {_threshold(rule)}"]
    blocks = {
        "settings:": _settings(rule),
        "evidence it needs:": dict.fromkeys(place for name in rule.required for place in places(name)),
        "evidence it reads where it is there:": (places(name)[0] for name in rule.optional),
        "stands at the gates:": _gates(rule.code),
        "what helps:": [rule.mend] if rule.mend else [],
        "when it fails:": rule.remedy,
        "published power:": _power(rule.code),
    }
    for title, block in blocks.items():
        shown = [f"  {line}" for line in block]
        lines += [title, *shown] if shown else []
    return "\n".join(lines)


def _threshold(rule: Check) -> str:
    limit = rule.limit_under({name: each.default for name, each in rule.settings.items()})
    if limit is None:
        return "depends on the evidence; the verdict states it"
    told = f"{limit.bound.replace('_', ' ')} {limit.value:g}"
    return f"{told}, and beyond it only what chance or a second measure explains" if rule.tolerant else told


def _settings(rule: Check) -> Iterator[str]:
    """Show every setting with its default, and where a gate or a profile has another."""
    for name, each in rule.settings.items():
        others = [f"{value:g} {where}" for where, value in _elsewhere(rule.code, name) if value != each.default]
        told = f"; {', '.join(others)}" if others else ""
        yield f"{name} = {each.default:g} ({each.stricter} is stricter{told})"


def _elsewhere(code: str, name: str) -> Iterator[tuple[str, float]]:
    places_: list[tuple[str, Settings]] = [
        (f"at {gate}", found.settings.get(code, {})) for gate, found in GATES.items()
    ]
    places_ += [(f"in profile {profile}", found.get(code, {})) for profile, found in PROFILES.items()]
    yield from ((where, settings[name]) for where, settings in places_ if name in settings)


def _gates(code: str) -> list[str]:
    return [gate for gate, found in GATES.items() if code in found.codes] or ["none; a policy may add it"]


def _power(code: str) -> list[str]:
    """Say how often the check refused what it is there for, noise and honest work in the shipped corpus."""
    shown: dict[str, Any] = json.loads(POWER.read_text(encoding="utf-8")).get(code, {})
    words = {
        "leak": "refused {} of the bad work that it is there for",
        "noise": "refused {} of the work without any edge",
        "edge": "refused {} of the honest work",
    }
    lines = [f"{text.format(_share(*shown[name]))}" for name, text in words.items() if shown.get(name, (0, 0))[1]]
    if not lines:
        return ["not measured: the corpus (`crypto-team selftest`) has no evidence that this check reads; tests do"]
    return [*lines, "(docs/error-rates.md; intervals are Wilson's, 95 %; often another check refuses it too)"]


def _share(passed: int, of: int) -> str:
    low, high = share_interval(of - passed, of)
    return f"{of - passed} of {of} ({low:.0%} to {high:.0%})"
