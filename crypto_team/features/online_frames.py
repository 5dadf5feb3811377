"""Bars that wait: joined to longer ones as they come, kept and restored as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features.online_state import expect, no_state, opens
from crypto_team.features.surroundings import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.features.online_bars import State


def no_bars(step: int, names: frozenset[str] = frozenset()) -> Frame:
    """Return a frame of some columns without bars."""
    return Frame({name: np.empty(0) for name in sorted(names)}, np.empty(0, dtype=np.int64), step)


def joined(frames: list[Frame]) -> Frame:
    """Return bars that follow each other as one frame."""
    frames = [item for item in frames if item.times.size] or frames[:1]
    if len(frames) == 1:
        return frames[0]
    columns = {name: np.concatenate([item.columns[name] for item in frames]) for name in frames[0].columns}
    return Frame(columns, np.concatenate([item.times for item in frames]), frames[0].step)


def selected(frame: Frame, names: frozenset[str], pair: str) -> Frame:
    """Return a frame with some of its columns only, or say which it does not have."""
    missing = sorted(names - set(frame.columns))
    if missing:
        raise InputError(f"the bars{f' of {pair}' if pair else ''} have no column {', '.join(missing)}", where="bars")
    return Frame({name: frame.columns[name] for name in sorted(names)}, frame.times, frame.step)


def frame_state(frames: list[Frame]) -> State:
    """Return bars as arrays."""
    whole = joined(frames)
    names = sorted(whole.columns)
    table = np.array([whole.columns[name] for name in names]).reshape(len(names), whole.times.size)
    return {"names": np.array(names, dtype=np.str_), "table": table, "times": whole.times}


def frame_of(state: Mapping[str, npt.NDArray[Any]], step: int, names: frozenset[str]) -> Frame:
    """Return the bars that :func:`frame_state` wrote, with these columns, if there are any."""
    times = opens(state["times"], "bars that wait")
    if not times.size:
        return no_bars(step, names)
    wanted = sorted(names)
    if state["names"].tolist() != wanted:
        raise no_state("bars that wait have other columns")
    table = expect(state["table"], np.float64, (len(wanted), times.size), "bars that wait")
    return Frame(dict(zip(wanted, table, strict=True)), times, step)


def under(prefix: str, state: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the part of a state whose names begin with a prefix, without it."""
    return {name[len(prefix) :]: item for name, item in state.items() if name.startswith(prefix)}


def named(prefix: str, state: State) -> State:
    """Return a state with a prefix before its names."""
    return {f"{prefix}{name}": item for name, item in state.items()}


@dataclass(slots=True)
class Joiner:
    """Joins bars to longer ones as they come; what does not fill a longer bar yet waits."""

    step: int
    longer: int
    waiting: list[Frame] = field(default_factory=list)

    def push(self, frame: Frame) -> Frame:
        """Take more bars and return the longer ones that they complete."""
        if self.step == self.longer:
            return frame
        self.waiting.append(frame)
        if not frame.completes(self.longer):
            return no_bars(self.longer)
        whole = joined(self.waiting)
        made = whole.coarser(self.longer)
        end = int(made.closes[-1]) if made.times.size else int(whole.times[0])
        self.waiting = [whole.since(end)]
        return made

    def state(self) -> State:
        """Return the bars that wait."""
        return frame_state(self.waiting or [no_bars(self.step)])

    def restore(self, state: Mapping[str, npt.NDArray[Any]], names: frozenset[str]) -> None:
        """Take back the bars that wait, with these columns: without a hole, from a first one that may be broken on."""
        waiting = frame_of(state, self.step, names)
        opens(waiting.times, "bars of a longer one", self.step)
        if waiting.times.size * self.step > 2 * self.longer:
            raise no_state("more bars wait than longer ones are made of")
        self.waiting = [waiting] if waiting.times.size else []
