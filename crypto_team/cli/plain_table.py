"""Tables in columns for pipes and files: what `rich` draws there, without loading it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Sequence


def plain_table(names: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool], *, header: bool) -> str:
    """Write rows in columns; numbers stand to the right, lines within a cell below each other."""
    rows = ([list(names)] if header else []) + [list(row) for row in cells]
    split = [[cell.split("\n") for cell in row] for row in rows]
    widths = [max(width(line) for row in split for line in row[column]) for column in range(len(names))]
    gap = " " * (3 if header else 2)
    lines = []
    for number, row in enumerate(split):
        for level in range(max(len(cell) for cell in row)):
            parts = [
                _padded(cell[level] if level < len(cell) else "", widths[column], right=numeric[column])
                for column, cell in enumerate(row)
            ]
            lines.append(gap.join(parts).rstrip())
        if header and number == 0:
            lines.append("─" * (sum(widths) + len(gap) * (len(names) - 1)))
    return "\n".join(lines)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, wanted: int, *, right: bool) -> str:
    space = " " * (wanted - width(text))
    return space + text if right else text + space
