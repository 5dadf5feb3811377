"""A seal that git remembers holds, whatever the record of the dataset says now."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from crypto_team.kb import seals
from crypto_team.kb.validate import validate
from crypto_team.roles.candles import catalog
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "work")
    made.candles(tmp_path, bars=1_200, sharpe=4.0)
    return made


@pytest.mark.parametrize("said", ["null", "'2039-01-01T00:00:00Z'"])
@pytest.mark.parametrize("committed", [False, True])
def test_an_edit_of_the_record_lifts_no_seal(desk: Desk, said: str, committed: bool) -> None:
    [before] = catalog(open_session(desk.folder, "lead"))
    assert before.holdout_from is not None
    assert validate(desk.layout) == []
    [path] = desk.layout.datasets_dir.glob("DS-*.yaml")
    path.write_text(re.sub(r"(?m)^holdout_from:.*$", f"holdout_from: {said}", path.read_text()))
    if committed:
        subprocess.run(["git", "commit", "-qam", "x"], cwd=desk.folder, check=True)
    [after] = catalog(open_session(desk.folder, "lead"))
    assert after.holdout_from == before.holdout_from
    found = [item for item in validate(desk.layout) if item.code == "seal-lifted"]
    assert len(found) == 1
    assert before.holdout_from in found[0].message
    assert "git log" in (found[0].hint or "")


def test_an_earlier_seal_is_kept_and_no_finding(desk: Desk) -> None:
    [path] = desk.layout.datasets_dir.glob("DS-*.yaml")
    path.write_text(re.sub(r"(?m)^holdout_from:.*$", "holdout_from: '2023-01-05T00:00:00Z'", path.read_text()))
    [item] = catalog(open_session(desk.folder, "lead"))
    assert item.holdout_from == "2023-01-05T00:00:00Z"
    assert not list(seals.lifted(desk.layout))


@pytest.mark.parametrize("broken", [False, True])
def test_a_record_that_was_removed_seals_as_before(desk: Desk, tmp_path: Path, broken: bool) -> None:
    [before] = catalog(open_session(desk.folder, "lead"))
    assert before.holdout_from is not None
    [path] = desk.layout.datasets_dir.glob("DS-*.yaml")
    if broken:
        path.write_text("dataset_id: DS-001\n")
        subprocess.run(["git", "commit", "-qam", "x"], cwd=desk.folder, check=True)
    path.unlink()
    subprocess.run(["git", "commit", "-qam", "y"], cwd=desk.folder, check=True)
    [item] = seals.removed(desk.layout)
    assert (item.content_hash, item.holdout_from) == (before.content_hash, before.holdout_from)
    found = [each for each in validate(desk.layout) if each.code == "seal-removed"]
    assert len(found) == 1
    assert before.holdout_from in found[0].message
    later = tmp_path / "later.parquet"
    bars = pd.read_parquet(tmp_path / "market.parquet")
    bars.iloc[len(bars) // 2 :].to_parquet(later, index=False)
    desk.use("data.import", file=[later], exchange="elsewhere", pair="OTHER/USD", timeframe="1h")
    [after] = catalog(open_session(desk.folder, "lead"))
    assert after.holdout_from == before.holdout_from


def test_a_record_that_named_another_file_before_it_was_removed_seals_as_before(desk: Desk) -> None:
    [before] = catalog(open_session(desk.folder, "lead"))
    [path] = desk.layout.datasets_dir.glob("DS-*.yaml")
    path.write_text(path.read_text().replace(before.path, "elsewhere/other.parquet"))
    subprocess.run(["git", "commit", "-qam", "x"], cwd=desk.folder, check=True)
    path.unlink()
    subprocess.run(["git", "commit", "-qam", "y"], cwd=desk.folder, check=True)
    assert {item.path for item in seals.removed(desk.layout)} == {before.path, "elsewhere/other.parquet"}
    assert {item.holdout_from for item in seals.removed(desk.layout)} == {before.holdout_from}
    assert [each.code for each in validate(desk.layout)].count("seal-removed") == 1


def test_a_removed_dataset_that_is_imported_again_is_no_finding(desk: Desk, tmp_path: Path) -> None:
    [path] = desk.layout.datasets_dir.glob("DS-*.yaml")
    path.unlink()
    subprocess.run(["git", "commit", "-qam", "y"], cwd=desk.folder, check=True)
    desk.use("data.import", file=[tmp_path / "market.parquet"], exchange="synthetic", pair="EDGE/USD", timeframe="1h")
    assert not list(seals.lifted(desk.layout))
