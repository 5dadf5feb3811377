"""The table of learners, their defaults and the check of hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import metadata

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.models.base import Hyperparameter, ModelFactory
from crypto_team.models.boosting import LIGHTGBM
from crypto_team.models.catboosting import CATBOOST
from crypto_team.models.ensembles import AGREEMENT, BLENDING, META_NETWORK, STACKING
from crypto_team.models.forest import RANDOM_FOREST
from crypto_team.models.horizons import HORIZONS
from crypto_team.models.linear import LOGISTIC, RIDGE
from crypto_team.models.linear_trees import LINEAR_TREES
from crypto_team.models.members import POSSIBLE, named
from crypto_team.models.online import ONLINE_LIGHTGBM, ONLINE_LINEAR
from crypto_team.models.sequence_table import GRU, LSTM, LSTM_CNN, TRANSFORMER
from crypto_team.models.xgboosting import XGBOOST

_TABLE = (
    LINEAR_TREES, LIGHTGBM, XGBOOST, CATBOOST, RANDOM_FOREST, LOGISTIC, RIDGE, LSTM, GRU, TRANSFORMER, LSTM_CNN,
    STACKING, BLENDING, META_NETWORK, AGREEMENT, HORIZONS, ONLINE_LINEAR, ONLINE_LIGHTGBM,
)  # fmt: skip
MAY_BE_ZERO = frozenset({"context", "patience"})
"""Whole numbers whose default is above 0, and for which 0 says none."""
SHARES = frozenset({"subsample", "colsample_bytree", "rsm", "max_features", "max_samples", "dropout", "head_dropout",
                    "quorum", "shrink", "tail"})  # fmt: skip
"""Amounts that cannot be above 1."""
WORDS: dict[str, tuple[str, ...]] = {
    "device": ("auto", "cpu", "cuda"),
    "precision": ("auto", "float32", "bfloat16"),
    "class_weights": ("none", "balanced"),
}
"""Hyperparameters that are one of few words; a single card is `cuda:0`."""
MODELS: dict[str, ModelFactory] = {factory.name: factory for factory in _TABLE}


def factory(name: str) -> ModelFactory:
    """Return the learner called `name`; an unknown name lists what there is."""
    try:
        return MODELS[name]
    except KeyError:
        raise NotFoundError(f"unknown model {name!r}", hint=f"one of: {', '.join(MODELS)}") from None


def resolve(name: str, hyperparameters: Mapping[str, Hyperparameter]) -> dict[str, Hyperparameter]:
    """Return the complete hyperparameters: the defaults of the learner with the given ones on top.

    Raises
    ------
    UsageError
        A name that the learner does not have (with the nearest one it has) or a value of another type.
    """
    learner = factory(name)
    complete = {**learner.defaults, **_preset(learner, hyperparameters)}
    for key, value in hyperparameters.items():
        member, dot, own = key.partition(".")
        if learner.members and dot and member in MODELS:
            complete[key] = resolve(member, {own: value})[own]
            continue
        if key not in complete:
            raise _unknown(learner, key)
        if not _fits(value, complete[key]):
            raise UsageError(
                f"{name} {key} is {type(complete[key]).__name__}, got {value!r}",
                where=f"model.hyperparameters.{key}",
                hint=f"the default is {complete[key]}",
            )
        _check_range(name, key, value, complete[key])
        _check_word(name, key, value)
        complete[key] = value
    if learner.members:
        _check_members(complete)
    return complete


def _check_word(name: str, key: str, value: Hyperparameter) -> None:
    """Refuse a word that nothing understands; it would count as another one in silence."""
    known = WORDS.get(key, ())
    if known and value not in known and not (key == "device" and str(value).startswith("cuda:")):
        raise UsageError(
            f"{name} {key} cannot be {value!r}",
            where=f"model.hyperparameters.{key}",
            hint=f"one of: {', '.join(known)}",
        )


def _check_members(complete: Mapping[str, Hyperparameter]) -> None:
    """Refuse members that there are not, and settings of members that do not take part."""
    if "members" in complete:
        taking_part = [one.name for one in named(str(complete["members"]))]
    else:
        taking_part = [str(complete["member"])]
        if not (taking_part[0] in POSSIBLE and POSSIBLE[taking_part[0]].regression):
            raise UsageError(
                f"{taking_part[0]!r} is no member that predicts returns",
                where="model.hyperparameters.member",
                hint=f"one of: {', '.join(one.name for one in POSSIBLE.values() if one.regression)}",
            )
    idle = [key for key in complete if "." in key and key.partition(".")[0] not in taking_part]
    if idle:
        raise UsageError(
            f"{idle[0]} sets a learner that is no member",
            where=f"model.hyperparameters.{idle[0]}",
            hint=f"the members are {', '.join(taking_part)}",
        )


def _check_range(name: str, key: str, value: Hyperparameter, default: Hyperparameter) -> None:
    """Refuse what no learner can work with: counts below 1 (or 0), negative or unlimited amounts.

    The default tells what a number is: a whole one above 0 is a count, any other one that is not negative an amount.
    """
    if isinstance(value, bool | str) or isinstance(default, bool | str) or default < 0:
        return
    counts = isinstance(default, int) and default > 0 and key not in MAY_BE_ZERO
    low, high = 1 if counts else 0, 1 if key in SHARES else math.inf
    if not math.isfinite(value) or not low <= value <= high:
        least = f"between {low} and {high}" if key in SHARES else f"at least {low}"
        finite = "" if math.isfinite(value) else "a finite number, "
        raise UsageError(
            f"{name} {key} is {value}, it has to be {finite}{least}",
            where=f"model.hyperparameters.{key}",
            hint=f"the default is {default}",
        )


def _preset(learner: ModelFactory, given: Mapping[str, Hyperparameter]) -> Mapping[str, Hyperparameter]:
    name = given.get("preset")
    if name is None or not learner.presets:
        return {}
    if name not in learner.presets:
        raise UsageError(
            f"{learner.name} has no preset {name!r}",
            where="model.hyperparameters.preset",
            hint=f"one of: {', '.join(learner.presets)}",
        )
    return learner.presets[str(name)]


def _fits(value: Hyperparameter, default: Hyperparameter) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


def _unknown(learner: ModelFactory, key: str) -> UsageError:
    close = get_close_matches(key, learner.defaults, n=1)
    meant = learner.aliases.get(key) or (close[0] if close else None)
    question = f"did you mean {meant}? " if meant else ""
    return UsageError(
        f"{learner.name} has no hyperparameter {key!r}",
        where=f"model.hyperparameters.{key}",
        hint=f"{question}it has: {', '.join(learner.defaults)}",
    )


def libraries(name: str, hyperparameters: Mapping[str, Hyperparameter] | None = None) -> dict[str, str]:
    """Return the version of each library that a learner, or a member that its hyperparameters name, is made with."""
    learner = factory(name)
    complete = {**learner.defaults, **(hyperparameters or {})}
    named = f"{complete.get('members', '')},{complete.get('member', '')}" if learner.members else ""
    members = [MODELS[part.strip()] for part in named.split(",") if part.strip() in MODELS]
    return {one.library: _version(one.library) for one in (learner, *members)}


def _version(library: str) -> str:
    """Return the installed version; some libraries have a distribution without support for GPUs."""
    for distribution in (library, f"{library}-cpu"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def library_version(name: str, hyperparameters: Mapping[str, Hyperparameter] | None = None) -> str:
    """Return `library version` of the learner's implementation, and of its members."""
    return ", ".join(f"{library} {version}" for library, version in libraries(name, hyperparameters).items())
