"""Learners that go on learning: each bar is predicted by the labels known at its time, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_team.errors import EvidenceError
from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import MODELS, factory, resolve
from crypto_team.models.samples import Samples
from crypto_team.models.streams import Lessons, Stream

pytest.importorskip("river")
HOUR, HORIZON = 3_600_000, 2
ONLINE = sorted(name for name, one in MODELS.items() if one.online)
MORE = {
    "online_linear": {"learning_rate": 0.05},
    "online_lightgbm": {
        "n_estimators": 150, "learning_rate": 0.03, "num_leaves": 15, "min_child_samples": 50, "subsample": 0.7,
        "colsample_bytree": 0.5, "reg_lambda": 10.0, "update_rate": 0.1, "update_rows": 50,
    },
}  # fmt: skip


def _samples(rows: int = 1_200) -> tuple[Samples, np.ndarray]:
    """Draw bars whose return follows the first feature; from bar 600 on it does the opposite."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((rows, 4)).astype(np.float32)
    y = np.where(np.arange(rows) < 600, 20.0, -20.0) * x[:, 0] + 30.0 * rng.standard_normal(rows)
    order = np.arange(rows, dtype=np.int64)
    return Samples(x, order, np.zeros_like(order), order * HOUR, (order + HORIZON) * HOUR), y


def _lessons(samples: Samples, y: np.ndarray, start: int) -> Lessons:
    later = slice(start, None)
    return Lessons(
        samples.values[later], y[later], samples.known[later], samples.time[later], np.zeros_like(samples.rows[later])
    )


def _stream(name: str) -> tuple[Stream, Samples, np.ndarray]:
    samples, y = _samples()
    settings = ModelSettings(0, resolve(name, MORE[name]), 1)
    model = factory(name).create(settings)
    model.fit(samples.take(np.arange(600)), y[:600])
    size = int(settings.hyperparameters["update_rows"])
    return Stream(model, _lessons(samples, y, 600), size, 0, factory(name).load), samples, y


@pytest.mark.parametrize("name", ONLINE)
def test_an_online_learner_follows_a_market_that_turns_and_a_still_one_does_not(name: str) -> None:
    stream, samples, y = _stream(name)
    late = samples.take(np.arange(900, 1_200))
    still = stream.predict(late.last())[:, 0]
    moving = stream.predict(late)[:, 0]
    assert np.corrcoef(still, y[900:])[0, 1] < -0.2
    assert np.corrcoef(moving, y[900:])[0, 1] > 0.2


@pytest.mark.parametrize("name", ONLINE)
def test_a_bar_gets_the_same_bits_alone_in_a_batch_out_of_order_and_from_the_file(name: str) -> None:
    stream, samples, _ = _stream(name)
    late = np.arange(600, 1_200, 37)
    batch = stream.predict(samples.take(late))
    again = MODELS[name].load(stream.save(), 0)
    assert again.save() == stream.save()
    assert np.array_equal(again.predict(samples.take(late[::-1])), batch[::-1])
    alone = [again.predict(samples.take(np.array([row])))[0] for row in late]
    assert np.array_equal(np.array(alone), batch)
    assert np.array_equal(again.importances(), stream.importances())


@pytest.mark.parametrize("name", ONLINE)
def test_a_label_changes_no_bar_before_it_is_known(name: str) -> None:
    stream, samples, y = _stream(name)
    changed = np.where(np.arange(y.size) >= 800, 500.0, y)
    other = replace(stream.lessons, labels=_lessons(samples, changed, 600).labels)
    after = Stream(MODELS[name].load(stream.save(), 0)._at(0), other, stream.size, 0, factory(name).load)
    before = np.arange(600, 800 + HORIZON)
    assert np.array_equal(stream.predict(samples.take(before)), after.predict(samples.take(before)))
    told = samples.take(np.arange(900, 910))
    assert not np.array_equal(stream.predict(told), after.predict(told))


def test_a_linear_learner_has_learnt_each_label_at_the_very_bar_at_which_it_is_known() -> None:
    stream, samples, y = _stream("online_linear")
    by_hand = factory("online_linear").load(stream.save(), 0)._at(0)
    for row in range(600, 640):
        known = row - HORIZON
        if known >= 600:
            by_hand.update(samples.values[known : known + 1], y[known : known + 1])
        one = samples.take(np.array([row]))
        assert np.array_equal(stream.predict(one), by_hand.predict(one))


def test_lessons_out_of_order_and_damaged_files_are_refused() -> None:
    stream, _, _ = _stream("online_linear")
    model = MODELS["online_linear"].load(stream.save(), 0)._at(0)
    backwards = replace(stream.lessons, known=stream.lessons.known[::-1])
    with pytest.raises(EvidenceError, match="not in the order"):
        Stream(model, backwards, 1, 0, factory("online_linear").load)
    with pytest.raises(EvidenceError, match="not a stream of lessons"):
        MODELS["online_linear"].load(b'{"kind":"stream","lessons":{}}', 0)
