"""Ensembles, horizons and online learners do what sets them apart."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.errors import UsageError
from crypto_team.models.base import ModelSettings
from crypto_team.models.ensembles import Agreement, Blending
from crypto_team.models.horizons import Horizons
from crypto_team.models.members import unseen
from crypto_team.models.registry import MODELS, factory, resolve
from crypto_team.models.samples import Samples

HOUR = 3_600_000


def _samples(rows: int = 900, horizon: int = 2) -> tuple[Samples, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((rows, 4)).astype(np.float32)
    step = 0.002 * x[:, 0] + 0.003 * rng.standard_normal(rows)
    growth = np.concatenate([[0.0], np.cumsum(np.log1p(step))])
    y = 1e4 * np.expm1(growth[np.minimum(np.arange(rows) + horizon, rows)] - growth[:-1])
    order = np.arange(rows, dtype=np.int64)
    time = order * HOUR
    return Samples(x, order, np.zeros_like(order), time, time + horizon * HOUR, step), y


def test_no_member_has_seen_what_the_second_model_learns_from() -> None:
    samples, y = _samples()
    members = [MODELS["ridge"], MODELS["lightgbm"]]
    settings = ModelSettings(0, resolve("stacking", {"members": "ridge,lightgbm"}), 1)
    places, told = unseen(members, settings, samples, y, None, 3)
    assert told.shape == (places.size, 2, 1)
    late = places >= 700
    changed = np.where(np.arange(y.size) >= 698, -5.0 * y, y)
    again = unseen(members, settings, samples, changed, None, 3)[1]
    first = samples.time[places] < 698 * HOUR
    assert np.array_equal(told[first], again[first])
    assert late.any()


def test_blending_prefers_the_member_that_knows_more() -> None:
    samples, y = _samples()
    given = resolve("blending", {"members": "ridge,random_forest", "shrink": 0.0, "blocks": 2})
    model = Blending(ModelSettings(0, given, 1))
    model.fit(samples, y)
    assert model.weights.sum() == pytest.approx(1.0)
    assert model.weights[0] > 0.5
    equal = Blending(ModelSettings(0, {**given, "shrink": 1.0}, 1))
    equal.fit(samples, y)
    assert equal.weights.tolist() == [0.5, 0.5]


def test_members_that_disagree_have_no_opinion() -> None:
    samples, y = _samples()
    model = Agreement(ModelSettings(0, resolve("agreement", {"members": "ridge,random_forest"}), 1))
    model.fit(samples, y)
    one, two = (member.predict(samples)[:, 0] for member in model.models)
    told = model.predict(samples)[:, 0]
    agree = np.sign(one) == np.sign(two)
    assert 0 < agree.sum() < agree.size
    assert np.all(told[~agree] == 0.0)
    assert np.allclose(told[agree], (one + two)[agree] / 2.0)


def test_horizons_never_read_beyond_the_last_known_label() -> None:
    samples, y = _samples()
    part = samples.take(np.arange(600))
    told = []
    for future in (1.0, -3.0):
        step = np.where(np.arange(900) >= 601, future * samples.step_return, samples.step_return)
        model = Horizons(ModelSettings(0, resolve("horizons", {"member": "ridge", "horizons": "0.5,1,2"}), 1))
        model.fit(Samples(part.values, part.rows, part.first, part.time, part.known, step), y[:600])
        assert model.weights.sum() == pytest.approx(1.0)
        told.append(model.predict(samples))
    assert np.array_equal(told[0], told[1])
    assert np.corrcoef(told[0][600:, 0], y[600:])[0, 1] > 0.2


def test_an_online_learner_goes_on_from_its_file_as_if_it_had_never_stopped() -> None:
    pytest.importorskip("river")
    samples, y = _samples(300)
    model = factory("online_linear").create(ModelSettings(0, resolve("online_linear", {}), 1))
    model.fit(samples.take(np.arange(200)), y[:200])
    again = MODELS["online_linear"].load(model.save(), 0)
    for one in (model, again):
        one.update(samples.take(np.arange(200, 300)), y[200:])
    assert np.array_equal(model.predict(samples), again.predict(samples))


@pytest.mark.parametrize("members", ["lightgbm", "lightgbm,oracle", "gru,gru"])
def test_members_have_to_be_two_different_known_learners(members: str) -> None:
    with pytest.raises(UsageError, match="does not name two or more different members"):
        resolve("blending", {"members": members})


def test_a_member_s_hyperparameter_is_checked_by_the_member() -> None:
    assert resolve("stacking", {"lightgbm.num_leaves": 7})["lightgbm.num_leaves"] == 7
    with pytest.raises(UsageError, match="did you mean num_leaves"):
        resolve("stacking", {"lightgbm.num_leafs": 7})
