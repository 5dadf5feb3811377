"""Credentials and hidden characters in what is about to be kept for ever: found by shape, named without being shown."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from crypto_team.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES: Final = 64 * 2**20
"""The largest file that the knowledge base takes; evidence and data belong into the store."""

_SHAPES: Final = (
    ("a private key", ("PRIVATE KEY",), r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("an AWS access key", ("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    ("a GitHub token", ("github_pat_",), r"\bgithub_pat_[A-Za-z0-9_]{50,}\b"),
    ("a GitLab token", ("glpat-",), r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", ("xox",), r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Google key", ("AIza",), r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("an API key of a model provider", ("sk-",), r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
    ("a payment key", ("k_live_",), r"\b[rs]k_live_[0-9A-Za-z]{20,}"),
    ("a package-registry token", ("npm_", "pypi-AgEI"), r"\b(?:npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{50,})"),
    ("a bot token", (":AA",), r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    ("a password in an address", ("://",), r"[a-z0-9]://[^\s/:@'\"{}$]{1,64}:[^\s/@'\"{}$]{3,128}@"),
)
# Sort of a credential, literals of which every match holds one (most texts hold none), and its shape.
_SEARCHED: Final = [(sort, literals, re.compile(shape)) for sort, literals, shape in _SHAPES]
_NAMES: Final = ("secret", "passwd", "password", "passphrase", "key", "token")
_NAMED: Final = re.compile(
    r"(?i)(?:secret|passwd|password|passphrase|api_?-?key|access_?-?key|auth_?-?token|private_?-?key)[a-z0-9_-]{0,40}"
    r"['\"]?\s{0,3}[:=]\s{0,3}['\"]?([A-Za-z0-9+/_=.-]{16,200})"
)
_LEAST_BITS: Final = 3.5
# Nothing that a reader does not see: control characters, and marks that turn the order of what is shown around.
# Joiners that scripts and pictures need (U+200C, U+200D, U+FE0E, U+FE0F) are left.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]|\r(?!\n)"
)
_HIDDEN_PLAIN: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


def hidden_character(text: str) -> re.Match[str] | None:
    """Return the first character that a reader would not see, or that turns around what is shown."""
    # Most texts are plain: a third of the time, and what is refused is the same.
    return (_HIDDEN_PLAIN if text.isascii() and "\r" not in text else _HIDDEN).search(text)


def secrets(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the sort of everything that looks like a credential."""
    for sort, literals, shape in _SEARCHED:
        if any(literal in text for literal in literals):
            for found in shape.finditer(text):
                yield _line(text, found.start()), sort
    lowered = text.lower()
    if any(name in lowered for name in _NAMES):
        for found in _NAMED.finditer(text):
            if _bits(found[1]) >= _LEAST_BITS and re.search("[0-9]", found[1]) and re.search("[A-Za-z]", found[1]):
                yield _line(text, found.start()), "a value under the name of a secret"


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _bits(text: str) -> float:
    """Return the Shannon entropy per character, in bits: words have about 3, random keys 4 to 6."""
    counts = Counter(text)
    return -sum(number / len(text) * math.log2(number / len(text)) for number in counts.values())


class Flaw(NamedTuple):
    """Something that must not be committed: `kind` is `secret`, `hidden-character` or `too-large`."""

    kind: str
    line: int
    message: str
    hint: str


def flaws(content: bytes) -> Iterator[Flaw]:
    """Yield what must never be committed; a credential is named by its sort and line, its value never shown."""
    if len(content) > MOST_BYTES:
        message = f"{len(content):,} bytes are more than the {MOST_BYTES:,} that the knowledge base takes"
        yield Flaw(
            "too-large", 1, message, "large results belong into the evidence store, market data into .crypto/data"
        )
        return
    text = content.decode(errors="replace")
    hidden = hidden_character(text)
    if hidden:
        message = f"the hidden character U+{ord(hidden[0]):04X}"
        yield Flaw("hidden-character", _line(text, hidden.start()), message, "remove it, readers miss it")
    for line, sort in secrets(text):
        message = f"this looks like {sort}; what is committed stays in the history for ever"
        hint = "take it out, revoke it if it is real, and keep credentials in the environment"
        yield Flaw("secret", line, message, hint)


def contained(path: Path) -> bytes:
    """Return the bytes of a file of the knowledge base; one that is too large for that is not read.

    Raises
    ------
    RefusedError
        It is larger than the knowledge base takes.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        message = f"{path.name}: {size:,} bytes are more than the {MOST_BYTES:,} that the knowledge base takes"
        raise RefusedError(message, where=str(path), hint="move it into the evidence store or .crypto/data")
    return path.read_bytes()


def check_content(content: bytes, where: str) -> None:
    """Refuse content that must never be committed.

    Raises
    ------
    RefusedError
        Something in it looks like a credential; the error names the line, never the value.
    InputError
        It is too large, or holds characters that nobody sees.
    """
    for flaw in flaws(content):
        error = RefusedError if flaw.kind == "secret" else InputError
        raise error(flaw.message, where=f"{where}:{flaw.line}:1", hint=flaw.hint)
