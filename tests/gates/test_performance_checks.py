"""Performance is recomputed from probabilities and prices; the backtest from its trades and equity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.naive import naive_daily
from crypto_team.gates.registry import run_check
from crypto_team.schemas.reviews import LookaheadFinding

CODES = ("PF001", "PF002", "PF003", "PF004", "PF005", "PF006", "PF008", "PF009", "PF013")


@pytest.mark.parametrize("code", CODES)
def test_an_honest_edge_passes(honest: Case, code: str) -> None:
    result = run_check(code, honest)
    assert result.outcome == "passed", result.explanation


def test_recomputed_returns_are_those_of_the_pipeline(honest: Case) -> None:
    assert honest.predictions is not None
    assert honest.returns is not None
    for column in ("signal", "position", "return_gross", "return_net"):
        stored, ours = honest.predictions[column].to_numpy(), honest.returns.predictions[column].to_numpy()
        np.testing.assert_allclose(ours, stored, rtol=0, atol=1e-12)


def test_claimed_returns_are_never_read(honest: Case) -> None:
    assert honest.predictions is not None
    flattered = honest.predictions.assign(return_net=0.01, return_gross=0.01, position=1.0)
    assert run_check("PF002", replace(honest, predictions=flattered)).value == run_check("PF002", honest).value


def expensive(case: Case) -> Case:
    assert case.meta is not None
    return replace(case, meta=case.meta.model_copy(update={"cost_bps_per_side": 40.0}))


def one_great_day(case: Case) -> Case:
    """Trade at random, but sit on the one day on which the market doubled."""
    assert case.predictions is not None
    assert case.market is not None
    rng = np.random.default_rng(4)
    frame = case.predictions.assign(p_1=rng.uniform(0.35, 0.65, len(case.predictions)))
    test = frame[frame["part"] == "test"]
    start = test["time"].iloc[500]
    frame.loc[(frame["time"] >= start) & (frame["time"] < start + pd.Timedelta(hours=24)), "p_1"] = 0.9
    market = case.market.copy()
    market.loc[market["time"] > start + pd.Timedelta(hours=12), ["close"]] *= 3.0
    return replace(case, predictions=frame.assign(p_0=1 - frame["p_1"]), market=market)


def always_wrong(case: Case) -> Case:
    """Turn the signal round: the small stakes of the account still hide it."""
    assert case.predictions is not None
    frame = case.predictions
    return replace(case, predictions=frame.assign(p_1=frame["p_0"], p_0=frame["p_1"]))


def at_other_times(case: Case) -> Case:
    """Say the same things, two fifths of the way further along the circle of bars."""
    assert case.predictions is not None
    frame = case.predictions.sort_values(["part", "pair", "time"], ignore_index=True)
    test = frame["part"] == "test"
    for column in ("p_0", "p_1"):
        said = frame[test].groupby("pair")[column]
        frame.loc[test, column] = said.transform(lambda one: np.roll(one.to_numpy(), int(0.4 * one.size)))
    return replace(case, predictions=frame)


def never_trades(case: Case) -> Case:
    assert case.predictions is not None
    return replace(case, predictions=case.predictions.assign(p_1=0.5, p_0=0.5))


def strong_baseline(name: str) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.baselines is not None
        frame = case.baselines.copy()
        frame.loc[frame["name"] == name, "return_net"] = np.abs(frame.loc[frame["name"] == name, "return_net"])
        return replace(case, baselines=frame)

    return change


def backtest(**changes: object) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.backtest is not None
        return replace(case, backtest=case.backtest.model_copy(update=changes))

    return change


def looked(verdict: str, explanation: str = "") -> LookaheadFinding:
    return LookaheadFinding.model_validate(
        {
            "has_bias": verdict == "biased",
            "total_signals": 0,
            "biased_entry_signals": 0,
            "biased_exit_signals": 0,
            "biased_indicators": ["x"] if verdict == "biased" else [],
            "verdict": verdict,
            "explanation": explanation,
        }
    )


def trades(profit: list[float]) -> Callable[[Case], Case]:
    return lambda case: replace(case, backtest_trades=pd.DataFrame({"profit_abs": profit}))


def equity(values: list[float]) -> Callable[[Case], Case]:
    return lambda case: replace(case, backtest_equity=pd.DataFrame({"equity": values}))


def test_random_strategies_are_compared_with_one_by_one(honest: Case) -> None:
    strict, middling = (run_check("PF001", honest, {"share": share}) for share in (0.95, 0.5))
    assert "95% of 100 at other times" in strict.explanation
    assert strict.value is not None
    assert middling.value is not None
    assert strict.value <= middling.value


@pytest.mark.parametrize("name", ["random", "ma_cross", "previous_sign"])
def test_stored_baselines_are_not_what_is_compared_with(honest: Case, name: str) -> None:
    assert run_check("PF001", strong_baseline(name)(honest)) == run_check("PF001", honest)


def test_recomputed_baselines_are_those_of_the_pipeline(honest: Case) -> None:
    assert honest.returns is not None
    assert honest.market is not None
    assert honest.meta is not None
    assert honest.baselines is not None
    found = naive_daily(honest.returns, honest.market, honest.meta)
    for name in ("buy_and_hold", "ma_cross"):
        stored = honest.baselines[honest.baselines["name"] == name]
        assert found[name][1].sum() == pytest.approx(stored["return_net"].sum(), abs=5e-3)


@pytest.mark.parametrize(
    ("code", "tamper", "outcome"),
    [
        ("PF001", always_wrong, "refused"),
        ("PF001", at_other_times, "refused"),
        ("PF001", strong_baseline("buy_and_hold"), "refused"),
        ("PF001", lambda c: replace(c, baselines=c.baselines.iloc[:0]), "refused"),
        ("PF002", expensive, "refused"),
        ("PF002", never_trades, "not_enough_evidence"),
        ("PF003", equity([100.0, 120.0, 100.0]), "refused"),
        ("PF003", equity([100.0, 120.0, 103.0]), "passed"),
        ("PF003", equity([100.0]), "not_enough_evidence"),
        ("PF003", always_wrong, "refused"),
        ("PF004", trades([1.0] * 99), "not_enough_evidence"),
        ("PF005", trades([1.0, -1.0]), "refused"),
        ("PF005", trades([1.4, -1.0]), "passed"),
        ("PF005", trades([1.0]), "not_enough_evidence"),
        ("PF005", trades([1.2, -1.0] * 2000), "passed"),
        ("PF005", trades([1.2, -1.0] * 200), "refused"),
        ("PF006", expensive, "refused"),
        ("PF006", never_trades, "not_enough_evidence"),
        ("PF008", one_great_day, "refused"),
        ("PF009", expensive, "refused"),
        ("PF009", never_trades, "not_enough_evidence"),
        ("PF013", backtest(signal_agreement=0.999), "refused"),
        ("PF013", backtest(open_trades_left=1), "refused"),
        ("PF013", backtest(lookahead=looked("biased")), "refused"),
        ("PF013", backtest(lookahead=None), "not_enough_evidence"),
        ("PF013", backtest(lookahead=looked("no_verdict")), "not_enough_evidence"),
        ("PF013", backtest(lookahead=looked("no_verdict", "fewer than ten signals in the span")), "passed"),
        ("PF013", backtest(candles_compared=0), "not_enough_evidence"),
    ],
)
def test_weak_or_forged_performance_does_not_pass(
    honest: Case, code: str, tamper: Callable[[Case], Case], outcome: str
) -> None:
    result = run_check(code, tamper(honest))
    assert result.outcome == outcome, result.explanation


def test_costs_at_a_multiple_scale_with_turnover(honest: Case) -> None:
    assert honest.returns is not None
    once, twice = (honest.returns.at_cost(level).test["return_net"].to_numpy() for level in (1.0, 2.0))
    cost = honest.returns.turnover * honest.returns.cost_bps_per_side / 1e4
    known = np.isfinite(once)
    np.testing.assert_allclose((once - twice)[known], cost[known], atol=1e-15)
