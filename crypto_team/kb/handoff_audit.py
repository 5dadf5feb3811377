"""A handoff record as it enters the history: made by its sender, announced by its commit, with the report of its gate.

Nobody can see from a file whether the gate ran. But a record that the gate made has exactly the checks of that gate, at
the thresholds of the policy that lies in the same commit, every number that a verdict is made of, and a commit that
names its sender and its digest. The verdicts are judged again by the rules that the gates publish. This is done for
new records only: what the base holds was judged when it came in, by the rules of that time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team import __version__
from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git_range
from crypto_team.kb.files import sha256
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import Handoff, Policy
from crypto_team.schemas.rulebook import published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange
    from crypto_team.schemas.gate import CheckResult, GateReport
    from crypto_team.schemas.rulebook import Rule


def problems(root: Path, commit: Commit, change: FileChange, policy_path: str) -> Iterator[str]:
    """Yield why a record that a commit adds cannot have been made by the handoff tool.

    Parameters
    ----------
    root
        The work tree.
    commit, change
        The commit, and its change that adds the record.
    policy_path
        Where the policy lies, from the root of the repository; it is read as it was at the commit.
    """
    content = git_range.blob(root, change.blob)
    if sha256(content) not in commit.trailers.get(git_range.HEAD_TRAILER, []):
        yield f"its commit does not announce it ({git_range.HEAD_TRAILER}), so a later cut could not be seen"
    try:
        record = check(parse(content.decode(), change.path), Handoff)
        text = git_range.content(root, commit.name, policy_path)
        policy = check(parse(text.decode(), policy_path), Policy) if text is not None else Policy()
        reasons = [*_sender(record, commit), *report_problems(record.report, policy)]
    except UnicodeDecodeError:
        reasons = ["it is no text"]
    except CryptoTeamError as problem:
        reasons = [problem.what]
    yield from reasons


def _sender(record: Handoff, commit: Commit) -> Iterator[str]:
    role = commit.trailer("Role")
    if role != record.sender:
        who = f"the commit was made by the {role}" if role else "the commit names no role"
        yield f"the {record.sender} hands it over, and {who}"


def report_problems(report: GateReport, policy: Policy) -> Iterator[str]:
    """Yield what the report of a gate says otherwise than the gate of this version would under a policy.

    Raises
    ------
    CryptoTeamError
        There is no such gate, or the policy is refused.
    """
    rules = published()
    settings = rules.resolve(report.gate, policy)
    if report.profile != policy.profile or report.policy_digest != rules.policy_digest(policy):
        yield (
            f"its report names another policy than the one of its commit, as version {__version__} reads it; "
            "hand over again with this version and the committed policy"
        )
    codes = [item.code for item in report.results]
    absent = [code for code in settings if code not in codes]
    other = sorted({code for code in codes if code not in settings or codes.count(code) > 1})
    if absent:
        yield f"checks of the gate are missing: {', '.join(absent)}"
    if other:
        yield f"it has checks that the gate has not, or twice: {', '.join(other)}"
    for item in report.results:
        if item.code in settings:
            yield from _result(item, rules.checks[item.code], settings[item.code])


def _result(item: CheckResult, rule: Rule, settings: dict[str, float]) -> Iterator[str]:
    """Judge one check again from the numbers of its record, by the rule and at the settings that its gate has."""
    if item.outcome != "passed" or not item.blocking:
        yield f"{item.code} did not pass"
    bound, threshold = rule.shown.bound, rule.threshold(settings, item.numbers)
    if (item.bound, item.threshold) != (bound, threshold):
        yield f"{item.code} was judged at {item.threshold}, not at the {threshold} of the policy"
    absent = sorted(rule.numbers - item.numbers.keys())
    if item.value is None or absent:
        lacking = ", ".join([*(["value"] if item.value is None else []), *absent])
        yield f"{item.code} says that it passed without the numbers that could tell ({lacking}); hand over again"
    elif not rule.holds(settings, item.value, item.numbers):
        told = {"value": item.value, **{name: item.numbers[name] for name in sorted(rule.numbers)}}
        shown = ", ".join(f"{name} {number:g}" for name, number in told.items())
        yield f"{item.code} says that it passed, and its numbers say otherwise ({shown}): {rule.condition}"
