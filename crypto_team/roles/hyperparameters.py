"""Hyperparameters as people type them: `name=value`, checked against what the learner knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = bool | int | float | str


def parse(model: str, pairs: Sequence[str]) -> dict[str, Value]:
    """Turn `learning_rate=0.05` and the like into typed values; unknown names are refused by the learner."""
    from crypto_team.models.registry import MODELS, factory, resolve
    from crypto_team.validation.hyperparameter_text import typed

    learner = factory(model)
    given: dict[str, Value] = {}
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{text!r} is not name=value", where="--param", hint="for example --param num_leaves=15")
        member, dot, own = name.strip().partition(".")
        named = MODELS.get(member) if dot else None
        default = named.defaults.get(own) if named else learner.defaults.get(name.strip())
        given[name.strip()] = typed(value.strip(), default)
    resolve(model, given)
    return given
