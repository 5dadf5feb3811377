from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from crypto_team.data import market_walk
from crypto_team.data.frame import canonical, content_hash, epoch_ms
from crypto_team.data.quality import assess
from crypto_team.data.synthetic import FORMULAS, SyntheticMarket, expected_sharpe, planted_market
from crypto_team.data.ticks import price_decimals
from crypto_team.errors import UsageError
from crypto_team.features.plan import compile_formulas

Floats = npt.NDArray[np.float64]
COST_BPS = 7.0


def realised_sharpe(market: SyntheticMarket) -> float:
    """Trade the oracle on the frame alone: daily net returns, 365 days."""
    close = market.frame["close"].to_numpy()
    held = market.oracle_position
    net = held[:-1] * np.diff(close) / close[:-1] - COST_BPS / 1e4 * np.abs(np.diff(held, prepend=0.0))[:-1]
    daily = pd.Series(net).groupby(market.frame["timestamp"].dt.floor("D")[:-1].to_numpy()).sum()
    return float(daily.mean() / daily.std() * np.sqrt(365))


def test_a_market_is_canonical_and_good() -> None:
    market = planted_market(seed=3, bars=4000, oracle_sharpe=2.0)
    pd.testing.assert_frame_equal(canonical(market.frame, timeframe="1h", where="market"), market.frame)
    assert assess(market.frame, "1h").verdict == "good"
    assert price_decimals(market.frame) <= 2
    assert (market.frame["open"].to_numpy()[1:] == market.frame["close"].to_numpy()[:-1]).all()


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    first, again, other = (planted_market(seed=seed, bars=2000, oracle_sharpe=2.0) for seed in (1, 1, 2))
    assert content_hash(first.frame) == content_hash(again.frame)
    assert np.array_equal(first.oracle_mean, again.oracle_mean)
    assert content_hash(first.frame) != content_hash(other.frame)


@pytest.mark.parametrize("wanted", [1.0, 3.0])
def test_trading_the_oracle_earns_the_sharpe_ratio_asked_for(wanted: float) -> None:
    markets = [planted_market(seed=seed, bars=17_520, oracle_sharpe=wanted) for seed in range(12)]
    # Two years each: one realised ratio scatters by about 0.7, the mean of twelve by 0.2.
    assert np.mean([realised_sharpe(market) for market in markets]) == pytest.approx(wanted, abs=0.6)


def test_the_expected_sharpe_ratio_is_met_exactly_on_every_market() -> None:
    for seed in range(4):
        market = planted_market(seed=seed, bars=8000, oracle_sharpe=2.5)
        day = epoch_ms(market.frame["timestamp"]) // 86_400_000
        found = expected_sharpe(
            market.frame["close"].to_numpy(), market.oracle_mean, market.oracle_position, day=day, cost=COST_BPS / 1e4
        )
        assert found == pytest.approx(2.5, abs=0.1)


def test_the_oracle_knows_the_mean_of_the_next_bar_and_of_a_day() -> None:
    market = planted_market(seed=5, bars=40_000, oracle_sharpe=4.0)
    close = market.frame["close"].to_numpy()
    following = close[1:] / close[:-1] - 1
    slope = np.polyfit(market.oracle_mean[:-1], following, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.35)
    ahead = np.log(close[24:] / close[:-24])
    assert np.corrcoef(market.oracle_mean[:-24], ahead)[0, 1] > 0.1


def test_the_alpha_persists_long_enough_to_pay_for_trading() -> None:
    mean = planted_market(seed=5, bars=20_000, oracle_sharpe=2.0).oracle_mean[200:]
    correlation = {lag: np.corrcoef(mean[:-lag], mean[lag:])[0, 1] for lag in (12, 48)}
    assert correlation[12] > 0.5 > correlation[48]


@pytest.mark.parametrize("formulas", [None, ["zscore(close, 48)", "roc(close, 96)", "rsi(close, 14)"]])
def test_the_oracle_is_a_function_of_its_formulas_as_the_formula_language_computes_them(
    formulas: list[str] | None,
) -> None:
    market = planted_market(seed=8, bars=3000, oracle_sharpe=3.0, formulas=formulas)
    assert market.alpha_formulas == tuple(formulas or FORMULAS)
    columns = {name: market.frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")}
    values = compile_formulas(market.alpha_formulas).compute(columns, epoch_ms(market.frame["timestamp"]))
    nominal = 0.6 * np.sqrt(1 / 8760)
    total = np.zeros(3000)
    for formula, column in zip(market.alpha_formulas, values.astype(np.float64).T, strict=True):
        period = int(formula.split(",")[1].strip(" )"))
        if formula.startswith("zscore"):
            total -= np.tanh(column)
        elif formula.startswith("roc"):
            total += np.tanh(column / 100 / (nominal * np.sqrt(period)))
        else:
            total -= np.tanh((column - 50) / (50 / np.sqrt(1.3 * period)))
    expected = market.strength * nominal * total / len(market.alpha_formulas)
    np.testing.assert_allclose(market.oracle_mean[500:], expected[500:], atol=1e-6 * market.oracle_mean.max())


def test_an_oscillator_can_be_planted_and_is_wilders() -> None:
    market = planted_market(seed=8, bars=3000, oracle_sharpe=3.0, formulas=["rsi(close, 14)"])
    assert market.alpha_formulas == ("rsi(close, 14)",)
    change = np.diff(market.frame["close"].to_numpy(np.float64), prepend=np.nan)
    gain, loss = (np.maximum(sign * change, 0.0) for sign in (1, -1))
    rsi = np.full(3000, np.nan)
    up, down = gain[1:15].mean(), loss[1:15].mean()
    for at in range(14, 3000):
        if at > 14:
            up, down = (up * 13 + gain[at]) / 14, (down * 13 + loss[at]) / 14
        rsi[at] = 100 * up / (up + down)
    scale = 50 / np.sqrt(1.3 * 14)
    expected = -market.strength * 0.6 * np.sqrt(1 / 8760) * np.tanh((rsi - 50) / scale)
    np.testing.assert_allclose(market.oracle_mean[14:], expected[14:], rtol=1e-9)


def test_shocks_to_come_do_not_change_prices_or_what_the_oracle_knows() -> None:
    rng = np.random.default_rng(4)
    draws = np.stack([rng.normal(size=900), rng.uniform(0.01, 1, 900), rng.uniform(0.01, 1, 900)])
    changed = draws.copy()
    changed[:, 500:] = changed[:, 899:499:-1]
    kinds = np.array([market_walk.REVERSION, market_walk.MOMENTUM, market_walk.OSCILLATOR])
    periods, scales = np.array([20, 50, 14]), np.array([1.0, 0.04, 10.0])
    results = [
        market_walk.walk(kinds, periods, scales, np.full(900, 0.006), given, 0.001, 20_000.0, 100)
        for given in (draws, changed)
    ]
    (bars, score), (other_bars, other_score) = results
    assert np.array_equal(bars[:, :500], other_bars[:, :500])
    assert np.array_equal(score[:500], other_score[:500])
    assert not np.array_equal(score[500:], other_score[500:])


def test_without_strength_there_is_nothing_to_find() -> None:
    market = planted_market(seed=6, bars=20_000, oracle_sharpe=0.0)
    assert (market.alpha_formulas, market.strength) == ((), 0.0)
    assert not market.oracle_position.any()
    close = market.frame["close"]
    score = -((close - close.rolling(72).mean()) / close.rolling(72).std())
    following = close.shift(-1) / close - 1
    # Two standard errors of a correlation over 20,000 bars are 0.014.
    assert abs(score[100:-1].corr(following[100:-1])) < 0.025


def test_volatility_clusters_has_fat_tails_and_a_daily_course() -> None:
    market = planted_market(seed=9, bars=30_000, oracle_sharpe=0.0)
    move = np.diff(np.log(market.frame["close"]))
    size = np.abs(move)
    assert move.std() * np.sqrt(8760) == pytest.approx(0.6, rel=0.2)
    assert np.mean((move - move.mean()) ** 4) / move.var() ** 2 > 5
    assert np.corrcoef(size[:-24], size[24:])[0, 1] > 0.05
    by_hour = pd.Series(size).groupby(market.frame["timestamp"].dt.hour.to_numpy()[1:]).mean()
    assert by_hour[15] > 1.3 * by_hour[3]
    assert np.corrcoef(np.log(market.frame["volume"][1:]), np.log(size + 1e-6))[0, 1] > 0.2


@pytest.mark.parametrize("timeframe", ["5m", "4h", "1d"])
def test_every_timeframe_can_be_made(timeframe: str) -> None:
    market = planted_market(seed=2, bars=2000, timeframe=timeframe, oracle_sharpe=1.5)
    canonical(market.frame, timeframe=timeframe, where="market")
    assert market.strength > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"formulas": ["lag(close, -1)"]}, "cannot plant"),
        ({"formulas": ["rsi(close, 1)"]}, "at least 2"),
        ({"bars": 300}, "at least 672"),
        ({"oracle_sharpe": -1.0}, "does not lose"),
        ({"oracle_sharpe": 1e6}, "out of reach"),
    ],
)
def test_what_cannot_be_planted_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planted_market(**{"seed": 1, "bars": 1000, "oracle_sharpe": 1.0, **arguments})  # type: ignore[arg-type]
