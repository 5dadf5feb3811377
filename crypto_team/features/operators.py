"""The table of operators: a decorated function is an operator, its signature is its contract.

Parameters annotated as columns are inputs, integers and floats are settings. None of them can look ahead: a setting is
positive, and a kernel reads bars up to its own only. What an operator needs before its value counts is its look-back.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from crypto_team.errors import UsageError
from crypto_team.features.arrays import on_arrays
from crypto_team.features.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crypto_team.schemas.features import Category

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
NEGLIGIBLE = 1e-6
LONGEST_WINDOW = 20_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operator."""

    name: str
    kind: Literal["column", "int", "float", "times"]
    default: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What several settings have to fulfil together: `holds` takes them by name."""

    holds: Callable[..., bool]
    words: str


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its function, family, own look-back from its settings, and the shortest window that has a value."""

    name: str
    family: Category
    function: Callable[..., Floats]
    lookback: Callable[..., int]
    parameters: tuple[Parameter, ...]
    shortest: int = 1
    rule: Rule | None = None

    @property
    def columns(self) -> tuple[Parameter, ...]:
        """Return the parameters that are columns."""
        return tuple(item for item in self.parameters if item.kind == "column")

    @property
    def settings(self) -> tuple[Parameter, ...]:
        """Return the parameters that are numbers."""
        return tuple(item for item in self.parameters if item.kind in {"int", "float"})

    @property
    def summary(self) -> str:
        """Return the first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def signature(self) -> str:
        """Return how it is written in a formula."""
        parts = [
            item.name if item.default is None else f"{item.name}={item.default:g}"
            for item in self.parameters
            if item.kind != "times"
        ]
        return f"{self.name}({', '.join(parts)})"


OPERATORS: dict[str, Operator] = {}
_KINDS: dict[str, Literal["column", "int", "float", "times"]] = {
    "Floats": "column",
    "int": "int",
    "float": "float",
    "Times": "times",
}


def operator(
    family: Category, lookback: Callable[..., int], *, shortest: int = 1, rule: Rule | None = None
) -> Callable[[Callable[..., Floats]], Callable[..., Floats]]:
    """Put a function into the table; it may then be called with series and with arrays.

    Parameters
    ----------
    family
        Family of the catalog that its features are filed under.
    lookback
        From the settings (by name) to the number of earlier bars that a value needs.
    shortest
        Smallest window n for which the value is defined.
    rule
        What settings have to fulfil together, by name, and how that is said.
    """

    def register(function: Callable[..., Floats]) -> Callable[..., Floats]:
        name = function.__name__.rstrip("_")
        if name in OPERATORS:
            raise UsageError(f"two operators are called {name}")
        made = on_arrays(function)
        OPERATORS[name] = Operator(name, family, made, lookback, _parameters(function), shortest, rule)
        return made

    return register


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    made = []
    for item in inspect.signature(function).parameters.values():
        kind = _KINDS[str(item.annotation)]
        made.append(Parameter(item.name, kind, None if item.default is inspect.Parameter.empty else item.default))
    return tuple(made)


def typed_settings(found: Operator, given: Sequence[float]) -> list[int | float]:
    """Return settings as the operator's function takes them: whole numbers as int."""
    kinds = [item.kind for item in found.settings]
    return [int(value) if kind == "int" else value for kind, value in zip(kinds, given, strict=True)]


def by_name(found: Operator, function: Callable[..., Any], given: Sequence[float]) -> Any:
    """Call a function of some settings with those that it names."""
    named = dict(zip((item.name for item in found.settings), typed_settings(found, given), strict=True))
    wanted = inspect.signature(function).parameters
    return function(*(named[name] for name in wanted))


def decay_bars(alpha: float) -> int:
    """Return after how many bars the weight of an exponential average falls below one millionth.

    The average itself is then right to a millionth of its level. What is left of it in a difference or a ratio of two
    averages is larger against their own small values: up to 1e-4 of a value, below 1e-5 of its standard deviation.
    """
    return 0 if alpha >= 1.0 else math.ceil(math.log(NEGLIGIBLE) / math.log(1.0 - alpha))


def divided(above: Floats, below: Floats) -> Floats:
    """Divide; where the divisor is zero the value is unknown (NaN), never infinite."""
    parts: tuple[Any, Any] = (above, below)
    if any(isinstance(part, Series) for part in parts):
        return cast("Floats", parts[0] / parts[1])
    out = np.full(above.shape, np.nan)
    np.divide(above, below, out=out, where=below != 0.0)
    return out


def shifted(x: Floats, n: int) -> Floats:
    """Return the value n bars before; the first n are NaN."""
    traced: Any = x
    if isinstance(traced, Series):
        return cast("Floats", traced.before(n))
    out = np.full(x.shape, np.nan)
    if n < x.size:
        out[n:] = x[: x.size - n]
    return out
