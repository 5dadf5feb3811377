"""Delay, shuffled labels, exposure, Kelly, drawdown, regimes and beta are judged on recomputed returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.corpus import evidence_faults_of_hindsight
from crypto_team.gates.corpus.evidence_bad import bad
from crypto_team.gates.corpus.evidence_honest import honest
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check
from crypto_team.schemas.ml_spec import Market, MlSpec, Risk

PAIRS = ["COIN0/USDT", "COIN1/USDT", "COIN2/USDT"]


def with_risk(case: Case, **risk: float) -> Case:
    market = Market(exchange="binance", pairs=PAIRS, timeframe="1h")
    limits = Risk.model_validate({"max_open_positions": 3, **risk})
    return replace(case, spec=MlSpec(strategy_id="STR-001", strategy_name="a", market=market, risk=limits))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return with_risk(case_from_folder(honest("plain", 1).write(tmp_path_factory.mktemp("good"))))


@pytest.fixture(scope="module")
def beta(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return with_risk(case_from_folder(bad("only_beta", 1).write(tmp_path_factory.mktemp("beta"))))


CODES = ("LK009", "OF012", "PF007", "PF010", "PF011", "PF012", "PF014", "RK004", "RK006", "RK007", "RK009")


@pytest.mark.parametrize("code", CODES)
def test_honest_work_passes(good: Case, code: str) -> None:
    result = run_check(code, good)
    assert result.outcome == "passed", result.explanation


def test_holding_the_market_is_no_alpha(beta: Case) -> None:
    assert run_check("PF010", beta).outcome != "passed"
    assert run_check("RK007", beta).outcome == "refused"


def test_noise_is_not_better_than_with_shuffled_labels(beta: Case) -> None:
    result = run_check("OF012", beta)
    assert result.outcome == "refused"
    assert result.value is not None
    assert result.value >= 0.05


def test_positions_that_know_the_next_bar_alone_do_not_survive_delay(tmp_path: Path) -> None:
    """Half of the positions are the sign of the next return: a bar later hardly anything is left."""
    honest_one = run_check("LK009", case_from_folder(honest("plain", 1).write(tmp_path / "a")))
    leaking = run_check("LK009", case_from_folder(bad("peeking_positions", 1).write(tmp_path / "b")))
    assert leaking.outcome == "refused"
    assert honest_one.value is not None
    assert leaking.value is not None
    assert leaking.value < honest_one.value / 4


def test_sources_of_the_next_bar_are_refused_for_what_they_earn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five features know a little of the next bar: more than a tenth is left, but little beside such a Sharpe ratio."""
    monkeypatch.setattr(evidence_faults_of_hindsight, "NEXT_BAR", 0.1)
    case = case_from_folder(bad("sources_of_next_bar", 1).write(tmp_path))
    result = run_check("LK009", case)
    assert result.outcome == "refused"
    assert "surely above 4" in result.explanation
    assert result.value is not None
    assert 0.1 < result.value < 0.375
    # With costs that eat the gain nothing is implausible, and a tenth is enough.
    assert case.meta is not None
    dear = replace(case, meta=case.meta.model_copy(update={"cost_bps_per_side": 40.0}))
    assert run_check("LK009", dear).outcome == "passed"


@pytest.mark.parametrize(
    ("code", "risk"),
    [
        ("RK004", {"position_fraction": 0.3}),
        ("RK006", {"position_fraction": 0.3, "stop_loss_fraction": 0.25}),
    ],
)
def test_limits_refuse_what_stakes_too_much(good: Case, code: str, risk: dict[str, float]) -> None:
    assert run_check(code, with_risk(good, **risk)).outcome == "refused"


def test_a_fading_strategy_is_refused(good: Case) -> None:
    assert good.returns is not None
    table = good.returns.predictions.copy()
    times = table["time"]
    late = times > times.quantile(0.75)
    table.loc[late, "return_net"] = -np.abs(table.loc[late, "return_net"]) / 4
    fading = replace(good)
    object.__setattr__(fading, "returns", replace(good.returns, predictions=table))
    assert run_check("PF011", fading).outcome == "refused"


def test_orders_larger_than_the_bar_are_refused_with_the_capacity(good: Case) -> None:
    result = run_check("PF012", good, {"participation": 0.02, "account": 100_000_000})
    assert result.outcome == "refused"
    assert "could hold about" in result.explanation


def test_a_test_before_the_cutoff_is_marked_and_refused_where_the_policy_demands(good: Case) -> None:
    assert "may have been read" in run_check("LK011", good).explanation
    assert run_check("LK011", good, {"share": 0.5, "cutoff": 202_501}).outcome == "refused"
