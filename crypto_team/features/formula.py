"""The formula language: a feature as an expression over operators. Parsed, never evaluated as code.

Numbers, columns, calls of operators, ``+ - * /``, comparisons (1 or 0), unary minus, and sweeps ``{7, 14, 28}`` that
expand into several formulas. Operator names are case-insensitive.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import warnings
from typing import Final

from crypto_team.errors import FormulaError
from crypto_team.features.nodes import COLUMNS, Node, canonical_text, column_name, family, plain_number, reads
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import LONGEST_WINDOW, Operator, by_name
from crypto_team.features.scopes import COMPOSED_NAMES, composed
from crypto_team.features.spelling import COLUMN_CALLED, OPERATOR_CALLED, is_number, told

__all__ = ["COLUMNS", "Node", "canonical_text", "expand", "family", "feature_name", "parse", "reads"]

LONGEST_TEXT, DEEPEST, MOST_EXPANDED = 1000, 30, 500
_BINARY: Final[dict[type[ast.operator], str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISON: Final[dict[type[ast.cmpop], str]] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def parse(text: str, timeframe: str | None = None) -> Node:
    """Read one formula without sweeps.

    Parameters
    ----------
    text
        The formula.
    timeframe
        Length of the bars that it is meant for; where given, `on(...)` has to name a multiple of it.

    Raises
    ------
    FormulaError
        Not a formula, an unknown name, a wrong setting; with the column in the text.
    """
    return _Reader(text, timeframe).whole(_tree(text))


def expand(text: str, timeframe: str | None = None) -> list[str]:
    """Return the formulas that a formula with sweeps stands for, in canonical form; all of them are checked."""
    tree = _tree(text)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Set)]
    sweeps = sorted(found, key=lambda node: (node.lineno, node.col_offset))
    count = 1
    for sweep in sweeps:
        count *= len(sweep.elts)
    if count > MOST_EXPANDED:
        raise _error(text, sweeps[0], f"expands into {count} formulas, at most {MOST_EXPANDED} are allowed")
    choices = itertools.product(*([(sweep, item) for item in sweep.elts] for sweep in sweeps))
    reader = _Reader(text, timeframe)
    made = [canonical_text(reader.chosen(tree, dict(choice))) for choice in choices]
    return list(dict.fromkeys(made))


def _tree(text: str) -> ast.expr:
    """Parse with Python's own parser, within limits; what it cannot read is a formula error."""
    if not text.strip():
        raise FormulaError("the formula is empty", hint="for example rsi(close, 14)")
    if len(text) > LONGEST_TEXT:
        raise FormulaError(f"the formula has {len(text)} characters, at most {LONGEST_TEXT} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "1if" and the like warn before they fail
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as problem:
        raise FormulaError(
            f"not a formula: {problem.msg}",
            where=f"{text[:80]!r} column {problem.offset or len(text.strip()) + 1}",
            hint=_EXAMPLE,
        ) from None
    except (RecursionError, MemoryError, ValueError):
        raise FormulaError("the formula is nested too deeply or holds odd characters", hint=_EXAMPLE) from None


_EXAMPLE: Final = "for example zscore(rsi(close, 14), 100) or ret(close, {1, 4, 24})"


def _error(text: str, node: ast.AST, what: str, hint: str | None = None) -> FormulaError:
    before = text.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore")
    return FormulaError(what, where=f"{text[:80]!r} column {len(before) + 1}", hint=hint)


class _Reader:
    """Turns Python's syntax tree into nodes and refuses everything that is not in the language."""

    def __init__(self, text: str, timeframe: str | None) -> None:
        self.text = text.strip()
        self.timeframe = timeframe
        self.choice: dict[ast.Set, ast.expr] = {}

    def chosen(self, tree: ast.expr, choice: dict[ast.Set, ast.expr]) -> Node:
        """Read the tree with one value for each sweep."""
        self.choice = choice
        return self.whole(tree)

    def whole(self, tree: ast.expr) -> Node:
        """Read the tree; it has to say something about the market or the clock."""
        node = self.node(tree, 0)
        if all(part.kind in {"number", "binary", "negative"} for part in reads(node)):
            raise self.fail(tree, "a formula of numbers alone is the same on every bar", _EXAMPLE)
        return node

    def fail(self, node: ast.AST, what: str, hint: str | None = None) -> FormulaError:
        """Make an error that points at a part of the text."""
        return _error(self.text, node, what, hint)

    def node(self, tree: ast.expr, depth: int) -> Node:
        """Read one part."""
        if depth > DEEPEST:
            raise self.fail(tree, f"nested more than {DEEPEST} levels deep")
        if isinstance(tree, ast.Set):
            return self.node(self._one(tree), depth + 1)
        if isinstance(tree, ast.Constant):
            if isinstance(tree.value, str):
                raise self.fail(tree, f"{tree.value!r} is a text", "columns are written without quotes: close")
            return Node("number", plain_number(self.number(tree)))
        if isinstance(tree, ast.Name):
            return self._column(tree)
        if isinstance(tree, ast.Call):
            return self._call(tree, depth)
        return self._arithmetic(tree, depth)

    def _arithmetic(self, tree: ast.expr, depth: int) -> Node:
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return Node("negative", "-", (self.node(tree.operand, depth + 1),))
        if isinstance(tree, ast.BinOp) and type(tree.op) in _BINARY:
            sides = (self.node(tree.left, depth + 1), self.node(tree.right, depth + 1))
            if isinstance(tree.op, ast.Div) and sides[1] == Node("number", "0"):
                raise self.fail(tree.right, "division by zero: unknown on every bar")
            return Node("binary", _BINARY[type(tree.op)], sides)
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and type(tree.ops[0]) in _COMPARISON:
            sides = (self.node(tree.left, depth + 1), self.node(tree.comparators[0], depth + 1))
            return Node("binary", _COMPARISON[type(tree.ops[0])], sides)
        raise self.fail(tree, *told(tree, _EXAMPLE))

    def one(self, tree: ast.expr) -> ast.expr:
        """Return the chosen item of a sweep, and anything else as it is."""
        return self._one(tree) if isinstance(tree, ast.Set) else tree

    def _one(self, tree: ast.Set) -> ast.expr:
        if tree not in self.choice:
            raise self.fail(tree, "a sweep stands for several formulas; expand it first")
        return self.choice[tree]

    def number(self, tree: ast.expr) -> float:
        """Read a number literal."""
        tree = self.one(tree)
        negative = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
        literal = tree.operand if isinstance(tree, ast.UnaryOp) and negative else tree
        if not isinstance(literal, ast.Constant) or isinstance(
            literal.value, bool | str | bytes | complex | type(None)
        ):
            raise self.fail(tree, "a number is expected here")
        if not isinstance(literal.value, int | float) or abs(literal.value) > 1e12:
            raise self.fail(tree, "the number is too large")
        return -float(literal.value) if negative else float(literal.value)

    def _column(self, tree: ast.Name) -> Node:
        name = tree.id.lower()
        if name in COLUMNS:
            return Node("column", name)
        near = difflib.get_close_matches(name, [*COLUMNS, *OPERATORS, *COMPOSED_NAMES], n=1)
        if name in COMPOSED_NAMES:
            raise self.fail(tree, f"{name} is no column", f"write {COMPOSED_NAMES[name]}")
        if name in OPERATORS:
            raise self.fail(tree, f"{name} is an operator", f"write {OPERATORS[name].signature}")
        meant = COLUMN_CALLED.get(name) or (near[0] if near else None)
        hint = f"did you mean {meant}?" if meant else f"columns are {', '.join(COLUMNS)}"
        raise self.fail(tree, f"unknown column {tree.id!r}", hint)

    def _call(self, tree: ast.Call, depth: int) -> Node:
        special = composed(tree, self, depth)
        if special is not None:
            return special
        found = self._operator(tree)
        if tree.keywords:
            self._keywords(tree, found)
        columns = tree.args[: len(found.columns)]
        if len(columns) < len(found.columns) or any(is_number(item) for item in columns):
            columns, given = self._default_columns(tree, found)
        else:
            given = tree.args[len(found.columns) :]
        inputs = tuple(self.node(item, depth + 1) for item in columns)
        return Node("call", found.name, inputs, self._settings(tree, found, given))

    def _operator(self, tree: ast.Call) -> Operator:
        if not isinstance(tree.func, ast.Name):
            raise self.fail(tree, "only operators can be called", _EXAMPLE)
        name = tree.func.id.lower()
        if name not in OPERATORS:
            near = difflib.get_close_matches(name, [*OPERATORS, *COMPOSED_NAMES], n=1)
            meant = OPERATOR_CALLED.get(name) or (near[0] if near else None)
            hint = f"did you mean {meant}?" if meant else "crypto-team features list"
            raise self.fail(tree, f"unknown operator {tree.func.id!r}", hint)
        return OPERATORS[name]

    def _keywords(self, tree: ast.Call, found: Operator) -> None:
        """Turn keyword settings into positional ones, in the operator's order."""
        names = [item.name for item in found.settings]
        given = {str(item.arg): item.value for item in tree.keywords}
        if len(given) < len(tree.keywords):
            raise self.fail(tree, f"a setting of {found.name} is given twice", f"write {found.signature}")
        unknown = [name for name in given if name not in names]
        if unknown:
            raise self.fail(tree, f"{found.name} has no setting {unknown[0]!r}", f"write {found.signature}")
        implied = all(is_number(item) for item in tree.args) and len(found.columns) > 0
        placed = max(0, len(tree.args) - (0 if implied else len(found.columns)))
        twice = [name for name in names[:placed] if name in given]
        if twice:
            raise self.fail(tree, f"{twice[0]} of {found.name} is given twice", f"write {found.signature}")
        filled = list(tree.args)
        for item in found.settings[placed:]:
            if item.name in given:
                filled.append(given[item.name])
            elif item.default is not None:
                filled.append(ast.Constant(item.default, lineno=1, col_offset=tree.col_offset))
        tree.args, tree.keywords = filled, []

    def _default_columns(self, tree: ast.Call, found: Operator) -> tuple[list[ast.expr], list[ast.expr]]:
        """Allow `atr(14)`: where only numbers are given and every input has a column's name, those are meant."""
        names = [item.name.rstrip("_") for item in found.columns]
        if any(name not in COLUMNS for name in names) or not all(is_number(item) for item in tree.args):
            raise self.fail(tree, f"{found.name} needs {len(names)} column(s)", f"write {found.signature}")
        implied: list[ast.expr] = [ast.Name(name, lineno=1, col_offset=tree.col_offset) for name in names]
        return implied, tree.args

    def _settings(self, tree: ast.Call, found: Operator, given: list[ast.expr]) -> tuple[float, ...]:
        if len(given) > len(found.settings):
            raise self.fail(tree, f"{found.name} has {len(found.settings)} setting(s)", f"write {found.signature}")
        made = []
        for number, item in enumerate(found.settings):
            if number < len(given):
                value = self.number(given[number])
            elif item.default is not None:
                value = item.default
            else:
                raise self.fail(tree, f"{found.name} needs {item.name}", f"write {found.signature}")
            if item.kind == "int":
                self._whole(given[number] if number < len(given) else tree, found, item.name, value)
            made.append(value)
        if found.rule is not None and not by_name(found, found.rule.holds, made):
            raise self.fail(tree, f"{found.name}: {found.rule.words}", f"write {found.signature}")
        return tuple(made)

    def _whole(self, tree: ast.expr, found: Operator, name: str, value: float) -> None:
        """Check a setting that counts bars."""
        least = found.shortest if name == "n" else 1
        if value == int(value) and least <= value <= LONGEST_WINDOW:
            return
        raise self.fail(
            tree,
            f"{name} of {found.name} has to be a whole number from {least} to {LONGEST_WINDOW}, not {value:g}",
            "no operator can look ahead: there is no zero or negative window or lag" if value < 1 else None,
        )


def feature_name(text: str) -> str:
    """Return a column name for a formula: rsi(close, 14) is rsi_14; other inputs than the close stay in the name."""
    return column_name(parse(text))
