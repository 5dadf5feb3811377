"""The one YAML loader and the one canonical writer.

YAML 1.2 scalars only: `yes`, times, sexagesimals and numbers in other bases stay text. No anchors, aliases, tags,
merge keys or duplicate keys; limits on size, depth and nodes. Every finding knows its file, line and column.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError

from crypto_team.errors import DocumentError
from crypto_team.kb.explain import escaped, explain
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.schemas.base import Document

D = TypeVar("D", bound="Document")
MOST_BYTES, MOST_DEPTH, MOST_NODES = 5_000_000, 50, 200_000
PLACEHOLDER = re.compile(r"\{(N|NNN|M|[a-z_]*name[a-z_]*|descriptive_[a-z_]+)\}|^\[list\]$|STR-\{NNN\}")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class FindingsError(DocumentError):
    """A document with one or more findings; the first is the message."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        place = f"{first.file}:{first.line}:{first.col}" if first.line else first.file
        super().__init__(first.message + more, where=place, hint=first.hint)
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Marked:
    """Plain data and, for each JSON pointer, the line and column where it stands (both from 1)."""

    data: Any
    places: dict[str, tuple[int, int]]
    where: str

    def finding(self, code: str, message: str, pointer: str = "", hint: str | None = None) -> Finding:
        """Make an error at a pointer; where the pointer is not in the document, at its nearest parent."""
        known = pointer
        while known not in self.places and known:
            known = known.rpartition("/")[0]
        line, col = self.places.get(known, (1, 1))
        return Finding(
            code=code,
            severity="error",
            message=message,
            pointer=pointer,
            file=self.where,
            line=line,
            col=col,
            hint=hint,
        )


class _Reader:
    """Turns composed nodes into plain data and remembers where everything stands."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.places: dict[str, tuple[int, int]] = {}
        self.nodes = 0

    def fail(self, code: str, message: str, node: Any, hint: str | None = None) -> FindingsError:
        line, col = node.start_mark.line + 1, node.start_mark.column + 1
        return FindingsError(
            [Finding(code=code, severity="error", message=message, file=self.where, line=line, col=col, hint=hint)]
        )

    def read(self, node: Any, pointer: str = "", depth: int = 0) -> Any:
        self.nodes += 1
        if depth > MOST_DEPTH or self.nodes > MOST_NODES:
            raise self.fail("yaml-limit", f"more than {MOST_DEPTH} levels or {MOST_NODES} values", node)
        self.places[pointer] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, f"{pointer}/{number}", depth + 1) for number, item in enumerate(node.value)]
        return self._mapping(node, pointer, depth)

    def _mapping(self, node: Any, pointer: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.fail("yaml-key", "keys have to be plain text", key)
            if key.value in made:
                raise self.fail("yaml-duplicate-key", f"the key {key.value!r} stands twice", key, "remove one of them")
            child = f"{pointer}/{escaped(key.value)}"
            made[key.value] = self.read(value, child, depth + 1)
            self.places[child] = (key.start_mark.line + 1, key.start_mark.column + 1)
        return made


def _scalar(node: Any) -> str | int | float | bool | None:
    text: str = node.value
    if node.style in {"'", '"', "|", ">"}:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 100 else text
    return float(text) if _FLOAT.fullmatch(text) else text


def _events(text: str, where: str) -> Iterator[Any]:
    """Yield the parser's events, refusing what could expand or hide something."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("yaml-alias", "anchors and aliases are not allowed", event, where, "write the value out")
        tag = getattr(event, "tag", None)
        if tag:
            raise _refused("yaml-tag", f"the tag {tag!r} is not allowed", event, where, "remove the tag")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise _refused("yaml-limit", f"more than {MOST_DEPTH} levels", event, where, "flatten the document")
        yield event


def _refused(code: str, message: str, event: Any, where: str, hint: str) -> FindingsError:
    line, col = event.start_mark.line + 1, event.start_mark.column + 1
    return FindingsError(
        [Finding(code=code, severity="error", message=message, file=where, line=line, col=col, hint=hint)]
    )


def parse(text: str, where: str) -> Marked:
    """Read one YAML document from text.

    Raises
    ------
    FindingsError
        Not YAML, or something that the loader refuses; with line and column.
    """
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise _whole(where, "yaml-limit", f"larger than {MOST_BYTES // 1_000_000} MB")
    reader = _Reader(where)
    try:
        for _ in _events(text, where):
            pass
        node = yaml.compose(text, Loader=Loader)
        data = {} if node is None else reader.read(node)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = f"not valid YAML: {problem.problem or problem.context}"
        raise FindingsError(
            [Finding(code="yaml-syntax", severity="error", message=message, file=where, line=line, col=col)]
        ) from problem
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise _whole(where, "yaml-syntax", f"not valid YAML: {problem}") from problem
    return Marked(data, reader.places, where)


def _whole(where: str, code: str, message: str) -> FindingsError:
    return FindingsError([Finding(code=code, severity="error", message=message, file=where, line=1, col=1)])


def read_text(path: Path) -> str:
    """Read a file as UTF-8; anything else is a finding."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise _whole(str(path), "encoding", f"not UTF-8 text at byte {problem.start}") from problem
    except OSError as problem:
        raise DocumentError(f"cannot read: {problem.strerror}", where=str(path)) from problem


def load_record(path: Path, model: type[D]) -> D:
    """Read and validate one record; every problem of it is a finding with its place."""
    return check(parse(read_text(path), str(path)), model)


def check(document: Marked, model: type[D]) -> D:
    """Validate plain data against a model, with places, hints, and a look for unfilled placeholders."""
    findings = list(_placeholders(document, document.data, ""))
    unfilled = tuple(f"{item.pointer}/" for item in findings)
    version = document.data.get("schema_version", 1) if isinstance(document.data, dict) else 1
    if isinstance(version, int) and version > 1:
        found = document.finding(
            "schema-version",
            f"schema version {version} is newer than this crypto-team knows (1)",
            "/schema_version",
            "pip install -U crypto-team",
        )
        raise FindingsError([found])
    try:
        record = model.model_validate(document.data)
    except ValidationError as problem:
        explained = [explain(document, model, item) for item in problem.errors()]
        raise FindingsError(
            findings + [item for item in explained if not f"{item.pointer}/".startswith(unfilled)]
        ) from None
    if findings:
        raise FindingsError(findings)
    return record


def _placeholders(document: Marked, node: Any, pointer: str) -> Iterator[Finding]:
    text = _unfilled(node)
    if text is not None:
        yield document.finding("placeholder", f"{text!r} is a placeholder that nobody filled in", pointer)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _placeholders(document, value, f"{pointer}/{escaped(key)}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _placeholders(document, value, f"{pointer}/{number}")


def _unfilled(node: Any) -> str | None:
    """Return the placeholder that a value is or holds. Without quotes YAML reads `{N}` and `[list]` as collections."""
    if isinstance(node, dict) and len(node) == 1 and node.keys() <= {"N", "NNN", "M"}:
        node = "{" + next(iter(node)) + "}"
    elif node == ["list"]:
        node = "[list]"
    return node if isinstance(node, str) and PLACEHOLDER.search(node) else None


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at run time
    """Writes the canonical form: block style, declared order, text quoted wherever another loader might disagree."""


def _text(dumper: Any, value: str) -> Any:
    if "\n" in value and not re.search(r"[ \t]\n|[^\x20-\x7e\n\u00a0-\uffff]", value):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_/.@+ -]*[A-Za-z0-9_]|[A-Za-z_]", value)
    odd = value.lower() in {"yes", "no", "on", "off", "y", "n", "true", "false", "null", "nan", "inf"}
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain and not odd else '"')


def _number(dumper: Any, value: float) -> Any:
    """Write a float so that every loader reads a float: the exponent form needs a point for YAML 1.1."""
    text = {float("inf"): ".inf", float("-inf"): "-.inf"}.get(value) or (".nan" if math.isnan(value) else repr(value))
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    if "e" in text and "e-" not in text and "e+" not in text:
        text = text.replace("e", "e+")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def dump_data(data: Any) -> str:
    """Write plain data in canonical form."""
    made: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
    )
    return made


def dump(record: Document, *, schema: str | None = None) -> str:
    """Write a record in canonical form; the first line names its JSON Schema for editors."""
    head = f"# yaml-language-server: $schema=urn:crypto-team:schema:{schema}:1\n" if schema else ""
    return head + dump_data(record.model_dump(mode="json"))
