"""One literal table of tools: a decorated function is the tool of the command line, of agents and of the docs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from crypto_team.errors import EXIT_USAGE, CryptoTeamError, UsageError
from crypto_team.kb.files import DISK_HINTS, disk_error
from crypto_team.schemas.base import in_words
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.extras import missing_extra
from crypto_team.tools.signature import Argument, arguments_of, shape_of, summary_and_sections

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crypto_team.schemas.base import RoleId
    from crypto_team.tools.session import Session

SYNC = "crypto-team ids sync"
F = TypeVar("F", bound="Callable[..., Outcome]")
EVERY: Literal["every"] = "every"
LONGEST_NAME = 32
_PLACE = re.compile(r"^(?P<file>.+?):(?P<line>\d+):(?P<col>\d+)$")


@dataclass(frozen=True, slots=True)
class Role:
    """The contract of a role: what it is for, what it reads first, what it owns, and whom it hands work to.

    `gate` names the gate that its work passes before `hands_to[0]` receives it; `must_read` are the records that
    its first answer has to take into account.
    """

    id: RoleId
    title: str
    mission: str
    reads: tuple[str, ...]
    owns: tuple[str, ...]
    receives_from: tuple[RoleId, ...]
    hands_to: tuple[RoleId, ...]
    gate: str | None
    must_read: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """Return its name on the command line: `ml-engineer`."""
        return self.id.replace("_", "-")


@dataclass(frozen=True)
class Tool:
    """One function of a role, with everything that shells need to offer it."""

    name: str
    role: RoleId | Literal["every"] | None
    group: str | None
    function: Callable[..., Outcome]
    read_only: bool
    destructive: bool
    idempotent: bool
    long: bool
    validator: bool = False

    @property
    def key(self) -> str:
        """Return its unique name: `ml_engineer.train`, `registry.list`, `status`."""
        owner = self.group or (None if self.role in {None, EVERY} else self.role)
        return f"{owner}.{self.name}" if owner else self.name

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """Return the arguments, read from the signature and the docstring."""
        return arguments_of(self.function)

    @cached_property
    def summary(self) -> str:
        """Return the first line of the docstring."""
        return summary_and_sections(self.function)[0]

    @cached_property
    def description(self) -> str:
        """Return the prose of the docstring after its first line."""
        return summary_and_sections(self.function)[1]

    @cached_property
    def model(self) -> type[BaseModel]:
        """Return the pydantic model of its arguments: strict and closed."""
        fields = {argument.name: (argument.annotation, _field(argument)) for argument in self.arguments}
        title = "".join(part.title() for part in re.split(r"[._-]", self.key)) + "Arguments"
        config = ConfigDict(extra="forbid", strict=True, frozen=True, title=title)
        model: type[BaseModel] = create_model(title, __config__=config, **fields)  # type: ignore[call-overload]
        return model


TOOLS: dict[str, Tool] = {}


def tool(
    *,
    role: RoleId | Literal["every"] | None,
    group: str | None = None,
    name: str | None = None,
    read_only: bool = False,
    destructive: bool = False,
    idempotent: bool = False,
    long: bool = False,
    validator: bool = False,
) -> Callable[[F], F]:
    """Put a function into the table of tools.

    Parameters
    ----------
    role
        The role whose tool it is; `"every"`: each role has it; None: it belongs to the workspace, not to a role.
    group
        Offers it as `crypto-team GROUP NAME` too, for example `registry list`.
    name
        Its name where that is not the function's (`_` becomes `-`, a trailing `_` is dropped).
    read_only
        Writes nothing.
    destructive
        May discard something that a person wrote.
    idempotent
        A second call with the same arguments changes nothing more.
    long
        Takes seconds or minutes and reports progress.
    validator
        Its findings are its answer: offered for forges and other programs too (GitHub, SARIF, JUnit).
    """

    def register(function: F) -> F:
        made = Tool(
            name=name or function.__name__.rstrip("_").replace("_", "-"),
            role=role,
            group=group,
            function=function,
            read_only=read_only,
            destructive=destructive,
            idempotent=idempotent or read_only,
            long=long,
            validator=validator,
        )
        if len(made.name) > LONGEST_NAME:
            raise UsageError(f"the name of the tool {made.key} is longer than {LONGEST_NAME} characters")
        known = TOOLS.get(made.key)
        if known is not None and known.function.__module__ != function.__module__:
            raise UsageError(f"two tools are called {made.key}", where=function.__module__)
        TOOLS[made.key] = made
        return function

    return register


def tools_of(role: RoleId) -> list[Tool]:
    """Return the tools that a role has: its own, then those that every role has; each by name."""
    own = sorted((item for item in TOOLS.values() if item.role == role), key=lambda item: item.name)
    names = {item.name for item in own}
    shared = [item for item in TOOLS.values() if item.role == EVERY and not item.group and item.name not in names]
    return own + sorted(shared, key=lambda item: item.name)


def call(found: Tool, session: Session, arguments: Mapping[str, Any]) -> Outcome:
    """Validate the arguments and run a tool; every foreseen failure becomes an outcome.

    Anything that is not a `CryptoTeamError` is a bug and propagates.
    """
    if found.role not in {None, EVERY, session.role} and found.group is None:
        return _wrong_role(found, session)
    try:
        valid = found.model.model_validate(dict(arguments))
    except ValidationError as problem:
        return _invalid(found, problem)
    by_place = [getattr(valid, item.name) for item in found.arguments if item.place_only]
    by_name = {item.parameter: getattr(valid, item.name) for item in found.arguments if not item.place_only}
    before = len(session.notices)
    outcome = _answered(lambda: found.function(session, *by_place, **by_name), session)
    return _told(outcome, session.notices[before:])


def _answered(run: Callable[[], Outcome], session: Session) -> Outcome:
    """Return what a tool answers, or the outcome of a failure that was foreseen."""
    try:
        return run()
    except CryptoTeamError as error:
        return failure(error)
    except OSError as problem:
        if problem.errno not in DISK_HINTS:
            raise
        return failure(disk_error(Path(problem.filename or session.folder), problem))
    except ModuleNotFoundError as problem:
        extra = missing_extra(problem)
        if extra is None:
            raise
        return failure(extra)


def _told(outcome: Outcome, notices: Sequence[Finding]) -> Outcome:
    """Add what a tool has noticed about the ids that it allotted, and what to do about it."""
    if not notices:
        return outcome
    steps = list(dict.fromkeys([*outcome.next, *(SYNC for item in notices if item.code == "provisional-id")]))
    return outcome.model_copy(update={"findings": [*outcome.findings, *notices], "next": steps})


def failure(error: CryptoTeamError) -> Outcome:
    """Turn a foreseen error into an outcome with its exit code; a broken document brings its own findings."""
    return Outcome(
        ok=False,
        summary=error.what,
        findings=list(getattr(error, "findings", [])) or [_finding(error)],
        next=[error.hint] if error.hint else [],
        exit_code=error.exit_code,
    )


def _finding(error: CryptoTeamError) -> Finding:
    """Turn an error into one finding at its place."""
    place = _PLACE.match(error.where or "")
    return Finding(
        code=re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower(),
        severity="error",
        message=error.what,
        file=place["file"] if place else error.where,
        line=int(place["line"]) if place else None,
        col=int(place["col"]) if place else None,
        hint=error.hint,
    )


def _field(argument: Argument) -> Any:
    """Make the pydantic field; a path may be written as text."""
    default = ... if argument.required else argument.default
    strict = False if shape_of(argument.annotation).scalar is Path else None
    return Field(default, description=argument.help, strict=strict)


def _wrong_role(found: Tool, session: Session) -> Outcome:
    """Say whose tool it is."""
    owner = str(found.role)
    return Outcome(
        ok=False,
        summary=f"{found.name} is a tool of {owner}, not of {session.role}",
        findings=[
            Finding(
                code="wrong-role",
                severity="error",
                message=f"{found.name} is a tool of {owner}, not of {session.role}",
                hint=f"ask the {owner}, or hand the work over: crypto-team handoff STRATEGY_ID --to {owner}",
            )
        ],
        exit_code=3,
    )


def _invalid(found: Tool, problem: ValidationError) -> Outcome:
    """Say which arguments cannot be used, and what they are for."""
    helps = {argument.name: argument.help for argument in found.arguments}
    findings = []
    for error in problem.errors():
        name = str(error["loc"][0]) if error["loc"] else ""
        given = "" if error["type"] == "missing" else f" (got {error['input']!r})"
        hint = helps[name] if name in helps else f"arguments are: {', '.join(helps) or 'none'}"
        findings.append(
            Finding(
                code="argument",
                severity="error",
                message=f"{in_words(error)}{given}",
                pointer="/" + "/".join(str(part) for part in error["loc"]),
                file=name,
                hint=hint,
            )
        )
    summary = f"{found.name} cannot use its arguments: {findings[0].file}: {findings[0].message}"
    return Outcome(ok=False, summary=summary, findings=findings, exit_code=EXIT_USAGE)
