"""The composed parts of the formula language: other timeframes, pairs and baskets, catalogued series, fitted parts.

None of them can look ahead: a bar of another timeframe or pair counts from its close on, a series from the moment its
value was known, and what is fitted is fitted on the training part of each fold only.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, get_args

from crypto_team.features.microstructure_table import NAMES as BOOK_COLUMNS
from crypto_team.features.nodes import Node
from crypto_team.features.operators import LONGEST_WINDOW
from crypto_team.features.spelling import is_number
from crypto_team.schemas.base import Timeframe

if TYPE_CHECKING:
    from crypto_team.errors import FormulaError
    from crypto_team.schemas.data import SeriesKind

TIMEFRAMES: Final[dict[str, int]] = {
    name: int(name[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}[name[-1]]
    for name in get_args(Timeframe)
}
"""Timeframes of formulas and their lengths in milliseconds."""

PAIR: Final = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?")
ASSET: Final = re.compile(r"[A-Z0-9]{1,20}")
SOURCE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
SESSIONS: Final = {
    **dict.fromkeys(("asian", "asia"), "session_asia"),
    **dict.fromkeys(("european", "europe"), "session_europe"),
    **dict.fromkeys(("us", "american"), "session_us"),
}
BASKETS: Final[dict[str, tuple[str, ...]]] = {
    "majors": ("BTC", "ETH"),
    "defi": ("AAVE", "UNI", "LINK", "MKR", "CRV", "COMP", "SNX", "SUSHI", "LDO", "DYDX", "CAKE", "JUP"),
    "l1": ("ETH", "SOL", "BNB", "ADA", "AVAX", "DOT", "ATOM", "NEAR", "TRX", "SUI", "APT", "XRP", "LTC"),
    "meme": ("DOGE", "SHIB", "PEPE", "WIF", "BONK", "FLOKI"),
}
"""Sectors by name; a formula that names one is pinned to the pairs that the catalog has when it is added."""


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """One kind of catalogued series as a part of formulas.

    A `flow` counts events and is summed over each bar; everything else is a level, of which the last known value
    counts. A series `per_pair` belongs to the pair of the formula, others to the whole market.
    """

    kind: SeriesKind
    flow: bool
    per_pair: bool
    summary: str
    columns: tuple[str, ...] = ()


SERIES: Final[dict[str, SeriesPart]] = {
    "funding": SeriesPart("funding", False, True, "Last known funding rate, a fraction per event."),
    "oi": SeriesPart("open_interest", False, True, "Last known open interest."),
    "long_liquidations": SeriesPart("long_liquidations", True, True, "Longs liquidated in the bar."),
    "short_liquidations": SeriesPart("short_liquidations", True, True, "Shorts liquidated in the bar."),
    "whale_flow": SeriesPart("whale_flow", True, False, "Net large transfers to exchanges in the bar."),
    "sentiment": SeriesPart("sentiment", False, False, "Last known sentiment score."),
    "dominance": SeriesPart("dominance", False, False, "Last known share of an asset in the market's value."),
    "book": SeriesPart(
        "series", False, True, "Order-book feature at the bar's close, of `data book-bars`.", BOOK_COLUMNS
    ),
    "series": SeriesPart("custom", False, False, "Last known value of any other series of the catalog."),
}


@dataclass(frozen=True, slots=True)
class FittedPart:
    """One kind of fitted part: how many inputs it takes, its settings with defaults, and what it is."""

    least: int
    most: int
    settings: dict[str, int]
    summary: str


FITTED: Final[dict[str, FittedPart]] = {
    "hmm": FittedPart(
        1,
        4,
        {"states": 2, "state": 1, "n": 128},
        "Filtered probability of a Gaussian hidden Markov state; 1 is calmest.",
    ),
    "micro_price": FittedPart(
        3, 3, {"bins": 5, "spreads": 2}, "Expected move of the mid in bps, by state of the book."
    ),
    "pca": FittedPart(2, 20, {"component": 1}, "Principal component of the standardised inputs."),
    "scaled": FittedPart(1, 1, {}, "Input from its training mean in training deviations."),
    "weighted": FittedPart(2, 20, {"half_life": 500}, "Inputs by how much each has lately had to do with the label."),
}


COMPOSED_NAMES: Final[dict[str, str]] = {
    "on": 'on("4h", FORMULA)',
    "of": 'of("ETH/USDT", FORMULA)',
    "basket": 'basket("defi", FORMULA)',
    "session": 'session("asian")',
    **{name: f"{name}()" if part.per_pair else f'{name}("NAME")' for name, part in SERIES.items()},
    "book": f'book("{BOOK_COLUMNS[0]}")',
    "hmm": "hmm(x, states=2, state=1, n=128)",
    "micro_price": "micro_price(imbalance, spread, mid, bins=5, spreads=2)",
    "pca": "pca(x, y, component=1)",
    "scaled": "scaled(x)",
    "weighted": "weighted(x, y, half_life=500)",
}
"""How each composed part is written."""

SUMMARIES: Final[dict[str, str]] = {
    "on": "Formula on bars of another timeframe, the last one that had closed; it has to be a multiple of the own.",
    "of": "Formula on another pair, as of the close of its bars; unknown where one is missing.",
    "basket": "Mean of a formula over pairs, or over a sector's pairs in the catalog; unknown below half of them.",
    "session": "1 in the Asian (00-08 UTC), European (07-16) or US (13-22) session, else 0.",
    **{name: part.summary for name, part in SERIES.items()},
    **{name: part.summary for name, part in FITTED.items()},
}
"""What each composed part is."""


class Reader(Protocol):
    """What reading a composed part needs of the reader of formulas."""

    timeframe: str | None

    def node(self, tree: ast.expr, depth: int) -> Node:
        """Read a part."""

    def one(self, tree: ast.expr) -> ast.expr:
        """Return the chosen item of a sweep."""

    def number(self, tree: ast.expr) -> float:
        """Read a number literal."""

    def fail(self, node: ast.AST, what: str, hint: str | None = None) -> FormulaError:
        """Make an error that points at a part of the text."""


def composed(tree: ast.Call, reader: Reader, depth: int) -> Node | None:
    """Read a composed part, or return None where the call is of an operator."""
    name = tree.func.id.lower() if isinstance(tree.func, ast.Name) else ""
    if name not in COMPOSED_NAMES:
        return None
    if name in FITTED:
        return _fitted(name, tree, reader, depth)
    if tree.keywords:
        raise reader.fail(tree, f"{name} takes no named settings", f"write {COMPOSED_NAMES[name]}")
    if name == "session":
        return _session(tree, reader)
    if name in SERIES:
        return _series(name, tree, reader)
    return _scope(name, tree, reader, depth)


def _text(tree: ast.expr, reader: Reader, what: str, hint: str) -> str:
    chosen = reader.one(tree)
    if not isinstance(chosen, ast.Constant) or not isinstance(chosen.value, str):
        raise reader.fail(tree, f"{what} in quotes is expected here", hint)
    return chosen.value.strip()


def _session(tree: ast.Call, reader: Reader) -> Node:
    wanted = _text(tree.args[0], reader, "a session", 'session("asian")') if len(tree.args) == 1 else ""
    if wanted.lower() not in SESSIONS:
        raise reader.fail(tree, f"unknown session {wanted!r}", f"one of {', '.join(SESSIONS)}")
    return Node("call", SESSIONS[wanted.lower()])


def _series(name: str, tree: ast.Call, reader: Reader) -> Node:
    part, write = SERIES[name], f"write {COMPOSED_NAMES[name]}"
    if part.columns:
        return _column(name, part, tree, reader)
    if len(tree.args) > 1 or (not tree.args and not part.per_pair):
        raise reader.fail(tree, f"{name} takes {'at most ' if part.per_pair else ''}one name", write)
    if not tree.args:
        return Node("series", name, texts=())
    source = _text(tree.args[0], reader, "an exchange" if part.per_pair else "the name of a series", write)
    if not SOURCE.fullmatch(source):
        raise reader.fail(tree.args[0], f"{source!r} is no name of a source", "lower case, for example binance")
    return Node("series", name, texts=(source,))


def _column(name: str, part: SeriesPart, tree: ast.Call, reader: Reader) -> Node:
    """Read a series of which the formula has to name a column."""
    write = f"write {COMPOSED_NAMES[name]}"
    if len(tree.args) != 1:
        raise reader.fail(tree, f"{name} takes one name", write)
    column = _text(tree.args[0], reader, "the name of a column", write)
    if column not in part.columns:
        near = [f"did you mean {item}?" for item in difflib.get_close_matches(column, part.columns, n=1)]
        hint = "".join(near) or f"{write}; names: crypto-team features sets --set microstructure_84"
        raise reader.fail(tree.args[0], f"{name} has no column {column!r}", hint)
    return Node("series", name, texts=(column,))


def _scope(name: str, tree: ast.Call, reader: Reader, depth: int) -> Node:
    write = f"write {COMPOSED_NAMES[name]}"
    if len(tree.args) != 2:
        raise reader.fail(tree, f"{name} takes a name and a formula", write)
    text = _text(tree.args[0], reader, {"on": "a timeframe", "of": "a pair", "basket": "a basket"}[name], write)
    if name == "on":
        return _on(text, tree, reader, depth)
    if name == "of" and not (PAIR.fullmatch(text) or ASSET.fullmatch(text)):
        hint = "BASE/QUOTE, BASE/QUOTE:SETTLE for perpetuals, or BASE for the strategy's own quote"
        raise reader.fail(tree.args[0], f"{text!r} is no pair", hint)
    if name == "basket":
        text = _members(text, tree.args[0], reader)
    return _checked_scope(Node("scope", name, (reader.node(tree.args[1], depth + 1),), texts=(text,)), tree, reader)


def _members(text: str, tree: ast.expr, reader: Reader) -> str:
    """Return a sector's name, or pairs in one canonical order."""
    if text.lower() in BASKETS:
        return text.lower()
    pairs = sorted({item.strip() for item in text.split(",")})
    wrong = [item for item in pairs if not PAIR.fullmatch(item)]
    if wrong:
        hint = f"one of {', '.join(BASKETS)}, or pairs with commas between them"
        raise reader.fail(tree, f"{wrong[0]!r} is neither a basket nor a pair", hint)
    return ",".join(pairs)


def _on(text: str, tree: ast.Call, reader: Reader, depth: int) -> Node:
    """Read another timeframe; inside of it, that is the timeframe that others have to be a multiple of."""
    if text not in TIMEFRAMES:
        raise reader.fail(tree.args[0], f"unknown timeframe {text!r}", f"one of {', '.join(TIMEFRAMES)}")
    outer = reader.timeframe
    if outer is not None and TIMEFRAMES[text] % TIMEFRAMES[outer]:
        fits = [name for name, length in TIMEFRAMES.items() if not length % TIMEFRAMES[outer]]
        raise reader.fail(tree.args[0], f"{text} is not a multiple of {outer} bars", f"one of {', '.join(fits)}")
    reader.timeframe = text
    try:
        inner = reader.node(tree.args[1], depth + 1)
    finally:
        reader.timeframe = outer
    return _checked_scope(Node("scope", "on", (inner,), texts=(text,)), tree, reader)


def _checked_scope(node: Node, tree: ast.Call, reader: Reader) -> Node:
    if node.inputs[0].kind == "number":
        raise reader.fail(tree.args[1], "a number is the same everywhere", f"write {COMPOSED_NAMES[node.name]}")
    return node


def _fitted(name: str, tree: ast.Call, reader: Reader, depth: int) -> Node:
    part, write = FITTED[name], f"write {COMPOSED_NAMES[name]}"
    if depth:
        raise reader.fail(tree, f"{name} has to be the outermost part of a formula", "it is fitted in every fold")
    places = [number for number, item in enumerate(tree.args) if is_number(item)]
    count = places[0] if places else len(tree.args)
    if not part.least <= count <= part.most:
        raise reader.fail(tree, f"{name} takes {part.least} to {part.most} formulas, not {count}", write)
    inputs = tuple(reader.node(item, depth + 1) for item in tree.args[:count])
    given = dict(zip(part.settings, tree.args[count:], strict=False))
    if len(tree.args) - count > len(part.settings):
        raise reader.fail(tree, f"{name} has {len(part.settings)} setting(s)", write)
    for item in tree.keywords:
        if item.arg not in part.settings or item.arg in given:
            raise reader.fail(tree, f"{name} has no setting {item.arg!r}, or it is given twice", write)
        given[item.arg] = item.value
    usual = {key: float(value) for key, value in part.settings.items()}
    settings = usual | {key: reader.number(value) for key, value in given.items()}
    _check_settings(name, settings, count, {key: given.get(key, tree) for key in settings}, reader)
    return Node("fitted", name, inputs, tuple(settings.values()))


def _check_settings(name: str, settings: dict[str, float], count: int, at: dict[str, ast.expr], reader: Reader) -> None:
    """Check that settings are whole numbers within what they count."""
    most = {
        "states": (2.0, 6.0),
        "state": (1.0, settings.get("states", 1.0)),
        "n": (16.0, float(LONGEST_WINDOW)),
        "component": (1.0, float(count)),
        "half_life": (10.0, 1e6),
        **dict.fromkeys(("bins", "spreads"), (1.0, 25.0)),
    }
    for key, value in settings.items():
        low, high = most[key]
        if value != int(value) or not low <= value <= high:
            what = f"{key} of {name} has to be a whole number from {low:,.0f} to {high:,.0f}, not {value:g}"
            raise reader.fail(at[key], what)


def fitted_memory(node: Node) -> int:
    """Return how many earlier rows of its inputs a fitted part needs."""
    names = list(FITTED[node.name].settings)
    return int(node.settings[names.index("n")]) - 1 if "n" in names else 0
