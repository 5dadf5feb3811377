"""Values of hyperparameters as people type them."""

from __future__ import annotations

from crypto_team.models.base import Hyperparameter


def typed(text: str, default: Hyperparameter | None) -> Hyperparameter:
    """Return a typed value; where the learner takes words, `1` is a word too, and `1e3` is a whole number of trees."""
    if isinstance(default, str):
        return text
    made = _guessed(text)
    whole = isinstance(made, float) and made.is_integer()
    return int(made) if whole and type(default) is int else made


def _guessed(text: str) -> Hyperparameter:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
