"""The one YAML loader and the one canonical writer.

YAML 1.2 scalars only: `yes`, times, sexagesimals and numbers in other bases stay text. No anchors, aliases, tags,
merge keys or duplicate keys; limits on size, depth and nodes. Every finding knows its file, line and column.
Documents of an older shape are brought to the present one while they are read.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from crypto_team.errors import DocumentError
from crypto_team.kb import remedies
from crypto_team.kb.editor_schemas import editor_line
from crypto_team.kb.explain import escaped, explain
from crypto_team.kb.index_walk import MOST_BYTES
from crypto_team.kb.secrets import hidden_character
from crypto_team.kb.yaml_read import FindingsError, Places, read_plain, whole
from crypto_team.kb.yaml_write import dump_data
from crypto_team.schemas.migrations import kind_of_model, latest, migrated
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.schemas.base import Document

__all__ = ["FindingsError", "Marked", "check", "decoded", "dump", "dump_data", "load_record", "parse", "read_text"]

D = TypeVar("D", bound="Document")
PLACEHOLDER = re.compile(r"\{(N|NNN|M|[a-z_]*name[a-z_]*|descriptive_[a-z_]+)\}|^\[list\]$|STR-\{NNN\}")


@dataclass(frozen=True)
class Marked:
    """Plain data, and on demand, for each JSON pointer, the line and column where it stands (both from 1)."""

    data: Any
    text: str
    where: str

    @cached_property
    def places(self) -> Places:
        """Return where everything stands; the text is read once more for it."""
        found: Places = {}
        read_plain(self.text, self.where, found)
        return found

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


def parse(text: str, where: str) -> Marked:
    """Read one YAML document from text.

    Raises
    ------
    FindingsError
        Not YAML, or something that the loader refuses; with line and column.
    """
    return Marked(read_plain(text, where), text, where)


def read_text(path: Path) -> str:
    """Read a regular file of bounded size as UTF-8; anything else is a finding."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise whole(str(path), "unreadable", "this is not a regular file")
        if found.st_size > MOST_BYTES:
            raise whole(str(path), "yaml-limit", f"larger than {MOST_BYTES // 1_000_000} MB")
        return decoded(path.read_bytes(), path)
    except OSError as problem:
        hint = "restore it: git checkout -- FILE, or look at its permissions"
        raise DocumentError(f"cannot read: {problem.strerror}", where=str(path), hint=hint) from problem


def decoded(content: bytes, path: Path) -> str:
    """Return the text of a file; bytes that are not UTF-8 are a finding."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise whole(str(path), "encoding", f"not UTF-8 text at byte {problem.start}") from problem
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load_record(path: Path, model: type[D]) -> D:
    """Read and validate one record; every problem of it is a finding with its place."""
    return check(parse(read_text(path), str(path)), model)


def check(document: Marked, model: type[D]) -> D:
    """Validate plain data against a model, with places, hints, and a look for unfilled placeholders."""
    findings = list(_placeholders(document, document.data, "")) if _may_hold_placeholders(document.text) else []
    if "\\" in document.text:
        findings += _hidden(document, document.data, "")
    unfilled = tuple(f"{item.pointer}/" for item in findings)
    data = _present(document, model)
    try:
        record = model.model_validate(data)
    except ValidationError as problem:
        explained = [explain(document, model, item) for item in problem.errors()]
        raise FindingsError(
            findings + [item for item in explained if not f"{item.pointer}/".startswith(unfilled)]
        ) from None
    if findings:
        raise FindingsError(findings)
    return record


def _present(document: Marked, model: type[Document]) -> Any:
    """Return the data in the present shape of its kind; a newer one than this program knows is refused."""
    if not isinstance(document.data, dict):
        return document.data
    kind = kind_of_model(model)
    version, known = document.data.get("schema_version", 1), latest(kind)
    if isinstance(version, bool) or not isinstance(version, int) or version == known:
        return document.data
    if version > known:
        found = document.finding(
            "schema-version",
            f"schema version {version} is newer than this crypto-team knows ({known})",
            "/schema_version",
            "pip install -U crypto-team",
        )
        raise FindingsError([found])
    return migrated(kind, document.data)


def _placeholders(document: Marked, node: Any, pointer: str) -> Iterator[Finding]:
    text = _unfilled(node)
    if text is not None:
        message = f"{text!r} is a placeholder that nobody filled in"
        yield document.finding("placeholder", message, pointer, remedies.WHOLE["placeholder"])
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _placeholders(document, value, f"{pointer}/{escaped(key)}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _placeholders(document, value, f"{pointer}/{number}")


def _hidden(document: Marked, node: Any, pointer: str) -> Iterator[Finding]:
    """Yield values with characters that a reader does not see; as escapes they are no such bytes in the file."""
    found = hidden_character(node) if isinstance(node, str) else None
    if found:
        message = f"the value holds the hidden character U+{ord(found[0]):04X}"
        yield document.finding("hidden-character", message, pointer, "remove the escape")
    for key, value in node.items() if isinstance(node, dict) else ():
        yield from _hidden(document, key, pointer)
        yield from _hidden(document, value, f"{pointer}/{escaped(key)}")
    for number, value in enumerate(node if isinstance(node, list) else ()):
        yield from _hidden(document, value, f"{pointer}/{number}")


def _unfilled(node: Any) -> str | None:
    """Return the placeholder that a value is or holds. Without quotes YAML reads `{N}` and `[list]` as collections."""
    if isinstance(node, dict) and len(node) == 1 and node.keys() <= {"N", "NNN", "M"}:
        return "{" + str(next(iter(node))) + "}"
    if node == ["list"]:
        return "[list]"
    return node if isinstance(node, str) and PLACEHOLDER.search(node) else None


def _may_hold_placeholders(text: str) -> bool:
    """Say whether it is worth looking at each value: most documents hold neither a brace nor the word `list`."""
    return "{" in text.replace("{}", "") or "list" in text or "\\" in text


def dump(record: Document, *, schema: str | None = None) -> str:
    """Write a record in canonical form; the first line names its JSON Schema for editors."""
    return (editor_line(schema) if schema else "") + dump_data(record.model_dump(mode="json"))
