"""What ensembles share: their members, predictions that no member was trained on, and one file for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crypto_team.errors import EvidenceError, InputError, UsageError
from crypto_team.models.base import Floats, Hyperparameter, Model, ModelFactory, ModelSettings, shares
from crypto_team.models.boosting import LIGHTGBM
from crypto_team.models.catboosting import CATBOOST
from crypto_team.models.forest import RANDOM_FOREST
from crypto_team.models.linear import LOGISTIC, RIDGE
from crypto_team.models.samples import Index, Samples, forward_blocks
from crypto_team.models.sequence_table import GRU, LSTM, LSTM_CNN, TRANSFORMER
from crypto_team.models.xgboosting import XGBOOST

POSSIBLE: dict[str, ModelFactory] = {
    one.name: one
    for one in (LIGHTGBM, XGBOOST, CATBOOST, RANDOM_FOREST, LOGISTIC, RIDGE, LSTM, GRU, TRANSFORMER, LSTM_CNN)
}
FEWEST_ROWS = 50
FLOOR = 1e-6


def named(text: str, n_classes: int | None = None) -> list[ModelFactory]:
    """Return the members that a comma-separated text names; at least two, each once, able to do the target."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in POSSIBLE]
    if unknown or len(set(names)) != len(names) or len(names) < 2:
        raise UsageError(
            f"{text!r} does not name two or more different members",
            where="model.hyperparameters.members",
            hint=f"for example members=lightgbm,gru; possible: {', '.join(POSSIBLE)}",
        )
    members = [POSSIBLE[name] for name in names]
    if n_classes is not None:
        unfit = [one.name for one in members if not (one.classification if n_classes else one.regression)]
        if unfit:
            raise UsageError(
                f"{', '.join(unfit)} cannot learn this kind of target", where="model.hyperparameters.members"
            )
    return members


def settings_of(member: ModelFactory, settings: ModelSettings) -> ModelSettings:
    """Return the settings of a member: its defaults with what `member.name=value` says on top."""
    own = {
        key.partition(".")[2]: value
        for key, value in settings.hyperparameters.items()
        if key.partition(".")[0] == member.name and "." in key
    }
    preset = member.presets.get(str(own.get("preset", "")), {})
    return replace(settings, hyperparameters={**member.defaults, **preset, **own})


def longest_history(hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return the longest history of the members."""
    settings = ModelSettings(0, hyperparameters, 0)
    members = named(str(hyperparameters["members"]))
    return max(one.history(settings_of(one, settings).hyperparameters) for one in members)


def member_history(name: str, hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return the history of one member; 0 for an unknown one, which is refused when it is fitted."""
    member = POSSIBLE.get(name)
    return member.history(settings_of(member, ModelSettings(0, hyperparameters, 0)).hyperparameters) if member else 0


def fitted(
    members: Sequence[ModelFactory], settings: ModelSettings, samples: Samples, y: Floats, weight: Floats | None
) -> list[Model]:
    """Fit all members on the same samples."""
    models = []
    for member in members:
        model = member.create(settings_of(member, settings))
        model.fit(samples, y, weight)
        models.append(model)
    return models


def unseen(
    members: Sequence[ModelFactory],
    settings: ModelSettings,
    samples: Samples,
    y: Floats,
    weight: Floats | None,
    blocks: int,
) -> tuple[Index, Floats]:
    """Return positions and the members' predictions there, from models fitted on earlier, purged samples only.

    Returns
    -------
    tuple
        Positions (n,) of all blocks but the first, and predictions (n, members, outputs).

    Raises
    ------
    InputError
        No block has enough samples behind it.
    """
    places, told = [], []
    for train, after in forward_blocks(samples, blocks):
        single = settings.n_classes and np.unique(y[train]).size < 2
        if train.size < FEWEST_ROWS or not after.size or single:
            continue
        part = None if weight is None else weight[train]
        models = fitted(members, settings, samples.take(train), y[train], part)
        told.append(np.stack([model.predict(samples.take(after)) for model in models], axis=1))
        places.append(after)
    if not places:
        raise InputError(
            f"{len(samples)} samples are too few for {blocks} blocks of predictions that no member was trained on",
            where="model.training.window",
            hint="use a longer training window, fewer blocks, or a single model",
        )
    return np.concatenate(places), np.concatenate(told)


def scores_of(predictions: Floats, n_classes: int) -> Floats:
    """Return predictions (n, members, outputs) as inputs of a second model: log odds to the first class, or bps."""
    if not n_classes:
        return predictions[:, :, 0]
    logs = np.log(np.clip(predictions, FLOOR, 1.0))
    return np.asarray((logs[:, :, 1:] - logs[:, :, :1]).reshape(len(predictions), -1))


def stored(models: Sequence[Model], members: Sequence[ModelFactory]) -> list[dict[str, Any]]:
    """Return members with their fitted models as plain JSON values."""
    return [{"name": one.name, "model": model.save().decode()} for one, model in zip(members, models, strict=True)]


def loaded(document: Sequence[Mapping[str, Any]], n_classes: int) -> list[Model]:
    """Read what :func:`stored` wrote."""
    try:
        return [POSSIBLE[str(item["name"])].load(str(item["model"]).encode(), n_classes) for item in document]
    except (KeyError, TypeError) as error:
        raise EvidenceError(f"not an ensemble: {error}") from error


def weighted_importances(models: Sequence[Model], weights: Floats) -> Floats:
    """Return the members' importances, weighted."""
    total = np.zeros_like(models[0].importances())
    for model, weight in zip(models, weights, strict=True):
        total += weight * model.importances()
    return shares(total)
