"""Computing the composed parts of formulas: each becomes one more column for the plan of the bars around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.errors import InputError
from crypto_team.features.needs import series_key
from crypto_team.features.nodes import Node, canonical_text, composed_parts, lowered
from crypto_team.features.plan import evaluate, lookback
from crypto_team.features.scopes import SERIES, TIMEFRAMES
from crypto_team.features.surroundings import Floats, Frame, Surroundings, known_before

if TYPE_CHECKING:
    from collections.abc import Iterable


def composed_columns(nodes: Iterable[Node], frame: Frame, around: Surroundings | None) -> dict[str, Floats]:
    """Compute every composed part of some formulas.

    Parameters
    ----------
    nodes
        Formulas as they were read.
    frame
        The bars that they are computed on, n rows.
    around
        Other pairs and series; needed where a formula reads any.

    Returns
    -------
    dict
        Columns of shape (n,) by the canonical text of the part, as `Plan.columns` names them. A fitted part is NaN
        here: it is known inside of folds only.
    """
    groups: dict[tuple[str, tuple[str, ...]], dict[Node, None]] = {}
    made: dict[str, Floats] = {}
    for part in dict.fromkeys(part for node in nodes for part in composed_parts(node)):
        if part.kind == "scope":
            groups.setdefault((part.name, part.texts), {})[part] = None
        elif part.kind == "series":
            made[canonical_text(part)] = _series(part, frame, _given(part, around))
        else:
            made[canonical_text(part)] = np.full(frame.times.size, np.nan)
    for parts in groups.values():
        made |= _scope(list(parts), frame, around)
    return made


def formula_values(nodes: list[Node], frame: Frame, around: Surroundings | None) -> list[Floats]:
    """Compute formulas with all their composed parts in float64; NaN before each one's look-back."""
    if not frame.times.size:
        return [np.empty(0) for _ in nodes]
    columns = {**frame.columns, **composed_columns(nodes, frame, around)}
    made = evaluate([lowered(node) for node in nodes], columns, frame.times)
    for node, values in zip(nodes, made, strict=True):
        values[: lookback(node, frame.step)] = np.nan
    return made


def _given(part: Node, around: Surroundings | None) -> Surroundings:
    if around is None:
        raise InputError(f"{canonical_text(part)} needs more than the bars of its own pair", where="formula")
    return around


def _series(part: Node, frame: Frame, around: Surroundings) -> Floats:
    kind = SERIES[part.name]
    found = around.known(series_key(part, around.pair))
    return found.summed(frame.closes, frame.step) if kind.flow else found.last_known(frame.closes)


def _scope(parts: list[Node], frame: Frame, around: Surroundings | None) -> dict[str, Floats]:
    """Compute parts that share their frame, so that what they have in common is computed once."""
    name, text = parts[0].name, parts[0].texts[0]
    inner = [part.inputs[0] for part in parts]
    if name == "on":
        coarse = frame.coarser(TIMEFRAMES[text])
        found = formula_values(inner, coarse, around)
        joined = [known_before(values, coarse.closes, frame.closes) for values in found]
    elif name == "of":
        joined = _of_pair(inner, text, frame, _given(parts[0], around))
    else:
        members = [_of_pair(inner, pair, frame, _given(parts[0], around)) for pair in text.split(",")]
        joined = [mean_of_members(list(values)) for values in zip(*members, strict=True)]
    return {canonical_text(part): values for part, values in zip(parts, joined, strict=True)}


def _of_pair(inner: list[Node], pair: str, frame: Frame, around: Surroundings) -> list[Floats]:
    other = frame if pair == around.pair else around.frame(pair, frame.step, int(frame.closes[-1]))
    found = formula_values(inner, other, around.seen_from(pair))
    return [known_before(values, other.closes, frame.closes) for values in found]


def mean_of_members(members: list[Floats]) -> Floats:
    """Average the members that are known, equal weights; unknown where fewer than half of them are."""
    total, count = np.zeros(members[0].shape), np.zeros(members[0].shape)
    for values in members:  # one after the other, so that one bar rounds as many do
        known = np.isfinite(values)
        total += np.where(known, values, 0.0)
        count += known
    made = np.full(total.shape, np.nan)
    np.divide(total, count, out=made, where=2 * count >= len(members))
    return made
