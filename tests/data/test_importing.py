from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from crypto_team.data.frame import canonical, content_hash
from crypto_team.data.importing import READERS, read_series, to_freqtrade, write_canonical
from crypto_team.errors import InputError, UsageError

MakeBars = Callable[..., pd.DataFrame]
Write = Callable[[pd.DataFrame, Path], None]

WRITERS: dict[str, Write] = {
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    ".feather": lambda frame, path: frame.to_feather(path),
}


def test_every_reader_is_tested() -> None:
    assert set(WRITERS) == set(READERS)


@pytest.mark.parametrize("ending", sorted(READERS))
def test_every_format_gives_the_same_content(make_bars: MakeBars, tmp_path: Path, ending: str) -> None:
    bars = make_bars()
    WRITERS[ending](bars, tmp_path / f"some{ending}")
    (series,) = read_series(tmp_path / f"some{ending}", pair="BTC/USD", timeframe="1h")
    assert content_hash(series.frame) == content_hash(bars)
    assert (series.pair, series.timeframe, series.kind) == ("BTC/USD", "1h", "ohlcv")
    assert (series.trading_mode, series.decimals) == ("spot", 2)


@pytest.mark.parametrize("ending", sorted(READERS))
@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_a_damaged_file_is_an_input_error(make_bars: MakeBars, tmp_path: Path, ending: str, damage: str) -> None:
    path = tmp_path / f"some{ending}"
    WRITERS[ending](make_bars(2000), path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2 - 7], "noise": b"\x93\x00\xff\x11" * 200, "empty": b""}[damage])
    with pytest.raises(InputError) as caught:
        read_series(path, pair="BTC/USD", timeframe="1h")
    assert caught.value.where is not None


def test_a_gzipped_file_with_other_content_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "some.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2,3,4\n5\n"))
    with pytest.raises(InputError):
        read_series(path, pair="BTC/USD", timeframe="1h")


def test_unknown_endings_and_missing_files_are_input_errors(tmp_path: Path) -> None:
    (tmp_path / "bars.xlsx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"\.feather"):
        read_series(tmp_path / "bars.xlsx", pair="BTC/USD", timeframe="1h")
    with pytest.raises(InputError, match="no such file"):
        read_series(tmp_path / "none.csv", pair="BTC/USD", timeframe="1h")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BTCUSDT-5m-binance_perp-2025.parquet", "--pair BTC/USDT:USDT --timeframe 5m"),
        ("BTCUSD-1h-bitstamp-2018_2022.parquet", "--pair BTC/USD --timeframe 1h"),
        ("BTCUSDT-funding_8h-binance_perp-2025.parquet", "--pair BTC/USDT:USDT --timeframe 8h"),
        ("candles.parquet", "for example"),
    ],
)
def test_a_joined_name_is_only_a_suggestion(tmp_path: Path, make_bars: MakeBars, name: str, hint: str) -> None:
    make_bars().to_parquet(tmp_path / name)
    with pytest.raises(UsageError) as caught:
        read_series(tmp_path / name, pair=None, timeframe=None)
    assert "--pair and --timeframe missing" in caught.value.what
    assert hint in str(caught.value.hint)


def test_names_of_freqtrade_say_pair_timeframe_and_mode(make_bars: MakeBars, tmp_path: Path) -> None:
    spot, futures = tmp_path / "ETH_BTC-1h.feather", tmp_path / "XRP_USDT_USDT-1h-futures.feather"
    for path in (spot, futures):
        to_freqtrade(make_bars()).to_feather(path)
    (first,), (second,) = (read_series(path, pair=None, timeframe=None) for path in (spot, futures))
    assert (first.pair, first.timeframe, first.trading_mode) == ("ETH/BTC", "1h", "spot")
    assert (second.pair, second.timeframe, second.trading_mode) == ("XRP/USDT:USDT", "1h", "futures")
    (given,) = read_series(spot, pair="ETH/XBT", timeframe=None)
    assert (given.pair, given.timeframe) == ("ETH/XBT", "1h")


@pytest.fixture
def freqtrade_directory(make_bars: MakeBars, tmp_path: Path) -> Path:
    """Write a directory as Freqtrade does, with files that are no candles."""
    (tmp_path / "futures").mkdir()
    to_freqtrade(make_bars()).to_feather(tmp_path / "ETH_BTC-1h.feather")
    to_freqtrade(make_bars(timeframe="5m")).to_feather(tmp_path / "ETH_BTC-5m.feather")
    to_freqtrade(make_bars()).to_feather(tmp_path / "futures" / "XRP_USDT_USDT-1h-futures.feather")
    to_freqtrade(make_bars()).to_feather(tmp_path / "futures" / "XRP_USDT_USDT-1h-mark.feather")
    times = pd.date_range("2024-03-01", periods=6, freq="8h", tz="UTC")
    rates = pd.DataFrame({"date": times, "funding_rate": 1e-4})
    rates.to_feather(tmp_path / "futures" / "XRP_USDT_USDT-1h-funding_rate.feather")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    return tmp_path


def test_a_freqtrade_directory_gives_all_its_series(freqtrade_directory: Path) -> None:
    found = read_series(freqtrade_directory, pair=None, timeframe=None)
    assert [(one.pair, one.timeframe, one.kind) for one in found] == [
        ("ETH/BTC", "1h", "ohlcv"),
        ("ETH/BTC", "5m", "ohlcv"),
        ("XRP/USDT:USDT", "8h", "funding"),
        ("XRP/USDT:USDT", "1h", "ohlcv"),
    ]


def test_a_freqtrade_directory_is_filtered_by_what_is_given(freqtrade_directory: Path) -> None:
    (only,) = read_series(freqtrade_directory, pair="ETH/BTC", timeframe="5m")
    assert (only.pair, only.timeframe) == ("ETH/BTC", "5m")
    with pytest.raises(InputError, match=r"there is ETH/BTC 1h, ETH/BTC 5m"):
        read_series(freqtrade_directory, pair="BTC/EUR", timeframe=None)


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Freqtrade's layout"):
        read_series(tmp_path, pair=None, timeframe=None)


def test_older_freqtrade_keeps_the_funding_rate_in_the_open_column(make_bars: MakeBars, tmp_path: Path) -> None:
    path = tmp_path / "XRP_USDT_USDT-1h-funding_rate.feather"
    to_freqtrade(make_bars(8)).assign(open=2e-4, high=0.0, low=0.0, close=0.0, volume=0.0).to_feather(path)
    (series,) = read_series(path, pair=None, timeframe=None)
    assert series.frame["funding_rate"].tolist() == [2e-4] * 8


def test_candles_are_never_taken_for_funding_rates(make_bars: MakeBars, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    make_bars().to_csv(path, index=False)
    with pytest.raises(InputError, match="funding_rate"):
        read_series(path, pair="BTC/USDT:USDT", timeframe=None, kind="funding")
    with pytest.raises(UsageError, match="perpetuals"):
        read_series(path, pair="BTC/USDT", timeframe=None, kind="funding")


def test_repair_is_passed_on(make_bars: MakeBars, tmp_path: Path) -> None:
    bars = make_bars()
    bars.iloc[::-1].to_csv(tmp_path / "bars.csv", index=False)
    with pytest.raises(InputError, match="--repair"):
        read_series(tmp_path / "bars.csv", pair="BTC/USD", timeframe="1h")
    (series,) = read_series(tmp_path / "bars.csv", pair="BTC/USD", timeframe="1h", repair=True)
    assert content_hash(series.frame) == content_hash(bars)


def test_canonical_files_have_the_same_bytes_every_time(make_bars: MakeBars, tmp_path: Path) -> None:
    bars = make_bars()
    for name in ("a", "b"):
        write_canonical(bars, tmp_path / "deep" / f"{name}.parquet")
    first, second = ((tmp_path / "deep" / f"{name}.parquet").read_bytes() for name in ("a", "b"))
    assert first == second
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["a.parquet", "b.parquet"]
    back = pd.read_parquet(tmp_path / "deep" / "a.parquet")
    assert content_hash(back) == content_hash(bars)
    assert canonical(back, timeframe="1h", where="a").equals(bars)
