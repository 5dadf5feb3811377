"""A handoff as an in-toto Statement in a DSSE envelope, signed with ed25519 where a key is configured.

Without a signature the envelope proves integrity, not honesty: whoever can write the repository can make one. A key
that only CI holds makes a pass unforgeable. Sources: in-toto attestation v1; DSSE v1 (pre-authentication encoding).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import CryptoTeamError, InputError, MissingExtraError
from crypto_team.schemas.gate import Envelope, EnvelopeSignature
from crypto_team.schemas.migrations import migrated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from crypto_team.schemas import Handoff
    from crypto_team.schemas.reviews import HandoffKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:crypto-team:handoff:v1"
KEY_VARIABLE: Final = "CRYPTO_TEAM_SIGNING_KEY"


def statement(record: Handoff) -> dict[str, Any]:
    """Return the in-toto Statement of a record: its subjects, and as predicate everything else that it says."""
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": item.name, "digest": {"sha256": item.sha256.removeprefix("sha256:")}} for item in record.subjects
        ],
        "predicateType": PREDICATE,
        "predicate": record.model_dump(mode="json", exclude={"subjects", "envelope"}),
    }


def encoded(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding, the bytes that are signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(record: Handoff, key: Ed25519PrivateKey | None) -> Handoff:
    """Return the record with its envelope, signed where there is a key."""
    payload = json.dumps(statement(record), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    signatures = [] if key is None else [_signed(key, payload)]
    envelope = Envelope(payloadType=PAYLOAD_TYPE, payload=base64.b64encode(payload).decode(), signatures=signatures)
    return record.model_copy(update={"envelope": envelope})


def _signed(key: Ed25519PrivateKey, payload: bytes) -> EnvelopeSignature:
    public = key.public_key().public_bytes_raw()
    return EnvelopeSignature(keyid=key_id(public), sig=base64.b64encode(key.sign(encoded(payload))).decode())


def key_id(public: bytes) -> str:
    """Return the name of a public key: the hash of its 32 bytes."""
    return "sha256:" + hashlib.sha256(public).hexdigest()


def problems(record: Handoff, keys: Sequence[HandoffKey], *, required: bool) -> list[str]:
    """Return what is wrong with the envelope of a record.

    Parameters
    ----------
    record
        The record with its envelope.
    keys
        The keys that are trusted; a signature by any other key counts for nothing.
    required
        Whether a valid signature by a trusted key has to be there.
    """
    if record.envelope is None:
        return ["it has no envelope"] if required else []
    payload = _bytes(record.envelope.payload)
    if payload is None or _stated(payload) != record.model_dump(mode="json", exclude={"envelope"}):
        return ["it was changed: its envelope says something else"]
    known = {key_id(public): public for item in keys if (public := _bytes(item.public_key)) is not None}
    mine = [item for item in record.envelope.signatures if item.keyid in known]
    if any(not _holds(known[item.keyid], item.sig, payload or b"") for item in mine):
        return ["its signature does not match"]
    return ["no trusted key signed it"] if required and not mine else []


def trusted(key: Ed25519PrivateKey, keys: Sequence[HandoffKey]) -> bool:
    """Say whether a key that signs is one of those that are trusted."""
    public = key.public_key().public_bytes_raw()
    return any(_bytes(item.public_key) == public for item in keys)


def _stated(payload: bytes) -> dict[str, Any] | None:
    """Return the record that a payload states, in the present shape; None where it is no statement about a record.

    A field that later versions added is absent in older payloads, and means what it means in older files: its default.
    """
    from crypto_team.schemas import Handoff

    try:
        said = json.loads(payload)
        fixed = (said.pop("_type"), said.pop("predicateType"))
        subjects = [(item.pop("name"), item.pop("digest"), item) for item in said.pop("subject")]
        data = said.pop("predicate")
        rest = [said, *(left for _, _, left in subjects)]
        if fixed != (STATEMENT, PREDICATE) or any(rest) or {"subjects", "envelope"} & data.keys():
            return None
        if any(digest.keys() != {"sha256"} for _, digest, _ in subjects):
            return None
        data["subjects"] = [{"name": name, "sha256": f"sha256:{digest['sha256']}"} for name, digest, _ in subjects]
        found = Handoff.model_validate(migrated("handoff", data))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, CryptoTeamError):
        return None
    return found.model_dump(mode="json", exclude={"envelope"})


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _holds(public: bytes, signature: str, payload: bytes) -> bool:
    ed25519, invalid = _library()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(_bytes(signature) or b"", encoded(payload))
    except (invalid, ValueError):
        return False
    return True


def private_key(value: str | None) -> Ed25519PrivateKey | None:
    """Return the signing key from a PEM text or the path of a PEM file; None where nothing is configured.

    Raises
    ------
    InputError
        It is no ed25519 key; the error never shows it.
    """
    if not value:
        return None
    ed25519, _ = _library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    hint = "openssl genpkey -algorithm ed25519 -out KEY.pem makes one; keep it outside of the repository"
    try:
        text = value.encode() if "-----BEGIN" in value else Path(value).read_bytes()
        key = load_pem_private_key(text, password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise InputError("the signing key cannot be read", where=KEY_VARIABLE, hint=hint) from problem
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InputError("the signing key is not an ed25519 key", where=KEY_VARIABLE, hint=hint)
    made: Ed25519PrivateKey = key
    return made


def _library() -> tuple[Any, type[Exception]]:
    """Import the library that signs, which is an extra: reading and hashing need none."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as problem:
        raise MissingExtraError(
            "signatures need the cryptography package", hint="pip install 'crypto-team[sign]'"
        ) from problem
    return ed25519, InvalidSignature
