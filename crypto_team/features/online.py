"""Features bar by bar: the same program as over a history, with its state kept between the bars.

After `warm_up(history)` and any number of `update(bar)`, the vector is bit for bit the last row of the plan's float64
values over the same bars, because both are the same steps on the same state; only the length of a block differs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import yaml

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError
from crypto_team.features.plan import compile_formulas, lookback
from crypto_team.features.tracing import TIMES
from crypto_team.schemas.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from crypto_team.features.plan import Plan

Floats = npt.NDArray[np.float64]
FORMAT: Final = 1


class OnlineFeatures:
    """Computes the formulas of a feature set for one pair, one bar after the other.

    Parameters
    ----------
    features
        Path of a `features.yaml`, or formulas without sweeps.
    names
        Names of the features; those of the document, or the formulas themselves.
    """

    def __init__(self, features: Path | Sequence[str], names: Sequence[str] | None = None) -> None:
        found, own = _formulas(features)
        self.names: tuple[str, ...] = tuple(names or own)
        self.plan: Plan = compile_formulas(found)
        self.lookback: int = max(self.plan.lookback, default=0)
        self.times: list[int] = []
        self._run = self.plan.program.start()
        self._inputs = [np.zeros(1) for _ in self.plan.program.inputs]
        self._out = np.empty((len(found), 1))
        self._kept = 1 + max((lookback(node) for node in self.plan.opaque.values()), default=0)
        self._recent: dict[str, list[float]] = {name: [] for name in self.plan.columns}

    @property
    def bars(self) -> int:
        """Return how many bars have been seen."""
        return self._run.done

    @property
    def ready(self) -> bool:
        """Return whether every look-back is filled."""
        return self._run.done > self.lookback

    def warm_up(self, bars: pd.DataFrame) -> Floats:
        """Go over a history (timestamp and the columns that the formulas read); return the vector of its last bar."""
        times = epoch_ms(bars["timestamp"])
        if not times.size:
            raise InputError("there are no bars to warm up with")
        columns = {name: bars[name].to_numpy(np.float64) for name in self.plan.columns if name in bars}
        self._accept(int(times[0]))
        values = self.plan.doubles(columns, times, self._run)
        self.times = [int(time) for time in times[-2:]] if times.size > 1 else [*self.times, int(times[0])][-2:]
        for name, kept in self._recent.items():
            kept.extend(columns[name][-self._kept :].tolist())
            del kept[: -self._kept]
        made: Floats = values[-1].copy()
        return made

    def update(self, bar: Mapping[str, Any]) -> Floats:
        """Take one more completed bar and return its features.

        Parameters
        ----------
        bar
            `timestamp` (opening, milliseconds since 1970 or a datetime) and the columns that the formulas read. A
            value that is NaN or infinite is unknown.

        Returns
        -------
        ndarray
            float64, shape (features,); NaN before a feature's look-back is filled.
        """
        time, values = _milliseconds(bar.get("timestamp")), {name: _number(bar, name) for name in self._recent}
        self._accept(time)
        for name, kept in self._recent.items():
            kept.append(values[name])
        self.times = [*self.times, time][-2:]
        for number, name in enumerate(self.plan.program.inputs):
            self._inputs[number][0] = self._value(name, time)
        for kept in self._recent.values():
            del kept[: -self._kept]
        self._run.doubles(self._inputs, self._out)
        return self._out[:, 0].copy()

    def save(self, path: Path) -> None:
        """Write the whole state to a file (NumPy archive, nothing executable)."""
        state = {
            "key": np.array(self._key()),
            "format": np.array(FORMAT),
            "done": np.array(self._run.done),
            "times": np.array(self.times, dtype=np.int64),
            "place": self._run.place,
            "cells": self._run.cells,
            "memory": self._run.memory,
            "recent": np.array([self._recent[name] for name in self.plan.columns]).reshape(len(self.plan.columns), -1),
        }
        with path.open("wb") as file:
            np.savez_compressed(file, **state)  # type: ignore[arg-type]

    def restore(self, path: Path) -> None:
        """Go on from a saved state of the same formulas."""
        try:
            with np.load(path, allow_pickle=False) as found:
                state = {name: found[name] for name in found.files}
            own = str(state["key"]) == self._key() and int(state["format"]) == FORMAT
        except (OSError, ValueError, KeyError, EOFError) as problem:
            raise InputError(f"this is not a saved state: {problem}", where=str(path)) from None
        if not own:
            raise InputError(
                "the state was saved by other formulas or by another version of them",
                where=str(path),
                hint="warm up from history instead",
            )
        self._run.place, self._run.cells, self._run.memory = state["place"], state["cells"], state["memory"]
        self._run.done = int(state["done"])
        self.times = [int(time) for time in state["times"]]
        self._recent = {name: row.tolist() for name, row in zip(self.plan.columns, state["recent"], strict=True)}

    def _key(self) -> str:
        """Return what two engines have to share so that one can go on where the other stopped."""
        program = self.plan.program
        state = hashlib.sha256(repr((program.inputs, program.constants, self.plan.columns)).encode())
        for part in (program.steps, program.numbers, program.registers):
            state.update(part.tobytes())
        return state.hexdigest()

    def _accept(self, time: int) -> None:
        """Refuse a bar that is not the next one."""
        if not self.times:
            return
        if time <= self.times[-1]:
            raise InputError(f"the bar of {time} does not come after that of {self.times[-1]}", where="timestamp")
        step = self.times[-1] - self.times[0] if len(self.times) > 1 else time - self.times[-1]
        if time - self.times[-1] != step:
            raise InputError(
                f"the bar of {time} is not the next one: {self.times[-1] + step} is",
                where="timestamp",
                hint="warm up again with a history without gaps",
            )

    def _value(self, name: str, time: int) -> float:
        """Return the newest value of an input of the program."""
        if name == TIMES:
            return float(time)
        if name not in self.plan.opaque:
            return self._recent[name][-1]
        columns = {column: np.array(values[-self._kept :]) for column, values in self._recent.items()}
        size = len(next(iter(columns.values()))) if columns else 1
        step = self.times[-1] - self.times[0] if len(self.times) > 1 else 1
        return self.plan.whole(name, columns, time - step * np.arange(size - 1, -1, -1, dtype=np.int64))


def _formulas(features: Path | Sequence[str]) -> tuple[list[str], list[str]]:
    """Return formulas and names."""
    if not hasattr(features, "read_text"):
        return list(features), list(features)
    try:
        found = FeatureSet.model_validate(yaml.safe_load(features.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise InputError(f"this is no features.yaml: {problem}", where=str(features)) from None
    python = [item.name for item in found.features if item.formula is None]
    if python:
        raise InputError(
            f"{python[0]} is a Python function and cannot be computed bar by bar",
            where=str(features),
            hint="write it as a formula, or compute the matrix over the look-back",
        )
    return [str(item.formula) for item in found.features], [item.name for item in found.features]


def _milliseconds(value: Any) -> int:
    if hasattr(value, "timestamp"):
        return int(round(value.timestamp() * 1000))  # noqa: RUF046 - a foreign type may round to a float
    if isinstance(value, int | np.integer):
        return int(value)
    raise InputError(f"the bar has no timestamp that is a time: {value!r}", where="timestamp")


def _number(bar: Mapping[str, Any], name: str) -> float:
    if name not in bar:
        raise InputError(f"the bar has no column {name}", where=name)
    try:
        return float(bar[name])
    except (TypeError, ValueError):
        raise InputError(f"{bar[name]!r} is not a number", where=name) from None
