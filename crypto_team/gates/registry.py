"""The table of checks: a check is one function whose signature is its contract.

Positional parameters name evidence of the :class:`~crypto_team.gates.case.Case`; one with a default of ``None`` is
optional. Keyword-only parameters are settings with their defaults; the first of them is the threshold in reports,
unless the check says with `limit` what its value is compared with.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from crypto_team.errors import NotFoundError
from crypto_team.gates.case import EVIDENCE, Case, missing, places
from crypto_team.schemas.gate import CheckResult, Outcome_
from crypto_team.schemas.rulebook import Limit, Rule, Setting, Stricter

__all__ = [
    "CHECKS",
    "Check",
    "Limit",
    "Setting",
    "Stricter",
    "Verdict",
    "check",
    "find",
    "insufficient",
    "judge",
    "passed",
    "refused",
    "run_check",
    "several",
    "within",
]


@dataclass(frozen=True)
class Verdict:
    """What a check function answers; `limit` and `remedy` where they depend on the evidence."""

    outcome: Outcome_
    explanation: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    evidence: tuple[str, ...] = ()
    limit: Limit | None = None
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check(Rule):
    """One rule over evidence with its stable code."""

    code: str
    title: str
    what: str
    unit: str
    source: str
    mend: str
    remedy: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    function: Callable[..., Verdict]


CHECKS: dict[str, Check] = {}
JUDGE_AGAIN = "crypto-team gate check --evidence DIR"


def passed(
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
    limit: Limit | None = None,
) -> Verdict:
    """Answer that the rule holds."""
    return Verdict("passed", explanation, value, interval, evidence, limit)


def refused(
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
) -> Verdict:
    """Answer that the rule is broken."""
    return Verdict("refused", explanation, value, interval, evidence)


def insufficient(
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
    limit: Limit | None = None,
) -> Verdict:
    """Answer that the evidence cannot decide; this does not pass."""
    return Verdict("not_enough_evidence", explanation, value, interval, evidence, limit)


def judge(
    holds: bool,
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
) -> Verdict:
    """Answer passed or refused by `holds`."""
    return Verdict("passed" if holds else "refused", explanation, value, interval, evidence)


def several(problems: Sequence[str], most: int = 4) -> str:
    """Return the first problems as one text that says how many there are beyond; empty without any."""
    more = [f"and {len(problems) - most} more"] if len(problems) > most else []
    return "; ".join([*problems[:most], *more])


def within(file: str, problems: Sequence[str]) -> tuple[str, ...]:
    """Return problems as places in a file of the evidence."""
    return tuple(f"{file}: {problem}" for problem in problems)


def check(  # noqa: PLR0913 - a table of checks has so many columns
    code: str,
    title: str,
    *,
    unit: str = "",
    source: str,
    mend: str = "",
    remedy: tuple[str, ...],
    stricter: Mapping[str, Stricter],
    limit: Limit | Literal["setting", "evidence"] = "setting",
    tolerant: bool = False,
) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Enter a function into :data:`CHECKS` under `code`; `stricter` gives the direction of each setting.

    `remedy` are the tools that help a strategy of ours; `mend` says in words what helps work from elsewhere.
    `limit` is what reports compare the value with: the first setting, a limit of its own where no setting has the unit
    of the value, or what the evidence demands. Only a `tolerant` check may pass with a value beyond it, or show a
    threshold of its own, where chance or a second measure explains the value: all others are compared again by whoever
    reads a report.
    """

    def register(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
        parameters = inspect.signature(function).parameters.values()
        evidence = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
        settings = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
        unknown = [each.name for each in evidence if each.name not in EVIDENCE]
        if unknown or set(settings) != set(stricter) or code in CHECKS:
            raise TypeError(f"{code}: unknown evidence {unknown}, unmatched settings, or a code that is taken")
        CHECKS[code] = Check(
            code=code,
            title=title,
            what=inspect.getdoc(function) or "",
            unit=unit,
            source=source,
            mend=mend,
            remedy=remedy,
            required=tuple(each.name for each in evidence if each.default is each.empty),
            optional=tuple(each.name for each in evidence if each.default is not each.empty),
            settings={name: Setting(float(default), stricter[name]) for name, default in settings.items()},
            limit=limit,
            tolerant=tolerant,
            function=function,
        )
        return function

    return register


def find(code: str) -> Check:
    """Return the check called `code`; raise :class:`NotFoundError` naming what there is."""
    try:
        return CHECKS[code]
    except KeyError:
        raise NotFoundError(f"no check is called {code}", hint=f"known: {', '.join(sorted(CHECKS))}") from None


def run_check(code: str, case: Case, settings: Mapping[str, float] | None = None) -> CheckResult:
    """Run one check; missing evidence, a crash and an undefined number all end in a verdict that does not pass."""
    rule = find(code)
    chosen = {name: each.default for name, each in rule.settings.items()} | dict(settings or {})
    try:
        verdict = _evaluate(rule, case, chosen)
    except Exception as error:  # noqa: BLE001 - evidence is foreign input; whatever it breaks must read as "not passed"
        verdict = insufficient(f"the check could not be completed: {type(error).__name__}: {error}")
    return _result(rule, verdict, chosen, case)


def _evaluate(rule: Check, case: Case, settings: Mapping[str, float]) -> Verdict:
    absent = [place for name in rule.required for place in missing(case, name)]
    if absent:
        because = f" ({'; '.join(case.evidence_problems)})" if case.evidence_problems else ""
        return insufficient(f"missing: {', '.join(dict.fromkeys(absent))}{because}")
    verdict = rule.function(*(getattr(case, name) for name in (*rule.required, *rule.optional)), **settings)
    if verdict.outcome == "passed" and verdict.value is not None and not math.isfinite(verdict.value):
        return insufficient(f"the value is not a number; {verdict.explanation}", evidence=verdict.evidence)
    return verdict


def _told(rule: Check, verdict: Verdict, case: Case) -> str:
    """Return the explanation; what was made elsewhere is mended by hand, so a refusal of it says how."""
    if verdict.outcome != "refused" or case.imported is None or not rule.mend:
        return verdict.explanation
    return f"{verdict.explanation} -- {rule.mend}"


def _result(rule: Check, verdict: Verdict, settings: Mapping[str, float], case: Case) -> CheckResult:
    value = verdict.value if verdict.value is not None and math.isfinite(verdict.value) else None
    interval = list(verdict.interval) if verdict.interval and all(map(math.isfinite, verdict.interval)) else None
    # Foreign evidence is mended where it was made: there is no strategy here that a tool could train again.
    remedy = (
        (verdict.remedy or rule.remedy)
        if case.imported is None
        else (f"crypto-team gate explain {rule.code}", JUDGE_AGAIN)
    )
    steps = [step.replace("STR", case.strategy_id) for step in remedy]
    # Who is refused has to know where to look, even where a check names no rows.
    looked_at = () if verdict.outcome == "passed" else tuple(place for name in rule.required for place in places(name))
    rows = verdict.evidence or tuple(dict.fromkeys(looked_at))
    limit = verdict.limit or rule.limit_under(settings)
    if verdict.outcome == "passed" and limit and not rule.tolerant and (value is None or not limit.kept_by(value)):
        contradiction = f"its value {value} contradicts that it passed; {verdict.explanation}"
        return _result(rule, insufficient(contradiction, value, evidence=verdict.evidence), settings, case)
    return CheckResult(
        code=rule.code,
        title=rule.title,
        outcome=verdict.outcome,
        value=None if value is None else float(value),
        bound=None if limit is None else limit.bound,
        threshold=None if limit is None else limit.value,
        unit=rule.unit,
        interval=None if interval is None else [float(each) for each in interval],
        explanation=_told(rule, verdict, case)[:20_000],
        evidence=[each[:500] for each in rows if each][:50],
        next=[] if verdict.outcome == "passed" else [step[:500] for step in steps],
    )
