"""Results as people write them in sentences, against the computed ones, to the digits that were typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Numbers = Mapping[str, float | int | None]

SPOKEN: Final = {
    "sharpe": r"sharpe(?: ratio)?",
    "auc": r"auc",
    "max_drawdown": r"(?:max(?:imum)? )?drawdown",
    "hit_rate": r"(?:hit|win) rate",
    "total_return": r"total return",
    "n_trades": r"(?:number of )?trades",
    "brier": r"brier(?: score)?",
    "log_loss": r"log loss",
    "information_coefficient": r"(?:ic|information coefficient)",
}
"""Headline number -> how authors name it before its value."""
_NUMBER: Final = r"([-\u2212+]?\d+(?:[.,](\d+))?)"
# A count has no fraction: what looks like one of three digits are its thousands.
_SEPARATOR: Final = r"[,.'\u2019\u00a0\u202f]"
_COUNT: Final = rf"([-\u2212+]?(?:[1-9]\d{{0,2}}(?:{_SEPARATOR}\d{{3}})+(?!\d)|\d+(?:[.,](\d+))?))"
_SHARE: Final = rf"{_NUMBER}\s*(%|per\s?cent\b)"
_LINK: Final = r"\s*(?:of|is|was|=|:|at|about)?\s*(?:(?:only|just|about|roughly|around|nearly)\s+){0,2}"
# "A hit rate at 3 bps", "trades 2 bars later": a number with such a unit is no result.
_NO_UNIT: Final = r"(?![.,]?\d|\s*(?:bps?|basis\s+points?|bars?|hours?|days?)\b)"
_REST: Final = rf"{_NO_UNIT}\s*(%|per\s?cent\b)?"
# What is said in another order. A rate, a rule ("at most 100 trades a month") or a wish claims no result.
_NO_RATE: Final = r"(?!\s*(?:an?\b|per\b|each\b|every\b|/|open\b|at\s+(?:once|a\s+time)))"
_OF_TRADES: Final = r"\s+of\s+(?:(?:its|the|all|these|our)\s+|\d[\d,.'\u2019\u00a0\u202f]*\s+)*trades"
_PHRASES: Final = (
    ("hit_rate", rf"\b(?:won|wins|hit|hits|right\s+in|correct\s+in|profit\s+on)\s+{_SHARE}{_OF_TRADES}\b"),
    ("hit_rate", rf"(?<![\w.]){_SHARE}{_OF_TRADES}\s+(?:were\s+|are\s+)?(?:won|win|winners|winning|profitable)\b"),
    ("n_trades", rf"(?:%|\bper\s?cent)\s+of\s+(?:its\s+|the\s+|all\s+)?{_COUNT}()\s+trades\b"),
    ("n_trades", rf"\b(?:made|took|closed|over\s+its|from\s+its|all\s+of\s+its)\s+{_COUNT}()\s+trades\b{_NO_RATE}"),
    ("total_return", rf"\b(?:earned|gained|returned)\s+{_SHARE}(?!\s*(?:an?\b|per\b|each\b|every\b|on\b|of\b|/))"),
)


@dataclass(frozen=True)
class Saying:
    """A number that a text gives for a headline result, what the result is, and where in the text it stands."""

    said: str
    name: str
    value: float | int | None
    start: int

    def words(self) -> str:
        """Return the contradiction as a sentence."""
        return f"the text says '{self.said}', {self.name} is {self.value}"


def contradictions(text: str, computed: Numbers) -> Iterator[Saying]:
    """Yield what a text says about headline results that is not what was computed."""
    patterns = [(name, _named(name, spoken)) for name, spoken in SPOKEN.items()]
    for name, pattern in [*patterns, *_PHRASES]:
        for found in re.finditer(pattern, text, re.IGNORECASE):
            value = computed.get(name)
            if not _said_right(name, found, value):
                # What stands before the number only to say that trades are meant is no part of the claim.
                begin = found.start(1) if found[0].lower().startswith(("%", "per")) else found.start()
                yield Saying(" ".join(text[begin : found.end()].split()), name, value, begin)


def _named(name: str, spoken: str) -> str:
    number = _COUNT if name == "n_trades" else _NUMBER
    return rf"\b{spoken.replace(' ', chr(92) + 's+')}{_LINK}{number}{_REST}"


def _said_right(name: str, found: re.Match[str], value: float | None) -> bool:
    if value is None:
        return False
    typed, digits = _typed(name, found), len(found[2] or "")
    if name == "max_drawdown":
        # It is written as a loss by some and as its size by others; nothing else may lose its sign.
        typed, value = abs(typed), abs(value)
    return abs(typed - value * (100.0 if found[3] else 1.0)) <= 0.5 * 10.0**-digits + 1e-9


def _typed(name: str, found: re.Match[str]) -> float:
    """Return the number as it is meant: the thousands of a count told from decimals, a hyphen from a sign."""
    said = found[1].replace("\u2212", "-")
    if found.string[found.start(1) - 1 : found.start(1)].isalnum():
        said = said.lstrip("-")
    if name == "n_trades" and not found[2]:
        said = re.sub(_SEPARATOR, "", said)
    return float(said.replace(",", "."))
