from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from crypto_team.features import kernels_window as window

Floats = npt.NDArray[np.float64]
RNG = np.random.default_rng(11)
WALK = np.cumsum(RNG.standard_t(3, 3_000))


def _spiked() -> Floats:
    values = RNG.normal(size=3_000)
    values[[700, 1_900]] = 1e9, -1e12
    return values


SERIES = {
    "noise": RNG.normal(size=3_000),
    "random walk": WALK,
    "walk far from zero": 1e6 + 1e-3 * WALK,
    "trend": np.arange(3_000) + RNG.normal(size=3_000),
    "quiet after a jump": np.where(np.arange(3_000) < 1_500, WALK, 500.0 + 1e-4 * WALK),
    "huge values": _spiked(),
    "partly flat": np.where((np.arange(3_000) // 200) % 2, 42_000.37, WALK),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("n", [2, 5, 48, 400])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_sliding_moments_are_those_of_every_window_on_its_own(name: str, n: int, order: int) -> None:
    windows = sliding_window_view(SERIES[name], n)
    away = windows - windows[:, -1:]
    away = away - away.mean(axis=1, keepdims=True)
    expected, variance = (away**order).mean(axis=1), (away**2).mean(axis=1)
    found = window.rolling_moments(SERIES[name], n, order)[n - 1 :]
    scale = np.where(variance > 0.0, variance, 1.0) ** (order / 2)
    assert np.allclose(found / scale, expected / scale, rtol=1e-6, atol=1e-6)
    flat = np.ptp(windows, axis=1) == 0.0
    assert (found[flat] == 0.0).all()


@pytest.mark.parametrize("name", SERIES)
def test_sliding_hurst_exponents_are_those_of_every_window_on_its_own(name: str) -> None:
    x, n, lags = SERIES[name], 64, 8
    found = window.rolling_hurst(x, n, lags)
    logs = np.log(np.arange(1.0, lags + 1))
    for end in range(n, x.size, 97):
        part = x[end - n : end]
        squares = np.array([np.square(part[k:] - part[:-k]).sum() for k in range(1, lags + 1)])
        if not (squares > 0.0).all():
            assert np.isnan(found[end - 1])
            continue
        mean = np.log(squares / (n - np.arange(1, lags + 1)))
        assert found[end - 1] == pytest.approx(0.5 * np.polyfit(logs, mean, 1)[0], rel=1e-6, abs=1e-6)


def test_unknown_values_stay_in_their_windows() -> None:
    holed = SERIES["noise"].copy()
    holed[1_000] = np.nan
    found, whole = (window.rolling_moments(x, 20, 4) for x in (holed, SERIES["noise"]))
    assert np.isnan(found[1_000:1_020]).all()
    assert np.allclose(found[1_020:], whole[1_020:], rtol=1e-9)
