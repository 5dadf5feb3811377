"""Arrays inside text: base64 of little-endian bytes with type and shape; every bit survives and no code runs."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from crypto_team.errors import EvidenceError

KINDS = ("<f8", "<f4", "<i8", "<i4", "|u1")


def packed(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return an array as plain JSON values."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return {"type": little.dtype.str, "shape": list(little.shape), "base64": as_text(little.tobytes())}


def unpacked(document: dict[str, Any]) -> npt.NDArray[Any]:
    """Return the array that :func:`packed` wrote."""
    if document["type"] not in KINDS:
        raise ValueError(f"arrays of type {document['type']!r} are not stored")
    flat = np.frombuffer(as_bytes(document["base64"]), dtype=document["type"])
    return flat.reshape(document["shape"]).astype(flat.dtype.newbyteorder("="))


def as_text(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def as_bytes(text: str) -> bytes:
    """Return the bytes of base64 text."""
    return base64.b64decode(text, validate=True)


def written(document: dict[str, Any]) -> bytes:
    """Return a document as the same bytes each time."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def read(data: bytes, kind: str) -> dict[str, Any]:
    """Return a document whose `kind` is the expected one; anything else is an EvidenceError."""
    try:
        document = json.loads(data)
    except ValueError as error:
        raise EvidenceError(f"not a {kind} model: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != kind:
        raise EvidenceError(f"not a {kind} model")
    return document
