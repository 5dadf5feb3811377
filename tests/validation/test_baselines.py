from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from crypto_team.validation.metrics import bar_returns, out_of_sample_rows, turnover
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import WalkForwardResult, run


@pytest.fixture(scope="module")
def result(panel_of: Callable[..., Panel], settings_of: Callable[..., WalkForwardSettings]) -> WalkForwardResult:
    return run(panel_of(edge=0.3), settings_of())


def _named(result: WalkForwardResult, name: str) -> pd.DataFrame:
    table = result.baselines
    return table[table["name"] == name].set_index("time")


def test_buy_and_hold_earns_the_mean_return_of_the_pairs_after_one_entry(
    result: WalkForwardResult, panel_of: Callable[..., Panel]
) -> None:
    panel = panel_of(edge=0.3)
    times = out_of_sample_rows(result.predictions)["time"].drop_duplicates().sort_values()
    first = int(np.searchsorted(panel.time[panel.pair_index == 0], times.iloc[0].value // 1_000_000))
    market = panel.next_return.reshape(2, -1)[:, first : first + len(times)].mean(axis=0)
    held = _named(result, "buy_and_hold")["return_net"].to_numpy()
    assert held[0] == pytest.approx(market[0] - 7e-4)
    assert held[1:-1] == pytest.approx(market[1:-1])


def test_random_has_the_exposure_of_the_strategy_but_not_its_timing(result: WalkForwardResult) -> None:
    test = out_of_sample_rows(result.predictions)
    random = _named(result, "random")
    assert random["position_mean"].mean() == pytest.approx(test["position"].mean(), abs=1e-9)
    ours = bar_returns(result.predictions)
    assert ours.mean() > random["return_net"].mean()
    gross = test.groupby("time")["return_gross"].mean()
    costs = np.mean([turnover(rows["position"].to_numpy()) for _, rows in test.groupby("pair")]) * 7e-4
    assert random["return_net"].mean() == pytest.approx(-costs, abs=3 * gross.std() / np.sqrt(len(gross)))


def test_rule_based_baselines_take_the_sides_that_the_strategy_may_take(result: WalkForwardResult) -> None:
    for name in ("ma_cross", "previous_sign"):
        held = _named(result, name)["position_mean"]
        assert set(np.unique(held)) <= {-1.0, 0.0, 1.0}
        assert held.min() < 0.0 < held.max()
