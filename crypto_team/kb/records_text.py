"""A record from the bytes of its file, wherever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team import schemas
from crypto_team.errors import InputError
from crypto_team.kb import learnings
from crypto_team.kb.remedies import WHOLE
from crypto_team.kb.yaml import check, parse

if TYPE_CHECKING:
    from crypto_team.schemas import Document


def document_of(content: bytes, where: str, schema: str | None) -> Document | None:
    """Read the bytes of a record; None for kinds without a schema.

    Raises
    ------
    DocumentError
        The document breaks its schema.
    InputError
        The bytes are not UTF-8.
    """
    if schema is None:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError as problem:
        raise InputError(f"not UTF-8 text at byte {problem.start}", where=where, hint=WHOLE["encoding"]) from problem
    return learnings.read(text, where) if schema == "learning" else check(parse(text, where), schemas.RECORDS[schema])
