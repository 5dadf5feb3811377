"""Fitted parts: found again in data of known truth, causal, exact from their memory, read back from JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from crypto_team.errors import EvidenceError, InputError
from crypto_team.features import transformers
from crypto_team.features.transformers import FittedInput, HiddenMarkov
from crypto_team.models.scaling import fit_scaler


def regimes(rows: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Make returns of two regimes of known persistence and deviation."""
    rng = np.random.default_rng(seed)
    state = np.zeros(rows, dtype=int)
    for row in range(1, rows):
        stay = (0.98, 0.95)[state[row - 1]]
        state[row] = state[row - 1] if rng.random() < stay else 1 - state[row - 1]
    return rng.normal(0.0, np.where(state == 0, 0.005, 0.02)), state


def _given(kind: str, values: np.ndarray, *settings: float) -> FittedInput:
    memory = int(settings[2]) - 1 if kind == "hmm" else 0
    return FittedInput(kind, settings, values.reshape(len(values), -1), memory)


def _fit(given: FittedInput, rows: np.ndarray) -> transformers.Transformer:
    return transformers.fit(given, rows, np.zeros(len(given.values), dtype=np.int64), name="x")


def test_a_hidden_markov_model_finds_the_regimes_it_was_made_from() -> None:
    x, state = regimes(8000)
    given = _given("hmm", x, 2, 2, 64)
    fitted = _fit(given, np.arange(5000))
    assert isinstance(fitted, HiddenMarkov)
    np.testing.assert_allclose(np.diag(fitted.transition), [0.98, 0.95], atol=0.015)
    np.testing.assert_allclose(np.sqrt(fitted.variances[:, 0]) * fitted.scaling.std, [0.005, 0.02], rtol=0.06)
    wild = fitted.apply(given.values)
    assert ((wild[5000:] > 0.5) == (state[5000:] == 1)).mean() > 0.9


def test_the_filter_is_the_forward_recursion_written_out() -> None:
    x, _ = regimes(600)
    fitted = _fit(_given("hmm", x, 2, 1, 40), np.arange(500))
    assert isinstance(fitted, HiddenMarkov)
    z = (x - fitted.scaling.mean[0]) / fitted.scaling.std[0]
    found = fitted.apply(x.reshape(-1, 1))
    for row in (39, 200, 599):
        belief = fitted.start
        for at in range(row - 39, row + 1):
            belief = (belief @ fitted.transition) * stats.norm.pdf(
                z[at], fitted.means[:, 0], np.sqrt(fitted.variances[:, 0])
            )
            belief = belief / belief.sum()
        assert found[row] == pytest.approx(belief[0], rel=1e-9)
    assert np.isnan(found[:39]).all()


@pytest.mark.parametrize(("kind", "settings", "width"), [("hmm", (3, 2, 50), 2), ("pca", (1,), 3), ("scaled", (), 1)])
def test_fitted_parts_are_causal_exact_from_their_memory_and_read_back(
    kind: str, settings: tuple[float, ...], width: int
) -> None:
    rng = np.random.default_rng(4)
    values = rng.standard_t(4, (900, width))
    given = _given(kind, values, *settings)
    fitted = _fit(given, np.arange(50, 500))
    whole = fitted.apply(values)
    changed = values.copy()
    changed[701:] *= 10.0
    assert np.array_equal(fitted.apply(changed)[:701], whole[:701], equal_nan=True)
    for end in (600, 899):
        assert fitted.apply(values[end - given.memory : end + 1])[-1] == whole[end]
    stored = json.loads(json.dumps(fitted.parameters()))
    again = transformers.load(kind, settings, stored)
    assert np.array_equal(again.apply(values), whole, equal_nan=True)
    later = values.copy()
    later[500:] = 7.0
    assert _fit(_given(kind, later, *settings), np.arange(50, 500)).parameters() == fitted.parameters()


@pytest.mark.parametrize("value", [1e-4, 0.3, 1 / 3, 123.456, -7.1])
@pytest.mark.parametrize("rows", [400, 1000])
def test_what_did_not_vary_in_training_has_the_deviation_one(value: float, rows: int) -> None:
    values = np.full((rows + 10, 2), value)
    values[rows:, 0] *= 1.01
    values[:, 1] = np.random.default_rng(0).normal(size=rows + 10)
    scaled = _fit(_given("scaled", values[:, :1]), np.arange(rows)).apply(values[:, :1])
    assert (scaled[:rows] == 0.0).all()
    assert scaled[-1] == pytest.approx(0.01 * value)
    component = _fit(_given("pca", values, 1.0), np.arange(rows))
    assert component.parameters()["loadings"] == pytest.approx([0.0, 1.0], abs=1e-9)
    scaler = fit_scaler(values[:rows].astype(np.float32))
    assert scaler.std[0] == 1.0


def test_the_first_component_is_that_of_an_independent_decomposition() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400, 3)) @ np.array([[1.0, 0.8, 0.1], [0.0, 0.6, 0.2], [0.0, 0.0, 1.0]])
    fitted = _fit(_given("pca", values, 1), np.arange(400))
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    direction = np.linalg.svd(z, full_matrices=False)[2][0]
    expected = z @ direction
    assert abs(np.corrcoef(fitted.apply(values), expected)[0, 1]) == pytest.approx(1.0, abs=1e-12)
    assert fitted.apply(values).var() == pytest.approx(expected.var(), rel=1e-9)


def test_stretches_of_different_pairs_are_not_joined() -> None:
    x, _ = regimes(1000)
    given = _given("hmm", x, 2, 1, 32)
    one = np.zeros(1000, dtype=np.int64)
    two = (np.arange(1000) >= 500).astype(np.int64)
    together = transformers.fit(given, np.arange(1000), one, name="x")
    apart = transformers.fit(given, np.arange(1000), two, name="x")
    assert together.parameters() != apart.parameters()


def test_too_few_rows_and_numbers_that_are_none_are_refused() -> None:
    x, _ = regimes(200)
    with pytest.raises(InputError, match="50 are needed"):
        _fit(_given("hmm", x, 2, 1, 32), np.arange(20))
    good = _fit(_given("scaled", x), np.arange(200)).parameters()
    for bad in ({"mean": [1.0]}, good | {"std": [float("nan")]}, {"mean": "a", "std": [1]}):
        with pytest.raises(EvidenceError):
            transformers.load("scaled", (), bad)
    with pytest.raises(EvidenceError, match="unknown kind"):
        transformers.load("magic", (), good)


def _market_of_two(rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Make labels that follow the first input for the first half, and the second, turned round, for the other."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(rows, 3))
    early = np.arange(rows) < rows // 2
    return x, np.where(early, x[:, 0], -x[:, 1]) + rng.normal(size=rows)


def _taught(x: np.ndarray, labels: np.ndarray, rows: np.ndarray, half_life: float) -> transformers.Transformer:
    taught = transformers.Taught(np.arange(len(x)), labels)
    pairs = np.zeros(len(x), dtype=np.int64)
    return transformers.fit(_given("weighted", x, half_life), rows, pairs, name="x", taught=taught)


def test_weights_follow_what_has_lately_had_to_do_with_the_label() -> None:
    x, labels = _market_of_two()
    first = _taught(x, labels, np.arange(2000), 300.0).parameters()["loadings"]
    second = _taught(x, labels, np.arange(4000), 300.0).parameters()["loadings"]
    assert first[0] > 0.5
    assert max(abs(first[1]), abs(first[2])) < 0.2
    assert second[1] < -0.5
    assert max(abs(second[0]), abs(second[2])) < 0.2


def test_weights_do_not_know_labels_outside_of_their_rows_and_keep_the_order_of_time() -> None:
    x, labels = _market_of_two()
    rows = np.arange(100, 1500)
    changed = labels.copy()
    changed[1500:] = 1e6
    changed[:100] = -1e6
    kept = _taught(x, labels, rows, 200.0).parameters()
    assert _taught(x, changed, rows, 200.0).parameters() == kept
    assert _taught(x, labels, np.random.default_rng(1).permutation(rows), 200.0).parameters() == kept


def test_what_learns_from_labels_is_refused_without_any() -> None:
    x, labels = _market_of_two(200)
    with pytest.raises(InputError, match="learns from labels"):
        _fit(_given("weighted", x, 100.0), np.arange(200))
    with pytest.raises(InputError, match="has 0 training rows"):
        _taught(x, np.full(200, np.nan), np.arange(200), 100.0)
    fitted = _taught(x, labels, np.arange(200), 100.0)
    again = transformers.load("weighted", [100.0], json.loads(json.dumps(fitted.parameters())))
    assert again.apply(x).tobytes() == fitted.apply(x).tobytes()
    assert fitted.apply(x[7:8])[0] == fitted.apply(x)[7]
