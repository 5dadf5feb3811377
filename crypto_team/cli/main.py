"""`crypto-team`: the root of all commands, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crypto_team import __version__
from crypto_team.cli.commands import IndexGroup, entries_of
from crypto_team.cli.index import GROUPS, ROLES
from crypto_team.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, CryptoTeamError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas.base import RoleId

HELP = """A team of LLM agents (or people) develops ML trading strategies without fooling itself.

Start with `crypto-team init --path FOLDER`, or watch the whole pipeline with `crypto-team demo`.

\b
Exit codes: 0 ok, 1 findings, 2 wrong usage, 3 refused by ownership or a gate,
4 conflict, 5 locked by another process, 70 internal error, 130 interrupted.
"""


class Root(IndexGroup):
    """The root group: commands of the workspace, groups, and one group per role."""

    def __init__(self) -> None:
        super().__init__("crypto-team", summary=HELP, entries=entries_of(""))
        everyones = entries_of("every")
        self.roles: dict[str, IndexGroup] = {
            name: IndexGroup(name, summary=summary, entries={**everyones, **entries_of(name)}, role=_role_id(name))
            for name, summary in ROLES.items()
        }
        for name, summary in GROUPS.items():
            own = entries_of("").get(name)
            self.add_command(IndexGroup(name, summary=summary, entries=entries_of(name), otherwise=own))
        self.add_command(
            click.Group("role", commands=list(self.roles.values()), help="The same tools as `crypto-team ROLE TOOL`.")
        )
        self.add_command(_demo())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a role, a group or a command; roles may be written with `_`."""
        return self.roles.get(cmd_name.replace("_", "-")) or super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, groups and roles."""
        return sorted([*super().list_commands(ctx), *self.roles])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands and groups, then the roles in the order of the pipeline."""
        super().format_commands(ctx, formatter)
        with formatter.section("Roles"):
            formatter.write_dl(list(ROLES.items()))


def _role_id(name: str) -> RoleId:
    """Return the role of a command group."""
    role: Any = name.replace("-", "_")
    return role  # type: ignore[no-any-return]


def _demo() -> click.Command:
    """Build the demo command; what it runs is imported when it is called."""

    def demo(folder: Path, data: tuple[Path, ...], pair: str | None, timeframe: str, exchange: str) -> int:
        from crypto_team.cli.demo import run_demo

        return run_demo(folder=folder, data=data, pair=pair, timeframe=timeframe, exchange=exchange)

    summary = "Run the whole pipeline in a fresh workspace and write one page about it."
    text = f"""{summary}

    Without --data: three strategies on synthetic markets whose truth is known, one approved, two refused. With --data:
    your own candles on the path of the first.
    """
    return click.Command("demo", params=_demo_options(), callback=demo, help=text, short_help=summary)


def _demo_options() -> list[click.Parameter]:
    """Return the options of the demo."""
    path = click.Path(path_type=Path)
    existing = click.Path(path_type=Path, exists=True)
    return [
        click.Option(["--path", "folder"], type=path, default="demo-workspace", show_default=True, help="Its folder."),
        click.Option(["--data"], type=existing, multiple=True, help="Candles of your own; repeat for several files."),
        click.Option(["--pair"], help="Pair of --data, for example BTC/USD."),
        click.Option(["--timeframe"], default="1h", show_default=True, help="Length of a bar of --data."),
        click.Option(["--exchange"], default="binance", show_default=True, help="Exchange id of --data."),
    ]


def build() -> click.Group:
    """Return the root command."""
    from crypto_team.cli.parameters import common_options

    root = Root()
    root.params.extend([*common_options(), _version()])
    return root


def _version() -> click.Option:
    """Return `--version`."""

    def show(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"crypto-team {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Print the version."
    )


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every failure is printed, none escapes."""
    try:
        result = build().main(list(arguments), prog_name="crypto-team", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted; nothing half-written", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        _show_usage(error, as_json=_wants_json(arguments))
        return error.exit_code
    except CryptoTeamError as error:
        _show_error(error)
        return error.exit_code
    except ModuleNotFoundError as error:
        return _missing(error)
    except Exception as error:  # noqa: BLE001 - the last line of defence: users see a sentence, the log the traceback
        return _internal(error)
    return result if isinstance(result, int) else 0


def run() -> None:
    """Run the command line of this process and exit."""
    sys.exit(main(sys.argv[1:]))


def _wants_json(arguments: Sequence[str]) -> bool:
    """Return whether a command line that could not be parsed asked for JSON."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(pair == ("--format", "json") or pair[0] == "--format=json" for pair in pairs)


def _show_usage(error: click.ClickException, *, as_json: bool) -> None:
    """Print what is wrong with the command line and where its help is."""
    if as_json:
        from crypto_team.tools.base import failure

        known = getattr(error, "ctx", None)
        step = f"{known.command_path} --help" if known else "crypto-team --help"
        outcome = failure(UsageError(error.format_message(), hint=step))
        click.echo(outcome.model_dump_json(indent=2))
        return
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    click.echo(f"error: {error.format_message()}", err=True)
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(f"  next: {context.command_path} --help", err=True)


def _show_error(error: CryptoTeamError) -> None:
    """Print a foreseen error as what, where and next."""
    from crypto_team.cli.output import error_text
    from crypto_team.tools.base import failure

    for finding in failure(error).findings:
        click.echo(error_text(finding), err=True)


def _missing(error: ModuleNotFoundError) -> int:
    """Name the extra that brings a missing package; any other missing module is a bug."""
    from crypto_team.tools.extras import missing_extra

    extra = missing_extra(error)
    if extra is None:
        return _internal(error)
    _show_error(extra)
    return extra.exit_code


def _internal(error: Exception) -> int:
    """Write the traceback of a bug to a log file and say where it is."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="crypto-team-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    click.echo(f"error: internal error ({type(error).__name__}: {error})", err=True)
    click.echo(f"  where: the traceback is in {log.name}", err=True)
    click.echo("  next: this is a bug of crypto-team, please report it with that file", err=True)
    return EXIT_INTERNAL
