# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a function may read a column by the name that stands in its code: a word that is no read is let out."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, Final

_EXPRESSION: Final = re.compile(r"[<>=&|+*/-]")
_LOGGERS: Final = frozenset({"logger", "log", "logging", "_logger"})
_REASONS: Final = frozenset({"exit_reason", "sell_reason", "entry_tag", "enter_tag", "exit_tag"})
_NO_FRAMES: Final = frozenset({"self", "cls", "trade", "order", "np", "pd", "ta"})
_PLACES: Final = frozenset({"loc", "iloc", "at", "iat"})
_PASSED_ON: Final = (ast.IfExp, ast.BoolOp, ast.Tuple, ast.List, ast.JoinedStr, ast.FormattedValue)


def names(function: Callable[..., Any], column: str) -> bool:
    """Tell whether a function holds the name of a column, or an expression with it, in a place that may be a read."""
    code = getattr(function, "__code__", None)
    told = code is not None and any(_holds(text, column) for text in _texts(code) if text != function.__doc__)
    if code is None or not (told or column in _attributes(code)):
        return False
    tree = _tree(function)
    if tree is None:
        return True
    if any(_is_attribute(node, column) for node in ast.walk(tree)):
        return True
    if not told:
        return False
    above = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _holds(node.value, column)
    ]
    return not found or any(_may_read(node, above) for node in found)


def _attributes(code: CodeType) -> Iterator[str]:
    """Yield the names of attributes and globals that a function asks for, also functions inside."""
    yield from code.co_names
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield from _attributes(item)


def _is_attribute(node: ast.AST, column: str) -> bool:
    """Tell whether a frame may be asked for the column as an attribute: frame.target, never self.target."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == column
        and isinstance(node.ctx, ast.Load)
        and not (isinstance(node.value, ast.Name) and node.value.id in _NO_FRAMES)
    )


def _tree(function: Callable[..., Any]) -> ast.Module | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _may_read(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Tell whether a word stands anywhere but where it is returned, logged, written, taken away, or a reason."""
    parent = above.get(node)
    while isinstance(parent, _PASSED_ON):
        node, parent = parent, above.get(parent)
    if isinstance(parent, ast.Return):
        # What a function inside returns may be a name to read by.
        return isinstance(_function_around(_function_around(parent, above), above), ast.AST)
    if isinstance(parent, ast.Expr):
        return False
    if isinstance(parent, ast.Assign):
        return not (parent.value is node and all(_is_place(target) for target in parent.targets))
    if isinstance(parent, ast.Subscript):
        return not isinstance(parent.ctx, ast.Del)
    if isinstance(parent, ast.Compare):
        return not all(_is_reason(side) for side in (parent.left, *parent.comparators) if side is not node)
    if isinstance(parent, ast.keyword):
        return not (parent.arg in {"columns", "labels"} and _is_drop(above.get(parent)))
    return not (isinstance(parent, ast.Call) and (_is_drop(parent) or _is_logged(parent, above.get(parent))))


def _function_around(node: ast.AST | None, above: dict[ast.AST, ast.AST]) -> ast.AST | None:
    found = above.get(node) if node is not None else None
    while found is not None and not isinstance(found, ast.FunctionDef | ast.Lambda):
        found = above.get(found)
    return found


def _is_place(target: ast.expr) -> bool:
    """Tell whether something is written to cells of a frame; a name or a dictionary may be a name of a column later."""
    return (
        isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute) and target.value.attr in _PLACES
    )


def _is_reason(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id in _REASONS) or (
        isinstance(node, ast.Attribute) and node.attr in _REASONS
    )


def _is_drop(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "drop"


def _is_logged(node: ast.Call, parent: ast.AST | None) -> bool:
    """Tell whether a call writes a message, or takes a column away without keeping it."""
    if isinstance(node.func, ast.Name):
        return node.func.id == "print"
    if not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr == "pop":
        return isinstance(parent, ast.Expr)
    return isinstance(node.func.value, ast.Name) and node.func.value.id in _LOGGERS


def _texts(code: CodeType) -> Iterator[str]:
    """Yield the texts that a function holds, also those of functions inside and of tuples."""
    todo: list[Any] = list(code.co_consts)
    while todo:
        item = todo.pop()
        if isinstance(item, CodeType):
            todo += item.co_consts
        elif isinstance(item, tuple | frozenset):
            todo += item
        elif isinstance(item, str):
            yield item


def _holds(text: str, column: str) -> bool:
    if text == column:
        return True
    return bool(_EXPRESSION.search(text) and re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text))
