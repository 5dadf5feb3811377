from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from crypto_team.trading import simulate
from crypto_team.trading.costs import net_returns
from crypto_team.validation import metrics, scores


def _table(
    position: list[float], net: list[float], *, pair: str = "BTC/USDT", start: str = "2024-01-01"
) -> pd.DataFrame:
    n = len(position)
    time = pd.date_range(start, periods=n, freq="8h", tz="UTC", unit="ms")
    label = np.arange(n) % 2.0
    return pd.DataFrame(
        {
            "time": time,
            "pair": pair,
            "fold": np.int16(0),
            "part": "test",
            "label": label,
            "label_end": time + pd.Timedelta(hours=8),
            "forward_return": label - 0.5,
            "p_raw_0": 0.6 - 0.2 * label,
            "p_raw_1": 0.4 + 0.2 * label,
            "p_0": 0.6 - 0.2 * label,
            "p_1": 0.4 + 0.2 * label,
            "signal": 0.4 + 0.2 * label,
            "position": position,
            "return_gross": net,
            "return_net": net,
        }
    )


def test_daily_returns_sum_over_the_utc_day_the_mean_over_pairs() -> None:
    one = _table([1.0] * 4, [0.01, 0.02, 0.03, 0.04])
    two = _table([1.0] * 4, [0.03, 0.00, 0.01, np.nan], pair="ETH/USDT")
    inner = one.assign(part="inner", return_net=np.nan)
    days, values = metrics.daily_returns(pd.concat([inner, one, two], ignore_index=True))
    assert days.astype(str).tolist() == ["2024-01-01", "2024-01-02"]
    assert values == pytest.approx([0.02 + 0.01 + 0.02, 0.04])


def test_the_initial_capital_is_a_peak() -> None:
    assert metrics.max_drawdown(np.array([-0.1, 0.05, -0.02])) == pytest.approx(-0.1)
    assert metrics.max_drawdown(np.empty(0)) == 0.0


def test_a_strategy_without_losses_has_an_infinite_profit_factor_and_one_without_trades_none() -> None:
    assert metrics.profit_factor(np.array([0.1, 0.0])) == math.inf
    assert math.isnan(metrics.profit_factor(np.zeros(3)))
    assert math.isnan(metrics.sharpe(np.zeros(10), periods_per_year=365))


def test_turnover_counts_the_first_entry() -> None:
    assert metrics.turnover(np.array([1.0, 1.0, -1.0, 0.0])) == pytest.approx(4 / 4)


def test_trades_are_stretches_of_one_sign_within_a_pair() -> None:
    one = _table([0, 1, 0.5, -1, -1, 0], [0.0, 0.01, 0.02, -0.01, 0.03, -0.001])
    two = _table([-1, -1, 0, 0, 0, 1], [0.1, 0.1, 0.0, 0.0, 0.0, 0.2], pair="ETH/USDT")
    trades = metrics.trades_from_positions(pd.concat([one, two], ignore_index=True))
    assert trades["side"].tolist() == [1, -1, -1, 1]
    assert trades["bars"].tolist() == [2, 2, 2, 1]
    assert trades["return_net"].to_numpy() == pytest.approx([0.03, 0.02, 0.2, 0.2])
    assert trades["pair"].tolist() == ["BTC/USDT", "BTC/USDT", "ETH/USDT", "ETH/USDT"]


def test_leaving_is_paid_by_the_trade_that_is_left_also_at_a_turn() -> None:
    position = np.array([0, 1, 1, 0, 0, -1, -1, 1, 1, 0.0])
    gross, net = net_returns(position, np.zeros(10), 7.0)
    table = _table(position.tolist(), net.tolist()).assign(return_gross=gross)
    for each in (table, table.drop(columns="return_gross")):
        assert metrics.trades_from_positions(each)["return_net"].sum() == pytest.approx(net.sum())
    assert metrics.trades_from_positions(table)["return_net"].tolist() == pytest.approx([-0.0014] * 3)
    assert metrics.hit_rate(metrics.trades_from_positions(table)["return_net"].to_numpy()) == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_trades_earn_together_what_the_bars_earn_and_each_what_the_simulator_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts, told, begin = [], [], pd.Timestamp("2024-01-01", tz="UTC")
    for pair in ("BTC/USDT", "ETH/USDT"):
        for number in range(3):  # test parts with holes between them; the last bar's return is not known
            position = np.repeat(rng.choice([-1.0, -0.5, 0.0, 0.3, 1.0], 30), rng.integers(1, 4, 30))
            close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, position.size)))
            following = np.append(close[1:] / close[:-1] - 1.0, np.nan)
            gross, net = net_returns(position, following, 7.0)
            start = begin + pd.Timedelta(days=100 * number)
            table = _table(position.tolist(), net.tolist(), pair=pair, start=str(start.date()))
            parts.append(table.assign(return_gross=gross, fold=number))
            made = simulate.trades_from_positions(np.arange(position.size), position, close, 7.0)
            told += [
                one.profit for one in made if one.entry_time < position.size - 1 and one.exit_time < position.size - 1
            ]
    every = pd.concat(parts, ignore_index=True)
    trades = metrics.trades_from_positions(every)
    assert trades["return_net"].sum() == pytest.approx(every["return_net"].sum())
    own = np.sort(trades["return_net"].to_numpy())
    for profit in told:
        assert np.abs(own - profit).min() < 1e-12


def test_a_hole_between_test_parts_ends_a_trade_even_when_both_sides_of_it_are_held() -> None:
    one, two = _table([1.0, 1.0, 1.0], [0.01, 0.0, 0.01]), _table([1.0, 1.0, 0.0], [-0.05, 0.0, 0.0])
    later = two.assign(fold=1, time=two["time"] + pd.Timedelta(days=60))
    trades = metrics.trades_from_positions(pd.concat([one, later], ignore_index=True))
    assert trades["bars"].tolist() == [3, 2]
    assert trades["return_net"].to_numpy() == pytest.approx([0.02, -0.05])
    assert metrics.summary(pd.concat([one, later], ignore_index=True))["n_trades"] == 2


def test_a_trade_goes_on_into_an_adjoining_test_part() -> None:
    table = _table([1.0] * 6, [0.01] * 6)
    trades = metrics.trades_from_positions(table.assign(fold=[0, 0, 0, 1, 1, 1]))
    assert trades["bars"].tolist() == [6]


def _traded(
    position: list[float], moves: list[float], *, pair: str = "BTC/USDT", cost_bps: float = 10.0
) -> pd.DataFrame:
    """Return a table whose returns pay `cost_bps` for each change of position, flat before its first row."""
    gross, net = net_returns(np.asarray(position, dtype=float), np.asarray(moves, dtype=float), cost_bps)
    return _table(position, net.tolist(), pair=pair).assign(return_gross=gross)


def test_a_trade_pays_for_being_entered_and_for_being_left() -> None:
    (entered, turned) = metrics.trades_from_positions(
        _traded([0.0, 1.0, 1.0, -1.0, 0.0, 0.0], [0.02, 0.01, 0.01, -0.03, 0.05, 0.05])
    )["return_net"]
    assert entered == pytest.approx(0.02 - 0.001 - 0.001)
    assert turned == pytest.approx(0.03 - 0.001 - 0.001)


def test_the_cost_of_a_turn_is_split_by_the_sizes_of_both_sides_and_resizing_is_paid_by_the_trade_itself() -> None:
    profits = metrics.trades_from_positions(_traded([0.5, 1.0, -0.25, -0.25, 0.0], [0.0] * 5))["return_net"].to_numpy()
    assert profits == pytest.approx([-(0.5 + 0.5 + 1.0) * 1e-3, -(0.25 + 0.25) * 1e-3])


def test_a_gain_that_only_just_misses_the_cost_of_leaving_is_no_win() -> None:
    table = _traded([1.0, 1.0, 0.0, 0.0], [0.0, 0.0015, 0.0, 0.0])
    assert metrics.summary(table)["hit_rate"] == 0.0
    assert metrics.trades_from_positions(table)["return_net"].tolist() == pytest.approx([-0.0005])


@pytest.mark.parametrize("seed", range(20))
def test_trades_add_up_to_all_net_returns_over_turns_holes_pairs_and_an_open_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for pair in ("BTC/USDT", "ETH/USDT", "SOL/USDT"):
        for start in (0, 400):
            position = rng.choice([-1.0, -0.4, 0.0, 0.0, 0.7, 1.0], 60)
            part = _traded(position.tolist(), rng.normal(0.0, 0.01, 60).tolist(), pair=pair)
            parts.append(part.assign(fold=start, time=part["time"] + start * pd.Timedelta(hours=8)))
    table = pd.concat(parts, ignore_index=True)
    # The market ends: the return of its last bar is not known.
    table.loc[table["time"] == table["time"].max(), ["return_gross", "return_net"]] = np.nan
    trades = metrics.trades_from_positions(table.sample(frac=1.0, random_state=seed))
    assert trades["return_net"].sum() == pytest.approx(table["return_net"].sum(), abs=1e-12)
    assert trades.groupby("pair")["return_net"].sum().to_numpy() == pytest.approx(
        table.groupby("pair")["return_net"].sum().to_numpy(), abs=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_trades_are_those_of_the_simulator(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position = rng.choice([-1.0, -0.4, 0.0, 0.0, 0.7, 1.0], 80)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 80)))
    ahead = np.append(close[1:] / close[:-1] - 1.0, 0.0)
    ours = metrics.trades_from_positions(_traded(position.tolist(), ahead.tolist(), cost_bps=7.0))
    theirs = simulate.trades_from_positions(np.arange(80) * 28_800_000, position, close, 7.0)
    assert ours["side"].tolist() == [trade.side for trade in theirs]
    assert ours["return_net"].to_numpy() == pytest.approx([trade.profit for trade in theirs], abs=1e-12)


def test_a_position_that_is_not_known_is_no_trade() -> None:
    table = _traded([1.0, 1.0, 0.0, 0.0], [0.01, 0.01, 0.0, 0.0])
    table.loc[2, ["position", "return_gross", "return_net"]] = np.nan
    assert metrics.trades_from_positions(table)["bars"].tolist() == [2]


def test_the_summary_of_a_strategy_that_never_trades_is_zero_not_undefined() -> None:
    summary = metrics.summary(_table([0.0] * 6, [0.0] * 6))
    assert (summary["n_trades"], summary["sharpe"], summary["hit_rate"], summary["total_return"]) == (0, 0.0, 0.0, 0.0)
    assert summary["auc"] == 1.0
    assert summary["information_coefficient"] == pytest.approx(1.0)
    assert metrics.out_of_sample(_table([0.0] * 6, [0.0] * 6)).folds == 1


def test_rows_without_a_label_do_not_enter_the_scores() -> None:
    table = _table([0.0] * 6, [0.0] * 6)
    table.loc[5, ["label", "forward_return"]] = np.nan
    p, y = scores.events(table)
    assert p.size == y.size == 5
    assert scores.skill(table)["n"] == 5


def test_the_area_under_the_curve_counts_ties_half_and_needs_two_classes() -> None:
    assert scores.auc(np.array([0.2, 0.2, 0.2, 0.2]), np.array([0.0, 1.0, 0.0, 1.0])) == 0.5
    assert scores.auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])) == 0.75
    assert math.isnan(scores.auc(np.array([0.1, 0.2]), np.array([1.0, 1.0])))


def test_the_base_rate_is_the_accuracy_of_no_skill() -> None:
    assert scores.base_rate(np.array([0.0, 1.0, 1.0, 2.0, np.nan])) == 0.5


def test_precision_and_recall_of_calls_at_the_cut() -> None:
    p, y = np.array([0.9, 0.7, 0.6, 0.2]), np.array([1.0, 0.0, 1.0, 1.0])
    assert scores.precision_recall_f1(p, y, cut=0.7) == pytest.approx((0.5, 1 / 3, 0.4))


def test_the_brier_parts_add_up() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(500)
    parts = scores.brier_decomposition(p, (rng.random(500) < p).astype(float))
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within == pytest.approx(parts.score)


def test_an_overconfident_forecast_has_a_slope_below_one() -> None:
    rng = np.random.default_rng(1)
    truth = 1.0 / (1.0 + np.exp(-rng.standard_normal(20_000)))
    y = (rng.random(20_000) < truth).astype(float)
    stretched = 1.0 / (1.0 + np.exp(-2.0 * scores.logit(truth)))
    assert scores.calibration_slope(truth, y).slope == pytest.approx(1.0, abs=0.05)
    assert scores.calibration_slope(stretched, y).slope == pytest.approx(0.5, abs=0.03)
    assert math.isnan(scores.calibration_slope(np.full(10, 0.4), y[:10]).slope)
