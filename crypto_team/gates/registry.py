"""The table of checks: a check is one function whose signature is its contract.

Positional parameters name evidence of the :class:`~crypto_team.gates.case.Case`; one with a default of ``None`` is
optional. Keyword-only parameters are settings with their defaults; the first of them is the threshold in reports,
unless the check says with `limit` what its value is compared with.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    "weigh",
    "within",
]


MOST_TOLD = 4
"""Problems of one check that its explanation tells in full."""


@dataclass(frozen=True)
class Verdict:
    """What a check function answers.

    Without an outcome it is the rule of the check that decides over `value` and `numbers`: passed, else refused.
    `remedy` where it depends on the evidence.
    """

    outcome: Outcome_ | None
    explanation: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    evidence: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
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
    numbers: Mapping[str, float] | None = None,
) -> Verdict:
    """Answer that the rule holds."""
    return Verdict("passed", explanation, value, interval, evidence, numbers or {})


def refused(
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
    numbers: Mapping[str, float] | None = None,
) -> Verdict:
    """Answer that the rule is broken."""
    return Verdict("refused", explanation, value, interval, evidence, numbers or {})


def insufficient(
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
    numbers: Mapping[str, float] | None = None,
) -> Verdict:
    """Answer that the evidence cannot decide; this does not pass."""
    return Verdict("not_enough_evidence", explanation, value, interval, evidence, numbers or {})


def judge(
    holds: bool,
    explanation: str,
    value: float | None = None,
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
    numbers: Mapping[str, float] | None = None,
) -> Verdict:
    """Answer passed or refused by `holds`."""
    return Verdict("passed" if holds else "refused", explanation, value, interval, evidence, numbers or {})


def weigh(
    explanation: str,
    value: float,
    numbers: Mapping[str, float],
    *,
    interval: tuple[float, float] | None = None,
    evidence: tuple[str, ...] = (),
) -> Verdict:
    """Answer what the rule of the check says about its numbers."""
    return Verdict(None, explanation, value, interval, evidence, numbers)


def several(problems: Sequence[str], most: int = MOST_TOLD) -> str:
    """Return the first problems as one text that says how many there are beyond; empty without any."""
    more = [f"and {len(problems) - most} more"] if len(problems) > most else []
    return "; ".join([*problems[:most], *more])


def within(file: str, problems: Sequence[str], most: int = MOST_TOLD) -> tuple[str, ...]:
    """Return problems as places in a file of the evidence: of those that :func:`several` tells, the fold alone."""
    told = [problem.partition(": ")[0] if problem.startswith("fold ") else problem for problem in problems[:most]]
    return tuple(dict.fromkeys(f"{file}: {problem}" for problem in [*told, *problems[most:]]))


def check(  # noqa: PLR0913 - a table of checks has so many columns
    code: str,
    title: str,
    *,
    unit: str = "",
    source: str,
    mend: str = "",
    remedy: tuple[str, ...],
    stricter: Mapping[str, Stricter],
    limit: Limit | None = None,
    passes: str = "",
) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Enter a function into :data:`CHECKS` under `code`; `stricter` gives the direction of each setting.

    `remedy` are the tools that help a strategy of ours; `mend` says in words what helps work from elsewhere.
    `limit` is what reports show beside the value: the first setting, a limit of its own where no setting has the unit
    of the value, or a number of the record that the evidence demands. `passes` is the whole condition where the value
    alone does not decide; every name in it that is no setting is a number that the function has to give. Whoever reads
    a report judges by the same rule again.
    """

    def register(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
        parameters = inspect.signature(function).parameters.values()
        evidence = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
        settings = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
        unknown = [each.name for each in evidence if each.name not in EVIDENCE]
        if unknown or set(settings) != set(stricter) or code in CHECKS:
            raise TypeError(f"{code}: unknown evidence {unknown}, unmatched settings, or a code that is taken")
        made = Check(
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
            passes=passes,
            function=function,
        )
        if {"value", *made.settings} & made.numbers:
            raise TypeError(f"{code}: a number of the record has the name of a setting")
        CHECKS[code] = made
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


def _told(rule: Check, verdict: Verdict, outcome: Outcome_, case: Case) -> str:
    """Return the explanation; what was made elsewhere is mended by hand, so a refusal of it says how."""
    if outcome != "refused" or case.imported is None or not rule.mend:
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
    numbers = {name: float(each) for name, each in verdict.numbers.items() if math.isfinite(each)}
    outcome = _outcome(verdict, holds=rule.holds(settings, value, numbers))
    if outcome is None:
        told = insufficient(f"its value {value} contradicts that it passed; {verdict.explanation}", value)
        return _result(rule, replace(told, evidence=verdict.evidence, numbers=numbers), settings, case)
    # Who is refused has to know where to look, even where a check names no rows.
    looked_at = () if outcome == "passed" else tuple(place for name in rule.required for place in places(name))
    rows = verdict.evidence or tuple(dict.fromkeys(looked_at))
    threshold = rule.threshold(settings, numbers)
    return CheckResult(
        code=rule.code,
        title=rule.title,
        outcome=outcome,
        value=None if value is None else float(value),
        bound=None if threshold is None else rule.shown.bound,
        threshold=threshold,
        unit=rule.unit,
        numbers=numbers,
        interval=None if interval is None else [float(each) for each in interval],
        explanation=_told(rule, verdict, outcome, case)[:20_000],
        evidence=[each[:500] for each in rows if each][:50],
        next=[] if outcome == "passed" else [step[:500] for step in steps],
    )


def _outcome(verdict: Verdict, *, holds: bool) -> Outcome_ | None:
    """Return what a verdict comes to; None where it says that it passed and the rule of the check does not."""
    if verdict.outcome is None:
        return "passed" if holds else "refused"
    return None if verdict.outcome == "passed" and not holds else verdict.outcome
