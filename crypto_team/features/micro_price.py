"""The micro-price: what the mid price is expected to become, given imbalance and spread of the book (Stoikov 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.features.scaling import finite_array

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BPS: Final = 1e4
DOUBLINGS: Final = 20
"""A million steps ahead."""


@dataclass(frozen=True)
class MicroPrice:
    """Expected move of the mid price in basis points, by state of the book: (2 bins + 1) imbalances times spreads.

    The state of the book is a Markov chain with transition matrix P, and r(x) is the expected move of the mid in the
    step that leaves state x. The micro-price of state x is the mid plus

        G(x) = lim E[M(t + h) - M(t) | x(t) = x] = r + P r + P^2 r + ...

    which is the limit of Stoikov's (2018, Quantitative Finance 18(12)) sums over moves of the mid, taken over steps
    instead: both are E of all moves that follow. As he does, each step is counted once more with both sides of the book
    exchanged (-imbalance, -move); so there is no drift, and the sum converges. A state never seen moves nowhere.

    Inputs: imbalance from -1 to 1, spread in any unit, price (of which only relative moves count). NaN where one of
    imbalance and spread is unknown. A value uses its row alone.
    """

    edges: Floats
    moves: Floats
    bins: int

    @classmethod
    def fit(cls, rows: Floats, firsts: Ints, settings: Sequence[float]) -> MicroPrice:
        """Count transitions between neighbouring rows; spreads are parted at their training quantiles."""
        bins, spreads = (int(value) for value in settings)
        shares = np.arange(1, spreads) / spreads
        edges = np.unique(np.quantile(rows[:, 1], shares, method="inverted_cdf")) if spreads > 1 else np.empty(0)
        state = _states(rows, bins, edges)
        price = rows[:, 2]
        pairs = np.setdiff1d(np.arange(len(rows) - 1), firsts - 1)
        now, then = state[pairs], state[pairs + 1]
        move = BPS * (price[pairs + 1] / price[pairs] - 1.0)
        kept = np.isfinite(move)
        transition, drift = _counted(now[kept], then[kept], move[kept], bins, edges.size + 1)
        return cls(edges, _all_that_follows(transition, drift, bins), bins)

    @classmethod
    def load(cls, found: Mapping[str, Any], settings: Sequence[float]) -> MicroPrice:
        """Take back stored numbers."""
        bins = int(settings[0])
        edges = finite_array(found["edges"]).reshape(-1)
        moves = finite_array(found["moves"])
        if moves.shape != ((2 * bins + 1) * (edges.size + 1),):
            raise ValueError(f"{moves.size} states, not {(2 * bins + 1) * (edges.size + 1)}")
        return cls(edges, moves, bins)

    def apply(self, values: Floats) -> Floats:
        """Return the expected move of each row's state."""
        known = np.isfinite(values[:, :2]).all(axis=1)
        made = np.full(len(values), np.nan)
        made[known] = self.moves[_states(values[known], self.bins, self.edges)]
        return made

    def parameters(self) -> dict[str, Any]:
        """Return the edges of spreads and the move of each state."""
        return {"edges": self.edges.tolist(), "moves": self.moves.tolist()}


def _states(rows: Floats, bins: int, edges: Floats) -> Ints:
    """Return the number of each row's state: those of the narrowest spread first, the most negative imbalance first."""
    width = 2 * bins + 1
    imbalance = np.clip(np.floor(0.5 * (rows[:, 0] + 1.0) * width), 0, width - 1).astype(np.int64)
    return np.asarray(np.searchsorted(edges, rows[:, 1], side="left") * width + imbalance)


def _mirrored(states: Ints, bins: int) -> Ints:
    """Return the states with both sides of the book exchanged."""
    width = 2 * bins + 1
    return states - states % width + (width - 1 - states % width)


def _counted(now: Ints, then: Ints, move: Floats, bins: int, spreads: int) -> tuple[Floats, Floats]:
    """Return the transition matrix and the mean move out of each state, each step seen from both sides."""
    count = (2 * bins + 1) * spreads
    transition, drift = np.zeros((count, count)), np.zeros(count)
    for first, second, sign in ((now, then, 1.0), (_mirrored(now, bins), _mirrored(then, bins), -1.0)):
        np.add.at(transition, (first, second), 1.0)
        np.add.at(drift, first, sign * move)
    seen = transition.sum(axis=1)
    left = np.maximum(seen, 1.0)
    return transition / left[:, None], drift / left


def _all_that_follows(transition: Floats, drift: Floats, bins: int) -> Floats:
    """Sum P^k r over k, doubling the number of steps; what rounding adds to both sides alike is taken out again."""
    mirror = _mirrored(np.arange(drift.size), bins)
    total, power = drift.copy(), transition.copy()
    for _ in range(DOUBLINGS):
        total = total + power @ total
        total = 0.5 * (total - total[mirror])
        power = power @ power
    return np.asarray(total)
