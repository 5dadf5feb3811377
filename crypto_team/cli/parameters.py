"""From a tool's signature to click parameters, and the options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crypto_team.tools.signature import Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.tools.base import Tool
    from crypto_team.tools.signature import Argument

FORMATS = ("table", "json", "jsonl", "csv", "md")
VALIDATOR_FORMATS = ("concise", "full", "github", "sarif", "junit")
PROGRESS = ("auto", "json", "none")
COMMON = ("workspace", "format", "progress", "no_input", "as_role")
TEAM = (
    "lead",
    "strategy_researcher",
    "ml_engineer",
    "data_collector",
    "backtester",
    "quant_analyst",
    "critic",
    "risk_manager",
    "execution_specialist",
)
_TYPES: dict[type, click.ParamType[Any]] = {str: click.STRING, int: click.INT, float: click.FLOAT, bool: click.BOOL}


def common_options(*, validator: bool = True) -> list[click.Parameter]:
    """Return the options that the root and every command understand; None means: not said here."""
    formats = FORMATS + VALIDATOR_FORMATS if validator else FORMATS
    return [
        click.Option(
            ["--workspace"],
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="The workspace, instead of the one that the current folder lies in.",
        ),
        click.Option(["--format"], type=click.Choice(formats), help="How data is printed on stdout [table]."),
        click.Option(
            ["--progress"], type=click.Choice(PROGRESS), help="Progress on stderr: a bar on a terminal, or JSON lines."
        ),
        click.Option(["--no-input"], is_flag=True, default=None, help="Never ask anything."),
    ]


def as_role_option() -> click.Option:
    """Return the option that says on whose behalf a command of the whole team acts."""
    return click.Option(["--as", "as_role"], type=click.Choice(TEAM), default="lead", help="The role that acts [lead].")


def parameters(tool: Tool) -> list[click.Parameter]:
    """Return the click parameters of a tool, in the order of its signature."""
    return [option_of(argument) for argument in tool.arguments]


def option_of(argument: Argument) -> click.Parameter:
    """Make one click parameter."""
    shape = shape_of(argument.annotation)
    if argument.positional:
        nargs = -1 if shape.many else 1
        return click.Argument([argument.name], type=_type(shape), nargs=nargs, required=argument.required)
    flag = "--" + argument.name.replace("_", "-")
    if shape.scalar is bool and not shape.many:
        declaration = f"{flag}/--no-{flag[2:]}" if argument.default else flag
        return click.Option([declaration, argument.name], is_flag=True, default=argument.default, help=argument.help)
    return click.Option(
        [flag, argument.name],
        type=_type(shape),
        multiple=shape.many,
        required=argument.required,
        help=argument.help + _default_text(argument),
    )


def _default_text(argument: Argument) -> str:
    """Say what happens without the option."""
    empty = argument.required or argument.default is None or argument.default in ("", []) or argument.default == ()
    return "" if empty else f"  [default: {argument.default}]"


def _type(shape: Shape) -> click.ParamType[Any]:
    """Map a scalar to what click parses."""
    if shape.choices:
        return click.Choice(shape.choices)
    if issubclass(shape.scalar, Path):
        return click.Path(path_type=Path)
    return _TYPES[shape.scalar]


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the user said as a tool's arguments: what was left out keeps the tool's own default."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name not in COMMON and value is not None and value != ()
    }
