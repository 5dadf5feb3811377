"""Whole audits in real Freqtrade: every row of the table of what Freqtrade's own analyses miss, and honest work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.frame import epoch_ms
from crypto_team.errors import InputError
from crypto_team.freqtrade.diagnose import Diagnosis, diagnose
from crypto_team.freqtrade.diagnose_data import write_market
from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_source import read_source
from crypto_team.gates.corpus.strategies_honest import HONEST as _HONEST
from crypto_team.gates.corpus.strategies_leaky import LEAKY as _LEAKY
from crypto_team.gates.corpus.strategy_case import CorpusStrategy, strategy

pytest.importorskip("freqtrade")
LEAKY = {item.name: item for item in _LEAKY}
HONEST = {item.name: item for item in _HONEST}
USUAL_LEAKS = ("unshifted_file",)
USUAL_HONEST = ("freqai",)
READ_TABLE = """
from pathlib import Path
table = pd.read_csv(Path(__file__).parent / "memory.csv", parse_dates=["date"]).set_index("date")["next"]
df["gap"] = df["date"].map(table)
"""


def audit(case: CorpusStrategy, folder: Path, data: Path | None = None) -> Diagnosis:
    """Write a case into a folder and audit it."""
    (folder / "sample.py").write_text(case.source, encoding="utf-8")
    for name, text in case.beside.items():
        (folder / name).write_text(text, encoding="utf-8")
    return diagnose(folder / "sample.py", data)


def refuted(found: Diagnosis) -> set[str]:
    """Return what decides and knew the future."""
    return {item.what for item in found.evidence if item.matters and item.kind != "startup"}


def others(cases: dict[str, CorpusStrategy], usual: tuple[str, ...]) -> list[object]:
    """Mark all but the usual cases as slow."""
    return [pytest.param(name, marks=[] if name in usual else [pytest.mark.slow]) for name in cases]


@pytest.mark.parametrize("name", others(LEAKY, USUAL_LEAKS))
def test_a_leaking_strategy_is_refused_with_what_it_knew(name: str, tmp_path: Path) -> None:
    found = audit(LEAKY[name], tmp_path)
    assert found.verdict == "leaks"
    assert refuted(found)


@pytest.mark.parametrize("name", others(HONEST, USUAL_HONEST))
def test_an_honest_strategy_is_not_refused(name: str, tmp_path: Path) -> None:
    found = audit(HONEST[name], tmp_path)
    assert found.verdict == "clean", found.evidence
    assert found.probes > 20


@pytest.mark.slow
def test_a_model_that_remembers_the_candles_it_predicts_is_refused_by_its_skill(tmp_path: Path) -> None:
    case = strategy("memory", "a table made from the candles themselves", READ_TABLE)
    market = synthetic(read_source(case.source, "sample.py"), seed=5)
    write_market(market, tmp_path / "data")
    frame = market.own("BTC/USDT").frame
    later = np.log(frame["close"].shift(-1) / frame["close"])
    pd.DataFrame({"date": frame["date"], "next": later}).to_csv(tmp_path / "memory.csv", index=False)
    found = audit(case, tmp_path, tmp_path / "data")
    assert found.verdict == "leaks"
    assert {item.probe for item in found.evidence if item.kind == "leak"} >= {"memory of a model"}


@pytest.mark.slow
def test_a_model_trained_on_the_test_span_is_refused_by_its_own_date_and_an_earlier_one_is_not(tmp_path: Path) -> None:
    case = HONEST["stored_model"]
    market = synthetic(read_source(case.source, "sample.py"), seed=5)
    write_market(market, tmp_path / "data")
    last = int(epoch_ms(market.own("BTC/USDT").frame["date"])[-1])
    until = pd.Timestamp(last, unit="ms", tz="UTC").isoformat()
    late = CorpusStrategy("late", "", case.source, {"model.json": f'{{"slope": -1.0, "train_end": "{until}"}}'})
    found = audit(late, tmp_path, tmp_path / "data")
    assert found.verdict == "leaks"
    assert refuted(found) == {"strategies/model.json"}
    assert audit(case, tmp_path, tmp_path / "data").verdict == "clean"


@pytest.mark.slow
def test_a_start_up_that_is_too_short_is_a_finding_of_its_own_and_no_leak(tmp_path: Path) -> None:
    case = strategy("short", "", 'df["gap"] = df["close"] - df["close"].ewm(span=400).mean()', startup=5)
    found = audit(case, tmp_path)
    assert found.verdict == "clean"
    assert {item.kind for item in found.evidence} == {"startup"}


def test_a_strategy_that_fails_is_an_error_with_its_line(tmp_path: Path) -> None:
    case = strategy("broken", "", 'df["gap"] = df["no such column"]')
    with pytest.raises(InputError, match=r"KeyError.*no such column.*line \d+"):
        audit(case, tmp_path)
