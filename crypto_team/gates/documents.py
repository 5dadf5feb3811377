"""The documents of a strategy as they stand on disk, with the place of everything that they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Written:
    """A document as it stands on disk; `places` maps JSON pointers of YAML to line and column, both from 1."""

    name: str
    text: str
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def at(self, pointer: str) -> str:
        """Return file:line:col of a value, or the file alone where the value does not stand in it."""
        place = self.places.get(pointer)
        return f"{self.name}:{place[0]}:{place[1]}" if place else self.name

    def at_offset(self, offset: int) -> str:
        """Return file:line:col of a character."""
        line = self.text.count("\n", 0, offset) + 1
        return f"{self.name}:{line}:{offset - self.text.rfind(chr(10), 0, offset)}"


@dataclass(frozen=True)
class Documents:
    """Documents by name; `rendering` makes ml-report.md as evidence and documents render it now, if anybody asks.

    `report_numbers` is the machine-readable block of the report as it stands.
    """

    files: Mapping[str, Written] = field(default_factory=dict)
    rendering: Callable[[], str] | None = None
    report_numbers: Mapping[str, float | int | None] = field(default_factory=dict)

    def find(self, name: str) -> Written:
        """Return a document; an empty one of that name where it is not known."""
        return self.files.get(name) or Written(name, "")
