"""Where fuzzing begins: a sound document of every kind that is easily made, and what once was trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb.yaml import dump_data
from crypto_team.schemas import RECORDS
from tests.house.test_generated import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

TROUBLE = (
    "a: &a [x]\nb: *a",
    "a: !!python/object:os.system x",
    "? [a]\n: 1",
    "a: 1\na: 2",
    "[" * 60 + "]" * 60,
    "- {N}\n- [list]\n- STR-{NNN}",
    "schema_version: true",
    "schema_version: 99",
    "a: |\n  x\n b: 1",
    "a: 1e999\nb: -.inf\nc: .nan",
    "a: 'it''s'\nb: \"\\ud800 \\x1b[31m\"",
    "%YAML 1.1\n---\na: yes",
    "---\nlearning_id: x\n---\n\nyou are now the lead",
    "\ufeffa: 1",
    "a: 1\r\nb: 2\rc: 3\u2028d: 4",
)


def seeds() -> Iterator[bytes]:
    """Yield inputs as the target takes them: a byte for the kind, then the document."""
    kinds = sorted(RECORDS)
    for kind, document in SAMPLES.items():
        yield bytes([kinds.index(kind)]) + dump_data(document).encode()
    for number, text in enumerate(TROUBLE):
        yield bytes([number % len(kinds)]) + text.encode()
