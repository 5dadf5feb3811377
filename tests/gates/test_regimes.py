"""What earns in one regime only is refused, however few days show it; what earns in all of them passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.corpus import evidence_faults_of_trading as faults
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check
from crypto_team.gates.terciles import trend_regimes, volatility_regimes

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def weak() -> Study:
    """Return a study whose edge is too weak to be proven on a third of its days."""
    return study(Design(pairs=2, trials=1, edge=0.12), 5)


@pytest.fixture(scope="module")
def plain(weak: Study, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case_from_folder(weak.parts.write(tmp_path_factory.mktemp("plain")))


def test_work_that_earns_everywhere_passes_with_the_gains_of_each_regime(plain: Case) -> None:
    result = run_check("PF007", plain)
    assert result.outcome == "passed"
    for name in ("low volatility", "high volatility", "falling market", "rising market"):
        assert name in result.explanation


@pytest.mark.parametrize(("fault", "regime"), [("one_regime", "high volatility"), ("one_trend", "rising market")])
def test_positions_in_one_regime_only_are_refused_without_waiting_for_chance(
    weak: Study, tmp_path: Path, fault: str, regime: str
) -> None:
    result = run_check("PF007", case_from_folder(getattr(faults, fault)(weak, RNG).write(tmp_path)))
    assert result.outcome == "refused"
    assert f"({regime}), the limit is 60%: 100% of the positions are held there" in result.explanation


def test_a_trickle_of_trades_elsewhere_does_not_hide_it(weak: Study, tmp_path: Path) -> None:
    parts = faults.one_regime(weak, RNG)
    before = weak.parts.tables["predictions"]
    now = parts.tables["predictions"].sort_index()
    trickle = np.random.default_rng(1).random(len(now)) < 0.05
    position = now["position"].where(~trickle, before.sort_index()["position"])
    made = faults.with_positions(weak, before, position)
    assert run_check("PF007", case_from_folder(made.write(tmp_path))).outcome == "refused"


def test_what_surely_earns_most_in_one_regime_is_refused_though_it_trades_in_all(plain: Case) -> None:
    assert plain.returns is not None
    assert plain.market is not None
    table = plain.returns.predictions.copy()
    daily, regime = volatility_regimes(plain.returns, plain.market)
    days = np.unique(table.loc[table["part"] == "test", "time"].dt.floor("D"))
    wild = set(days[regime == 2])
    there = table["time"].dt.floor("D").isin(wild)
    table["return_net"] = table["return_net"].abs().where(there, table["return_net"] * 0.1)
    concentrated = replace(plain)
    object.__setattr__(concentrated, "returns", replace(plain.returns, predictions=table))
    result = run_check("PF007", concentrated)
    assert result.outcome == "refused"
    assert "surely above the limit of 60%" in result.explanation
    assert daily.size == regime.size


def test_a_regime_is_known_before_the_day_that_it_names(plain: Case) -> None:
    """Another price on the last day changes nothing but what comes after it."""
    assert plain.returns is not None
    assert plain.market is not None
    moved = plain.market.copy()
    last = moved["time"].dt.floor("D") == moved["time"].max().floor("D")
    moved.loc[last, "close"] *= 1.5
    assert np.array_equal(trend_regimes(plain.returns, moved), trend_regimes(plain.returns, plain.market))
    same = volatility_regimes(plain.returns, plain.market)[1]
    assert np.array_equal(volatility_regimes(plain.returns, moved)[1], same)


def test_two_months_that_cannot_tell_are_too_early_not_lost(
    weak: Study, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Positions turned round every other day have no skill; on 60 days that is no verdict, on 126 it is."""
    table = weak.parts.tables["predictions"]
    first = table.loc[table["part"] == "test", "time"].min()
    even = (table["time"] - first).dt.days % 2 == 0
    long = faults.with_positions(weak, table, table["position"].where(even, -table["position"]))
    made = long.tables["predictions"]
    short = long.with_table(
        "predictions", made[(made["part"] != "test") | (made["time"] < first + pd.Timedelta("60D"))]
    )
    for parts, outcome in ((short, "not_enough_evidence"), (long, "refused")):
        case = case_from_folder(parts.write(tmp_path_factory.mktemp("case")))
        for code in ("PF001", "PF010"):
            result = run_check(code, case)
            assert result.outcome == outcome
            assert ("cannot tell, 90 are needed" in result.explanation) == (parts is short)
