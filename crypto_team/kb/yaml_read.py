"""Reading YAML in one pass over the parser's events: YAML 1.2 scalars, nothing that hides or expands, bounded.

Places are not kept while reading; a document that turns out to be wrong is read again for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from crypto_team.errors import DocumentError
from crypto_team.kb import remedies
from crypto_team.kb.explain import escaped
from crypto_team.kb.index_walk import MOST_BYTES
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DEPTH, MOST_NODES = 50, 200_000
_LONGEST_INT = 100
_LARGEST_INT: Final = 2**63
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMERIC: Final = frozenset("-+.0123456789")
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Places = dict[str, tuple[int, int]]


class FindingsError(DocumentError):
    """A document with one or more findings; the first is the message."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        place = f"{first.file}:{first.line}:{first.col}" if first.line else first.file
        super().__init__(first.message + more, where=place, hint=first.hint)
        self.findings = findings


def _scalar(event: Any) -> str | int | float | bool | None:
    text: str = event.value
    if event.style in {"'", '"', "|", ">"}:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INT.fullmatch(text) and len(text) < _LONGEST_INT:
        found = int(text)
        # SQLite, JSON readers and NumPy know 64 bits; what is larger is a number, but no count of anything.
        return found if abs(found) < _LARGEST_INT else float(found)
    return float(text) if _FLOAT.fullmatch(text) and len(text) < _LONGEST_INT else text


class Reader:
    """Turns events into plain data; with `places` it also notes where every value stands."""

    def __init__(self, text: str, where: str, places: Places | None = None) -> None:
        self.where = where
        self.places = places
        self.nodes = 0
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=Loader))

    def document(self) -> Any:
        """Read the only document of the stream; an empty stream is an empty mapping."""
        next(self.events)
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            return {}
        data = self._value(next(self.events), "", 0)
        next(self.events)
        extra = next(self.events)
        if not isinstance(extra, yaml.StreamEndEvent):
            raise self._refused(extra, "yaml-syntax", "not valid YAML: a second document begins", "keep one document")
        return data

    def _value(self, event: Any, pointer: str, depth: int) -> Any:
        self.nodes += 1
        self._allowed(event, depth)
        if self.places is not None:
            self._note(pointer, event)
        if type(event) is yaml.ScalarEvent:
            return _scalar(event)
        if type(event) is yaml.SequenceStartEvent:
            return self._sequence(pointer, depth + 1)
        return self._mapping(pointer, depth + 1)

    def _note(self, pointer: str, event: Any) -> None:
        assert self.places is not None  # noqa: S101 - callers asked
        self.places[pointer] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _allowed(self, event: Any, depth: int) -> None:
        """Refuse what could expand or hide something, and what is too large."""
        if type(event) is yaml.AliasEvent or event.anchor:
            raise self._refused(event, "yaml-alias", "anchors and aliases are not allowed", "write the value out")
        if event.tag:
            raise self._refused(event, "yaml-tag", f"the tag {event.tag!r} is not allowed", "remove the tag")
        if depth > MOST_DEPTH or self.nodes > MOST_NODES:
            limits = f"more than {MOST_DEPTH} levels or {MOST_NODES} values"
            raise self._refused(event, "yaml-limit", limits, "flatten or split the document")

    def _sequence(self, pointer: str, depth: int) -> list[Any]:
        made: list[Any] = []
        while type(event := next(self.events)) is not yaml.SequenceEndEvent:
            made.append(self._value(event, f"{pointer}/{len(made)}" if self.places is not None else "", depth))
        return made

    def _mapping(self, pointer: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while type(key := next(self.events)) is not yaml.MappingEndEvent:
            self._allowed(key, depth)
            if type(key) is not yaml.ScalarEvent:
                raise self._refused(key, "yaml-key", "keys have to be plain text", "write a name before the colon")
            name: str = key.value
            if name in made:
                raise self._refused(key, "yaml-duplicate-key", f"the key {name!r} stands twice", "remove one of them")
            child = f"{pointer}/{escaped(name)}" if self.places is not None else ""
            made[name] = self._value(next(self.events), child, depth)
            if self.places is not None:
                self._note(child, key)
        return made

    def _refused(self, event: Any, code: str, message: str, hint: str) -> FindingsError:
        line, col = event.start_mark.line + 1, event.start_mark.column + 1
        return FindingsError(
            [Finding(code=code, severity="error", message=message, file=self.where, line=line, col=col, hint=hint)]
        )


def whole(where: str, code: str, message: str, *, line: int = 1, col: int = 1) -> FindingsError:
    """Make the error of a document that cannot be read at all."""
    hint = remedies.of_syntax(message) if code == "yaml-syntax" else remedies.WHOLE.get(code)
    found = Finding(code=code, severity="error", message=message, file=where, line=line, col=col, hint=hint)
    return FindingsError([found])


def read_plain(text: str, where: str, places: Places | None = None) -> Any:
    """Read one YAML document as plain data; `places` is filled with JSON pointer -> line and column (from 1).

    Raises
    ------
    FindingsError
        Not YAML, or something that the loader refuses; with line and column.
    """
    if len(text) > MOST_BYTES or len(text.encode(errors="replace")) > MOST_BYTES:
        raise whole(where, "yaml-limit", f"larger than {MOST_BYTES // 1_000_000} MB")
    try:
        return Reader(text, where, places).document()
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        message = f"not valid YAML: {problem.problem or problem.context}"
        raise whole(where, "yaml-syntax", message, line=line, col=col) from problem
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise whole(where, "yaml-syntax", f"not valid YAML: {problem}") from problem
