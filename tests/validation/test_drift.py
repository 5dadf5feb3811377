from __future__ import annotations

import numpy as np
import pytest

from crypto_team.validation import drift


def test_the_index_of_samples_from_one_distribution_is_what_chance_gives() -> None:
    rng = np.random.default_rng(0)
    found = [drift.stability(rng.normal(size=800), rng.normal(size=600)).psi for _ in range(200)]
    mean, upper = drift.stability_by_chance(10, 800, 600)
    assert np.mean(found) == pytest.approx(mean, rel=0.15)
    assert np.mean(np.array(found) > upper) == pytest.approx(0.05, abs=0.04)


def test_a_shift_shows_in_index_and_distance() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=2_000), rng.normal(0.5, 1.0, 2_000)
    assert drift.stability(a, b).psi > 0.2
    assert drift.stability(a, np.append(b, np.nan)).psi == drift.stability(a, b).psi
    assert drift.two_samples(a, b).distance == pytest.approx(0.197, abs=0.03)
    assert drift.two_samples(a, b).p_exact < 1e-6


def test_sums_wait_for_what_lies_beyond_the_slack() -> None:
    values = np.concatenate([np.zeros(5), np.full(5, 2.0)])
    found = drift.tabular_cusum(values, mean=0.0, slack=0.5, limit=4.0)
    assert found.upper.tolist() == [0, 0, 0, 0, 0, 1.5, 3.0, 4.5, 6.0, 7.5]
    assert found.first == 7
    assert drift.tabular_cusum(values, mean=0.0, slack=0.5, limit=9.0).first == -1
    assert drift.tabular_cusum(-values, mean=0.0, slack=0.5, limit=4.0).first == 7


def test_detectors_hear_a_jump_and_not_silence() -> None:
    pytest.importorskip("river")
    rng = np.random.default_rng(2)
    calm = rng.normal(0.0, 1.0, 1_500)
    jump = np.concatenate([calm[:750], calm[750:] + 4.0])
    for made in (drift.page_hinkley, drift.adaptive_window):
        assert drift.alarms(made(), calm) == []
        first = drift.alarms(made(), jump)[0]
        assert 750 <= first < 900
