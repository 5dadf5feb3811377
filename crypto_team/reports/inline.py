"""Put an SVG picture into an HTML page: no foreign references, no clashing ids, colours that follow the page."""

from __future__ import annotations

import html
import re
from typing import Final

from crypto_team.errors import InputError

NEUTRALS: Final = {  # equal to those of crypto_team.reports.palette, which would import matplotlib here
    "#1d2939": "--ink",
    "#667085": "--muted",
    "#e4e7ec": "--line",
    "#fffffe": "--panel",
}
_FORBIDDEN = re.compile(
    r"<\s*(script|foreignobject|iframe|image|a|style\s+src|use[^>]*href\s*=\s*[\"'](?!#)|!entity)\b|\son[a-z]+\s*=|javascript:"
    r"|@import|url\(\s*[\"']?(?!#)",
    re.IGNORECASE,
)
_PROLOGUE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_NAMESPACE = re.compile(r"\sxmlns(:\w+)?=\"[^\"]*\"")
_IDENTIFIER = re.compile(r"\sid=\"([^\"]*)\"")
_TARGET = re.compile(r"(url\(#|href=\"#)([^\")]+)")
_VIEW = re.compile(r"viewBox=\"0 0 ([0-9.]+) [0-9.]+\"")


def inline_svg(svg: str, *, prefix: str, title: str) -> str:
    """Return markup for `svg` that is safe to stand in a page beside other pictures.

    Parameters
    ----------
    svg
        A complete SVG document without scripts and without references outside itself.
    prefix
        Put before every id of the picture.
    title
        What the picture shows, for readers who cannot see it.

    Raises
    ------
    InputError
        When `svg` is not an SVG document, or holds something active or external.
    """
    body = _PROLOGUE.sub("", svg).strip()
    if not body.startswith("<svg") or _FORBIDDEN.search(body):
        raise InputError("the picture is not a plain, self-contained SVG document", where=title)
    body = _NAMESPACE.sub("", body).replace("xlink:href", "href")
    used = {name for _, name in _TARGET.findall(body)}
    body = _IDENTIFIER.sub(lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", body)
    body = _TARGET.sub(lambda found: f"{found[1]}{prefix}-{found[2]}", body)
    for colour, variable in NEUTRALS.items():
        body = body.replace(colour, f"var({variable})")
    head, rest = body.split(">", 1)
    head = re.sub(r"\s(width|height)=\"[^\"]*\"", "", head)
    return f'{head} role="img" aria-label="{html.escape(title, quote=True)}">{rest}'


def is_wide(svg: str) -> bool:
    """Say whether a picture wants the full width of the page."""
    found = _VIEW.search(svg)
    return found is not None and float(found[1]) > 560.0
