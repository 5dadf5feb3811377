"""A learner that went on learning while it predicted: the first state, and every label with the time it was known.

A file of one state could not be asked again for predictions that other states made. This one holds what was learnt, in
order; the state of any time follows from it, so the same file gives the same bits alone, in a batch and in a replay.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from crypto_team.errors import EvidenceError
from crypto_team.models.base import Floats, Inputs, Model, OnlineModel
from crypto_team.models.packing import packed, unpacked, written
from crypto_team.models.samples import Index, Matrix, Samples

KIND = "stream"
Loader = Callable[[bytes, int], OnlineModel]


@dataclass(frozen=True)
class Lessons:
    """Rows whose labels became known one after the other, n of them, in the order of `known`.

    Attributes
    ----------
    values, labels
        Features, float32 (n, k), and what was to be predicted, (n,).
    known, opened
        When each label was known and when its bar opened, in milliseconds, (n,).
    pair
        Which pair of the panel the bar is of, (n,).
    weight
        What each of them counts, (n,); None where all count alike.
    """

    values: Matrix
    labels: Floats
    known: Index
    opened: Index
    pair: Index
    weight: Floats | None = None

    def __len__(self) -> int:
        return int(self.labels.size)


class Stream:
    """A fitted learner followed by lessons; samples are predicted by the state of their time.

    At the close of the bar that opens at t every label with `known` <= t is known. Of those, the state of t has learnt
    all whole groups of `size` lessons; the last, unfinished group waits. Rows without time get the first state.
    """

    def __init__(self, first: OnlineModel, lessons: Lessons, size: int, n_classes: int, load: Loader) -> None:
        if np.any(np.diff(lessons.known) < 0):
            raise EvidenceError("the lessons of a stream are not in the order in which their labels were known")
        self.lessons, self.size = lessons, size
        self._bytes, self._classes, self._load = first.save(), n_classes, load
        self._state: tuple[int, OnlineModel] = (0, load(self._bytes, n_classes))

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Start anew: fit the learner on rows; nothing follows."""
        model = self._load(self._bytes, self._classes)
        model.fit(x, y, weight)
        none = np.empty(0, dtype=np.int64)
        self.lessons = Lessons(self.lessons.values[:0], np.empty(0), none, none, none)
        self._bytes, self._state = model.save(), (0, model)

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1), each from the state of its sample's time."""
        if not isinstance(x, Samples):
            return self._at(0).predict(x)
        groups = np.searchsorted(self.lessons.known, x.time, side="right") // self.size
        made = np.empty((len(x), max(self._classes, 1)))
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            made[rows] = self._at(int(group)).predict(x.take(rows))
        return made

    def _at(self, group: int) -> OnlineModel:
        """Return the state after some groups of lessons; time mostly goes forward, so the last state is kept."""
        done, model = self._state
        if group < done:
            done, model = 0, self._load(self._bytes, self._classes)
        for number in range(done, group):
            rows = slice(number * self.size, (number + 1) * self.size)
            weight = None if self.lessons.weight is None else self.lessons.weight[rows]
            model.update(self.lessons.values[rows], self.lessons.labels[rows], weight)
        self._state = (group, model)
        return model

    def importances(self) -> Floats:
        """Return the shares of importance before any lesson: what the fold's training says."""
        return self._at(0).importances()

    def save(self) -> bytes:
        """Return first state and lessons as JSON."""
        fields = {name: getattr(self.lessons, name) for name in Lessons.__dataclass_fields__}
        told = {name: packed(value) for name, value in fields.items() if value is not None}
        return written({"kind": KIND, "first": self._bytes.decode(), "lessons": told, "size": self.size})


def document_of(data: bytes) -> dict[str, Any] | None:
    """Return the document of a stream; None where the bytes are of a learner alone."""
    if not data.startswith(b"{"):
        return None
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("kind") == KIND else None


def loaded(data: bytes, n_classes: int, load: Loader) -> Model:
    """Read a learner, or the stream of one."""
    document = document_of(data)
    if document is None:
        return load(data, n_classes)
    try:
        lessons = Lessons(**{name: unpacked(item) for name, item in document["lessons"].items()})
        return Stream(load(str(document["first"]).encode(), n_classes), lessons, int(document["size"]), n_classes, load)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"not a {KIND} of lessons: {error}") from error
