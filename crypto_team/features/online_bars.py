"""One program bar by bar: the steps of a plan with their state kept between the bars."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features.online_state import check_run, expect, no_state, opens
from crypto_team.features.plan import lookback
from crypto_team.features.tracing import TIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.features.operators import Times
    from crypto_team.features.plan import Plan

Floats = npt.NDArray[np.float64]
State = dict[str, npt.NDArray[np.generic]]


class BarEngine:
    """Computes a plan for one pair and timeframe, one bar or many bars after the other.

    However the bars are divided into calls, the values are bit for bit those of the plan over all of them, because
    both are the same steps on the same state; only the length of a block differs.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.times: list[int] = []
        self._run = plan.program.start()
        self._inputs = [np.zeros(1) for _ in plan.program.inputs]
        self._out = np.empty((len(plan.nodes), 1))
        self._kept = 1 + max((lookback(node) for node in plan.opaque.values()), default=0)
        self._recent: dict[str, list[float]] = {name: [] for name in plan.columns}

    @property
    def done(self) -> int:
        """Return how many bars have been seen."""
        return self._run.done

    def go_on(self, columns: Mapping[str, Floats], times: Times) -> Floats:
        """Go over more bars; return float64 of shape (bars, features)."""
        if self.plan.opaque and self._run.done:
            # What is a function of whole arrays would lack the bars of earlier calls.
            rows = [{name: float(columns[name][row]) for name in self._recent} for row in range(times.size)]
            return np.vstack([self.update(int(time), row) for time, row in zip(times, rows, strict=True)])
        self.accept(int(times[0]))
        values = self.plan.doubles(columns, times, self._run)
        self.times = [int(time) for time in times[-2:]] if times.size > 1 else [*self.times, int(times[0])][-2:]
        for name, kept in self._recent.items():
            kept.extend(columns[name][-self._kept :].tolist())
            del kept[: -self._kept]
        return values

    def update(self, time: int, values: Mapping[str, float]) -> Floats:
        """Take one more bar; return float64 of shape (features,)."""
        self.accept(time)
        for name, kept in self._recent.items():
            kept.append(values[name])
        self.times = [*self.times, time][-2:]
        for number, name in enumerate(self.plan.program.inputs):
            self._inputs[number][0] = self._value(name, time)
        for kept in self._recent.values():
            del kept[: -self._kept]
        self._run.doubles(self._inputs, self._out)
        return self._out[:, 0].copy()

    def accept(self, time: int) -> None:
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

    def state(self) -> State:
        """Return everything that the next bar depends on."""
        return {
            "done": np.array(self._run.done),
            "times": np.array(self.times, dtype=np.int64),
            "place": self._run.place,
            "cells": self._run.cells,
            "memory": self._run.memory,
            "recent": np.array(list(self._recent.values()), dtype=np.float64).reshape(len(self._recent), -1)
            if self._recent
            else np.empty((0, min(self.done, self._kept))),
        }

    def restore(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Go on from what :meth:`state` returned."""
        check_run(self.plan.program, state)
        done, times = int(state["done"]), opens(state["times"], "times")
        if times.size != min(done, 2):
            raise no_state("other bars were seen than counted")
        recent = expect(state["recent"], np.float64, (len(self.plan.columns), min(done, self._kept)), "recent bars")
        self._run.place, self._run.cells, self._run.memory = state["place"], state["cells"], state["memory"]  # type: ignore[assignment]
        self._run.done, self.times = done, times.tolist()
        self._recent = {name: row.tolist() for name, row in zip(self.plan.columns, recent, strict=True)}

    def key(self) -> str:
        """Return what two engines have to share so that one can go on where the other stopped."""
        program = self.plan.program
        state = hashlib.sha256(repr((program.inputs, program.constants, self.plan.columns)).encode())
        for part in (program.steps, program.numbers, program.registers):
            state.update(part.tobytes())
        return state.hexdigest()

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
