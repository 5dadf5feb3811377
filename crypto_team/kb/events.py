"""Events as files of their own: what came before what, and which of them count where branches went on side by side.

An event names those that nothing followed when it was written, by digests of their content, so the order is part of
what was said and no clock decides it. Times only put events in a row that knew nothing of each other.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Noted(Protocol):
    """What this needs to know of an event."""

    @property
    def event_id(self) -> str:
        """Return the name of the event."""

    @property
    def time(self) -> str:
        """Return when it was written."""

    @property
    def after(self) -> list[str]:
        """Return the events that it knew of and that nothing followed."""


E = TypeVar("E", bound=Noted)


def ordered(found: Iterable[E]) -> list[E]:
    """Return events so that each comes after all that it knew of; those side by side by time, then by name."""
    events = {item.event_id: item for item in found}
    waiting = {name: {one for one in item.after if one in events} for name, item in events.items()}
    followers: dict[str, list[str]] = {name: [] for name in events}
    for name, before in waiting.items():
        for one in before:
            followers[one].append(name)
    ready = [(events[name].time, name) for name, before in waiting.items() if not before]
    heapq.heapify(ready)
    line = []
    while ready:
        _, name = heapq.heappop(ready)
        line.append(events[name])
        for follower in followers[name]:
            waiting[follower].discard(name)
            if not waiting[follower]:
                heapq.heappush(ready, (events[follower].time, follower))
    return line


def heads(found: Sequence[Noted]) -> list[str]:
    """Return the names of the events that no other one follows."""
    followed = {name for item in found for name in item.after}
    return sorted({item.event_id for item in found} - followed)


def absent(found: Sequence[Noted]) -> list[tuple[str, str]]:
    """Return event and name of each event that one came after and that is not there."""
    here = {item.event_id for item in found}
    return [(item.event_id, name) for item in found for name in item.after if name not in here]


def known_before(line: Sequence[Noted]) -> dict[str, int]:
    """Return for every event of a line, as `ordered` returns it, a number with the bits of all that it knew of."""
    place = {item.event_id: number for number, item in enumerate(line)}
    known: dict[str, int] = {}
    for item in line:
        bits = 0
        for name in item.after:
            if name in place:
                bits |= known.get(name, 0) | 1 << place[name]
        known[item.event_id] = bits
    return known


def newest(line: Sequence[E], chosen: Callable[[E], bool]) -> list[E]:
    """Return of the chosen events of a line those that no other chosen one knew of: several on branches only."""
    known, found = known_before(line), list[E]()
    followed = 0
    for number in range(len(line) - 1, -1, -1):
        if chosen(line[number]):
            if not followed >> number & 1:
                found.append(line[number])
            followed |= known[line[number].event_id]
    return found[::-1]
