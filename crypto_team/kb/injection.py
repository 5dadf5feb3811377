"""Text that reads like an order to an agent. It is flagged, never trusted and never removed: readers see a quotation.

The list is a net with holes: a text without a match is still data, not an instruction.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category, normalize

_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co"}
_OBJECT: Final = r"(all|any|every|the|your|these|those|my|previous|prior|earlier|above|preceding|former|other|safety)"
_RULES: Final = (
    r"(instructions?|rules?|prompts?|messages?|directions|guidelines|policy|policies|checks?|gates?|context)"
)
_PRIVATE: Final = r"(api|private|secret|ssh)?[ _-]?(keys?|tokens?|passwords?|credentials?|\.env)"
PATTERNS: Final[dict[str, str]] = {
    "overrule": rf"\b(ignore|disregard|forget|override|bypass|skip|disobey)\b( {_OBJECT})+( \w+)? {_RULES}\b",
    "overrule-short": r"\b(ignore|disregard|forget) (all|any|everything|previous|prior)\b",
    "new-orders": r"\b(new|updated|real|actual|following) (system )?(instructions?|orders|directives?)\b ?[:\-]",
    "persona": r"\b(you are now|pretend (to be|you are)|act as (an? |the )?(admin|root|system|lead|developer))\b",
    "system-prompt": r"\b(system|developer) (prompt|message)\b",
    "chat-markup": (
        r"<\|?/?(system|assistant|user|im_start|im_end|tool_call|function_calls?)\b|\[/?inst\]|^(system|assistant):"
    ),
    "run-this": (
        r"\b(run|execute|invoke|call|type|paste) (the |this |these |following )*(command|code|script|tool|shell)\b"
    ),
    "pipe-to-shell": (r"\b(curl|wget)\b.{0,200}\|\s*(ba|z|da)?sh\b|\brm -rf\b|\beval\(|\bos\.system\b|\bsubprocess\."),
    "secrecy": (
        r"\b(do not|don't|never) (tell|mention|reveal|inform|report|show|log)\b.{0,40}"
        r"\b(user|anyone|human|team|lead|critic)\b"
    ),
    "secrets": rf"\b(print|send|post|reveal|show|leak|upload|exfiltrate)\b.{{0,40}}\b{_PRIVATE}\b",
    "approve-this": r"\b(approve|accept|pass|wave through)\b.{0,40}\b(without|regardless|no matter|skipping)\b",
    "as-authority": r"\b(as|by order of) (the )?(lead|admin(istrator)?|system|owner)\b[ ,]*(you|i)\b",
    "hidden-markup": r"<!--|!\[[^\]]*\]\(https?:|<(script|img|iframe|svg)\b|\bdata:[a-z]+/[a-z]+;base64",
    "long-code": r"[A-Za-z0-9+/]{200,}={0,2}",
}
"""What it is -> the expression that finds it, in text brought to plain letters and single spaces."""

_COMPILED: Final = {name: re.compile(text, re.IGNORECASE | re.MULTILINE) for name, text in PATTERNS.items()}
_LOOKALIKES: Final = str.maketrans("аеорсухіјѕԁɡοαεικν", "aeopcyxijsdgoaeikv")


def plain_letters(text: str) -> str:
    """Bring compatibility forms, hidden characters and common look-alike letters to plain ones; keep the lines."""
    shown = "".join(letter for letter in normalize("NFKC", text) if letter == "\n" or category(letter) not in _HIDDEN)
    lines = (" ".join(line.split()) for line in shown.translate(_LOOKALIKES).split("\n"))
    return "\n".join(lines)


def orders(text: str) -> list[tuple[str, str]]:
    """Return what reads like an order: what it is, and its words. Also found where it runs over a line break."""
    plain = plain_letters(text)
    joined = plain.replace("\n", " ")
    found = []
    for name, pattern in _COMPILED.items():
        match = pattern.search(plain) or pattern.search(joined)
        if match:
            found.append((name, match.group(0)[:80]))
    return found
