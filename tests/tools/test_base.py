"""A decorated function is a tool; its signature is its contract."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from crypto_team.errors import ConflictError, UsageError
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Tool, call
from crypto_team.tools.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)


def echo(
    session: Session,
    strategy_id: StrategyId,
    words: list[str],
    *,
    size: int = 3,
    share: float = 0.5,
    mode: Literal["fast", "slow"] = "fast",
    file: Path | None = None,
    set_: str | None = None,
    loud: bool = False,
) -> Outcome:
    """Say back what was said.

    More prose, on a line of its own.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    words
        What to say,
        on two lines.
    size, share
        Numbers.
    mode
        How.
    file
        Where.
    set_
        A set.
    loud
        Louder.
    """
    return Outcome(
        ok=True, summary=f"{session.role} at {session.now():%H:%M}", data=[strategy_id, words, size, str(file)]
    )


def make(function: Callable[..., Outcome] = echo, **changes: object) -> Tool:
    """Make a tool outside of the table."""
    fields: dict[str, object] = {
        "name": "echo",
        "role": "critic",
        "group": None,
        "read_only": True,
        "destructive": False,
        "idempotent": True,
        "long": False,
    }
    return Tool(function=function, **{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Return the critic's session outside of any workspace, at noon."""
    return Session(folder=tmp_path, role="critic", now=lambda: NOON)


def test_arguments_come_from_signature_and_docstring() -> None:
    arguments = {item.name: item for item in make().arguments}
    assert list(arguments) == ["strategy_id", "words", "size", "share", "mode", "file", "set", "loud"]
    assert arguments["words"].help == "What to say, on two lines."
    assert arguments["size"].help == arguments["share"].help == "Numbers."
    assert [item.name for item in arguments.values() if item.positional] == ["strategy_id", "words"]
    assert not arguments["loud"].required


def test_summary_and_description_come_from_the_docstring() -> None:
    assert make().summary == "Say back what was said."
    assert make().description == "More prose, on a line of its own."


def test_a_call_reaches_the_function_with_defaults_filled_in(session: Session) -> None:
    outcome = call(make(), session, {"strategy_id": "STR-001", "words": ["a"], "file": "x.txt"})
    assert outcome.ok
    assert outcome.summary == "critic at 12:00"
    assert outcome.data == ["STR-001", ["a"], 3, "x.txt"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"words": []}, "strategy_id"),
        ({"strategy_id": "STR-1", "words": []}, "strategy_id"),
        ({"strategy_id": "STR-001", "words": "a"}, "words"),
        ({"strategy_id": "STR-001", "words": [], "size": "3"}, "size"),
        ({"strategy_id": "STR-001", "words": [], "mode": "medium"}, "mode"),
        ({"strategy_id": "STR-001", "words": [], "speed": 1}, "speed"),
    ],
)
def test_wrong_arguments_are_usage_findings_that_name_the_argument(
    session: Session, arguments: dict[str, object], named: str
) -> None:
    outcome = call(make(), session, arguments)
    assert not outcome.ok
    assert outcome.exit_code == 2
    assert outcome.findings[0].file == named
    assert outcome.findings[0].hint


def test_a_tool_of_another_role_is_refused_with_its_owner(session: Session) -> None:
    outcome = call(make(role="ml_engineer"), session, {})
    assert outcome.exit_code == 3
    assert "ml_engineer" in outcome.summary


def test_a_foreseen_error_becomes_an_outcome_with_its_exit_code_and_place(session: Session) -> None:
    def stale(session: Session) -> Outcome:
        """Fail."""
        raise ConflictError("changed meanwhile", where="ml-spec.yaml:3:7", hint="read it again")

    outcome = call(make(stale), session, {})
    finding = outcome.findings[0]
    assert (outcome.ok, outcome.exit_code) == (False, 4)
    assert (finding.code, finding.file, finding.line, finding.col) == ("conflict-error", "ml-spec.yaml", 3, 7)
    assert outcome.next == ["read it again"]


def test_a_bug_is_not_hidden(session: Session) -> None:
    def broken(session: Session) -> Outcome:
        """Fail."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(make(broken), session, {})


def test_a_missing_package_of_an_extra_is_an_error_that_names_the_extra(session: Session) -> None:
    def needy(session: Session) -> Outcome:
        """Need numbers."""
        raise ModuleNotFoundError("No module named 'pandas'", name="pandas.core")

    outcome = call(make(needy), session, {})
    assert outcome.exit_code == 2
    assert "crypto-team[ml]" in (outcome.findings[0].hint or "")


def test_a_missing_package_that_no_extra_brings_is_a_bug(session: Session) -> None:
    def needy(session: Session) -> Outcome:
        """Need nothing known."""
        raise ModuleNotFoundError("No module named 'nonsense'", name="nonsense")

    with pytest.raises(ModuleNotFoundError):
        call(make(needy), session, {})


def test_an_argument_without_text_in_the_docstring_is_refused() -> None:
    def silent(session: Session, size: int) -> Outcome:
        """Do something."""
        return Outcome(ok=True, summary=str(size))

    with pytest.raises(UsageError, match="size"):
        _ = make(silent).arguments


def test_a_session_outside_of_a_workspace_says_how_to_make_one(session: Session) -> None:
    with pytest.raises(UsageError, match="not in a workspace"):
        _ = session.layout
