"""A tool's signature as its contract: arguments, their types, and what the docstring says about each."""

from __future__ import annotations

import inspect
import re
import textwrap
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from crypto_team.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto_team.schemas.outcome import Outcome

    ToolFunction = Callable[..., Outcome]

REQUIRED = inspect.Parameter.empty
_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a tool.

    `name` is what callers say, `parameter` what the function calls it: `set` for `set_`, because of the builtin.
    `positional` arguments are given by place on the command line, all others by `--name`: those without a default,
    and those that stand before a `/` in the signature (`place_only`), which may be left out.
    """

    name: str
    parameter: str
    annotation: Any
    default: Any
    positional: bool
    place_only: bool
    help: str

    @property
    def required(self) -> bool:
        """Return whether the caller has to give it."""
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True)
class Shape:
    """An annotation as a shell sees it: a scalar type, its closed choices if any, and whether it may be repeated."""

    scalar: type
    choices: tuple[str, ...] = ()
    many: bool = False


def shape_of(annotation: Any) -> Shape:
    """Take an annotation apart.

    Raises
    ------
    UsageError
        It is more than a scalar, a choice or a list of either: big things are records, not arguments.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return shape_of(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        rest = [item for item in get_args(annotation) if item is not type(None)]
        if len(rest) == 1:
            return shape_of(rest[0])
    if origin is Literal:
        return Shape(str, tuple(str(choice) for choice in get_args(annotation)))
    if origin is list:
        inner = shape_of(get_args(annotation)[0])
        return Shape(inner.scalar, inner.choices, many=True)
    if isinstance(annotation, type) and origin is None:
        return Shape(annotation)
    raise UsageError(f"an argument of a tool cannot have the type {annotation}")


def summary_and_sections(function: ToolFunction) -> tuple[str, str, dict[str, str]]:
    """Split a docstring into its first line, the prose after it, and its NumPy sections."""
    text = inspect.getdoc(function) or ""
    if not text:
        raise UsageError(f"the tool {function.__name__} has no docstring", where=function.__module__)
    parts = _HEADING.split(text)
    first, _, prose = parts[0].partition("\n")
    sections = {title: body.rstrip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}
    return first.strip(), prose.strip(), sections


def _parameter_help(section: str) -> dict[str, str]:
    """Read the `Parameters` section: names at the margin, their text indented below."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", section.strip("\n")) if section else []:
        head, _, body = block.partition("\n")
        for name in head.split(":")[0].split(","):
            found[name.strip()] = " ".join(textwrap.dedent(body).split())
    return found


def _annotations(function: ToolFunction) -> dict[str, Any]:
    """Resolve annotations; `Session` and `Outcome` may be imported for type checkers only."""
    try:
        return get_type_hints(function, localns={"Session": object, "Outcome": object}, include_extras=True)
    except NameError as problem:
        raise UsageError(
            f"the type {problem.name} of an argument of {function.__name__} is imported under TYPE_CHECKING only",
            where=function.__module__,
            hint="import it at module level: the signature is read when the program runs",
        ) from problem


def arguments_of(function: ToolFunction) -> tuple[Argument, ...]:
    """Read the arguments of a tool from its signature; the first parameter is the session.

    Raises
    ------
    UsageError
        The first parameter is not `session`, an argument has no annotation, no text in the docstring, or the
        docstring describes an argument that does not exist.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].name != "session":
        raise UsageError(f"the first parameter of {function.__name__} must be `session`", where=function.__module__)
    hints = _annotations(function)
    texts = _parameter_help(summary_and_sections(function)[2].get("Parameters", ""))
    names = [parameter.name for parameter in parameters[1:]]
    odd = sorted(set(names) ^ (set(texts) - {"session"}))
    if odd:
        raise UsageError(
            f"signature and docstring of {function.__name__} differ in: {', '.join(odd)}", where=function.__module__
        )
    return tuple(
        Argument(
            name=parameter.name.rstrip("_"),
            parameter=parameter.name,
            annotation=hints[parameter.name],
            default=parameter.default,
            positional=parameter.kind is parameter.POSITIONAL_ONLY
            or (parameter.default is REQUIRED and parameter.kind is parameter.POSITIONAL_OR_KEYWORD),
            place_only=parameter.kind is parameter.POSITIONAL_ONLY,
            help=texts[parameter.name],
        )
        for parameter in parameters[1:]
    )
