"""`crypto-team features audit` as people call it: files in, a verdict per column out, exit codes, clear errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.cli.main import main
from crypto_team.gates.audit import suspicious_lines

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
import pandas as pd

def features(ohlcv, aux):
    made = pd.DataFrame(index=ohlcv.index)
    made["past"] = ohlcv["close"].pct_change(3)
    made["future"] = ohlcv["close"].shift(-2)
    made["btc"] = aux["btc"]["close"].reindex(ohlcv.index).pct_change()
    return made

def honest(ohlcv):
    return ohlcv[["close"]].rolling(5).mean()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with code, bars as CSV and as Parquet, and no workspace around."""
    rng = np.random.default_rng(2)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 400)))
    bars = pd.DataFrame({"date": pd.date_range("2025-01-01", periods=400, freq="1h", tz="UTC"), "open": close})
    bars = bars.assign(high=close * 1.01, low=close * 0.99, close=close, volume=1.0 + np.arange(400) % 7)
    bars.to_csv(tmp_path / "bars.csv", index=False)
    bars.to_parquet(tmp_path / "bars.parquet", index=False)
    bars.assign(close=close[::-1]).to_csv(tmp_path / "btc.csv", index=False)
    (tmp_path / "code.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["features", "audit", *arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_columns_that_look_ahead_are_named_with_probe_cut_row_and_value(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = _run(capsys, "code.py", "--data", "bars.csv", "--aux", "btc=btc.csv")
    rows = {row["column"]: row for row in answer["data"]}
    assert code == answer["exit_code"] == 1
    assert {name for name, row in rows.items() if row["causal"]} == {"past", "btc"}
    shown = rows["future"]
    assert shown["probe"] == "truncated"
    assert shown["row"] <= shown["cut"]
    close = pd.read_csv("bars.csv")["close"]
    assert shown["value"] == pytest.approx(close[shown["row"] + 2])
    assert shown["time"].startswith("2025-01-")
    assert any(item["line"] == 7 and "negative number" in item["message"] for item in answer["findings"])


def test_honest_code_leaves_with_zero(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = _run(capsys, "code.py:honest", "--data", "bars.parquet")
    assert code == 0
    assert [row["causal"] for row in answer["data"]] == [True]
    assert "no leak found" in answer["summary"]
    code, _ = _run(capsys, "code.py:honest", "--data", "bars.parquet", "--decision", "open")
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.py", "--data", "bars.csv"], "no such file"),
        (["code.py:nothing", "--data", "bars.csv"], "no function 'nothing'"),
        (["code.py", "--data", "none.csv"], "no such file"),
        (["code.py", "--data", "code.py"], "cannot read files ending in .py"),
        (["code.py", "--data", "bars.csv", "--aux", "btc.csv"], "does not name a frame"),
        (["code.py", "--data", "bars.csv"], "features reads frames that were not given: --aux btc=FILE"),
    ],
)
def test_bad_calls_get_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, answer = _run(capsys, *arguments)
    assert code == 2
    assert words in json.dumps(answer, ensure_ascii=False)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_column_without_a_known_number_is_not_proven_and_infinite_ones_are_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (
        "\ndef unknown(d):\n    made = d[['close']] / 0.0\n    return made.assign(nothing=float('nan'), last=d.close)\n"
    )
    (folder / "code.py").write_text(CODE + more)
    code, answer = _run(capsys, "code.py:unknown", "--data", "bars.csv")
    assert code == 1
    assert {row["column"]: row["probe"] for row in answer["data"]} == {
        "close": "values",
        "nothing": "values",
        "last": "all",
    }
    assert "close, nothing hold nothing that could be probed" in answer["summary"]


def test_hints_are_of_what_the_function_runs_and_told_once() -> None:
    code = """
def other(d):
    return d.shift(-1)

def reversed_order(d):
    return d[
        ::-1
    ]

class Table:
    rows = reversed_order

def features(d):
    made = [Table().rows(d), d.rolling(3, center=True).mean().shift(-2)]
    return made[0]
"""
    found = suspicious_lines(code, "features")
    assert [line for line, _ in found] == [7, 14, 14]
    assert suspicious_lines(code, "other") == [(3, "shift by a negative number of rows")]
    assert suspicious_lines("def (", "other") == []


def test_a_file_that_is_no_text_gets_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bytes.py").write_bytes(b"PAR1\xff\xfe\x00")
    code, answer = _run(capsys, "bytes.py", "--data", "bars.csv")
    assert code == 2
    assert "no Python text" in json.dumps(answer)
