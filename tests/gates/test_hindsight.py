"""What was changed when the future was known is told from rules that know the past."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.corpus import evidence_faults_of_hindsight as faults
from crypto_team.gates.corpus.evidence_faults_of_trading import with_positions
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check
from crypto_team.schemas.gate import CheckResult

CODES = ("LK012", "LK013", "LK014")
Rule = Callable[[Study, np.random.Generator], EvidenceParts]


@pytest.fixture(scope="module")
def done() -> Study:
    return study(Design(pairs=4, trials=1), 8)


def judged(parts: EvidenceParts, folder: Path, codes: tuple[str, ...] = CODES) -> dict[str, CheckResult]:
    case = case_from_folder(parts.write(folder))
    return {code: run_check(code, case) for code in codes}


def as_it_is(done: Study, _rng: np.random.Generator) -> EvidenceParts:
    return done.parts


def after_losses(done: Study, _rng: np.random.Generator) -> EvidenceParts:
    """Hold nothing for three bars after a loss."""
    table = done.parts.tables["predictions"].sort_values(["pair", "fold", "part", "time"])
    lost = table["return_gross"].fillna(0.0) < -1.5 * done.design.volatility
    groups = [table["pair"], table["fold"], table["part"]]
    recent = sum(lost.groupby(groups).shift(k, fill_value=False).astype(int) for k in (1, 2, 3))
    return with_positions(done, table, table["position"].where(recent == 0, 0.0))


def past_volatility(done: Study, _rng: np.random.Generator) -> EvidenceParts:
    """Size positions by the volatility of the day before."""
    table, market = done.parts.tables["predictions"], done.parts.tables["market"].sort_values(["pair", "time"])
    moves = market.groupby("pair")["close"].pct_change()
    spread = moves.groupby(market["pair"]).transform(lambda each: each.rolling(24, min_periods=5).std())
    keyed = pd.Series((spread.median() / spread).clip(0.2, 1.0).to_numpy(), market.set_index(["pair", "time"]).index)
    size = keyed.reindex(pd.MultiIndex.from_frame(table[["pair", "time"]])).fillna(1.0).to_numpy()
    return with_positions(done, table, table["position"] * size)


def coin(done: Study, rng: np.random.Generator) -> EvidenceParts:
    """Hold nothing in half of the bars, by a coin."""
    table = done.parts.tables["predictions"]
    return with_positions(done, table, table["position"].where(rng.random(len(table)) < 0.5, 0.0))


@pytest.mark.parametrize("rule", [as_it_is, after_losses, past_volatility, coin])
def test_rules_that_know_the_past_pass(done: Study, tmp_path: Path, rule: Rule) -> None:
    found = judged(rule(done, np.random.default_rng(5)), tmp_path)
    assert {code: each.outcome for code, each in found.items()} == dict.fromkeys(CODES, "passed"), found


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("LK012", faults.some_losers_off),
        ("LK013", faults.sizes_by_coming_volatility),
        ("LK014", faults.rare_rows_foreseen),
    ],
)
def test_hindsight_is_refused_by_the_check_that_looks_for_it(
    done: Study, tmp_path: Path, code: str, fault: Rule
) -> None:
    found = judged(fault(done, np.random.default_rng(6)), tmp_path)
    assert [name for name, each in found.items() if each.outcome == "refused"] == [code]
    value, threshold = found[code].value, found[code].threshold
    assert value is not None
    assert threshold is not None
    assert value > threshold


def test_positions_that_are_a_function_of_the_forecast_earn_nothing_beside_it(done: Study, tmp_path: Path) -> None:
    table = done.parts.tables["predictions"]
    always = with_positions(done, table, pd.Series(1.0, table.index))
    found = judged(always, tmp_path, ("LK012", "LK013"))
    assert found["LK012"].value == 0.0
    assert "function of the forecasts" in found["LK012"].explanation
    assert found["LK013"].outcome == "passed"


def always_long_but_where_it_lost(done: Study) -> pd.DataFrame:
    """Return forecasts with positions that are long, but for whole test parts of pairs that fell."""
    table = done.parts.tables["predictions"]
    fell = table["forward_return"].groupby([table["pair"], table["fold"], table["part"]]).transform("sum") < 0.0
    return table.assign(position=np.where(fell, 0.0, 1.0))


def test_what_was_left_out_is_told_where_nothing_differs_within_a_fold_and_pair(done: Study, tmp_path: Path) -> None:
    table = always_long_but_where_it_lost(done)
    found = judged(with_positions(done, table, table["position"]), tmp_path, ("LK012",))["LK012"]
    assert found.outcome == "refused"
    assert "whether forecasts are followed has correlation" in found.explanation
    assert "within a fold and pair, positions are a function of the forecasts" in found.explanation


def test_what_was_left_out_is_told_however_few_the_days_are(
    done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_team.gates.hindsight.FEWEST_DAYS", 10_000)
    table = always_long_but_where_it_lost(done)
    found = judged(with_positions(done, table, table["position"]), tmp_path, ("LK012",))["LK012"]
    assert found.outcome == "refused"
    assert "whether forecasts are followed has correlation" in found.explanation
    assert "days with a known next bar" in found.explanation


def test_a_few_days_are_not_enough_evidence(done: Study, tmp_path: Path) -> None:
    table = done.parts.tables["predictions"]
    few = table[
        (table["part"] != "test")
        | (table["time"] < table.loc[table["part"] == "test", "time"].min() + pd.Timedelta("6D"))
    ]
    found = judged(done.parts.with_table("predictions", few), tmp_path)
    assert found["LK012"].outcome == "not_enough_evidence"
    assert "days with a known next bar" in found["LK012"].explanation
    assert found["LK014"].outcome == "not_enough_evidence"
