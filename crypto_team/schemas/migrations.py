"""From older shapes of documents to the present ones: pure functions over plain data, one per kind and version.

A step takes the data of version N and returns that of version N + 1; it never looks at files. Each has a golden
fixture in `tests/schemas/golden`: what it was, and what it has to become.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_args

from crypto_team.schemas import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crypto_team.schemas.base import Document

    Data = dict[str, Any]
    Step = Callable[[Data], Data]


def _learning_1(data: Data) -> Data:
    """Version 2 names what a claim replaces, what it rests on, and which of its foundations were taken back."""
    return {**data, "supersedes": None, "superseded_by": None, "rests_on": [], "stale_since": []}


def _registry_1(data: Data) -> Data:
    """Version 2 is never changed: what stood in it is what was before, and every event since is a file of its own."""
    stood = {"metrics": {}, "history": [], **data}
    fixed: Data = {name: data[name] for name in ("strategy_id", "name", "type", "created") if name in data}
    before: Data = {name: stood[name] for name in ("stage", "status", "updated", "metrics", "history") if name in stood}
    known = {*fixed, *before, "links", "schema_version"}
    strange = {name: value for name, value in data.items() if name not in known}
    return {**fixed, "links": data.get("links", {}), "before": before, **strange}


def _ml_spec_1(data: Data) -> Data:
    """Version 2 calls Platt's sigmoid `platt` as it is defined; what was called so keeps the order of the forecasts."""
    model = data.get("model")
    if not isinstance(model, dict) or model.get("calibration") != "platt":
        return data
    return {**data, "model": {**model, "calibration": "ordered_platt"}}


def _evidence_meta_1(data: Data) -> Data:
    """Version 2 names the calibration as version 2 of `ml_spec` does."""
    made = {**data, "calibration": "ordered_platt"} if data.get("calibration") == "platt" else dict(data)
    known = made.get("trained_with")
    if isinstance(known, dict) and known.get("model.calibration") == '"platt"':
        made["trained_with"] = {**known, "model.calibration": '"ordered_platt"'}
    return made


STEPS: Final[Mapping[tuple[str, int], Step]] = {
    ("learning", 1): _learning_1,
    ("registry", 1): _registry_1,
    ("ml_spec", 1): _ml_spec_1,
    ("evidence_meta", 1): _evidence_meta_1,
}
"""Kind and version that a step starts from -> the step."""


@cache
def latest(kind: str | None) -> int:
    """Return the present version of a kind; 1 where the kind is not one of the records."""
    if kind is None or kind not in RECORDS:
        return 1
    version: int = get_args(RECORDS[kind].model_fields["schema_version"].annotation)[0]
    return version


@cache
def kind_of_model(model: type[Document]) -> str | None:
    """Return the kind that a model is the shape of, None for models that are not in the table of records."""
    return next((kind for kind, found in RECORDS.items() if found is model), None)


def migrated(kind: str | None, data: Data) -> Data:
    """Return the data in the present shape of its kind; data of an unknown version comes back as it is."""
    version = data.get("schema_version", 1)
    while (kind, version) in STEPS:
        assert kind is not None  # noqa: S101 - the key of a step holds a kind
        data = {**STEPS[kind, version](data), "schema_version": version + 1}
        version += 1
    return data
