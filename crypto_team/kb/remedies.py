"""What to do about a broken document: every finding says the next step, not only what is wrong."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_NAMES: Final = 12
WHOLE: Final = {
    "encoding": "save the file as UTF-8",
    "unreadable": "put a regular file there, or restore it: git checkout -- FILE",
    "yaml-limit": "split the document; results belong into the evidence store",
    "unknown-file": "move it out of .crypto, or see where records lie: crypto-team ownership explain FILE",
    "outside": "remove the link; records are regular files inside of the workspace",
    "misplaced": "move the file to where its id belongs, or correct the id",
    "interrupted": "crypto-team doctor --repair",
    "ledger": "restore what git has: git log --all --full-history -- .crypto/knowledge/trials",
    "placeholder": "write the value; crypto-team ROLE next says which step fills it in",
    "handoff-chain": "crypto-team handoff verify; restore the record with git, never edit one",
}
"""Code of a finding about a whole file -> what to do."""

_SYNTAX: Final = {
    "found character that cannot start any token": "indent with spaces, not tabs; quote text that begins with @ ` or %",
    "mapping values are not allowed in this context": "quote text that holds `: `, and indent keys equally",
    "did not find expected ',' or ']'": "close the list with ], or quote text that begins with [",
    "did not find expected ',' or '}'": "close the mapping with }, or quote text that begins with {",
    "could not find expected ':'": "write `key: value`, or indent this line as a part of the value above",
    "did not find expected key": "indent keys of one mapping equally, and close quotes",
    "did not find expected '-' indicator": "begin every item of the list with `- `, indented equally",
    "found unexpected end of stream": "close the quote that this line opens",
    "did not find expected <document start>": "keep one document in the file",
    "control characters are not allowed": "remove the control character",
}
_TYPES: Final = {
    "bool_type": "write true or false; yes, no, on and off are text",
    "int_type": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "string_type": "put the value in quotes",
    "list_type": "write a list: - item, one a line",
    "missing": "add it at this place",
    "frozen_set_type": "write a list: - item, one a line",
}


def of_syntax(problem: str) -> str:
    """Return what to do about a complaint of the YAML parser."""
    known = next((hint for text, hint in _SYNTAX.items() if text in problem), None)
    return known or "look at this line and the one above it: indentation, quotes, brackets"


def of_value(problem: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Return what to do about one complaint of pydantic; `fields` are the names that are known at its place."""
    kind = str(problem["type"])
    if kind == "extra_forbidden":
        return _nearest(str(problem["loc"][-1]), fields) or "remove it"
    if kind in {"literal_error", "enum"}:
        expected = [part.strip("' ") for part in str(problem["ctx"]["expected"]).replace(" or ", ", ").split(", ")]
        return _nearest(str(problem["input"]), expected) or "take one of these values"
    if kind == "string_pattern_mismatch":
        return "write it in that form"
    return _TYPES.get(kind, "correct the value at this place")


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """Ask whether the nearest known name was meant; else list the known ones, if they are few."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= MOST_NAMES else None
