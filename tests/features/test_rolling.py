from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats

from crypto_team.features.formula import parse
from crypto_team.features.plan import evaluate

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
    "few values": np.floor(3.0 * RNG.random(3_000)),
}


def _values(formula: str, x: Floats, y: Floats | None = None) -> Floats:
    columns = {"close": x, "open": x if y is None else y}
    return evaluate([parse(formula)], columns, np.arange(x.size, dtype=np.int64))[0]


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("n", [4, 5, 48, 400])
def test_moments_are_those_of_every_window_on_its_own(name: str, n: int) -> None:
    windows = sliding_window_view(SERIES[name], n)
    mean = windows[:, -1] + (windows - windows[:, -1:]).mean(axis=1)
    away = windows - mean[:, None]
    away -= away.mean(axis=1, keepdims=True)
    found = {key: _values(f"{key}(close, {n})", SERIES[name])[n - 1 :] for key in ("sma", "std", "skew", "kurt")}
    flat = np.ptp(windows, axis=1) == 0.0
    deviation = away.std(axis=1, ddof=1)
    assert np.allclose(found["sma"], mean, rtol=1e-12, atol=1e-12)
    assert (found["sma"][flat] == windows[flat, 0]).all()
    assert np.allclose(found["std"], deviation, rtol=1e-6, atol=0.0)
    for key, function in (("skew", stats.skew), ("kurt", stats.kurtosis)):
        assert (found[key][flat] == 0.0).all()
        expected = function(away[~flat] / deviation[~flat, None], axis=1, bias=False)
        assert np.allclose(found[key][~flat], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_extremes_and_ranks_are_those_of_every_window_on_its_own(name: str, n: int) -> None:
    x = SERIES[name]
    windows = sliding_window_view(x, n)
    assert (_values(f"highest(close, {n})", x)[n - 1 :] == windows.max(axis=1)).all()
    assert (_values(f"lowest(close, {n})", x)[n - 1 :] == windows.min(axis=1)).all()
    rank = pd.Series(x).rolling(n).rank(pct=True).to_numpy()
    assert np.allclose(_values(f"rank(close, {n})", x), rank, equal_nan=True)
    for q in (0.0, 0.3, 0.5, 1.0):
        expected = np.quantile(windows, q, axis=1)
        assert np.allclose(_values(f"quantile(close, {n}, {q})", x)[n - 1 :], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("n", [1, 3, 25, 64])
def test_the_age_of_an_extreme_counts_from_the_latest_of_equals(name: str, n: int) -> None:
    x = SERIES[name]
    windows = sliding_window_view(x, n + 1)[:, ::-1]
    assert (_values(f"aroon_up(close, {n})", x)[n:] == 100.0 * (n - windows.argmax(axis=1)) / n).all()
    assert (_values(f"aroon_down(close, {n})", x)[n:] == 100.0 * (n - windows.argmin(axis=1)) / n).all()


@pytest.mark.parametrize("name", SERIES)
def test_hurst_exponents_are_those_of_every_window_on_its_own(name: str) -> None:
    x, n, lags = SERIES[name] / (1.0 + 1e-2 * np.abs(SERIES[name]).max()), 64, 8
    found = _values(f"hurst(exp(close), {n})", x)
    x = np.log(np.exp(x))
    logs = np.log(np.arange(1.0, lags + 1))
    for end in [*range(n, x.size, 97), x.size]:
        part = x[end - n : end]
        squares = np.array([np.square(part[k:] - part[:-k]).sum() for k in range(1, lags + 1)])
        if not (squares > 1e-25).all():
            continue
        mean = np.log(squares / (n - np.arange(1, lags + 1)))
        assert found[end - 1] == pytest.approx(0.5 * np.polyfit(logs, mean, 1)[0], rel=1e-6, abs=1e-6)


def test_a_flat_window_has_no_hurst_exponent() -> None:
    assert np.isnan(_values("hurst(close, 64)", np.full(200, 42_000.37))).all()


@pytest.mark.parametrize("name", ["noise", "random walk", "quiet after a jump", "partly flat"])
@pytest.mark.parametrize("lag", [1, 5, 30])
def test_autocorrelations_are_those_of_every_window_on_its_own(name: str, lag: int) -> None:
    x, n = SERIES[name], 50
    found, pearson = _values(f"autocorr(close, {n}, {lag})", x), _values(f"autocorr_pearson(close, {n}, {lag})", x)
    for end in range(n, x.size, 41):
        part = x[end - n : end] - x[end - n : end].mean()
        if np.ptp(part) > 0.0:
            assert found[end - 1] == pytest.approx((part[lag:] * part[:-lag]).sum() / (part @ part), rel=1e-7, abs=1e-7)
        if end >= n + lag and np.ptp(part) > 0.0 and np.ptp(x[end - n - lag : end - lag]) > 0.0:
            expected = np.corrcoef(x[end - n : end], x[end - n - lag : end - lag])[0, 1]
            assert pearson[end - 1] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_entropies_are_those_of_every_window_on_its_own() -> None:
    for name in ("noise", "few values", "partly flat"):
        x, n = SERIES[name], 40
        orders, found = _values(f"perm_entropy(close, {n})", x), _values(f"entropy(close, {n}, 8)", x)
        for end in range(n, x.size, 53):
            part = x[end - n : end]
            triples = [tuple(np.argsort(part[i : i + 3], kind="stable")) for i in range(n - 2)]
            share = np.unique(triples, axis=0, return_counts=True)[1] / (n - 2)
            assert orders[end - 1] == pytest.approx(-(share * np.log(share)).sum() / np.log(6), abs=1e-9)
            width = np.ptp(part) / 8 or 1.0
            places = np.minimum(((part - part.min()) * (1 / width)).astype(int), 7)
            share = np.bincount(places) / n
            share = share[share > 0]
            assert found[end - 1] == pytest.approx(-(share * np.log(share)).sum() / np.log(8), abs=1e-9)


def test_volume_by_price_finds_the_busiest_price_and_the_area_around_it() -> None:
    price = np.array([10.0, 11.0, 12.0, 13.0, 14.0, 12.2, 12.1, 11.2])
    volume = np.array([1.0, 2.0, 3.0, 1.0, 1.0, 4.0, 1.0, 2.0])
    inputs = "close, close, close, open, 8, 4"
    point, place = (
        _values(f"poc_dev({inputs})", price, volume),
        _values(f"value_area_position({inputs})", price, volume),
    )
    # Bins of 1 from 10: volumes 1, 4, 8, 2; the busiest is the third, with its neighbour below it holds 12 of 15.
    assert point[-1] == pytest.approx(11.2 / 12.5 - 1.0)
    assert place[-1] == pytest.approx((11.2 - 11.0) / 2.0)


def test_unknown_values_stay_in_their_windows() -> None:
    holed = SERIES["noise"].copy()
    holed[1_000] = np.nan
    for formula in (
        "kurt(close, 20)",
        "highest(close, 20)",
        "quantile(close, 20)",
        "total(close, 20)",
        "rank(close, 20)",
    ):
        found, whole = (_values(formula, x) for x in (holed, SERIES["noise"]))
        assert np.isnan(found[1_000:1_020]).all()
        assert np.array_equal(found[1_020:], whole[1_020:])


@pytest.mark.parametrize(
    "formula", ["kurt(close, 100)", "std(close, 333)", "total(close, 77)", "autocorr(close, 60, 7)"]
)
def test_a_window_has_the_same_value_wherever_the_series_began(formula: str) -> None:
    whole = _values(formula, WALK)
    for first in (1, 17, 1_000):
        part = _values(formula, WALK[first:])
        known = ~np.isnan(part)
        assert known.sum() > 1_000
        assert part[known].tobytes() == whole[first:][known].tobytes()


def test_logarithm_sine_and_cosine_are_right_to_the_last_digits() -> None:
    x = np.exp(RNG.uniform(-700.0, 700.0, 20_000))
    found = _values("log(close)", x)
    assert np.allclose(found, np.log(x), rtol=4e-16, atol=0.0)
    near = 1.0 + RNG.uniform(-1e-6, 1e-6, 1_000)
    assert np.allclose(_values("log(close)", near), np.log(near), rtol=4e-16, atol=0.0)
    assert np.isnan(_values("log(close)", np.array([0.0, -1.0, np.nan, np.inf]))).all()
    times = RNG.integers(1_500_000_000_000, 1_900_000_000_000, 5_000)
    angle = 2.0 * np.pi * ((times % 86_400_000) / 86_400_000)
    times.sort()
    angle = 2.0 * np.pi * ((times % 86_400_000) / 86_400_000)
    made = evaluate([parse("hour_sin()"), parse("hour_cos()")], {}, times)
    assert np.allclose(made[0], np.sin(angle), rtol=0.0, atol=3e-16)
    assert np.allclose(made[1], np.cos(angle), rtol=0.0, atol=3e-16)


@pytest.mark.parametrize("n", range(8, 18))
def test_extremes_of_few_values_know_unknown_ones_and_both_zeros(n: int) -> None:
    x = np.round(RNG.normal(size=3_000), 1) * RNG.choice([1.0, -1.0], 3_000)
    x[RNG.random(3_000) < 0.002] = np.nan
    windows = sliding_window_view(x, n)
    for name, expected in (("highest", windows.max(axis=1)), ("lowest", windows.min(axis=1))):
        found = _values(f"{name}(close, {n})", x)
        assert np.array_equal(found[n - 1 :], expected, equal_nan=True)
        assert np.isnan(found[: n - 1]).all()
        part = _values(f"{name}(close, {n})", x[-n - 5 :])
        assert part[n - 1 :].tobytes() == found[-6:].tobytes()


@pytest.mark.parametrize(("n", "bins"), [(5, 3), (24, 12), (37, 13), (48, 30)])
def test_volume_by_price_is_that_of_every_window_on_its_own(n: int, bins: int) -> None:
    x, volume = SERIES["random walk"][:900] + 100.0, RNG.lognormal(size=900)
    columns = {"high": x, "low": x, "close": x, "volume": volume}
    times = np.arange(x.size, dtype=np.int64)
    found = evaluate([parse(f"poc_dev({n}, {bins})")], columns, times)[0]
    for row in range(n - 1, x.size, 7):
        prices, traded = x[row - n + 1 : row + 1], volume[row - n + 1 : row + 1]
        low, high = prices.min(), prices.max()
        places = np.minimum((bins / (high - low) * (prices - low)).astype(int), bins - 1)
        sums = np.bincount(places, traded, bins)
        assert found[row] == pytest.approx(
            x[row] / (low + (sums.argmax() + 0.5) * (high - low) / bins) - 1.0, abs=1e-12
        )
