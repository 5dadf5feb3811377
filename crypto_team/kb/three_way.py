"""Merging documents by their fields: what one side changed is taken, what both changed otherwise is a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ABSENT: Final = object()


def merged(base: Any, ours: Any, theirs: Any) -> tuple[Any, list[tuple[str, Any, Any]]]:
    """Return the merge of plain data, and pointer, our and their value of everything that both sides changed.

    Mappings are merged field by field; anything else, lists too, as a whole. Where both changed it, ours stays.
    """
    clashes: list[tuple[str, Any, Any]] = []
    return _merged(base, ours, theirs, "", clashes), clashes


def _merged(base: Any, ours: Any, theirs: Any, pointer: str, clashes: list[tuple[str, Any, Any]]) -> Any:
    if _same(ours, theirs) or _same(base, theirs):
        return ours
    if _same(base, ours):
        return theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        before = base if isinstance(base, dict) else {}
        return dict(_fields(before, ours, theirs, pointer, clashes))
    clashes.append((pointer, _shown(ours), _shown(theirs)))
    return ours


def _fields(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    pointer: str,
    clashes: list[tuple[str, Any, Any]],
) -> Iterator[tuple[str, Any]]:
    for name in dict.fromkeys([*ours, *theirs]):
        before, mine, other = (side.get(name, _ABSENT) for side in (base, ours, theirs))
        value = _merged(before, mine, other, f"{pointer}/{name}", clashes)
        if value is not _ABSENT:
            yield name, value


def _same(one: Any, other: Any) -> bool:
    """Say whether two values are the same; 1 and true are not."""
    return type(one) is type(other) and one == other


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value
