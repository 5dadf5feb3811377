"""Operators on two columns, on bursts and on the clock against pandas and against brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.features import operators_cross_asset as cross
from crypto_team.features import operators_flow as flow
from crypto_team.features import operators_temporal as temporal

RNG = np.random.default_rng(12)
X = pd.Series(RNG.standard_t(4, 900))
Y = 0.6 * X + pd.Series(RNG.standard_t(4, 900))
BURSTS = np.where(RNG.random(900) < 0.15, RNG.lognormal(3, 1.5, 900), 0.0)


@pytest.mark.parametrize("n", [3, 24, 200])
def test_correlation_and_beta_are_those_of_pandas(n: int) -> None:
    np.testing.assert_allclose(cross.corr(X.to_numpy(), Y.to_numpy(), n), X.rolling(n).corr(Y), rtol=1e-8, atol=1e-10)
    slope = X.rolling(n).cov(Y) / Y.rolling(n).var()
    np.testing.assert_allclose(cross.beta(X.to_numpy(), Y.to_numpy(), n), slope, rtol=1e-7, atol=1e-9)


def test_flat_and_unknown_windows_have_no_correlation() -> None:
    flat = np.concatenate([np.ones(50), np.arange(50.0)])
    found = cross.corr(flat, X.to_numpy()[:100], 20)
    assert np.isnan(found[:50]).all()
    assert np.isfinite(found[69:]).all()
    assert cross.corr(X.to_numpy(), 2.0 * X.to_numpy() + 1.0, 30)[40] == pytest.approx(1.0)
    holed = X.to_numpy().copy()
    holed[300] = np.nan
    unknown = np.flatnonzero(np.isnan(cross.corr(holed, Y.to_numpy(), 20)))
    assert unknown.tolist() == [*range(19), *range(300, 320)]


def test_the_leader_is_told_from_the_follower() -> None:
    leader = RNG.normal(size=900)
    follower = np.concatenate([[0.0, 0.0], leader[:-2]]) + 0.3 * RNG.normal(size=900)
    assert np.nanmean(cross.lead_lag(follower, leader, 200, 2)) > 0.8
    assert np.nanmean(cross.lead_lag(leader, follower, 200, 2)) < -0.8


def test_a_cluster_is_the_share_of_the_recent_bars_in_the_total() -> None:
    series = pd.Series(BURSTS)
    expected = series.rolling(4).sum() / series.rolling(96).sum() * 24
    np.testing.assert_allclose(flow.cluster(BURSTS, 4, 96)[95:], expected[95:], rtol=1e-9, atol=1e-9)
    assert (flow.cluster(np.zeros(200), 4, 96)[95:] == 0.0).all()


def test_a_cascade_s_probability_counts_only_outcomes_that_are_over() -> None:
    n, m = 4, 120
    found = flow.cascade_prob(BURSTS, n, m)
    for row in (123, 400, 777, 899):
        past = range(row - m - n + 1, row - n + 1)
        window = BURSTS[list(past)]
        limit = window.mean() + 3.0 * window.std()
        outcomes = [BURSTS[at + 1 : at + n + 1].max() > limit for at in past if BURSTS[at] >= BURSTS[row]]
        expected = np.mean(outcomes) if outcomes else (1.0 if BURSTS[row] > limit else np.nan)
        assert found[row] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(found[: n + m - 1]).all()


def test_a_cascade_s_probability_is_unknown_where_what_followed_is() -> None:
    holed, n, m = BURSTS.copy(), 4, 120
    row = 1 + int(np.flatnonzero(flow.cascade_prob(BURSTS, n, m) == 0.0)[0])
    calm = BURSTS.copy()
    calm[row - n - 5 : row + 1] = calm[: row - n].min()
    holed = calm.copy()
    holed[row - 1] = np.nan
    assert np.isfinite(flow.cascade_prob(calm, n, m)[row])
    assert np.isnan(flow.cascade_prob(holed, n, m)[row])


def test_the_clock_s_operators_say_what_the_calendar_says() -> None:
    stamps = pd.date_range("2025-01-03 21:00", periods=90, freq="1h", tz="UTC")
    times = stamps.as_unit("ms").asi8
    np.testing.assert_array_equal(temporal.weekend(times), (stamps.day_of_week >= 5).astype(float))
    np.testing.assert_array_equal(
        temporal.session_overlap(times), ((stamps.hour >= 13) & (stamps.hour < 16)).astype(float)
    )
    np.testing.assert_array_equal(temporal.time_to_funding(times, 8), 8.0 - stamps.hour % 8)
