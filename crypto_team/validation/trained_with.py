"""What a training was made with, field by field, so that a design that changed afterwards is told from its evidence.

Everything of the specification and of the features counts unless it is listed here as prose, as a measure, or as
something that is decided after the training: a new field counts from the day on which it is added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from crypto_team.errors import CryptoTeamError
from crypto_team.models.registry import resolve
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.validation.evidence_diff import parted

NOT_TRAINED_WITH = frozenset({
    # Names, prose and what is decided or written after the training.
    "schema_version", "strategy_id", "strategy_name", "hypothesis", "considered", "risk", "out_of_sample",
    # Summaries and measures that `train` and other tools fill in.
    "features", "market.datasets", "model.version", "model.architecture", "target.definition", "target.class_balance",
    "reproducibility.data_hash", "reproducibility.code_path", "reproducibility.library_versions",
    # Compared with all their defaults, which the evidence keeps beside this.
    "model.hyperparameters",
})  # fmt: skip
NOT_SELECTED_WITH = {"method", "input_count", "output_count", "removed_features"}
NOT_COMPUTED_WITH = {"rationale", "importance_rank", "category", "name"}


def trained_with(spec: MlSpec, features: FeatureSet, folder: Path | None = None) -> dict[str, str]:
    """Return every setting that decides the evidence as JSON text by its place, `model.calibration` and the like.

    Parameters
    ----------
    spec, features
        The design.
    folder
        Of the strategy; the Python files of features are hashed where it is given.
    """
    found = dict(_leaves(spec.model_dump(mode="json")))
    selection = features.feature_selection.model_dump(mode="json", exclude=NOT_SELECTED_WITH)
    found |= dict(_leaves(selection, "feature_selection."))
    for feature in features.features:
        found[f"features.{feature.name}"] = _text(feature.model_dump(mode="json", exclude=NOT_COMPUTED_WITH))
        file = (feature.python or "").split(":", maxsplit=1)[0]
        if file and folder is not None and (folder / file).exists():
            found[file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    return found


def changed_since(meta: EvidenceMeta, spec: MlSpec, features: FeatureSet, folder: Path | None = None) -> list[str]:
    """Say which settings of a design are not those that its evidence was made with; older evidence records fewer.

    A setting that the product did not have yet when the evidence was made counts as its default.
    """
    known, now = meta.trained_with, trained_with(spec, features, folder)
    if not known:
        # Evidence older than the record of all settings still has these.
        places = {"model.calibration": meta.calibration, "model.training.window": meta.window}
        places |= {"model.training.test": meta.test, "model.training.step": meta.step}
        known = {place: _text(value) for place, value in places.items()}
        now = {place: now[place] for place in known}
    plain = set(dict(_leaves(spec.model_dump(mode="json", exclude_defaults=True))))
    plain |= set(dict(_leaves(features.feature_selection.model_dump(exclude_defaults=True), "feature_selection.")))
    lines = [
        line
        for place in sorted(known.keys() | now.keys())
        if now.get(place) != known.get(place) and not (place not in known and _is_default(place, plain))
        for line in _told(place, now.get(place, "gone"), known.get(place, "its default or without it"))
    ]
    if now["model.calibration"] == known.get("model.calibration") != _text(meta.calibration):
        # Earlier versions named a calibration for regressions, and did without.
        lines.append(f"model.calibration is {now['model.calibration']}, trained with {_text(meta.calibration)}")
    if not lines and [feature.name for feature in features.features] != meta.feature_names:
        lines.append("features are not in the order that they were trained in")
    return [*_hyperparameters(meta, spec), *lines]


def _told(place: str, now: str, known: str) -> Iterator[str]:
    """Say what a setting is and was; of a feature only what differs."""
    for inner, old, new in parted("", known, now):
        yield f"{place}{inner.replace(': ', '.')} is {new}, trained with {old}"


def _is_default(place: str, stated: set[str]) -> bool:
    """Tell whether a setting that the evidence does not know has its default; features and code have none."""
    return place not in stated and not place.startswith(("features.", "code/"))


def _hyperparameters(meta: EvidenceMeta, spec: MlSpec) -> list[str]:
    """Compare complete hyperparameters, so that spelling out a default changes nothing."""
    if spec.model.primary != meta.model:
        return []
    try:
        now = resolve(spec.model.primary, spec.model.hyperparameters)
    except CryptoTeamError as problem:
        return [f"model.hyperparameters: {problem}"]
    known = meta.hyperparameters
    return [
        f"model.hyperparameters.{name} is {now.get(name, 'gone')}, trained with {known.get(name, 'none')}"
        for name in sorted(now.keys() | known.keys())
        if now.get(name) != known.get(name)
    ]


def _leaves(tree: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Walk nested mappings; lists are leaves."""
    for key, value in tree.items():
        place = f"{above}{key}"
        if place in NOT_TRAINED_WITH:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{place}.")
        else:
            yield place, _text(value)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
