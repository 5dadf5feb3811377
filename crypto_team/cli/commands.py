"""Commands made from the table of tools; groups know only the generated index until one of their commands is called."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crypto_team.schemas.base import RoleId
    from crypto_team.schemas.outcome import Outcome
    from crypto_team.tools.base import Tool

Entry = tuple[str, str, str]
"""Module, key in the table of tools, summary."""


def entries_of(place: str) -> dict[str, Entry]:
    """Return the commands of a group or role; `""` are those at the top, `every` those of every role."""
    from crypto_team.cli.index import ENTRIES

    split = ((name.rpartition(" "), entry) for name, entry in ENTRIES.items())
    return {name: entry for (owner, _, name), entry in split if owner == place}


class IndexGroup(click.Group):
    """A group whose help comes from the index and whose commands are imported when they are called."""

    def __init__(
        self,
        name: str,
        *,
        summary: str,
        entries: Mapping[str, Entry],
        role: RoleId | None = None,
        otherwise: Entry | None = None,
    ) -> None:
        super().__init__(name, help=summary, short_help=summary)
        self.entries = entries
        self.role = role
        self.otherwise = otherwise
        """The command of the group's own name: what is said when none of its commands is named."""
        if otherwise is not None:
            self.context_settings = {"ignore_unknown_options": True}
            self.help = f"{summary}\n\nWithout a command: {otherwise[2]} See `crypto-team {name} -- --help`."

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return sorted({*self.entries, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and build one command."""
        name = cmd_name.replace("_", "-")
        if name in self.commands:
            return self.commands[name]
        if name not in self.entries:
            return None
        from crypto_team.cli.quick import quick_command

        _, key, summary = self.entries[name]
        quick = quick_command(key, name, summary) if self.role is None else None
        return quick or self._built(self.entries[name], name)

    def _built(self, entry: Entry, name: str) -> click.Command:
        """Import and build the command of an entry."""
        importlib.import_module(entry[0])
        from crypto_team.tools.base import TOOLS

        return tool_command(TOOLS[entry[1]], name, self.role)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command or name the nearest one."""
        name = args[0]
        known = self.list_commands(ctx)
        if self.otherwise is not None and not name[:1].islower():
            return None, self._built(self.otherwise, str(self.name)), args
        if not name.startswith("-") and name.replace("_", "-") not in known:
            self._refuse_tool_of_another_role(name.replace("_", "-"))
            import difflib

            near = difflib.get_close_matches(name.replace("_", "-"), known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"there is no command {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def _refuse_tool_of_another_role(self, name: str) -> None:
        """Say whose tool it is, where this is a role and another role has a tool of that name."""
        from crypto_team.cli.index import ENTRIES, ROLES
        from crypto_team.errors import RefusedError

        owners = [role for role in ROLES if f"{role} {name}" in ENTRIES]
        if self.role is not None and owners:
            raise RefusedError(
                f"{name} is a tool of the {', '.join(owners)}, not of the {self.name}",
                hint=f"ask them, or hand the work over; as that role: crypto-team {owners[0]} {name}",
            )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any of them."""
        built = {name: item.get_short_help_str(limit=120) for name, item in self.commands.items()}
        groups = sorted((name, text) for name, text in built.items() if isinstance(self.commands[name], click.Group))
        single = {name: text for name, text in built.items() if (name, text) not in groups}
        rows = sorted({**{name: entry[2] for name, entry in self.entries.items()}, **single}.items())
        for title, lines in (("Commands", rows), ("Groups", groups)):
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)


def tool_command(tool: Tool, name: str, role: RoleId | None) -> click.Command:
    """Build the click command of one tool; without a role it acts for the tool's role, or for `--as`."""
    from crypto_team.cli.parameters import as_role_option, common_options, parameters
    from crypto_team.tools.base import EVERY

    acting: RoleId | None = role
    if acting is None and tool.role is not None and tool.role != EVERY:
        acting = tool.role
    options = common_options(validator=tool.validator) + ([] if acting else [as_role_option()])

    def invoke(**values: Any) -> int:
        return run_tool(tool, acting or values["as_role"], values)

    text = "\n\n".join(part for part in (tool.summary, tool.description, _argument_help(tool)) if part)
    return click.Command(
        name, params=[*parameters(tool), *options], callback=invoke, help=text, short_help=tool.summary
    )


def _argument_help(tool: Tool) -> str:
    """Describe positional arguments, which click leaves out of its list of options."""
    lines = [f"  {item.name.upper()}  {item.help}" for item in tool.arguments if item.positional]
    return "\b\n" + "\n".join(lines) if lines else ""


def run_tool(tool: Tool, role: RoleId, values: Mapping[str, Any]) -> int:
    """Call one tool with what was said on the command line and print its outcome.

    Returns
    -------
    int
        The exit code.
    """
    from crypto_team.cli import output, progress
    from crypto_team.cli.parameters import VALIDATOR_FORMATS, given
    from crypto_team.errors import EXIT_OK
    from crypto_team.features.watching import COMPILING

    settings = settings_of(values)
    if not tool.validator and settings["format"] in VALIDATOR_FORMATS:
        raise click.UsageError(f"--format {settings['format']} is for commands that check something")
    if tool.destructive and not settings["no_input"] and sys.stdin.isatty():
        click.confirm(f"{tool.name} may discard work of others. Continue?", abort=True, err=True)
    mode = settings["progress"] or "auto"
    with progress.shown(mode, tool.name, long=tool.long) as report:
        COMPILING.tell(progress.compiling(mode, report, long=tool.long))
        outcome = _outcome(tool, role, settings["workspace"], report, given(values))
    try:
        output.show(outcome, settings["format"] or "table", validator=tool.validator)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    return EXIT_OK if outcome.ok else outcome.exit_code or 1


def _outcome(
    tool: Tool, role: RoleId, workspace: Path | None, report: Callable[[float, str], None], said: Mapping[str, Any]
) -> Outcome:
    """Open the session and call the tool; a workspace that was named has to be one."""
    from crypto_team.errors import CryptoTeamError, UsageError
    from crypto_team.tools.base import call, failure
    from crypto_team.tools.session import open_session

    try:
        session = open_session(workspace or Path.cwd(), role, progress=report)
        if workspace is not None and session.workspace is None:
            hint = f"crypto-team init --path {workspace}"
            raise UsageError("this folder is no workspace", where=str(workspace), hint=hint)
    except CryptoTeamError as error:
        return failure(error)
    return call(tool, session, said)


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the common options of the command with those given before it."""
    root = click.get_current_context().find_root().params
    return {
        name: values.get(name) if values.get(name) is not None else root.get(name)
        for name in ("workspace", "format", "progress", "no_input")
    }


def silence_stdout() -> None:
    """Let the interpreter flush into nothing at exit: whoever read the pipe has gone, which is no error."""
    import os

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
