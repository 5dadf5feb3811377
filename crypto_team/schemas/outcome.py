"""What every tool answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from crypto_team.schemas.base import Record


class Finding(Record):
    """One thing that a tool has to say about a place."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    pointer: str | None = Field(default=None, description="JSON pointer into the document.")
    file: str | None = None
    line: int | None = None
    col: int | None = None
    hint: str | None = None


class Outcome(Record):
    """The one answer shape of all tools, for people, models and machines."""

    ok: bool
    summary: str
    path: str | None = None
    revision: str | None = None
    data: Any = None
    findings: list[Finding] = []
    next: list[str] = []
    exit_code: int = 0
