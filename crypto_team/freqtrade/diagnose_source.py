"""What the text of a strategy says: its class, timeframe, the pairs it names, and lines that are worth a look.

Nothing here refuses: a hint explains what a probe has shown.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from crypto_team.errors import InputError

LARGE_TABLE, LARGE_TEXT = 200, 10_000
USUAL_TIMEFRAME: Final = "1h"
_TIMEFRAME = re.compile(r"[1-9][0-9]?[mhdw]")
_PAIR = re.compile(r"[A-Z0-9]{2,12}/[A-Z]{3,5}(:[A-Z]{3,5})?")
_COINS: Final = re.compile(
    r"ADA|ALGO|APT|ARB|ATOM|AVAX|BCH|BNB|BONK|DOGE|DOT|ETC|FIL|HBAR|ICP|INJ|LINK|LTC|MATIC|NEAR|PEPE|POL|SHIB|SOL|SUI|"
    r"TIA|TON|TRX|UNI|WIF|XLM|XMR|XRP"
)
_DATE: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-9:.+Z]*)?")
_ROWS: Final = re.compile(r"index|len\(|shape|size|arange|range|count|\bi\b|\bn\b|\bk\b|row")
_YEARS: Final = range(2009, 2100)
_LABELS: Final = frozenset({"set_freqai_targets"})
_WHOLE: Final = frozenset({"bfill", "backfill", "interpolate", "filtfilt", "fft", "rfft", "hilbert", "savgol_filter"})
_FITS: Final = frozenset({"fit", "fit_transform", "fit_predict"})
_SUMMARY: Final = frozenset({"mean", "std", "max", "min", "median", "quantile", "sum", "var"})
_LOADS: Final = frozenset({"load", "load_model", "read_parquet", "read_csv", "read_feather", "read_json", "Booster"})


@dataclass(frozen=True, slots=True)
class Hint:
    """A line that often looks ahead."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a strategy file says about itself.

    `coins`, `dates` and `counts` are literals that it may compare with: a leak may wait for a coin, for a date or for a
    number of candles, so candles that are made for it have them. `remembers` says that it holds a large table.
    """

    class_name: str
    timeframe: str
    can_short: bool
    pairs: tuple[str, ...]
    timeframes: tuple[str, ...]
    hints: tuple[Hint, ...]
    coins: tuple[str, ...] = ()
    dates: tuple[pd.Timestamp, ...] = ()
    counts: tuple[int, ...] = ()
    remembers: bool = False


def read_source(text: str, where: str, class_name: str | None = None) -> Source:
    """Read a strategy file without running it.

    Raises
    ------
    InputError
        It is no Python, or holds no strategy of that name, or several and none is named.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as problem:
        line = getattr(problem, "lineno", None)
        raise InputError(f"this is no Python: {problem}", where=f"{where}:{line or 1}") from None
    chosen = _chosen(tree, where, class_name)
    texts = [item.value for item in ast.walk(tree) if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return Source(
        class_name=chosen.name,
        timeframe=str(_setting(tree, chosen, "timeframe") or _setting(tree, chosen, "ticker_interval") or "")
        or USUAL_TIMEFRAME,
        can_short=bool(_setting(tree, chosen, "can_short")),
        pairs=tuple(dict.fromkeys(item for item in texts if _PAIR.fullmatch(item))),
        timeframes=tuple(dict.fromkeys(item for item in texts if _TIMEFRAME.fullmatch(item))),
        hints=tuple(sorted(set(_hints(tree)), key=lambda item: (item.line, item.reason))),
        coins=tuple(dict.fromkeys(item.strip("/_") for item in texts if _COINS.fullmatch(item.strip("/_")))),
        dates=tuple(sorted(set(_dates(tree)))),
        counts=tuple(sorted(set(_counts(tree)))),
        remembers=any(map(_is_large, ast.walk(tree))),
    )


def _is_large(node: ast.AST) -> bool:
    """Tell whether a literal could hold what happened: hundreds of entries, or a text that packs them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return len(node.value) >= LARGE_TEXT
    entries = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", ())
    return len(entries) >= LARGE_TABLE


def _dates(tree: ast.AST) -> Iterator[pd.Timestamp]:
    """Yield moments that are written out, as text or as `datetime(2024, 6, 1)`."""
    for node in ast.walk(tree):
        made: object = None
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DATE.fullmatch(node.value):
            made = node.value
        elif isinstance(node, ast.Call) and len(node.args) >= 3:
            parts = [item.value for item in node.args[:3] if isinstance(item, ast.Constant)]
            if len(parts) == 3 and parts[0] in _YEARS:
                made = "-".join(map(str, parts))
        with contextlib.suppress(ValueError):
            if made is not None:
                time = pd.Timestamp(str(made))
                yield time.tz_convert("UTC") if time.tzinfo else time.tz_localize("UTC")


def _counts(tree: ast.AST) -> Iterator[int]:
    """Yield whole numbers that a number of rows is compared with, or that rows are taken from."""
    for node in ast.walk(tree):
        counted = isinstance(node, ast.Compare) and _ROWS.search(ast.unparse(node))
        parts = [node.left, *node.comparators] if counted and isinstance(node, ast.Compare) else []
        parts += [node.slice] if isinstance(node, ast.Subscript) else []
        for part in parts:
            found = [part.lower, part.upper] if isinstance(part, ast.Slice) else [part]
            values = (item.value for item in found if isinstance(item, ast.Constant))
            yield from (item for item in values if isinstance(item, int) and item > 0)


def _chosen(tree: ast.Module, where: str, wanted: str | None) -> ast.ClassDef:
    classes = [item for item in ast.walk(tree) if isinstance(item, ast.ClassDef)]
    if wanted:
        found = [item for item in classes if item.name == wanted]
    else:
        methods = {"populate_indicators", "populate_entry_trend", "populate_buy_trend"}
        found = [item for item in classes if _bases(item) & {"IStrategy"} or methods & _methods(item)]
        parents = set().union(*(_bases(item) for item in found))
        found = [item for item in found if item.name not in parents] or found
    if not found:
        raise InputError("there is no strategy class in it", where=where, hint="a class derived from IStrategy")
    if len(found) > 1:
        names = ", ".join(item.name for item in found)
        raise InputError(f"several strategies: {names}", where=where, hint=f"--strategy {found[0].name}")
    return found[0]


def _bases(item: ast.ClassDef) -> set[str]:
    return {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in item.bases}


def _methods(item: ast.ClassDef) -> set[str]:
    return {part.name for part in item.body if isinstance(part, ast.FunctionDef)}


def _setting(tree: ast.Module, chosen: ast.ClassDef, name: str) -> object:
    """Return a literal that the class, or a parent in the same file, sets."""
    for line in chosen.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(line, ast.Assign | ast.AnnAssign):
            return line.value.value if isinstance(line.value, ast.Constant) else None
    for parent in ast.walk(tree):
        if isinstance(parent, ast.ClassDef) and parent is not chosen and parent.name in _bases(chosen):
            return _setting(tree, parent, name)
    return None


def _hints(tree: ast.AST) -> Iterator[Hint]:
    """Walk everything but the methods that make labels: those may look ahead."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and node.name in _LABELS:
            continue
        reason = _reason(node)
        if reason:
            yield Hint(getattr(node, "lineno", 1), reason)
        yield from _hints(node)


def _reason(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and _negative(node.slice.step):
        return "reversed order"
    if isinstance(node, ast.Subscript) and _attribute(node.value) == "iloc" and _negative(node.slice):
        return "the last row of the whole frame"
    return None


def _call(node: ast.Call) -> str | None:
    name = _attribute(node.func) or getattr(node.func, "id", "")
    named = {item.arg: item.value for item in node.keywords}
    first = node.args[0] if node.args else named.get("periods")
    if name in {"shift", "pct_change", "diff", "roll"} and (
        _negative(first) or (name == "roll" and len(node.args) > 1 and _negative(node.args[1]))
    ):
        return f"{name} by a negative number of rows"
    if name == "rolling" and getattr(named.get("center"), "value", False):
        return "centred window"
    if name == "merge_asof" and getattr(named.get("direction"), "value", "backward") != "backward":
        return "merge_asof that is not backward"
    return _kind(name, node)


def _kind(name: str, node: ast.Call) -> str | None:
    if name in _WHOLE:
        return f"{name}() fills from, or mixes with, later rows"
    if name in _FITS:
        return f"{name}() sees whatever rows it is given"
    if name == "resample":
        return "a resampled candle is known at its close, not at its open"
    if name in _LOADS:
        return f"{name}() reads a file: what was it made from?"
    if name in _SUMMARY and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Subscript):
        return f"{name}() of a whole column"
    return None


def _attribute(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""


def _negative(node: ast.AST | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
