from __future__ import annotations

import numpy as np
import pytest

from crypto_team.validation import clusters
from crypto_team.validation.scores import calibration_slope


def test_rows_that_repeat_one_another_count_once() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((400, 1))
    single = clusters.clustered(values - values.mean(), 2 * np.arange(400))
    tenfold = np.repeat(values, 10, axis=0)
    together = clusters.clustered(tenfold - tenfold.mean(), np.repeat(2 * np.arange(400), 10))
    assert single[0, 0] == pytest.approx(400 * values.var() * 400 / 399)
    assert together[0, 0] == pytest.approx(100 * single[0, 0])


def test_neighbouring_blocks_that_go_together_widen_the_error() -> None:
    values = np.repeat(np.random.default_rng(2).standard_normal(200), 2)[:, None]
    apart = clusters.clustered(values, 2 * np.arange(400))
    near = clusters.clustered(values, np.arange(400))
    assert near[0, 0] > 1.3 * apart[0, 0]


def test_the_error_of_a_slope_does_not_fall_when_rows_are_repeated() -> None:
    rng = np.random.default_rng(3)
    lean = rng.standard_normal(600)
    p = 1.0 / (1.0 + np.exp(-lean))
    y = (rng.random(600) < p).astype(float)
    alone = calibration_slope(p, y)
    many = calibration_slope(np.repeat(p, 12), np.repeat(y, 12))
    single = clusters.slope_error(p, y, alone, 2 * np.arange(600))
    together = clusters.slope_error(np.repeat(p, 12), np.repeat(y, 12), many, np.repeat(2 * np.arange(600), 12))
    assert single == pytest.approx(alone.slope_se, rel=0.15)
    assert together == pytest.approx(single, rel=1e-6)
    assert many.slope_se == pytest.approx(alone.slope_se / np.sqrt(12.0), rel=1e-6)


def test_a_slope_that_is_not_known_has_no_interval() -> None:
    p, y = np.full(50, 0.4), np.arange(50) % 2.0
    assert np.isnan(clusters.slope_interval(p, y, calibration_slope(p, y), np.arange(50), np.arange(50) // 10)).all()
    p = np.linspace(0.2, 0.8, 50)
    assert np.isnan(clusters.slope_interval(p, y, calibration_slope(p, y), np.zeros(50, int), np.zeros(50, int))).all()


def test_an_interval_of_95_percent_holds_the_slope_of_overlapping_labels_that_often() -> None:
    rng = np.random.default_rng(4)
    held, plain, draws = 0, 0, 150
    for _ in range(draws):
        lean = np.repeat(0.7 * rng.standard_normal(120), 12)
        p = 1.0 / (1.0 + np.exp(-lean))
        y = (np.repeat(rng.random(120), 12) < p).astype(float)
        fit = calibration_slope(p, y)
        low, high = clusters.slope_interval(p, y, fit, np.repeat(np.arange(120), 12), np.arange(1440) // 288)
        held += low <= 1.0 <= high
        plain += abs(fit.slope - 1.0) <= 1.96 * fit.slope_se
    assert held >= 0.93 * draws
    assert plain < 0.7 * draws


def test_labels_that_last_for_days_make_longer_blocks_and_a_wider_interval() -> None:
    rng = np.random.default_rng(6)
    times = np.arange(2000) * clusters.DAY_MS + 1
    lean = np.repeat(rng.standard_normal(200), 10)
    p = 1.0 / (1.0 + np.exp(-lean))
    y = (np.repeat(rng.random(200), 10) < p).astype(float)
    fit, folds = calibration_slope(p, y), np.zeros(2000, dtype=np.int64)
    days, tens = (clusters.time_blocks(times, label_ms) for label_ms in (3_600_000, 10 * clusters.DAY_MS))
    assert [np.unique(days).size, np.unique(tens).size] == [2000, 200]
    narrow, wide = (np.ptp(clusters.slope_interval(p, y, fit, blocks, folds)) for blocks in (days, tens))
    assert wide > 1.8 * narrow
