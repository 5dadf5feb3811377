"""Can this learner be trained here? Asked before anything is fitted, so that a typo costs no trial."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np

from crypto_team.errors import InputError, UsageError
from crypto_team.models.base import Hyperparameter, ModelFactory, ModelSettings
from crypto_team.models.members import POSSIBLE, named
from crypto_team.models.registry import factory, libraries, resolve

PACKAGES = {"scikit-learn": ("sklearn",), "torch": ("torch", "safetensors")}
"""What a library is imported as, where that is not its name."""
SHORTEST: dict[str, int] = {"n_estimators": 2, "iterations": 2, "epochs": 1, "passes": 1, "sequence": 8}
"""Hyperparameters that only make a training long."""
ROWS, COLUMNS = 400, 3


def check(
    name: str, hyperparameters: Mapping[str, Hyperparameter], *, n_classes: int | None = None, by_shap: bool = False
) -> None:
    """Refuse what cannot be trained here.

    Parameters
    ----------
    name
        Learner.
    hyperparameters
        As given; the defaults are known to work and are not tried.
    n_classes
        Of the target, 0 for a regression; None where it is not defined yet.
    by_shap
        Whether features are selected by SHAP values.

    Raises
    ------
    ModuleNotFoundError
        A package is not installed; its extra is named by whoever shows the error.
    UsageError
        The learner cannot do the target, or refuses the hyperparameters.
    """
    learner, complete = factory(name), resolve(name, hyperparameters)
    if n_classes is not None:
        check_target(learner, complete, n_classes)
    wanted = [package for one in libraries(name, complete) for package in PACKAGES.get(one, (one,))]
    if by_shap and not learner.own_shap:
        wanted.append("shap")
    for package in wanted:
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    if any(complete[key] != learner.defaults.get(key) for key in hyperparameters):
        _rehearse(learner, complete, n_classes)


def check_target(learner: ModelFactory, complete: Mapping[str, Hyperparameter], n_classes: int) -> None:
    """Refuse a learner, or members, that cannot do the target."""
    if not (learner.classification if n_classes else learner.regression):
        able = "ridge, lightgbm or xgboost, or a direction target" if learner.classification else "another learner"
        kinds = ("classes", "a return") if learner.classification else ("returns", "a class")
        raise UsageError(
            f"{learner.name} predicts {kinds[0]}, the target is {kinds[1]}",
            where="model.primary",
            hint=f"choose {able}",
        )
    if "members" in complete:
        named(str(complete["members"]), n_classes)


def _rehearse(learner: ModelFactory, complete: Mapping[str, Hyperparameter], n_classes: int | None) -> None:
    """Fit a few rows of noise as briefly as possible: the library itself says what it does not take."""
    classes = (2 if learner.classification else 0) if n_classes is None else n_classes
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    y = np.arange(ROWS) % classes if classes else rng.standard_normal(ROWS)
    model = learner.create(ModelSettings(classes, _briefly(learner, complete), seed=0))
    try:
        model.fit(x, y.astype(np.float64))
    except InputError:
        # Too few rows for these settings are a matter of the real ones.
        return
    except (ValueError, TypeError, ArithmeticError, RuntimeError, LookupError) as error:
        raise UsageError(
            f"{learner.name} cannot work with these hyperparameters: {str(error).strip().splitlines()[0]}",
            where="model.hyperparameters",
            hint="leave out what you are not sure of: the defaults work",
        ) from error


def _briefly(learner: ModelFactory, complete: Mapping[str, Hyperparameter]) -> dict[str, Hyperparameter]:
    """Return hyperparameters that say the same of a shorter training on the CPU."""
    made = dict(complete)
    if learner.members:
        taking_part = f"{complete.get('members', '')},{complete.get('member', '')}".split(",")
        for part in (one.strip() for one in taking_part if one.strip()):
            own = POSSIBLE[part].defaults
            made |= {
                f"{part}.{key}": made.get(f"{part}.{key}", own[key]) for key in (*SHORTEST, "device") if key in own
            }
    for key, value in made.items():
        short = key.rpartition(".")[2]
        if short in SHORTEST:
            made[key] = min(int(value), SHORTEST[short])
        elif short == "device":
            made[key] = "cpu"
    return made
