"""Commands that ask the index: built from the generated list of parameters, run without pydantic, YAML or the tables.

They are the same tools under the same names; a test compares what both say. An error takes the ordinary way.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto_team.kb.paths import Layout
    from crypto_team.kb.queries import Answer
    from crypto_team.schemas.base import RoleId

Parameter = tuple[str, str, str, bool, str]
"""Name, type, default as JSON (empty: required), positional, help."""

TYPES: Final[dict[str, Any]] = {"str": str, "int": int, "bool": bool, "list[str]": list[str]}
QUICK_KEYS: Final = ("registry.list", "registry.query")


@dataclass(frozen=True, slots=True)
class Said:
    """What an outcome says, without its model; the fields are those of `Outcome`, in its order."""

    ok: bool
    summary: str
    path: str | None = None
    revision: str | None = None
    data: Any = None
    findings: list[Any] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    exit_code: int = 0

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return plain data, as `Outcome` does."""
        assert mode == "json"  # noqa: S101 - there is no other
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning, with the fields of `Finding`, in their order."""

    code: str
    severity: str
    message: str
    pointer: str | None = None
    file: str | None = None
    line: int | None = None
    col: int | None = None
    hint: str | None = None


def _answers() -> dict[str, Callable[..., Answer]]:
    from crypto_team.kb import queries

    return {"registry.list": queries.listing, "registry.query": queries.select}


def quick_command(key: str, name: str, summary: str) -> click.Command | None:
    """Build the command of a quick tool; None for every other."""
    if key not in QUICK_KEYS:
        return None
    from crypto_team.cli.index import QUICK
    from crypto_team.cli.parameters import as_role_option, common_options, option_of
    from crypto_team.tools.signature import REQUIRED, Argument

    arguments = [
        Argument(said, said, TYPES[type_], json.loads(default) if default else REQUIRED, positional, False, help_)
        for said, type_, default, positional, help_ in QUICK[key]
    ]
    lines = [f"  {item.name.upper()}  {item.help}" for item in arguments if item.positional]
    text = summary + ("\n\n\b\n" + "\n".join(lines) if lines else "")
    options = [*map(option_of, arguments), *common_options(validator=False), as_role_option()]
    return click.Command(
        name, params=options, callback=lambda **values: _run(key, values), help=text, short_help=summary
    )


def _run(key: str, values: dict[str, Any]) -> int:
    """Ask the index and print the answer."""
    from crypto_team.cli import output
    from crypto_team.cli.commands import settings_of, silence_stdout
    from crypto_team.cli.parameters import given

    settings = settings_of(values)
    answer = _answers()[key](_layout(settings["workspace"], values["as_role"]), **given(values))
    hint = "crypto-team validate"
    findings = [Warned("incomplete", "warning", answer.warning, hint=hint)] if answer.warning else []
    said: Any = Said(ok=True, summary=answer.summary, data=answer.rows, findings=findings, next=list(answer.next))
    try:
        output.show(said, settings["format"] or "table")
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    return 0


def _layout(workspace: Path | None, role: RoleId) -> Layout:
    """Return the workspace, with the errors that every tool has."""
    from crypto_team.errors import UsageError
    from crypto_team.tools.session import open_session

    session = open_session(workspace or Path.cwd(), role)
    if workspace is not None and session.workspace is None:
        hint = f"crypto-team init --path {workspace}"
        raise UsageError("this folder is no workspace", where=str(workspace), hint=hint)
    return session.layout
