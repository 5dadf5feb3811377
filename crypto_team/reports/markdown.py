"""Author's text inside Markdown: shown as written, never interpreted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from crypto_team.errors import InputError
from crypto_team.reports.formats import compact

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$!])")
_LIST_MARK = re.compile(r"^(\s*)([-+=]|\d+[.)])")
_REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_./:]+)\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    """Return one line of Markdown that renders as exactly `text`: no markup, no HTML, no line breaks."""
    line = " ".join(_CONTROL.sub("", text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LIST_MARK.sub(_escape_mark, _SPECIAL.sub(r"\\\1", line))


def _escape_mark(found: re.Match[str]) -> str:
    mark = found.group(2)
    return f"{found.group(1)}{mark[:-1]}\\{mark[-1]}"


def quote(text: str, numbers: Mapping[str, float | int | None]) -> str:
    """Return author's text as a block quote, paragraph by paragraph, with `{{ name }}` references filled in.

    Parameters
    ----------
    text
        Free text.
    numbers
        Computed numbers that the text may refer to.

    Raises
    ------
    InputError
        When a reference names no number.
    """
    paragraphs = [part for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if part.strip()]
    return "\n>\n".join(f"> {escape(fill(part, numbers))}" for part in paragraphs)


def fill(text: str, numbers: Mapping[str, float | int | None]) -> str:
    """Replace each `{{ name }}` in author's text by the computed number; an unknown name is an InputError.

    `oos.` may stand for `out_of_sample.`.
    """
    return _REFERENCE.sub(lambda found: _number(found.group(1), numbers), text)


def _number(name: str, numbers: Mapping[str, float | int | None]) -> str:
    known = re.sub(r"^oos\.", "out_of_sample.", name)
    if known in numbers:
        return compact(numbers[known])
    close = difflib.get_close_matches(name, list(numbers), n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "the names are in the last section of ml-report.md"
    raise InputError(f"no computed number is called {name!r}", where="{{ " + name + " }}", hint=hint)


def code(text: str) -> str:
    """Return `text` as a code span that also survives inside a table."""
    line = " ".join(_CONTROL.sub("", text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line}`" if line else ""


def picture(title: str, path: str) -> str:
    """Return an image link; characters that would end the link are percent-encoded."""
    safe = re.sub(r"[^A-Za-z0-9_./-]", lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), path)
    return f"![{escape(title)}]({safe})"
