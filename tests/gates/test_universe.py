"""One asset under several names is told; pairs that merely move together are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.corpus.evidence_faults_of_rows import same_asset_again
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check
from crypto_team.gates.universe import _copies


@pytest.fixture(scope="module")
def done() -> Study:
    return study(Design(trials=1), 6)


def test_copies_of_a_pair_are_named_and_refused(done: Study, tmp_path: Path) -> None:
    result = run_check("DQ005", case_from_folder(same_asset_again(done, np.random.default_rng(1)).write(tmp_path)))
    assert result.outcome == "refused"
    assert result.value == 3.0
    assert "one asset counts once" in result.explanation


def test_pairs_of_one_market_are_no_copies(done: Study, tmp_path: Path) -> None:
    assert run_check("DQ005", case_from_folder(done.parts.write(tmp_path))).outcome == "passed"


def market(noise: float, bars: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    moves = 0.005 * rng.standard_normal(bars)
    times = pd.date_range("2024-01-01", periods=bars, freq="1h", tz="UTC")
    pairs = {"ONE/USDT": moves, "ONE/USDC": moves + noise * 0.005 * rng.standard_normal(bars)}
    tables = [
        pd.DataFrame({"time": times, "pair": pair, "close": 100.0 * np.exp(np.cumsum(each))})
        for pair, each in pairs.items()
    ]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize(("noise", "copies"), [(0.0, 1), (0.03, 1), (0.2, 0)])
def test_another_quote_is_a_copy_and_a_coin_of_the_same_kind_is_not(noise: float, copies: int) -> None:
    assert len(_copies(market(noise))) == copies


def test_few_common_bars_and_standing_prices_say_nothing() -> None:
    assert _copies(market(0.0, bars=50)) == []
    still = market(0.0)
    assert _copies(still.assign(close=1.0)) == []
    assert _copies(still[still["pair"] == "ONE/USDT"]) == []
