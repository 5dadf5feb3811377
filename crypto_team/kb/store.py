"""The content-addressed evidence store: an object's name is the hash of its bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from crypto_team.errors import EvidenceError
from crypto_team.kb.files import sha256, write_atomic
from crypto_team.schemas.evidence import EvidenceObject

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout


def _place(layout: Layout, digest: str) -> Path:
    plain = digest.removeprefix("sha256:")
    if len(plain) != 64 or any(letter not in "0123456789abcdef" for letter in plain):
        raise EvidenceError(f"{digest[:80]!r} is not a sha256 hash")
    return layout.store / "sha256" / plain[:2] / plain[2:]


def _hash_of(place: Path) -> str:
    """Hash a file piece by piece: evidence can be larger than memory should hold twice."""
    with place.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def put(layout: Layout, content: bytes, *, rows: int | None = None) -> EvidenceObject:
    """Store bytes and return what a manifest says about them; the same bytes are stored once."""
    digest = sha256(content)
    place = _place(layout, digest)
    if not place.exists() or _hash_of(place) != digest:
        write_atomic(place, content, scratch=layout.scratch)
    return EvidenceObject(sha256=digest, bytes=len(content), rows=rows)


def get(layout: Layout, digest: str) -> Path:
    """Return the file of an object after checking its bytes.

    Raises
    ------
    EvidenceError
        The object is not here, or its bytes are not those that were stored.
    """
    place = _place(layout, digest)
    hint = "train again, or fetch the store from where the evidence was made"
    if not place.exists():
        raise EvidenceError(f"the evidence object {digest[:19]}… is not in the store", where=str(place), hint=hint)
    if _hash_of(place) != digest:
        raise EvidenceError("the evidence object is corrupt: its bytes have another hash", where=str(place), hint=hint)
    return place
