"""Order books and trades in the catalog, and the series that is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import NotFoundError
from crypto_team.features.matrix import build_matrix
from crypto_team.features.sets import feature_set
from crypto_team.roles import candles
from crypto_team.roles.feature_entries import beyond_freqtrade, set_entries
from crypto_team.roles.surroundings import check_sources
from crypto_team.schemas.ml_spec import Market
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a workspace without any data."""
    return Desk(tmp_path / "work")


def recording(folder: Path, *, gap: bool = False, stuck: bool = False) -> tuple[Path, Path]:
    """Write three minutes of a book and its trades; with a gap one message is missing, stuck a bid stays too high."""
    rng = np.random.default_rng(5)
    start, rows, trades = 1_700_000_040_000, [], []
    rows += [(start, 10, 10, "snapshot", side, 100.0 - side * k / 2, 1.0 + k) for side in (1, -1) for k in range(1, 30)]
    for k in range(1_800):
        side, last = int(rng.choice([1, -1])), 11 + k + (5 if gap and k > 900 else 0)
        price = 100.0 - side * int(rng.integers(1, 12)) / 2
        rows.append((start + 100 * (k + 1), last, last, "delta", side, price, round(float(rng.uniform(0.1, 5)), 1)))
        if stuck and k == 900:
            rows.append((*rows[-1][:4], 1, 150.0, 1.0))
        trades.append((start + 100 * k, k, 100.0 + side / 2, round(float(rng.uniform(0.1, 2)), 1), side))
    book, flow = folder / "book.parquet", folder / "trades.parquet"
    names = ["timestamp", "first_id", "last_id", "kind", "side", "price", "qty"]
    pd.DataFrame(rows, columns=names).to_parquet(book)
    pd.DataFrame(trades, columns=["timestamp", "trade_id", "price", "qty", "side"]).to_parquet(flow)
    return book, flow


def import_both(desk: Desk, folder: Path, *, gap: bool = False) -> None:
    for path, kind in zip(recording(folder, gap=gap), ("l2", "trades"), strict=True):
        desk.use("data.import", file=[path], exchange="binance", pair="EDGE/USD", kind=kind)


def test_a_book_and_its_trades_become_a_series_known_at_the_close(desk: Desk, tmp_path: Path) -> None:
    import_both(desk, tmp_path)
    made = desk.use("data.book-bars", book="DS-001", trades="DS-002", timeframe="1m")
    assert made.findings == []
    session = open_session(desk.folder, "data_collector")
    entry = next(item for item in candles.catalog(session) if item.dataset_id == made.data["dataset_id"])
    frame = candles.load(session, entry)
    assert (entry.kind, entry.timeframe, entry.pair) == ("series", "1m", "EDGE/USD")
    assert (frame["known_at"] - frame["timestamp"] == pd.Timedelta("1min")).all()
    assert frame["book_imbalance_5"].notna().all()
    assert frame["ofi_60s"].notna().sum() == len(frame) - 1
    again = desk.use("data.book-bars", book="DS-001", trades="DS-002", timeframe="1m")
    assert again.data["dataset_id"] == made.data["dataset_id"]


def test_a_gap_is_a_finding_of_the_import_and_of_the_series(desk: Desk, tmp_path: Path) -> None:
    book, _ = recording(tmp_path, gap=True)
    made = desk.use("data.import", file=[book], exchange="binance", pair="EDGE/USD", kind="l2")
    assert "messages are missing" in made.findings[0].message
    bars = desk.use("data.book-bars", book="DS-001", timeframe="1m")
    assert "messages are missing" in bars.findings[0].message


def test_a_book_that_stays_crossed_is_said_so_and_its_bars_do_not_look_calm(desk: Desk, tmp_path: Path) -> None:
    book, flow = recording(tmp_path, stuck=True)
    made = desk.use("data.import", file=[book], exchange="binance", pair="EDGE/USD", kind="l2")
    assert made.data[0]["quality"] == "poor"
    assert "leave the book crossed" in made.findings[0].message
    desk.use("data.import", file=[flow], exchange="binance", pair="EDGE/USD", kind="trades")
    bars = desk.use("data.book-bars", book="DS-001", trades="DS-002", timeframe="1m")
    assert "leave the book crossed" in bars.findings[0].message
    session = open_session(desk.folder, "data_collector")
    frame = candles.load(session, candles.catalog(session)[-1])
    of_book = ["spread_bps", "ofi_60s", "mlofi_5_10s", "mid_return_1s_bps", "quote_life_bid_60s", "amihud_60s"]
    assert frame[of_book].iloc[-1].isna().all()
    assert frame["ofi_60s"].iloc[1:-1].notna().all()


def test_what_cannot_be_used_is_refused_with_the_next_step(desk: Desk, tmp_path: Path) -> None:
    import_both(desk, tmp_path)
    swapped = desk.try_("data.book-bars", book="DS-002", timeframe="1m")
    assert swapped.exit_code == 2
    assert "not l2" in swapped.findings[0].message
    missing = desk.try_("data.book-bars", book="DS-009", timeframe="1m")
    assert missing.exit_code == 2
    rough = desk.try_("data.book-bars", book="DS-001", timeframe="1m", tick=0.3)
    assert not rough.ok
    assert "no multiples of 0.3" in rough.findings[0].message
    wrong = desk.try_("data.import", file=[tmp_path / "trades.parquet"], exchange="binance", pair="A/B", kind="l2")
    assert "missing column" in wrong.findings[0].message


@pytest.mark.parametrize("kind", ["l2", "trades"])
def test_the_same_recording_keeps_its_id_and_a_changed_one_gets_another(desk: Desk, tmp_path: Path, kind: str) -> None:
    path = dict(zip(("l2", "trades"), recording(tmp_path), strict=True))[kind]
    arguments = {"exchange": "binance", "pair": "EDGE/USD", "kind": kind}
    first = desk.use("data.import", file=[path], **arguments).data[0]["id"]
    assert desk.use("data.import", file=[path], **arguments).data[0]["id"] == first
    frame = pd.read_parquet(path)
    frame.loc[40, "qty"] += 0.1
    frame.to_parquet(path)
    assert desk.use("data.import", file=[path], **arguments).data[0]["id"] != first


def candles_of(folder: Path) -> Path:
    """Write the candles of the recording's minutes and some before."""
    times = pd.date_range("2023-11-14 22:10", periods=10, freq="1min", tz="UTC")
    close = 100.0 + np.arange(10.0)
    bars = {"open": close, "high": close + 1.0, "low": close - 1.0, "close": close, "volume": 1.0}
    pd.DataFrame({"timestamp": times, **bars}).to_parquet(folder / "candles.parquet")
    return folder / "candles.parquet"


def test_formulas_read_the_book_as_it_stood_at_the_close(desk: Desk, tmp_path: Path) -> None:
    import_both(desk, tmp_path)
    session = open_session(desk.folder, "ml_engineer")
    market = Market(exchange="binance", pairs=["EDGE/USD"], timeframe="1m")
    with pytest.raises(NotFoundError, match="no order book at the close of 1m bars of EDGE/USD"):
        check_sources(session, market, ['book("spread_bps")'])
    made = desk.use("data.book-bars", book="DS-001", trades="DS-002", timeframe="1m")
    desk.use("data.import", file=[candles_of(tmp_path)], exchange="binance", pair="EDGE/USD", timeframe="1m")
    session = open_session(desk.folder, "ml_engineer")
    features, left_out = set_entries(session, market, "microstructure_84", "")
    assert (len(features), left_out) == (84, [])
    assert {item.category for item in features} == {"microstructure"}
    better, _ = set_entries(session, market, "alpha_25", "")
    assert sum('book("' in str(item.formula) for item in better) == 16
    found = candles.research(session, market, features)
    matrix = build_matrix(features, found.bars["EDGE/USD"], surroundings=found.around.surroundings)
    stored = candles.load(session, candles.catalog(session)[-2])
    assert made.data["bars"] == len(stored)
    first = int(np.flatnonzero(found.bars["EDGE/USD"]["timestamp"] == stored["timestamp"].iloc[0])[0])
    for number, item in enumerate(features):
        column = str(item.formula).split('"')[1]
        wanted = stored[column].to_numpy(np.float32)
        assert np.array_equal(matrix.values[first : first + len(stored), number], wanted, equal_nan=True), column
        assert np.isnan(matrix.values[:first, number]).all()


@pytest.mark.parametrize("name", ["indicators_52", "kraken_5m"])
def test_sets_read_how_many_trades_there_were_where_candles_say_so(name: str, desk: Desk, tmp_path: Path) -> None:
    market = {"exchange": "binance", "timeframe": "1m"}
    path = candles_of(tmp_path)
    desk.use("data.import", file=[path], pair="A/USD", **market)
    pd.read_parquet(path).assign(count=7).to_parquet(path)
    desk.use("data.import", file=[path], pair="B/USD", **market)
    session, found = open_session(desk.folder, "ml_engineer"), {}
    for pair in ("A/USD", "B/USD"):
        made, left_out = set_entries(session, Market(pairs=[pair], **market), name, "")
        assert left_out == []
        found[pair] = [str(item.formula) for item in made if "trade" in str(item.formula)]
        assert len(made) == len(feature_set(name))
        assert len(beyond_freqtrade(made)) == (pair == "B/USD")
    assert found["A/USD"] == []
    assert len(found["B/USD"]) == 3
    of_a = ['of("A/USD", trades_ratio(20))', 'of("B/USD", trades_ratio(20))']
    check_sources(session, Market(pairs=["A/USD"], **market), of_a[1:])
    with pytest.raises(NotFoundError, match=r"candles of A/USD .* have no column trades"):
        check_sources(session, Market(pairs=["B/USD"], **market), of_a)
