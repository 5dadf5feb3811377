"""Changing a part of a record by JSON pointer: set, append, remove, test. Pure; the writer checks what results."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from crypto_team.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEEPEST: Final = 32


@dataclass(frozen=True, slots=True)
class Operation:
    """One step: what to do at a pointer, and the value where one is needed."""

    what: Literal["set", "append", "remove", "test"]
    pointer: str
    value: Any = None


def read_operation(what: Literal["set", "append", "remove", "test"], text: str) -> Operation:
    """Read `/pointer=value`, or `/pointer` alone to remove; a value is JSON where it parses as such, else text.

    Raises
    ------
    UsageError
        It has another form.
    """
    pointer, sign, value = text.partition("=")
    if what == "remove":
        pointer, sign, value = text, "=", "null"
    if not sign or not pointer.startswith("/"):
        form = "/pointer" if what == "remove" else "/pointer=value"
        raise UsageError(
            f"{text[:80]!r} is not {form}", where=f"--{what}", hint=f"for example --{what} /risk/stop=0.02"
        )
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = value
    return Operation(what, pointer, found)


def applied(data: dict[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the data with all operations done in order; the data itself stays as it is.

    Raises
    ------
    UsageError
        A pointer leads nowhere.
    ConflictError
        A tested value is another one.
    """
    result = copy.deepcopy(data)
    for step in operations:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in step.pointer[1:].split("/")]
        if len(parts) > DEEPEST:
            raise UsageError("the pointer is too deep", where=step.pointer[:80], hint="/field/0/field")
        place: Any = result
        for part in parts[:-1]:
            place = _inner(place, part, step.pointer)
        _apply(place, parts[-1], step)
    return result


def _inner(place: Any, part: str, pointer: str) -> Any:
    """Return what lies at one part of a pointer."""
    if isinstance(place, dict) and part in place:
        return place[part]
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    known = ", ".join(place) if isinstance(place, dict) else f"0 to {len(place) - 1}" if isinstance(place, list) else ""
    raise UsageError(f"there is no {part[:80]!r}", where=pointer[:200], hint=f"there is: {known}" if known else None)


def _apply(place: Any, last: str, step: Operation) -> None:
    """Do one operation at the last part of its pointer."""
    if step.what == "set" and isinstance(place, dict):
        place[last] = step.value
        return
    found = _inner(place, last, step.pointer)
    key: Any = int(last) if isinstance(place, list) else last
    if step.what == "test" and found != step.value:
        what = f"the value is {json.dumps(found)[:200]}, not what was expected"
        raise ConflictError(what, where=step.pointer, hint="read the document again and decide anew")
    if step.what == "append":
        if not isinstance(found, list):
            raise UsageError("only a list can be appended to", where=step.pointer, hint="--set replaces a value")
        found.append(step.value)
    elif step.what == "set":
        place[key] = step.value
    elif step.what == "remove":
        del place[key]
