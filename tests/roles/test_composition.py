"""Composed features from import to Freqtrade, on real perpetuals with their funding."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.features.surroundings import Surroundings
from crypto_team.gates.run import run_check
from crypto_team.roles import backtesting, publishing, records
from crypto_team.roles.cases import gather, strategy_file
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk

if TYPE_CHECKING:
    from crypto_team.gates.case import Case

ASSETS = ("BTC", "ETH", "SOL", "XRP", "ADA", "BNB", "LINK", "LTC")
L1 = ("ADA", "BNB", "ETH", "LTC", "SOL", "XRP")
FUTURES = "/USDT:USDT"
RULES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
FORMULAS = [
    'on("1h", rsi(close, {7, 14}))',
    'ret(close, 8) - of("ETH/USDT:USDT", ret(close, 8))',
    'ret(close, 16) - basket("l1", ret(close, 16))',
    "funding()",
    'zscore(on("8h", funding()), 96)',
    'of("SOL/USDT:USDT", funding())',
    'sentiment("fear_greed")',
    "hmm(logret(close, 1), 2, 2, 64)",
    "pca(rsi(close, 14), roc(close, 12), zscore(close, 24))",
    'session("asian")',
]
READ = ['of("SOL/USDT:USDT", ret(close, 8))', "funding()"]
LEAD = """
def lead(ohlcv, aux):
    other, rate = aux["of_sol_usdt_usdt_ret_8"]["value"], aux["funding"]["value"]
    assert (aux["funding"]["timestamp"] == ohlcv["timestamp"]).all()
    return ohlcv["close"].pct_change(8) - other + 10.0 * rate.rolling(4).mean()
"""
CHECKS = ("LK001", "LK002", "LK003", "LK004", "LK005", "LK006", "LK007", "LK008", "DQ001", "DQ002", "DQ003")


def _import(desk: Desk, folder: Path, scratch: Path) -> None:
    for asset in ASSETS:
        raw = pd.read_parquet(folder / "ohlcv" / f"{asset}USDT-5m-binance_perp-202503_mit.parquet")
        bars = raw.set_index("timestamp").resample("15min").agg(RULES).iloc[1:-1].reset_index()
        bars.to_parquet(scratch / f"{asset}.parquet")
        market = {"exchange": "binance", "pair": asset + FUTURES}
        desk.use("data.import", file=[scratch / f"{asset}.parquet"], timeframe="15m", **market)
        funding = folder / "funding" / f"{asset}USDT-funding_8h-binance_perp-2025_mit.parquet"
        if funding.exists():
            desk.use("data.import", file=[funding], kind="funding", **market)
    days = pd.date_range("2025-03-01", "2025-04-20", freq="D", tz="UTC")
    mood = pd.DataFrame({"date": days, "score": 50.0 + 30.0 * np.sin(np.arange(len(days)))})
    mood.to_csv(scratch / "mood.csv", index=False)
    desk.use(
        "data.import-series",
        file=scratch / "mood.csv",
        kind="sentiment",
        exchange="alternative_me",
        name="fear_greed",
        lag_seconds=90_000,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """Return a workspace with a strategy of composed features, trained and exported."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "market-data"
    folder = Path(os.environ.get("MARKET_DATA_DIR", beside))
    if not folder.is_dir():
        pytest.skip("no market data on this machine; set MARKET_DATA_DIR")
    scratch = tmp_path_factory.mktemp("composition")
    desk = Desk(scratch / "work")
    _import(desk, folder, scratch)
    pairs = ["BTC" + FUTURES, "ETH" + FUTURES]
    made = desk.use("ml_engineer.new", name="composed", pair=pairs, timeframe="15m").data
    strategy_id: str = made["strategy_id"]
    desk.use("ml_engineer.define-target", strategy_id=strategy_id, horizon="8")
    desk.use("ml_engineer.add-feature", strategy_id=strategy_id, formula=FORMULAS)
    (scratch / "lead.py").write_text(LEAD)
    desk.use("ml_engineer.add-code", strategy_id=strategy_id, file=scratch / "lead.py")
    desk.use("ml_engineer.add-feature", strategy_id=strategy_id, python="code/lead.py:lead", formula=READ)
    desk.use("ml_engineer.audit", strategy_id=strategy_id)
    desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="lightgbm")
    desk.use("ml_engineer.set-split", strategy_id=strategy_id, window="rolling_7d", test="2d", step="2d")
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    desk.use("ml_engineer.export", strategy_id=strategy_id)
    return desk, strategy_id


@pytest.fixture(scope="module")
def case(trained: tuple[Desk, str]) -> Case:
    desk, strategy_id = trained
    made = gather(open_session(desk.folder, "lead"), strategy_id, with_replay=False)
    assert made.evidence_problems == []
    return made


def test_a_python_function_is_handed_the_formulas_that_it_reads(trained: tuple[Desk, str]) -> None:
    desk, strategy_id = trained
    features = records.feature_set(open_session(desk.folder, "lead"), strategy_id).features
    found = next(item for item in features if item.python)
    assert (found.reads, found.leakage_safe) == (READ, True)
    assert found.lookback >= 8


def test_baskets_are_pinned_and_look_backs_derived(trained: tuple[Desk, str]) -> None:
    desk, strategy_id = trained
    features = records.feature_set(open_session(desk.folder, "lead"), strategy_id).features
    basket = next(item for item in features if "basket" in str(item.formula))
    assert ",".join(item + FUTURES for item in L1) in str(basket.formula)
    assert basket.category == "derived"
    assert max(item.lookback for item in features) == next(x.lookback for x in features if x.name == "on_1h_rsi_14")


@pytest.mark.parametrize("code", CHECKS)
def test_every_leakage_and_data_check_passes_honest_composition(case: Case, code: str) -> None:
    result = run_check(code, case)
    assert result.outcome == "passed", result.explanation


def test_the_sources_are_part_of_the_evidence(case: Case) -> None:
    assert case.meta is not None
    assert case.datasets is not None
    kinds = [case.datasets[name].kind for name in case.meta.dataset_ids]
    assert sorted(kinds) == ["funding"] * 3 + ["ohlcv"] * 7 + ["sentiment"]


def test_the_report_of_composed_features_is_that_of_its_numbers(trained: tuple[Desk, str]) -> None:
    desk, strategy_id = trained
    desk.use("ml_engineer.report", strategy_id=strategy_id)
    case = gather(open_session(desk.folder, "lead"), strategy_id, with_replay=False)
    assert {code: run_check(code, case).outcome for code in ("PR002", "PR010")} == dict.fromkeys(
        ("PR002", "PR010"), "passed"
    )


def test_the_data_collector_asks_for_every_pair_and_series_that_is_read(trained: tuple[Desk, str]) -> None:
    desk, strategy_id = trained
    found = desk.use("data_collector.assess", strategy_id=strategy_id).data
    kinds = [(row["kind"], row["pair"] or row["name"], row["verdict"]) for row in found]
    assert ("sentiment", "fear_greed", "ok") in kinds
    assert ("ohlcv", "SOL" + FUTURES, "ok") in kinds
    assert sum(kind == "funding" for kind, _, _ in kinds) == 3


def test_rules_of_a_strategy_may_read_other_pairs_and_timeframes(trained: tuple[Desk, str]) -> None:
    desk, _ = trained
    idea = {"name": "rule", "pair": ["BTC" + FUTURES], "timeframe": "15m", "hypothesis": "hourly strength goes on"}
    made = desk.use("strategy_researcher.propose", **idea).data
    rule = 'on("1h", rsi(close, 14)) > 50'
    leave = 'of("ETH/USDT:USDT", ret(close, 8)) < 0'
    desk.use("strategy_researcher.add-rule", strategy_id=made["strategy_id"], entry=rule, exit=leave)
    rows = desk.use("strategy_researcher.test-rule", strategy_id=made["strategy_id"]).data
    assert rows[0]["trades"] > 5


def test_a_rebuild_gives_the_same_evidence(trained: tuple[Desk, str]) -> None:
    desk, strategy_id = trained
    assert desk.use("verify", strategy_id=strategy_id).ok


def test_values_that_were_known_later_than_they_count_are_refused(case: Case) -> None:
    around = case.surroundings
    assert around is not None
    late = {
        key: replace(item, known_at=item.known_at + (86_400_000 if key.kind == "sentiment" else 0))
        for key, item in around.series.items()
    }
    result = run_check("LK007", replace(case, surroundings=replace(around, series=late)))
    assert result.outcome == "refused"
    assert "sentiment_fear_greed" in result.explanation


def test_a_source_that_the_evidence_does_not_name_is_refused(case: Case) -> None:
    assert case.datasets is not None
    left = {name: item for name, item in case.datasets.items() if item.kind != "sentiment"}
    result = run_check("LK007", replace(case, datasets=left))
    assert result.outcome == "refused"
    assert "sentiment fear_greed is read" in result.explanation
    bare = run_check("LK007", replace(case, surroundings=None))
    assert bare.outcome != "passed"
    other = Surroundings("BTC" + FUTURES, case.surroundings.frames if case.surroundings else {}, {})
    assert run_check("LK001", replace(case, surroundings=other)).outcome != "passed"


def test_fitted_features_that_saw_more_than_their_training_rows_are_refused(case: Case) -> None:
    assert case.preprocessing is not None
    table = case.preprocessing.copy()
    rows = table.index[(table["stage"] == "transformer") & (table["feature"].str.startswith("hmm"))]
    table.loc[rows[0], "reason"] = table.loc[rows[-1], "reason"]  # fitted on a later window
    result = run_check("LK005", replace(case, preprocessing=table))
    assert result.outcome == "refused"
    assert "hmm_logret_1_2_2_64: the stored parameters are not" in result.explanation
    table.loc[rows[0], "reason"] = "not json"
    assert run_check("LK005", replace(case, preprocessing=table)).outcome == "refused"


def test_a_missing_series_says_how_to_import_it(trained: tuple[Desk, str]) -> None:
    desk, strategy_id = trained
    out = desk.try_("ml_engineer.test-feature", strategy_id=strategy_id, formula="oi()")
    assert not out.ok
    assert "import-series" in str(out.findings[0].hint)
    wrong = desk.try_("ml_engineer.add-feature", strategy_id=strategy_id, formula=['on("5m", close)'])
    assert "5m is not a multiple of 15m bars" in wrong.summary
    assert wrong.findings[0].file is not None


def test_a_set_leaves_out_what_the_catalog_lacks_and_says_so(trained: tuple[Desk, str]) -> None:
    desk, _ = trained
    made = desk.use("ml_engineer.new", name="flows", pair=["BTC" + FUTURES], timeframe="15m").data
    added = desk.use("ml_engineer.add-feature", strategy_id=made["strategy_id"], set="flow")
    names = {row["name"] for row in added.data}
    assert {"funding", "sentiment_fear_greed"} <= names
    assert not any("liquidations" in name for name in names)
    assert any("no series of open_interest of BTC/USDT:USDT" in item.message for item in added.findings)
    crossed = desk.use("ml_engineer.add-feature", strategy_id=made["strategy_id"], set="cross_asset")
    assert any("basket_l1" in row["name"] for row in crossed.data)
    assert any("'meme'" in item.message for item in crossed.findings)
    missing = desk.try_("ml_engineer.add-feature", strategy_id=made["strategy_id"], formula=["oi()"])
    assert "no series of open_interest" in missing.summary


@pytest.mark.freqtrade
@pytest.mark.slow
def test_freqtrade_sees_the_very_signals_of_training(trained: tuple[Desk, str], tmp_path: Path) -> None:
    from crypto_team.freqtrade import job

    desk, strategy_id = trained
    session = open_session(desk.folder, "lead")
    spec, evidence = records.ml_spec(session, strategy_id), publishing.stored_evidence(session, strategy_id)
    request = backtesting.make_request(session, spec, evidence.meta, strategy_file(session, spec))
    assert set(request.informative) == {item + FUTURES for item in L1}
    run = job.backtest(request, tmp_path / "run")
    predictions = evidence.tables.predictions
    test = predictions[predictions["part"] == "test"].set_index(["pair", "time"])["signal"].sort_index()
    seen = run.signals.set_index(["pair", "date"])["signal"].reindex(test.index)
    np.testing.assert_array_equal(seen.to_numpy(), test.to_numpy())
    assert job.lookahead(request, tmp_path / "lookahead").verdict != "biased"
