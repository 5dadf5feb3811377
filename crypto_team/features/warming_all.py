"""Compiling everything that is compiled ahead of time: what live trading calls must not wait for a compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from crypto_team.data.market_events import LEVEL, MarketEvents
from crypto_team.features import dynamic_weights, kernels_bursts, kernels_hmm
from crypto_team.features.compiled import cache_folder
from crypto_team.features.kernels_micro_far import far_grow
from crypto_team.features.microstructure import MicroSettings, OnlineMicrostructure
from crypto_team.features.microstructure_layout import CAPACITY, FAR
from crypto_team.features.warming import warm

_BOOKS_FROM: Final = 0.4
"""Share of the whole that the machine of candles takes."""
_LAST: Final = "kernels_bursts.likelihood_of_cluster"


def _levels() -> None:
    OnlineMicrostructure(MicroSettings(1.0, 1.0, 1.0)).level(0, 1, 1.0, 1.0)


def _messages() -> None:
    OnlineMicrostructure(MicroSettings(1.0, 1.0, 1.0)).message(0, [1], [1.0], [1.0])


def _trades() -> None:
    OnlineMicrostructure(MicroSettings(1.0, 1.0, 1.0)).trade(0, 1, 1.0, 1.0)


def _recordings() -> None:
    byte, one = np.ones(1, dtype=np.int8), np.ones(1, dtype=np.int64)
    events = MarketEvents(one, byte * LEVEL, byte, one, one, byte)
    OnlineMicrostructure(MicroSettings(1.0, 1.0, 1.0)).replay(events)


def _deep_books() -> None:
    small, large = (np.zeros(FAR + 4 * room, dtype=np.int64) for room in (8, 16))
    small[CAPACITY], large[CAPACITY] = 8, 16
    far_grow(small, large)


def _hidden_states() -> None:
    x, start, two = np.zeros((4, 1)), np.full(2, 0.5), np.ones((2, 1))
    transition = np.full((2, 2), 0.5)
    kernels_hmm.fit_round(x, np.array([0, 4]), start.copy(), transition.copy(), two.copy(), two.copy())
    kernels_hmm.filtered(kernels_hmm.log_densities(x, two, two), start, transition, 0, 2)


def _weights() -> None:
    dynamic_weights.DynamicWeights.fit(np.ones((4, 2)), np.ones(4), half_life_rows=2).weights.sum()


def _bursts() -> None:
    kernels_bursts.likelihood_of_cluster(np.ones(4), 1, 2)


_PARTS: Final[tuple[tuple[str, Callable[[], None]], ...]] = (
    ("messages of one level", _levels),
    ("messages of an order book", _messages),
    ("trades", _trades),
    ("recordings of order books", _recordings),
    ("deep order books", _deep_books),
    ("hidden states", _hidden_states),
    ("moving weights", _weights),
    ("bursts", _bursts),
)


def warm_all(progress: Callable[[float, str], None]) -> bool:
    """Compile what is not compiled yet, the order book included; return whether anything had to be.

    Parameters
    ----------
    progress
        Takes the share done in [0, 1] and what is being compiled.
    """
    cold = warm(lambda share, text: progress(_BOOKS_FROM * share, text) if share < 1.0 else None)
    books = not any(cache_folder().glob(f"**/{_LAST}-*.nbc"))
    if books:
        for number, (name, part) in enumerate(_PARTS):
            progress(_BOOKS_FROM + (1.0 - _BOOKS_FROM) * number / len(_PARTS), f"compiling {name} (once)")
            part()
    progress(1.0, "ready")
    return cold or books
