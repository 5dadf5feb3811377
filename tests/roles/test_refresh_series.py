"""Series of a strategy that trades live are refreshed: forward only, beside what was registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.frame import content_hash
from crypto_team.data.growing import LIVE_FOLDER
from crypto_team.freqtrade.runtime import _series_file
from crypto_team.roles import candles
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas.data import Dataset

DAYS = pd.date_range("2025-03-01", periods=40, freq="D", tz="UTC")
LAG = 90_000


def _file(folder: Path, rows: slice, **values: float) -> Path:
    mood = pd.DataFrame({"date": DAYS[rows], "score": np.arange(len(DAYS), dtype=float)[rows]})
    for day, value in values.items():
        mood.loc[mood["date"] == DAYS[int(day[1:])], "score"] = value
    path = folder / "mood.csv"
    mood.to_csv(path, index=False)
    return path


@pytest.fixture
def place(tmp_path: Path) -> tuple[Desk, Path]:
    desk = Desk(tmp_path / "work")
    desk.use(
        "data.import-series",
        file=_file(tmp_path, slice(0, 20)),
        kind="sentiment",
        exchange="alternative_me",
        name="fear_greed",
        lag_seconds=LAG,
    )
    return desk, tmp_path


def _registered(desk: Desk) -> Dataset:
    (found,) = candles.catalog(open_session(desk.folder, "lead"))
    return found


def _read(desk: Desk, item: Dataset) -> pd.DataFrame:
    model = desk.layout.model_dir("STR-001")
    return pd.read_parquet(_series_file(model, item.path))


def test_new_values_are_read_live_and_the_registered_series_stays(place: tuple[Desk, Path]) -> None:
    desk, folder = place
    item = _registered(desk)
    assert len(_read(desk, item)) == 20
    for rows, added in ((slice(15, 25), 5), (slice(0, 30), 5), (slice(20, 30), 0)):
        done = desk.use("data.refresh-series", dataset_id=item.dataset_id, file=_file(folder, rows))
        assert done.data["added"] == added
    live = _read(desk, item)
    assert live["value"].tolist() == list(map(float, range(30)))
    assert ((live["known_at"] - live["timestamp"]).dt.total_seconds() == LAG).all()
    assert _registered(desk) == item
    loaded = candles.load(open_session(desk.folder, "lead"), item)
    assert content_hash(loaded) == item.content_hash
    assert len(loaded) == 20


@pytest.mark.parametrize("refreshed", [False, True])
def test_nothing_that_was_known_is_rewritten(place: tuple[Desk, Path], *, refreshed: bool) -> None:
    desk, folder = place
    item = _registered(desk)
    if refreshed:
        desk.use("data.refresh-series", dataset_id=item.dataset_id, file=_file(folder, slice(0, 25)))
    before = _read(desk, item)
    done = desk.try_("data.refresh-series", dataset_id=item.dataset_id, file=_file(folder, slice(0, 30), d7=99.0))
    assert not done.ok
    assert "1 row(s) would change what was known until" in done.summary
    assert _read(desk, item).equals(before)


def test_a_backtest_never_reads_the_refreshed_series(place: tuple[Desk, Path]) -> None:
    desk, folder = place
    item = _registered(desk)
    desk.use("data.refresh-series", dataset_id=item.dataset_id, file=_file(folder, slice(0, 30)))
    bundle = desk.layout.data_file(f"{LIVE_FOLDER}/{item.path}").parent / "bundle"
    (bundle / "series").mkdir(parents=True)
    own = bundle / "series" / item.path.rpartition("/")[2]
    own.write_bytes(b"")
    assert _series_file(bundle / "model", item.path) == own


def test_what_is_no_registered_series_is_refused(place: tuple[Desk, Path]) -> None:
    desk, folder = place
    file = _file(folder, slice(0, 30))
    assert "there is no dataset DS-099" in desk.try_("data.refresh-series", dataset_id="DS-099", file=file).summary
    desk.candles(folder, bars=2_000, sharpe=1.0)
    ids = {item.kind: item.dataset_id for item in candles.catalog(open_session(desk.folder, "lead"))}
    refused = desk.try_("data.refresh-series", dataset_id=ids["ohlcv"], file=file)
    assert not refused.ok
    assert "holds ohlcv, no series" in refused.summary
