"""The ensemble of horizons: the target's own set is learnt, calibrated in its basis points, and weighed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.models.base import ModelSettings
from crypto_team.models.horizons import Horizons
from crypto_team.models.registry import MODELS, resolve
from crypto_team.models.samples import Samples

HOUR, BPS = 3_600_000, 1e4
TRAIN, TEST = np.arange(2_400), np.arange(2_500, 3_900)


def _market(
    seed: int, horizons: tuple[int, ...], *, memory: float, edge: float, noise: float = 0.006
) -> tuple[Samples, np.ndarray, np.ndarray]:
    """Draw returns whose mean is a state of some memory, seen through noise in feature 0; return the truth as well.

    The truth is the expected return over the first horizon, in basis points.
    """
    rng = np.random.default_rng(seed)
    rows = 4_000
    state = np.zeros(rows)
    news = rng.standard_normal(rows) * np.sqrt(1.0 - memory**2)
    for row in range(1, rows):
        state[row] = memory * state[row - 1] + news[row]
    x = rng.standard_normal((rows, 5)).astype(np.float32)
    x[:, 0] = state + 0.5 * x[:, 0]
    step = edge * state + noise * rng.standard_normal(rows)
    growth = np.concatenate([[0.0], np.cumsum(np.log1p(step))])
    ahead = np.full((rows, len(horizons)), np.nan)
    for place, bars in enumerate(horizons):
        ahead[: rows - bars, place] = np.expm1(growth[bars:rows] - growth[: rows - bars])
    truth = BPS * edge * state * sum(memory**bar for bar in range(horizons[0]))
    order = np.arange(rows, dtype=np.int64)
    known = (order + max(horizons)) * HOUR
    return Samples(x, order, np.zeros_like(order), order * HOUR, known, step, ahead, horizons), ahead[:, 0] * BPS, truth


def _fitted(samples: Samples, y: np.ndarray, classes: int = 0, **more: object) -> Horizons:
    model = Horizons(ModelSettings(classes, resolve("horizons", more), 1))  # type: ignore[arg-type]
    model.fit(samples.take(TRAIN), y[TRAIN])
    return model


@pytest.mark.parametrize("member", ["ridge", "lightgbm"])
def test_longer_horizons_of_a_lasting_effect_tell_more_than_the_target_s_alone(member: str) -> None:
    gains = []
    for seed in range(5):
        samples, y, truth = _market(seed, (3, 12, 24), memory=0.97, edge=6e-4)
        found = [
            np.corrcoef(
                _fitted(samples, y, member=member, horizons=asked).predict(samples.take(TEST))[:, 0], truth[TEST]
            )
            for asked in ("target", "1")
        ]
        gains.append(found[0][0, 1] - found[1][0, 1])
    assert np.mean(gains) > 0.01
    assert sum(gain > 0.0 for gain in gains) >= 4


def test_an_effect_that_dies_away_is_not_blown_up_to_the_target_s_horizon() -> None:
    slopes = []
    for seed in range(4):
        # All of the effect is in the first bar: twelve times what one bar brings would be twelve times too much.
        samples, y, _ = _market(seed, (12, 1, 3), memory=0.0, edge=30e-4)
        told = _fitted(samples, y, member="ridge", shrink=1.0).predict(samples.take(TEST))[:, 0]
        slopes.append(np.polyfit(told, y[TEST], 1)[0])
    assert 0.6 < np.mean(slopes) < 1.6


def test_a_horizon_that_says_nothing_of_the_target_gets_the_least_weight() -> None:
    samples, y, _ = _market(1, (2, 4, 200), memory=0.5, edge=40e-4)
    model = _fitted(samples, y, member="ridge", shrink=0.2)
    assert model.weights.sum() == pytest.approx(1.0)
    assert model.weights.argmin() == 2
    equal = _fitted(samples, y, member="ridge", shrink=1.0)
    assert np.allclose(equal.weights, 1.0 / 3.0)


def test_the_returns_of_the_target_s_set_are_what_is_learnt() -> None:
    samples, y, _ = _market(2, (3, 24), memory=0.97, edge=6e-4)
    model = _fitted(samples, y, member="ridge")
    assert len(model.models) == 2
    changed = samples.ahead.copy()
    changed[:, 1] *= -1.0
    other = Samples(
        samples.values, samples.rows, samples.first, samples.time, samples.known, samples.step_return, changed, (3, 24)
    )
    after = _fitted(other, y, member="ridge")
    late = samples.take(TEST)
    assert np.array_equal(model.models[0].predict(late), after.models[0].predict(late))
    assert np.corrcoef(model.models[1].predict(late)[:, 0], after.models[1].predict(late)[:, 0])[0, 1] < -0.99


def test_a_target_without_a_set_gets_multiples_of_its_horizon() -> None:
    samples, y, _ = _market(3, (4,), memory=0.97, edge=6e-4)
    assert len(_fitted(samples, y, member="ridge").models) == 4
    assert len(_fitted(samples, y, member="ridge", horizons="1,3").models) == 2


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_get_probabilities_that_are_stored_with_everything_else(classes: int) -> None:
    samples, y, truth = _market(4, (3, 12, 24), memory=0.97, edge=10e-4)
    labels = np.digitize(np.nan_to_num(y), [0.0] if classes == 2 else [-40.0, 40.0]).astype(np.float64)
    model = _fitted(samples, labels, classes, member="ridge")
    told = model.predict(samples.take(TEST))
    assert np.allclose(told.sum(axis=1), 1.0)
    assert np.corrcoef(told[:, -1], truth[TEST])[0, 1] > 0.6
    assert np.array_equal(MODELS["horizons"].load(model.save(), classes).predict(samples.take(TEST)), told)


def test_no_return_beyond_the_last_known_label_is_read() -> None:
    samples, y, _ = _market(5, (3, 12), memory=0.97, edge=6e-4)
    # The label of row 2399 is known when bar 2411 opens; what 3 bars bring from bar 2409 on is not known by then.
    ahead = samples.ahead.copy()
    ahead[2_409:, 0] = 9.0
    ahead[2_400:, 1] = 9.0
    changed = Samples(
        samples.values,
        samples.rows,
        samples.first,
        samples.time,
        samples.known,
        samples.step_return * 1.0,
        ahead,
        (3, 12),
    )
    late = samples.take(TEST)
    one, two = (_fitted(each, y, member="ridge").predict(late) for each in (samples, changed))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("horizons", [(4,), (4, 12)])
def test_no_return_that_ends_in_a_hole_between_the_samples_is_read(horizons: tuple[int, ...]) -> None:
    samples, y, _ = _market(5, horizons, memory=0.97, edge=6e-4)
    # Bars 1000 to 1499 are tested: rows whose label ends before them are learnt from, and rows behind them.
    kept = np.concatenate([np.arange(1_000 - max(horizons) - 1), np.arange(1_500, 2_400)])
    step, ahead = samples.step_return.copy(), samples.ahead.copy()
    step[1_000:1_500] = 0.5
    for place, length in enumerate(horizons):
        ahead[1_000 - length + 1 : 1_500, place] = 9.0
    told = []
    for each in (samples, replace(samples, step_return=step, ahead=ahead)):
        model = Horizons(ModelSettings(0, resolve("horizons", {"member": "ridge"}), 1))
        model.fit(each.take(kept), y[kept])
        told.append(model.save())
    assert len(model.models) == (4 if len(horizons) == 1 else 2)
    assert told[0] == told[1]


def test_what_is_no_horizon_and_too_few_samples_are_refused() -> None:
    samples, y, _ = _market(6, (3, 12), memory=0.9, edge=6e-4)
    with pytest.raises(UsageError, match="not a list of horizons"):
        _fitted(samples, y, horizons="soon")
    model = Horizons(ModelSettings(0, resolve("horizons", {"member": "ridge"}), 1))
    with pytest.raises(InputError, match="too few for the horizons"):
        model.fit(samples.take(np.arange(40)), y[:40])
