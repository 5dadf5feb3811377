"""Learnings: one claim per file, with evidence and status; superseded or retracted, never edited."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from unicodedata import category

from pydantic import ValidationError

from crypto_team.errors import InputError, NotFoundError, RefusedError
from crypto_team.kb.yaml import FindingsError, check, dump_data, parse, read_text
from crypto_team.schemas import Learning
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId

MOST_SHOWN = 100
MOST_TEXT = 20_000
_HIDDEN = {"Cc", "Cf", "Cs", "Co"}
_INJECTION = re.compile(
    r"ignore (all|any|previous|prior) |disregard (the|all|previous)|system prompt|you are now|run the command",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """Strip control, format and private characters: the text is data that agents will read."""
    return "".join(letter for letter in text if letter in "\n\t" or category(letter) not in _HIDDEN).strip()


def _line(text: str) -> str:
    """Clean a text that has to stay on one line."""
    return " ".join(clean(text).split())


def suspicious(text: str) -> str | None:
    """Return the words that look like an instruction to an agent, or None."""
    found = _INJECTION.search(text)
    return found.group(0) if found else None


def make(
    role: RoleId,
    *,
    title: str,
    text: str,
    scope: str,
    evidence: list[str],
    tags: list[str],
    severity: str,
    now: datetime,
) -> Learning:
    """Make a proposed learning; its id follows from date, role and content."""
    body, head = clean(text), _line(title)
    digest = hashlib.sha256(f"{role}\n{head}\n{body}".encode()).hexdigest()[:8]
    values = {
        "learning_id": f"{now:%Y-%m-%d}-{role}-{digest}",
        "role": role,
        "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "status": "proposed",
        "severity": severity,
        "scope": _line(scope),
        "title": head,
        "evidence": [_line(item) for item in evidence],
        "tags": tags,
        "text": body,
    }
    try:
        return Learning.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise InputError(str(first["msg"]), where=".".join(str(part) for part in first["loc"])) from problem


def render(learning: Learning) -> str:
    """Write a learning as front matter and text."""
    head = dump_data(learning.model_dump(mode="json", exclude={"text"}))
    return f"---\n{head}---\n\n{learning.text}\n"


def load(path: Path) -> Learning:
    """Read one learning file."""
    return read(read_text(path), str(path))


def read(text: str, where: str) -> Learning:
    """Read a learning from the text of its file. Braces in its prose are prose, not placeholders."""
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise FindingsError([_finding(where, "front-matter", "it does not begin with front matter between --- lines")])
    head, body = check(parse("\n" + parts[1], where), Learning), parts[2].strip()
    if len(body) > MOST_TEXT:
        raise FindingsError([_finding(where, "too-long", f"the text is longer than {MOST_TEXT} characters")])
    return head.model_copy(update={"text": body})


def _finding(where: str, code: str, message: str) -> Finding:
    return Finding(code=code, severity="error", message=message, file=where, line=1, col=1)


def entries(layout: Layout) -> list[Learning]:
    """Return every learning, newest first."""
    return _newest_first(load(path) for path in layout.learnings_dir.glob("*.md"))


def _newest_first(claims: Iterable[Learning]) -> list[Learning]:
    return sorted(claims, key=lambda item: (item.created, item.learning_id), reverse=True)


def entry(layout: Layout, learning_id: str) -> Learning:
    """Return one learning."""
    path = layout.learning(learning_id)
    if not path.exists():
        raise NotFoundError(f"there is no learning {learning_id}", hint="crypto-team learnings list")
    return load(path)


def search(layout: Layout, text: str) -> list[Learning]:
    """Return the learnings that hold every word, newest first."""
    words = text.lower().split()
    found = []
    for item in entries(layout):
        haystack = " ".join([item.title, item.text, item.scope, *item.tags]).lower()
        if all(word in haystack for word in words):
            found.append(item)
    return found


def accepted(learning: Learning, role: RoleId) -> Learning:
    """Return the learning accepted by another role than its author's."""
    if learning.role == role:
        raise RefusedError(
            f"the {role} wrote this learning; another role has to accept it",
            hint=f"crypto-team learnings accept {learning.learning_id} --as critic",
        )
    if learning.status != "proposed":
        raise RefusedError(f"{learning.learning_id} is {learning.status}, not proposed")
    return learning.model_copy(update={"status": "accepted", "accepted_by": role})


def retracted(learning: Learning, reason: str) -> Learning:
    """Return the learning retracted, with the reason; the file stays."""
    if learning.status == "retracted":
        raise RefusedError(f"{learning.learning_id} is retracted already")
    note = f"{learning.text}\n\nRetracted: {clean(reason)}"
    return learning.model_copy(update={"status": "retracted", "text": note})


def render_view(claims: Sequence[Learning]) -> str:
    """Render learnings.md: accepted ones, newest first, quoted, capped."""
    shown = _newest_first(item for item in claims if item.status == "accepted")[:MOST_SHOWN]
    lines = ["<!-- Generated from learnings/*.md; edits are overwritten. -->", "# Learnings", ""]
    if not shown:
        lines += ["None accepted yet: `crypto-team learnings add`, then `crypto-team learnings accept`.", ""]
    for item in shown:
        lines += [f"## {item.title}", "", f"`{item.learning_id}` · {item.severity} · {item.scope}", ""]
        lines += [f"> {line}" for line in item.text.splitlines()] + [""]
    return "\n".join(lines)
