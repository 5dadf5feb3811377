"""The courtesy guard in front of agents and of git: refuses by ownership what would be refused in CI anyhow.

It fails closed: what it does not understand it refuses. It is not the authority, because hooks can be left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import OwnershipError, UsageError
from crypto_team.kb import git_range, guard_shell
from crypto_team.kb.kinds import KINDS
from crypto_team.kb.ownership import decide, record_kind, rules, way_to_write
from crypto_team.kb.paths import Layout, find_layout, looks_like_ours

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = 2
"""The exit code that stops a tool call; every other one but 0 lets it pass."""

_PATH_FIELD: Final = re.compile(
    r"(?!new_|old_)(.*(path|file|folder|dir|uri|source|src|target|dest|output).*|to|from|name)", re.IGNORECASE
)
"""Arguments that name a file, whatever the tool calls them."""
_READERS: Final = {"Read", "Grep", "Glob", "LS", "NotebookRead", "WebFetch", "WebSearch"}
_LONGEST_PATH: Final = 4096
_MOST_EVENT: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was stopped, and the reason to show."""

    what: str
    why: str
    hint: str | None = None


def judge_event(text: str, role: str | None, folder: Path) -> Refusal | None:
    """Judge one tool call of an agent, as JSON with `tool_name`, `tool_input` and `cwd`.

    Raises
    ------
    UsageError
        The event cannot be understood; the caller blocks.
    """
    event = _event(text)
    name, given = str(event.get("tool_name", "")), event["tool_input"]
    here = Path(str(event.get("cwd") or folder))
    if name in _READERS:
        return None
    if "command" in given:
        return _command(str(given["command"]), here)
    places = [here / name.removeprefix("file://") for name in _named(given)]
    return next((found for place in places if (found := _file(place, role)) is not None), None)


def _named(given: dict[str, Any]) -> Iterator[str]:
    """Yield every path that a tool call names, also in lists and in calls within the call."""
    for key, value in given.items():
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, str) and _PATH_FIELD.fullmatch(key) and _is_path(item):
                yield item
            elif isinstance(item, dict):
                yield from _named(item)


_HINT = "PreToolUse hooks hand an event in JSON to stdin; for a commit: crypto-team ownership guard --staged"


def _is_path(text: str) -> bool:
    return len(text) <= _LONGEST_PATH and "\n" not in text


def _event(text: str) -> dict[str, Any]:
    if len(text) > _MOST_EVENT:
        raise UsageError("the event is too large", hint=_HINT)
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise UsageError("the event is no JSON", hint=_HINT) from problem
    if not isinstance(event, dict) or not isinstance(event.get("tool_input"), dict):
        raise UsageError("the event has no tool_input", hint=_HINT)
    return event


def _file(path: Path, role: str | None) -> Refusal | None:
    """Judge a direct edit, both of the place as written and of the place that links lead to."""
    if "\0" in str(path):
        return Refusal(repr(str(path))[:200], "this is no path", None)
    for place in dict.fromkeys((Path(_flat(path)), path.resolve())):
        layout = _workspace(place)
        odd = next((name for name in place.parts if name != ".crypto" and looks_like_ours(name)), None)
        if odd is not None:
            return Refusal(str(place), f"{odd!r} is .crypto on machines that write it alike", None)
        if layout is not None and place.is_relative_to(layout.crypto):
            found = _edit(layout, place, role)
            if found is not None:
                return found
    return None


def _flat(path: Path) -> str:
    import os.path

    return os.path.normpath(path.absolute())


def _workspace(place: Path) -> Layout | None:
    """Return the workspace whose `.crypto` a place lies in, also while its folders do not exist yet."""
    for folder in place.parents:
        if looks_like_ours(folder.name):
            return Layout(folder.parent)
    return find_layout(place.parent) if place.parent.exists() else None


def _edit(layout: Layout, place: Path, role: str | None) -> Refusal | None:
    """Judge an edit by hand: of its own records a role may edit those that are not made by tools."""
    kind = record_kind(layout, place)
    verdict = decide(rules(layout), role, None, kind)
    if not verdict.allowed:
        return Refusal(str(place), verdict.why, way_to_write(verdict.owner))
    if kind in KINDS and (verdict.mode == "append" or kind == "evidence"):
        return Refusal(str(place), f"records of kind {kind} are written by tools only", "crypto-team next")
    return None


def _command(command: str, here: Path) -> Refusal | None:
    """Judge a shell command by what its words may touch."""
    found = guard_shell.refused(command, here)
    hint = "write with crypto-team tools; read with cat, grep, git log or crypto-team read"
    return Refusal(command[:200], found, hint) if found else None


def judge_staged(layout: Layout, role: str | None, tool: str | None) -> list[Refusal]:
    """Judge what is about to be committed, by the rules of this work tree."""
    prefix = git_range.prefix(layout.root)
    found = []
    for change in git_range.staged(layout.root):
        if not change.path.startswith(f"{prefix}.crypto/"):
            continue
        verdict = decide(rules(layout), role, tool, record_kind(layout, layout.root / change.path.removeprefix(prefix)))
        if change.mode in {git_range.LINK, git_range.SUBMODULE}:
            found.append(Refusal(change.path, "links have no place in the knowledge base"))
        elif not verdict.allowed and tool not in {"init", "doctor"}:
            found.append(Refusal(change.path, verdict.why, way_to_write(verdict.owner)))
    return found


def known_role(role: str | None) -> str:
    """Return the role that the guard acts for.

    Raises
    ------
    OwnershipError
        Nobody said which role the agent plays.
    """
    if not role:
        raise OwnershipError(
            "nobody said which role this agent plays", hint="set CRYPTO_TEAM_ROLE, for example to ml_engineer"
        )
    return role
