from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crypto_team.features.proof import random_bars
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


def test_warming_says_where_the_compiled_code_lies() -> None:
    made = _call("warm")
    assert made.ok
    assert made.path is not None
    assert Path(made.path).is_dir()


def test_a_set_is_proved_and_what_reads_other_sources_is_left_out_by_name() -> None:
    made = _call("test", set="temporal", formula=["rsi(close, {7, 14})"], bars=3_000)
    assert made.ok, made.data
    assert [row["formula"] for row in made.data][:2] == ["rsi(close, 7)", "rsi(close, 14)"]
    assert {row["verdict"] for row in made.data} == {"kept"}
    crossed = _call("test", set="flow", bars=3_000)
    assert crossed.ok
    assert {finding.code for finding in crossed.findings} == {"left-out"}


def test_formulas_are_proved_on_candles_from_a_file(tmp_path: Path) -> None:
    bars = random_bars(3_600_000, 1_200)
    frame = pd.DataFrame({"date": pd.to_datetime(bars.times, unit="ms", utc=True), **bars.columns})
    frame.to_csv(tmp_path / "x.csv", index=False)
    made = _call("test", formula=["atr(14)"], data=tmp_path / "x.csv")
    assert made.ok
    assert "1,200 bars of 1h" in made.summary


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "nothing to prove"),
        ({"formula": ["ret(close)"], "bars": 10}, "between 1,000"),
        ({"set": "microstructure_84"}, "reads more than the bars of one pair"),
        ({"formula": ["of('ETH/USD', ret(close))"]}, "ETH/USD"),
        ({"formula": ["ret(close)"], "data": Path("missing.csv")}, "no such file"),
    ],
)
def test_what_cannot_be_proved_is_refused_with_its_reason(arguments: dict[str, Any], said: str) -> None:
    made = _call("test", **arguments)
    assert not made.ok
    assert said in str(made.findings)
