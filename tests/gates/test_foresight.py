"""Positions that know what their forecasts do not are told from rules that know the past, by the tails of the moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.corpus import evidence_faults_of_trading as faults
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.foresight import Foresight, foresight
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def done() -> Study:
    return study(Design(pairs=2, trials=1), 8)


def seen(case: Case) -> dict[str, Foresight]:
    assert case.returns is not None
    assert case.market is not None
    assert case.meta is not None
    return {each.scale: each for each in foresight(case.returns, case.market, case.meta)}


def volatility_target(study_: Study, _rng: np.random.Generator) -> EvidenceParts:
    """Size every position by the deviation of the returns before it."""
    table = study_.parts.tables["predictions"]
    market = study_.parts.tables["market"].sort_values(["pair", "time"])
    moves = market.groupby("pair")["close"].pct_change()
    spread = moves.groupby(market["pair"]).transform(lambda each: each.rolling(48, min_periods=5).std())
    keyed = pd.Series((spread.median() / spread).clip(0.2, 1.0).to_numpy(), market.set_index(["pair", "time"]).index)
    size = keyed.reindex(pd.MultiIndex.from_frame(table[["pair", "time"]])).fillna(1.0).to_numpy()
    return faults.with_positions(study_, table, table["position"] * size)


def stop_after_losses(study_: Study, _rng: np.random.Generator) -> EvidenceParts:
    """Hold nothing in the three bars after a great loss."""
    table = study_.parts.tables["predictions"].sort_values(["pair", "fold", "part", "time"])
    lost = table["return_gross"].fillna(0.0) < -1.5 * study_.design.volatility
    recent = sum(
        lost.groupby([table["pair"], table["fold"], table["part"]]).shift(k, fill_value=False) for k in (1, 2, 3)
    )
    return faults.with_positions(study_, table, table["position"].where(recent == 0, 0.0))


@pytest.mark.parametrize("rule", [None, volatility_target, stop_after_losses])
def test_what_knows_the_past_shows_nothing(
    done: Study, tmp_path: Path, rule: Callable[[Study, np.random.Generator], EvidenceParts] | None
) -> None:
    case = case_from_folder((done.parts if rule is None else rule(done, RNG)).write(tmp_path))
    assert set(seen(case)) == {"bars", "days"}
    assert all(each.low < 0.1 for each in seen(case).values())
    assert run_check("LK006", case).outcome == "passed"


@pytest.mark.parametrize(("fault", "scale"), [("perfect_stop", "bars"), ("worst_days_off", "days")])
def test_what_leaves_out_what_comes_is_refused_with_the_figures(
    done: Study, tmp_path: Path, fault: str, scale: str
) -> None:
    case = case_from_folder(getattr(faults, fault)(done, RNG).write(tmp_path))
    assert seen(case)[scale].low > 0.5
    result = run_check("LK006", case)
    assert result.outcome == "refused"
    assert f"worst {scale} for it" in " ".join(result.evidence)


def test_too_few_rows_say_nothing(done: Study, tmp_path: Path) -> None:
    table = done.parts.tables["predictions"]
    test = table["part"] == "test"
    few = table[~test | (table["time"] < table.loc[test, "time"].min() + pd.Timedelta("2D"))]
    assert seen(case_from_folder(done.parts.with_table("predictions", few).write(tmp_path))) == {}
