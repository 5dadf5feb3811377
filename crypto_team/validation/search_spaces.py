"""Where hyperparameters are looked for: a space for every learner, those of an ensemble's members, or one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from crypto_team.errors import UsageError
from crypto_team.models.base import Hyperparameter
from crypto_team.models.registry import MODELS, factory, resolve
from crypto_team.validation.hyperparameter_text import typed
from crypto_team.validation.settings import WalkForwardSettings

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Dimension:
    """One hyperparameter and where to look for it: among `choices`, or between inclusive bounds, whole if both are."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Hyperparameter, ...] = ()

    def ask(self, trial: optuna.Trial) -> Hyperparameter:
        """Let a trial choose a value."""
        if self.choices:
            return cast("Hyperparameter", trial.suggest_categorical(self.name, self.choices))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.name, self.low, self.high, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def holds(self, value: Hyperparameter) -> bool:
        """Tell whether a value lies in here."""
        if self.choices:
            return value in self.choices
        return not isinstance(value, str) and self.low <= value <= self.high


_BOOSTING = (
    Dimension("n_estimators", 30, 300, log=True),
    Dimension("learning_rate", 0.01, 0.1, log=True),
    Dimension("colsample_bytree", 0.2, 1.0),
    Dimension("subsample", 0.3, 1.0),
    Dimension("reg_lambda", 0.1, 300.0, log=True),
)
_LIGHTGBM = (*_BOOSTING, Dimension("num_leaves", 3, 31), Dimension("min_child_samples", 50, 800, log=True))
_TRAINING = (Dimension("learning_rate", 0.0005, 0.01, log=True), Dimension("weight_decay", 0.001, 0.3, log=True))
_NETWORKS = (*_TRAINING, Dimension("dropout", 0.0, 0.5), Dimension("sequence", 6, 60, log=True))
SPACES: Mapping[str, tuple[Dimension, ...]] = {
    "linear_trees": (*_LIGHTGBM, Dimension("l2", 0.1, 100.0, log=True)),
    "lightgbm": _LIGHTGBM,
    "xgboost": (*_BOOSTING, Dimension("max_depth", 2, 6), Dimension("min_child_weight", 5.0, 200.0, log=True)),
    "catboost": (
        Dimension("iterations", 30, 300, log=True),
        Dimension("learning_rate", 0.01, 0.1, log=True),
        Dimension("depth", 2, 6),
        Dimension("min_data_in_leaf", 20, 500, log=True),
        Dimension("subsample", 0.3, 1.0),
        Dimension("rsm", 0.2, 1.0),
        Dimension("l2_leaf_reg", 1.0, 300.0, log=True),
    ),
    "random_forest": (
        Dimension("max_depth", 3, 12),
        Dimension("min_samples_leaf", 20, 500, log=True),
        Dimension("max_features", 0.1, 1.0),
        Dimension("max_samples", 0.3, 1.0),
    ),
    "logistic": (Dimension("l2", 0.01, 30.0, log=True),),
    "ridge": (Dimension("l2", 0.04, 120.0, log=True),),
    "gru": (*_NETWORKS, Dimension("hidden", 8, 64, log=True)),
    "lstm": (*_NETWORKS, Dimension("hidden", 8, 64, log=True)),
    "transformer": (*_NETWORKS, Dimension("layers", 1, 4)),
    "lstm_cnn": (*_NETWORKS, Dimension("channels", 4, 32, log=True)),
    "stacking": (Dimension("l2", 0.001, 10.0, log=True),),
    "blending": (Dimension("shrink", 0.0, 1.0),),
    "meta_network": (*_TRAINING, Dimension("dropout", 0.0, 0.5)),
    "agreement": (Dimension("quorum", 0.5, 1.0),),
    "horizons": (Dimension("shrink", 0.0, 1.0),),
    "online_linear": (
        Dimension("learning_rate", 0.001, 0.1, log=True),
        Dimension("l2", 0.00001, 0.1, log=True),
        Dimension("passes", 1, 5),
    ),
    "online_lightgbm": (
        *_LIGHTGBM,
        Dimension("update_rounds", 1, 20, log=True),
        Dimension("update_rate", 0.001, 0.05, log=True),
    ),
}
"""Own hyperparameters of every learner; those of members are added by :func:`space`."""


def space(settings: WalkForwardSettings, own: Sequence[str] = ()) -> tuple[Dimension, ...]:
    """Return what is searched for a learner: what `own` says, else its own hyperparameters and those of its members.

    Raises
    ------
    UsageError
        A line of `own` is not `name=low:high`, `name=low:high:log` or `name=this|that`, or names nothing that the
        learner has.
    """
    if own:
        found = tuple(_parsed(settings.model, text) for text in own)
        twice = [one.name for at, one in enumerate(found) if one.name in {other.name for other in found[:at]}]
        if twice:
            raise UsageError(f"{twice[0]} is searched twice", where="--space", hint="give one range for each")
        return found
    names = [settings.hyperparameters.get(key, "") for key in ("members", "member")]
    members = [part.strip() for text in names for part in str(text).split(",") if part.strip() in SPACES]
    inherited = [replace(one, name=f"{member}.{one.name}") for member in members for one in SPACES[member]]
    return (*SPACES[factory(settings.model).name], *inherited)


def start(settings: WalkForwardSettings, dimensions: Sequence[Dimension]) -> dict[str, Hyperparameter]:
    """Return the configuration of the design, as far as it lies in the space; the rest is drawn."""
    values = {one.name: _designed(settings, one.name) for one in dimensions}
    return {one.name: values[one.name] for one in dimensions if one.holds(values[one.name])}


def _designed(settings: WalkForwardSettings, name: str) -> Hyperparameter:
    if name in settings.hyperparameters:
        return settings.hyperparameters[name]
    return _default(settings.model, name)


def _default(model: str, name: str) -> Hyperparameter:
    """Return the default of a hyperparameter, `lightgbm.num_leaves` that of a member."""
    member, dot, own = name.partition(".")
    return MODELS[member].defaults[own] if dot else factory(model).defaults[name]


def _parsed(model: str, text: str) -> Dimension:
    """Read `num_leaves=3:31`, `learning_rate=0.01:0.1:log` or `shared_bins=true|false`."""
    name, _, rest = (part.strip() for part in text.partition("="))
    bounds, choices = rest.split(":"), rest.split("|")
    if not name or (len(choices) < 2 and len(bounds) not in {2, 3}) or bounds[2:] not in ([], ["log"]):
        raise UsageError(
            f"{text!r} is no range",
            where="--space",
            hint="for example num_leaves=3:31, learning_rate=0.01:0.1:log or shared_bins=true|false",
        )
    parts = choices if len(choices) > 1 else bounds[:2]
    member, dot, own = name.partition(".")
    known = MODELS[member].defaults.get(own) if dot and member in MODELS else factory(model).defaults.get(name)
    values = [typed(part.strip(), known) for part in parts]
    for value in values:
        resolve(model, {name: value})
    if len(choices) > 1:
        return Dimension(name, choices=tuple(values))
    return _between(text, name, values, log=bool(bounds[2:]), whole=type(known) is int)


def _between(text: str, name: str, values: Sequence[Hyperparameter], *, log: bool, whole: bool) -> Dimension:
    """Check the two ends of a range."""
    low, high = values
    if isinstance(low, str | bool) or isinstance(high, str | bool) or not low < high or (log and low <= 0):
        raise UsageError(
            f"{text!r} is no range: the first number has to be the lower one, and above 0 on a logarithmic scale",
            where="--space",
            hint="words and true or false are listed: name=this|that",
        )
    return Dimension(name, low, high, log) if whole else Dimension(name, float(low), float(high), log)
