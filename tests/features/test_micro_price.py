"""The micro-price against chains whose fixed point is known, and against Stoikov's own way to it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from crypto_team.errors import EvidenceError, FormulaError, InputError
from crypto_team.features import transformers
from crypto_team.features.formula import parse
from crypto_team.features.micro_price import MicroPrice
from crypto_team.features.transformers import FittedInput

BINS, SPREADS = 1, 2
WIDTH = 2 * BINS + 1


def chain() -> tuple[np.ndarray, np.ndarray]:
    """Return transition probabilities and, by transition, the move of the mid in bps; both sides of the book alike."""
    rng = np.random.default_rng(2)
    states = WIDTH * SPREADS
    mirror = np.array([s - s % WIDTH + WIDTH - 1 - s % WIDTH for s in range(states)])
    raw = rng.dirichlet(np.full(states, 0.7), states) + 0.02
    probability = raw + raw[np.ix_(mirror, mirror)]
    probability /= probability.sum(axis=1, keepdims=True)
    jumps = rng.choice([-1.0, 0.0, 0.0, 0.0, 1.0], (states, states)) + 0.0
    move = jumps - jumps[np.ix_(mirror, mirror)]
    return probability, move


def stoikov(probability: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Return G* as the paper makes it: moves of the mid absorb; sums over first, second, ... moves."""
    still = np.where(move == 0.0, probability, 0.0)
    moving = np.where(move != 0.0, probability, 0.0)
    stay = np.linalg.inv(np.eye(len(still)) - still)
    first, onward = stay @ (moving * move).sum(axis=1), stay @ moving
    total, term = np.zeros(len(still)), first
    for _ in range(5_000):
        total, term = total + term, onward @ term
    return total


def walk(rows: int, seed: int = 1) -> np.ndarray:
    """Walk along the chain; return imbalance, spread and mid."""
    probability, move = chain()
    rng = np.random.default_rng(seed)
    draws, cumulative = rng.random(rows), probability.cumsum(axis=1)
    state, mid, made = 0, 100.0, np.empty((rows, 3))
    for row in range(rows):
        made[row] = (2.0 * (state % WIDTH) / (WIDTH - 1) - 1.0, 1.0 + state // WIDTH, mid)
        after = min(int(np.searchsorted(cumulative[state], draws[row], side="right")), WIDTH * SPREADS - 1)
        mid *= 1.0 + 1e-4 * move[state, after]
        state = after
    return made


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return walk(150_000)


@pytest.fixture(scope="module")
def fitted(rows: np.ndarray) -> MicroPrice:
    return MicroPrice.fit(rows, np.array([0, len(rows)]), (BINS, SPREADS))


def test_the_fixed_point_of_a_simulated_book_is_found(fitted: MicroPrice) -> None:
    expected = stoikov(*chain())
    assert np.abs(expected).max() > 0.3
    np.testing.assert_allclose(fitted.moves, expected, atol=0.03)


def test_it_is_what_the_mid_becomes_on_average(rows: np.ndarray, fitted: MicroPrice) -> None:
    later = 1e4 * (rows[60:, 2] / rows[:-60, 2] - 1.0)
    said = fitted.apply(rows)[:-60]
    for value in np.unique(said):
        chosen = later[said == value]
        assert abs(chosen.mean() - value) < 5.0 * chosen.std() / np.sqrt(chosen.size / 60)


def test_micro_prices_are_a_martingale_and_mids_are_not(rows: np.ndarray, fitted: MicroPrice) -> None:
    adjusted = rows[:, 2] * (1.0 + 1e-4 * fitted.apply(rows))
    for prices, least, most in ((adjusted, 0.0, 0.02), (rows[:, 2], 0.2, 9.0)):
        step = 1e4 * (prices[1:] / prices[:-1] - 1.0)
        state = fitted.apply(rows)[:-1]
        worst = max(abs(step[state == value].mean()) for value in np.unique(state))
        assert least <= worst <= most


def test_both_sides_of_the_book_are_alike(fitted: MicroPrice) -> None:
    moves = fitted.moves.reshape(SPREADS, WIDTH)
    np.testing.assert_array_equal(moves, -moves[:, ::-1])
    assert (moves[:, BINS] == 0.0).all()


def test_a_value_uses_its_row_alone_and_nothing_behind_the_training_rows(rows: np.ndarray) -> None:
    given = FittedInput("micro_price", (BINS, SPREADS), rows[:4_000].copy(), 0)
    pairs = np.zeros(4_000, dtype=np.int64)
    first = transformers.fit(given, np.arange(3_000), pairs, name="x")
    whole = first.apply(given.values)
    alone = np.concatenate([first.apply(given.values[row : row + 1]) for row in range(0, 4_000, 7)])
    np.testing.assert_array_equal(whole[::7], alone)
    given.values[3_000:] = 7.0
    again = transformers.fit(given, np.arange(3_000), pairs, name="x")
    assert again.parameters() == first.parameters()
    stored = json.loads(json.dumps(first.parameters()))
    back = transformers.load("micro_price", (BINS, SPREADS), stored)
    np.testing.assert_array_equal(back.apply(rows), first.apply(rows))


def test_steps_between_pairs_and_over_gaps_are_not_counted(rows: np.ndarray) -> None:
    part, jump = rows[:2_000], rows[:2_000] * [1.0, 1.0, 50.0]
    both = MicroPrice.fit(np.vstack([part, jump]), np.array([0, 2_000, 4_000]), (BINS, SPREADS))
    once = MicroPrice.fit(part, np.array([0, 2_000]), (BINS, SPREADS))
    np.testing.assert_allclose(both.moves, once.moves, rtol=1e-9, atol=1e-12)


def test_unknown_rows_are_unknown_and_states_never_seen_move_nowhere(fitted: MicroPrice) -> None:
    odd = np.array([[np.nan, 1.0, 100.0], [0.5, np.nan, 100.0], [0.5, 1.0, np.nan]])
    found = fitted.apply(odd)
    assert np.isnan(found).tolist() == [True, True, False]
    one_sided = np.column_stack([np.full(100, 0.9), np.ones(100), np.linspace(100, 101, 100)])
    made = MicroPrice.fit(one_sided, np.array([0, 100]), (2, 1))
    assert np.isfinite(made.moves).all()
    assert made.moves[2] == 0.0


def test_it_is_a_part_of_formulas_with_three_inputs() -> None:
    node = parse('micro_price(book("level_imbalance_01"), book("spread_ticks"), close, bins=3)')
    assert node.kind == "fitted"
    assert node.settings == (3.0, 2.0)
    for text in ("micro_price(close, volume)", "micro_price(close, volume, open, bins=0)"):
        with pytest.raises(FormulaError):
            parse(text)
    with pytest.raises(EvidenceError):
        transformers.load("micro_price", (1, 2), {"edges": [1.0], "moves": [0.0]})
    few = FittedInput("micro_price", (1, 2), np.ones((20, 3)), 0)
    with pytest.raises(InputError, match="20 training rows"):
        transformers.fit(few, np.arange(20), np.zeros(20, dtype=np.int64), name="x")
