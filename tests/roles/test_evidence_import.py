"""Evidence from elsewhere is kept by content and counts as the trials that it declares, once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import yaml

from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.kb import trials
from crypto_team.kb.store import get
from crypto_team.kb.validate import validate
from crypto_team.roles.candles import catalog
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from tests.roles.conftest import Desk

TRIED = 4


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = study(Design(pairs=1, bars=3600, edge=0.25, trials=TRIED), 4).parts
    return parts.write(tmp_path_factory.mktemp("foreign"))


@pytest.fixture
def strategy(desk: Desk) -> str:
    return str(desk.use("ml_engineer.new", name="foreign", pair=["EDGE/USD"]).data["strategy_id"])


def test_evidence_is_kept_whole_and_its_trials_are_booked(desk: Desk, strategy: str, foreign: Path) -> None:
    outcome = desk.use("evidence.import", folder=foreign, strategy=strategy)
    assert outcome.revision
    manifest = yaml.safe_load(desk.layout.imported_evidence(strategy).read_text())
    assert set(manifest["objects"]) == {path.name for path in foreign.iterdir()}
    for name, kept in manifest["objects"].items():
        assert get(desk.layout, kept["sha256"]).read_bytes() == (foreign / name).read_bytes()
    found = trials.ledger(desk.layout)
    assert found.n_trials == TRIED
    assert not found.problems
    [booking] = trials.trials(desk.layout, strategy)
    assert booking.trial_id == manifest["trial_id"]
    assert len(booking.sharpe_per_period) == TRIED
    assert validate(desk.layout) == []


def test_the_same_evidence_does_not_count_twice(desk: Desk, strategy: str, foreign: Path) -> None:
    desk.use("evidence.import", folder=foreign, strategy=strategy)
    again = desk.try_("evidence.import", folder=foreign, strategy=strategy)
    assert not again.ok
    assert "booked already" in again.summary
    assert trials.ledger(desk.layout).n_trials == TRIED


def declared(folder: Path, scratch: Path, n_trials: int) -> Path:
    """Return a copy of a folder that declares another number of trials and is the same otherwise."""
    made = scratch / f"declared_{n_trials}"
    made.mkdir()
    for path in folder.iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    said = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
    (made / "meta.yaml").write_text(yaml.safe_dump({**said, "n_trials": n_trials}), encoding="utf-8")
    for name in ("trials", "trial_returns", "seeds", "thresholds"):
        (made / f"{name}.parquet").unlink()
    return made


def test_equal_predictions_under_another_number_of_trials_are_no_new_trial(
    desk: Desk, strategy: str, foreign: Path, tmp_path: Path
) -> None:
    desk.use("evidence.import", folder=foreign, strategy=strategy)
    desk.use("evidence.import", folder=declared(foreign, tmp_path, 1), strategy=strategy)
    assert len(trials.trials(desk.layout, strategy)) == 2
    assert trials.ledger(desk.layout).n_trials == TRIED
    assert trials.count(desk.layout) == TRIED
    desk.use("evidence.import", folder=declared(foreign, tmp_path, TRIED + 2), strategy=strategy)
    assert trials.ledger(desk.layout).n_trials == trials.count(desk.layout) == 2 * TRIED + 2
    assert validate(desk.layout) == []


def test_an_unknown_strategy_is_refused_before_anything_is_booked(desk: Desk, strategy: str, foreign: Path) -> None:
    del strategy
    outcome = desk.try_("evidence.import", folder=foreign, strategy="STR-099")
    assert not outcome.ok
    assert "STR-099" in outcome.summary
    assert trials.ledger(desk.layout).n_trials == 0


def test_evidence_that_breaks_the_form_is_not_kept(desk: Desk, strategy: str, foreign: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in foreign.iterdir():
        (broken / path.name).write_bytes(path.read_bytes() if path.name != "market.parquet" else b"no table")
    outcome = desk.try_("evidence.import", folder=broken, strategy=strategy)
    assert not outcome.ok
    assert not desk.layout.imported_evidence(strategy).exists()
    assert trials.ledger(desk.layout).n_trials == 0


def test_a_copy_holds_the_files_of_the_form_only(desk: Desk, foreign: Path, tmp_path: Path) -> None:
    (foreign / "diary.txt").write_text("not evidence")
    try:
        desk.use("evidence.import", folder=foreign, out=tmp_path / "copy")
    finally:
        (foreign / "diary.txt").unlink()
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {path.name for path in foreign.iterdir()}
    assert case_from_folder(tmp_path / "copy").predictions is not None


def test_evidence_on_sealed_bars_is_neither_judged_nor_kept(
    desk: Desk, strategy: str, foreign: Path, tmp_path: Path
) -> None:
    candles = next(iter(case_from_folder(foreign).bars.values()))
    candles.to_parquet(tmp_path / "foreign.parquet", index=False)
    desk.use("data.import", file=[tmp_path / "foreign.parquet"], exchange="elsewhere", pair="OTHER/EUR", timeframe="1h")
    seal = next(item.holdout_from for item in catalog(open_session(desk.folder, "lead")) if item.pair == "OTHER/EUR")
    for tool, arguments in (
        ("evidence.import", {"folder": foreign, "strategy": strategy}),
        ("gate.check", {"evidence": foreign}),
    ):
        refused = desk.try_(tool, **arguments)
        assert refused.exit_code == 3
        assert f"lie behind {seal}" in refused.findings[0].message
    assert trials.ledger(desk.layout).n_trials == 0
    before = shutil.copytree(foreign, tmp_path / "before")
    predictions = pd.read_parquet(before / "predictions.parquet")
    predictions[predictions["time"] < seal].to_parquet(before / "predictions.parquet", index=False)
    desk.use("evidence.import", folder=before, strategy=strategy)
