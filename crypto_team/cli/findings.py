"""Findings of validators for people and machines: concise, full, GitHub annotations, SARIF 2.1.0, JUnit XML."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from crypto_team import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crypto_team.schemas.outcome import Finding

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "notice"}
_SARIF_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}


def clean(text: str) -> str:
    """Drop control characters: text of the knowledge base must not steer a terminal."""
    return _CONTROL.sub("", text)


def one_line(name: str) -> str:
    """Write the name of a file on one line: what it holds after a line break must not look like a line of ours."""
    return clean(name.replace("\n", "\\n"))


def place(finding: Finding) -> str:
    """Return `file:line:col`, as far as known."""
    parts = [one_line(finding.file or ""), *(str(part) for part in (finding.line, finding.col) if part is not None)]
    return ":".join(parts)


def concise(findings: Sequence[Finding]) -> str:
    """Write one line for each finding, as compilers do."""
    lines = []
    for finding in findings:
        head = f"{place(finding)}: " if finding.file else ""
        tail = f"  (next: {finding.hint})" if finding.hint else ""
        lines.append(clean(f"{head}{finding.severity} {finding.code}: {finding.message}{tail}").replace("\n", " "))
    return "\n".join(lines)


def full(findings: Sequence[Finding]) -> str:
    """Write findings by file, each with its pointer, what stands there, and what to do."""
    parts = []
    for file, group in groupby(findings, key=lambda item: item.file or ""):
        parts.append(one_line(file) or "workspace")
        for item in group:
            at = f"{item.line}:{item.col}" if item.line else "-"
            pointer = f"  at {item.pointer}" if item.pointer else ""
            parts.append(f"  {at:<8} {item.severity:<8} {item.code}{clean(pointer)}")
            parts += [f"           {line}" for line in clean(item.message).splitlines()]
            parts += [f"           next: {clean(item.hint)}"] if item.hint else []
    counts = {level: sum(item.severity == level for item in findings) for level in _LEVELS}
    parts.append(", ".join(f"{count} {level}(s)" for level, count in counts.items()))
    return "\n".join(parts)


def _escaped(text: str, *, value: bool = False) -> str:
    """Escape what a GitHub workflow command gives a meaning to; properties also have `:` and `,`."""
    text = _CONTROL.sub("", text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if value else text


def github(findings: Sequence[Finding]) -> str:
    """Write workflow commands that GitHub shows at the lines of a pull request."""
    lines = []
    for item in findings:
        fields = {"file": item.file, "line": item.line, "col": item.col, "title": f"crypto-team {item.code}"}
        given = ",".join(f"{key}={_escaped(str(text), value=True)}" for key, text in fields.items() if text)
        tail = f"\nnext: {item.hint}" if item.hint else ""
        lines.append(f"::{_LEVELS[item.severity]} {given}::{_escaped(item.message + tail)}")
    return "\n".join(lines)


def sarif(findings: Sequence[Finding]) -> str:
    """Write one SARIF run; without findings it says that there are none."""
    rules = [{"id": code, "name": _camel(code)} for code in sorted({item.code for item in findings})]
    driver = {"name": "crypto-team", "version": __version__, "rules": rules}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": _results(findings)}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _results(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    made = []
    for item in findings:
        message = item.message + (f" Next: {item.hint}" if item.hint else "")
        result: dict[str, Any] = {
            "ruleId": item.code,
            "level": _SARIF_LEVELS[item.severity],
            "message": {"text": clean(message)},
        }
        if item.file:
            region = {"startLine": item.line, "startColumn": item.col or 1} if item.line else None
            physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(item.file)}}
            result["locations"] = [{"physicalLocation": physical | ({"region": region} if region else {})}]
        made.append(result)
    return made


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(clean(file))


def _camel(code: str) -> str:
    return "".join(part.title() for part in re.split(r"[^A-Za-z0-9]+", code))


def junit(findings: Sequence[Finding]) -> str:
    """Write a test suite: one case for each finding, or one that passed. Warnings pass, with their text as output."""
    errors = sum(item.severity == "error" for item in findings)
    count = max(len(findings), 1)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="crypto-team" tests="{count}" failures="{errors}" errors="0">',
        f'  <testsuite name="knowledge base" tests="{count}" failures="{errors}" errors="0" skipped="0">',
        *(line for item in findings for line in _case(item)),
    ]
    if not findings:
        lines.append('    <testcase classname="crypto-team" name="valid"/>')
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"])


def _case(item: Finding) -> list[str]:
    where = _xml(place(item))
    text = _xml(item.message + (f"\nnext: {item.hint}" if item.hint else ""))
    tag = "failure" if item.severity == "error" else "system-out"
    attributes = f' type="{_xml(item.code)}" message="{_xml(item.message)}"' if tag == "failure" else ""
    return [
        f'    <testcase classname="{_xml(one_line(item.file or "workspace"))}" name="{_xml(item.code)} {where}">',
        f"      <{tag}{attributes}>{where}\n{text}</{tag}>",
        "    </testcase>",
    ]


def _xml(text: str) -> str:
    from html import escape

    return escape(_NO_XML.sub("", clean(text)), quote=True)


RENDERERS: Final[dict[str, Callable[[Sequence[Finding]], str]]] = {
    "concise": concise,
    "full": full,
    "github": github,
    "sarif": sarif,
    "junit": junit,
}
"""Format of a validator -> the function that writes its findings."""
