from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.features.sets import SETS
from crypto_team.roles import feature_tools
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import TOOLS, call
from crypto_team.tools.session import Session

assert feature_tools


def _call(name: str, **arguments: Any) -> Outcome:
    return call(TOOLS[f"features.{name}"], Session(folder=Path(), role="critic"), arguments)


def test_sets_are_listed_and_shown_with_their_look_backs() -> None:
    listed = _call("sets").data
    assert {row["set"] for row in listed} == set(SETS)
    shown = _call("sets", set="standard").data
    assert [row["name"] for row in shown] == [item.name for item in SETS["standard"]]
    assert all(row["lookback"] >= 0 and row["formula"] for row in shown)
    assert "did you mean standard" in str(_call("sets", set="standart").findings)


def test_an_operator_is_described_in_full() -> None:
    assert "Generalised Hurst exponent" in _call("list", operator="hurst").data
    assert "did you mean hurst" in str(_call("list", operator="hurts").findings)
    assert {row["name"] for row in _call("list", search="entropy").data} >= {"entropy", "perm_entropy"}


def test_the_speed_is_measured_over_the_history_and_bar_by_bar() -> None:
    reports: list[float] = []
    session = Session(folder=Path(), role="critic", progress=lambda share, text: reports.append(share))
    made = call(TOOLS["features.bench"], session, {"bars": 2_000, "repeats": 2})
    assert made.ok
    figures = {row["figure"]: row["value"] for row in made.data}
    assert figures["update per bar, 99th percentile microseconds"] > 0
    assert reports == sorted(reports)


@pytest.mark.parametrize("arguments", [{"bars": 10}, {"repeats": 0}])
def test_a_measurement_without_bars_or_repeats_is_a_usage_error(arguments: dict[str, int]) -> None:
    made = _call("bench", **arguments)
    assert not made.ok
    assert made.exit_code == 2


@pytest.mark.parametrize("name", ["cross_asset", "flow", "temporal", "microstructure_84"])
def test_a_set_that_needs_more_than_candles_is_not_measured_and_others_are_offered(name: str) -> None:
    made = _call("bench", set=name)
    assert made.exit_code == 2
    assert "standard" in str(made.findings[0].hint)


def test_an_operator_is_found_however_its_name_is_written() -> None:
    assert _call("list", operator="RSI").data == _call("list", operator="rsi").data


def test_a_formula_on_other_pairs_says_where_it_can_be_tried(tmp_path: Path) -> None:
    for formula in ('of("ETH/USDT", close)', "funding()", 'on("4h", zscore(funding(), 20))'):
        made = _call("test", formula=formula, data=_candles(tmp_path))
        assert made.exit_code == 2
        assert "test-feature" in str(made.findings[0].hint)


def test_warming_says_where_the_compiled_code_lies() -> None:
    made = _call("warm")
    assert made.ok
    assert made.path is not None
    assert Path(made.path).is_dir()


def _candles(folder: Path, bars: int = 1_500) -> Path:
    path = folder / "bars.parquet"
    planted_market(seed=3, bars=bars, timeframe="1h", oracle_sharpe=2.0).frame.to_parquet(path)
    return path


def test_a_formula_is_tried_over_the_history_cut_off_and_live(tmp_path: Path) -> None:
    made = _call(
        "test", formula='on("4h", zscore(rsi(close, {7, 14}), 20)) - hurst(close, 64)', data=_candles(tmp_path)
    )
    assert made.ok
    assert [row["lookback"] for row in made.data] == sorted(row["lookback"] for row in made.data)
    for row in made.data:
        assert row["causal"]
        assert row["live_equal"]
        assert row["lookback_enough"]
        assert 0.3 < row["known"] < 1.0
        assert abs(row["rank_ic"]) < 1.0


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("close[1]", "lag"),
        ("funding()", "needs more than the bars of its own pair"),
        ("hmm(ret(close, 1))", "fitted in every fold"),
        ("trades_ratio(20)", "the candles have no column trades"),
        ("sma(close, 701)", "needs 701 bars, there are 700"),
    ],
)
def test_a_formula_that_cannot_be_tried_on_one_file_is_refused(tmp_path: Path, formula: str, words: str) -> None:
    made = _call("test", formula=formula, data=_candles(tmp_path, 700))
    assert not made.ok
    assert words in str(made.findings)


def test_candles_with_a_gap_are_refused_with_the_row(tmp_path: Path) -> None:
    path = _candles(tmp_path, 700)
    frame = pd.read_parquet(path)
    frame.drop(index=frame.index[200]).to_parquet(path)
    made = _call("test", formula="rsi(close, 14)", data=path)
    assert "1 gap(s), the first behind row 199" in str(made.findings)
