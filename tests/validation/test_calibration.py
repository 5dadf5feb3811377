from __future__ import annotations

import json

import numpy as np
import pytest

from crypto_team.errors import EvidenceError
from crypto_team.validation.calibration import (
    LEAST_SLOPE,
    calibrator_from,
    fit_beta,
    fit_calibrator,
    fit_platt,
    ordered_platt,
)
from crypto_team.validation.calibration_maps import Beta, Temperature
from crypto_team.validation.calibration_shrunk import Known, KnownOfClass, independent_labels, shrunk
from crypto_team.validation.scores import brier, calibration_slope, ece_equal_mass, logit

RNG_SEED = 11


def _overconfident(n: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(RNG_SEED)
    truth = rng.uniform(0.3, 0.7, n)
    y = (rng.random(n) < truth).astype(np.float64)
    top = 1.0 / (1.0 + np.exp(-3.0 * logit(truth)))
    return np.column_stack([1.0 - top, top]), y


@pytest.mark.parametrize("method", ["platt", "ordered_platt", "isotonic", "beta", "temperature", "shrunk"])
def test_an_overconfident_forecast_becomes_calibrated(method: str) -> None:
    p, y = _overconfident()
    fitted = fit_calibrator(p[:2500], y[:2500], method).apply(p[2500:])  # type: ignore[arg-type]
    assert brier(fitted[:, 1], y[2500:]) < brier(p[2500:, 1], y[2500:])
    before, after = (calibration_slope(one[:, 1], y[2500:]).slope for one in (p[2500:], fitted))
    assert abs(after - 1.0) < abs(before - 1.0) / 2.0
    assert np.allclose(fitted.sum(axis=1), 1.0)


@pytest.mark.parametrize("method", ["platt", "ordered_platt", "isotonic", "beta", "temperature", "shrunk", "none"])
def test_a_calibrator_survives_json_to_the_bit(method: str) -> None:
    p, y = _overconfident(400)
    fitted = fit_calibrator(p, y, method)  # type: ignore[arg-type]
    again = calibrator_from(json.loads(json.dumps(fitted.document())))
    assert np.array_equal(again.apply(p), fitted.apply(p))


def test_several_classes_are_calibrated_one_against_the_rest() -> None:
    rng = np.random.default_rng(RNG_SEED)
    p = rng.dirichlet([2.0, 3.0, 1.0], 3000)
    label = np.array([rng.choice(3, p=row) for row in p], dtype=np.float64)
    sharpened = p**3 / (p**3).sum(axis=1, keepdims=True)
    fitted = fit_calibrator(sharpened, label, "platt").apply(sharpened)
    assert np.allclose(fitted.sum(axis=1), 1.0)
    assert np.abs(fitted - p).mean() < np.abs(sharpened - p).mean() / 2


def test_noise_never_reverses_the_ranking() -> None:
    p, y = _overconfident(300)
    reversed_outcomes = 1.0 - y
    assert fit_platt(p[:, 1], reversed_outcomes).a > 0.0
    kept = ordered_platt(p[:, 1], reversed_outcomes)
    assert kept.a == -LEAST_SLOPE
    mapped = kept.apply(p[:, 1])
    assert np.array_equal(np.argsort(mapped, kind="stable"), np.argsort(p[:, 1], kind="stable"))
    assert mapped.mean() == pytest.approx(reversed_outcomes.mean(), abs=0.01)


def test_isotonic_never_promises_certainty() -> None:
    p = np.column_stack([1.0 - np.linspace(0.01, 0.99, 50), np.linspace(0.01, 0.99, 50)])
    mapped = fit_calibrator(p, (p[:, 1] > 0.5).astype(np.float64), "isotonic").apply(p)
    assert mapped.min() == pytest.approx(1 / 52)
    assert mapped.max() == pytest.approx(51 / 52)


def test_an_unknown_map_is_an_evidence_error() -> None:
    with pytest.raises(EvidenceError, match="unknown calibration map 'spline'"):
        calibrator_from([{"kind": "spline"}])


def test_a_beta_map_finds_the_shapes_that_bent_the_forecasts() -> None:
    rng = np.random.default_rng(RNG_SEED)
    p = rng.uniform(0.02, 0.98, 40_000)
    truth = Beta(0.5, 1.5, 0.2)
    found = fit_beta(p, (rng.random(p.size) < truth.apply(p)).astype(np.float64))
    assert (found.a, found.b, found.c) == pytest.approx((truth.a, truth.b, truth.c), abs=0.06)


def test_a_beta_map_keeps_the_ranking_of_reversed_forecasts() -> None:
    p, y = _overconfident(300)
    mapped = fit_beta(p[:, 1], 1.0 - y).apply(p[:, 1])
    assert np.array_equal(np.argsort(mapped, kind="stable"), np.argsort(p[:, 1], kind="stable"))


def test_a_temperature_undoes_the_sharpening_of_three_classes() -> None:
    rng = np.random.default_rng(RNG_SEED)
    p = rng.dirichlet([2.0, 3.0, 1.0], 20_000)
    label = np.array([rng.choice(3, p=row) for row in p], dtype=np.float64)
    sharpened = p**2.5 / (p**2.5).sum(axis=1, keepdims=True)
    fitted = fit_calibrator(sharpened, label, "temperature")
    assert isinstance(fitted.maps[0], Temperature)
    assert fitted.maps[0].t == pytest.approx(2.5, rel=0.05)
    assert np.array_equal(fitted.apply(sharpened).argmax(axis=1), sharpened.argmax(axis=1))


def _overlapping(hours: int, horizon: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, scores, outcomes and starts of hourly labels that look `horizon` hours ahead and share shocks."""
    rng = np.random.default_rng(RNG_SEED + hours)
    drift = np.repeat(rng.normal(0.0, 0.06, hours // horizon + 2), horizon)[:hours]
    noise = np.convolve(rng.normal(0.0, 1.0, hours + horizon - 1), np.ones(horizon), "valid") / np.sqrt(horizon)
    truth = 1.0 / (1.0 + np.exp(-1.6 * drift))
    return truth, 1.0 / (1.0 + np.exp(-16.0 * drift)), (noise + drift > 0.0).astype(np.float64), np.arange(hours)


def test_overlapping_labels_are_worth_as_many_as_fit_side_by_side() -> None:
    start = np.arange(2400)
    assert independent_labels(start, start + 24) == pytest.approx(100.0, rel=0.02)
    assert independent_labels(start, start + 1) == pytest.approx(2400.0)
    two_pairs = np.concatenate([start, start])
    assert independent_labels(two_pairs, two_pairs + 24) == pytest.approx(100.0, rel=0.02)
    assert independent_labels(start[:0], start[:0]) == 0.0


def test_a_shrunk_sigmoid_is_calibrated_where_platts_believes_the_noise_of_overlapping_labels() -> None:
    told, free, mapped = [], [], []
    for number in range(120):
        _, p, y, start = _overlapping(2000 + number, 24)
        both = np.column_stack([1.0 - p, p])
        half = np.array([0.5, 0.5])
        worth = Known(independent_labels(start[:1000], start[:1000] + 24), half, half, np.full(2, np.nan), 0.0)
        told.append(y[1000:])
        free.append(fit_calibrator(both[:1000], y[:1000], "platt").apply(both[1000:])[:, 1])
        mapped.append(fit_calibrator(both[:1000], y[:1000], "shrunk", known=worth).apply(both[1000:])[:, 1])
    y, platt, kept = (np.concatenate(one) for one in (told, free, mapped))
    assert calibration_slope(platt, y).slope < 0.5
    assert 0.7 < calibration_slope(kept, y).slope < 1.5
    assert ece_equal_mass(kept, y) < 0.5 * ece_equal_mass(platt, y)


def test_a_shrunk_sigmoid_is_platts_where_labels_are_many_and_stays_near_the_raw_rate_where_they_are_few() -> None:
    p, y = _overconfident()
    free = fit_platt(p[:, 1], y)
    many = shrunk(free, p[:, 1], KnownOfClass(1e6, 0.5, 0.5))
    assert (many.a, many.b) == pytest.approx((free.a, free.b), abs=5e-3)
    few = shrunk(free, p[:, 1], KnownOfClass(10.0, 0.5, 0.5))
    assert abs(few.a) < 0.5 * abs(free.a)


def test_a_shrunk_sigmoid_follows_a_base_rate_far_from_the_raw_one_and_keeps_the_order_of_a_reversed_ranking() -> None:
    rng = np.random.default_rng(RNG_SEED)
    p = rng.uniform(0.4, 0.6, 3000)
    rare = (rng.random(3000) < 0.05).astype(np.float64)
    assert shrunk(fit_platt(p, rare), p, KnownOfClass(150.0, 0.06, 0.5)).apply(p).mean() == pytest.approx(
        0.05, abs=0.02
    )
    wrong = (rng.random(3000) < 1.0 - p).astype(np.float64)
    mapped = shrunk(fit_platt(p, wrong), p, KnownOfClass(3000.0, 0.5, 0.5)).apply(p)
    assert np.array_equal(np.argsort(mapped, kind="stable"), np.argsort(p, kind="stable"))


def test_a_strong_plain_line_lets_a_shrunk_sigmoid_believe_the_slope_of_few_labels() -> None:
    p, y = _overconfident()
    free = fit_platt(p[:, 1], y)
    weak, alone, strong = (
        -shrunk(free, p[:, 1], KnownOfClass(60.0, 0.5, 0.5, plain)).a
        for plain in ((0.0, 60.0), (0.0, 0.0), (0.3, 60.0))
    )
    assert 0.0 < weak < 0.5 * alone
    assert 1.2 * alone < strong
    assert strong < -free.a
