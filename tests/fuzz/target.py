"""What fuzzers call: any bytes are a document or are refused with places, in bounded time; nothing else may happen."""

from __future__ import annotations

import contextlib
from pathlib import Path

from crypto_team.errors import CryptoTeamError, DocumentError
from crypto_team.kb import learnings
from crypto_team.kb.injection import orders
from crypto_team.kb.yaml import FindingsError, check, decoded, dump, parse
from crypto_team.kb.yaml_splice import splice
from crypto_team.schemas import RECORDS

KINDS = sorted(RECORDS)
WHERE = "fuzzed.yaml"


def one_input(data: bytes) -> None:
    """Read bytes as a document of the kind that the first byte picks, as a learning, and as text that is edited."""
    kind, content = KINDS[(data[0] if data else 0) % len(KINDS)], data[1:]
    try:
        text = decoded(content, Path(WHERE))
    except FindingsError:
        return
    orders(text)
    _as_record(kind, text)
    try:
        learnings.read(text, WHERE)
    except FindingsError as problem:
        _placed(problem)
    with contextlib.suppress(CryptoTeamError):
        splice(text, "/schema_version", 1, where=WHERE)


def _as_record(kind: str, text: str) -> None:
    """Read a record; what was read is written and read again, and is the same."""
    try:
        record = check(parse(text, WHERE), RECORDS[kind])
    except FindingsError as problem:
        _placed(problem)
        return
    again = check(parse(dump(record, schema=kind), WHERE), RECORDS[kind])
    if again != record and "nan" not in repr(record):
        raise AssertionError(f"{kind} is not what was written: {record!r} {again!r}")


def _placed(problem: DocumentError) -> None:
    """Require a code, a file and a line of every finding."""
    for finding in getattr(problem, "findings", []):
        if not finding.code or finding.file != WHERE or not finding.line or finding.line < 1:
            raise AssertionError(f"a finding without a place: {finding!r}")
