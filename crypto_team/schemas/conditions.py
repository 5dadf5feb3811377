"""Conditions over named numbers, written as text: what a check demands, read by its gate and by whoever audits it.

``value >= ratio and (base <= 0 or noisy >= (1 - lost) * base)`` compares numbers of a report with settings of a policy.
The text is parsed into a tree of the few forms below; nothing else is a condition, and nothing is evaluated as code.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import cache
from statistics import NormalDist
from typing import Final

from crypto_team.errors import InputError

ROUNDING: Final = 1e-12
"""By how much `<=` and `>=` forgive: sums of shares are off by that much."""
Numbers = Mapping[str, float]

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARED: Final[dict[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.LtE: lambda left, right: left <= right + ROUNDING,
    ast.GtE: lambda left, right: left >= right - ROUNDING,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.Eq: operator.eq,
}


def _normal(share: float) -> float:
    """Return the quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(share) if 0.0 < share < 1.0 else math.copysign(math.inf, share - 0.5)


_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {"normal": _normal, "min": min, "max": max}


@cache
def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as problem:
        raise InputError(f"this is no condition: {text[:200]}") from problem


def names(text: str) -> frozenset[str]:
    """Return the numbers that a condition needs."""
    nodes = list(ast.walk(_parsed(text)))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name) and node not in called)


def holds(text: str, numbers: Numbers) -> bool:
    """Say whether a condition holds; it never does where one of its numbers is missing or not finite.

    Raises
    ------
    InputError
        The text is no condition.
    """
    if not all(math.isfinite(numbers.get(name, math.nan)) for name in names(text)):
        return False
    try:
        return _true(_parsed(text), numbers)
    except (ZeroDivisionError, OverflowError):
        return False


def _true(node: ast.expr, numbers: Numbers) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = (_true(each, numbers) for each in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare) and all(type(each) in _COMPARED for each in node.ops):
        sides = [_number(each, numbers) for each in (node.left, *node.comparators)]
        return all(
            _COMPARED[type(each)](left, right)
            for each, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True)
        )
    raise _foreign(node)


def _number(node: ast.expr, numbers: Numbers) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return numbers[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, numbers)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _ARITHMETIC[type(node.op)](_number(node.left, numbers), _number(node.right, numbers))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        function = _FUNCTIONS.get(node.func.id)
        if function is not None:
            return function(*(_number(each, numbers) for each in node.args))
    raise _foreign(node)


def _foreign(node: ast.expr) -> InputError:
    return InputError(
        f"a condition cannot hold {ast.unparse(node)[:100]}",
        hint="comparisons of numbers joined by and, or; + - * /; min, max, normal",
    )
