"""Finished folds survive a kill, and what is taken from the store has the bits of what was fitted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.models.registry import resolve
from crypto_team.validation import fold_queue
from crypto_team.validation.fold_store import FoldStore
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import walk_forward
from crypto_team.validation.walk_forward import WalkForwardResult, run

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]
KILLED = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
from crypto_team.models.registry import resolve
from crypto_team.validation.fold_store import FoldStore
from crypto_team.validation.walk_forward import run
sys.path.insert(0, sys.argv[1])
from conftest import make_panel, make_settings
given = json.loads(sys.argv[2])
settings = make_settings(given["model"])
if given["hyperparameters"]:
    settings = replace(settings, hyperparameters=resolve(given["model"], given["hyperparameters"]))
def kill(share, text):
    if text.startswith(given["at"]):
        os.kill(os.getpid(), signal.SIGKILL)
run(make_panel(**given["panel"]), settings, progress=kill, store=FoldStore(Path(given["folder"])))
"""
HERE = Path(__file__).parent


def _same(one: WalkForwardResult, two: WalkForwardResult) -> None:
    assert one.models == two.models
    assert one.folds == two.folds
    for name in ("predictions", "importances", "preprocessing", "noise", "skill", "baselines", "simple"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_exact=True)
    assert one.fitted.keys() == two.fitted.keys()


def _killed(folder: Path, at: str, model: str, hyperparameters: dict[str, object], **panel: object) -> None:
    """Run in a process of its own that is killed, as by kill -9, when it has told `at`."""
    given = {"model": model, "hyperparameters": hyperparameters, "at": at, "folder": str(folder), "panel": panel}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(HERE), json.dumps(given)], check=False, timeout=240)
    assert ended.returncode == -signal.SIGKILL


def test_a_run_that_was_killed_between_folds_goes_on_to_the_same_bits(
    panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, settings = panel_of(edge=0.3), settings_of()
    folder = tmp_path / "folds"
    _killed(folder, "fold 3 of 5", "lightgbm", {}, edge=0.3)
    assert len(list(folder.glob("*.fold"))) == 3
    fitted: list[int] = []
    original = fold_queue.fit_fold

    def counted(panel, fold, *rest):
        fitted.append(fold.index)
        return original(panel, fold, *rest)

    monkeypatch.setattr(fold_queue, "fit_fold", counted)
    resumed = run(panel, settings, store=FoldStore(folder))
    assert fitted == [3, 4]
    monkeypatch.undo()
    _same(resumed, run(panel, settings))


def test_a_network_that_was_killed_inside_a_fold_goes_on_from_its_last_epoch_to_the_same_bits(
    panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    panel = panel_of(edge=0.3, columns=3, pairs=("BTC/USDT",))
    small = {"sequence": 3, "hidden": 4, "epochs": 4, "patience": 4}
    settings = replace(settings_of("gru"), hyperparameters=resolve("gru", small))
    folder = tmp_path / "folds"
    _killed(folder, "fold 2 of 5: epoch 2", "gru", small, edge=0.3, columns=3, pairs=("BTC/USDT",))
    assert len(list(folder.glob("*.fold"))) == 1
    assert len(list(folder.glob("unfinished/*/*.safetensors"))) == 1
    heard: list[str] = []
    resumed = run(panel, settings, store=FoldStore(folder), progress=lambda share, text: heard.append(text))
    assert heard[0] == "fold 1 of 5"
    assert heard[1].startswith("fold 2 of 5: epoch 3 of at most 4")
    assert not list(folder.glob("unfinished/*"))
    _same(resumed, run(panel, settings))


def test_a_finished_run_is_taken_whole_from_the_store(
    panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, settings = panel_of(edge=0.3), settings_of("ridge", n_classes=0)
    first = run(panel, settings, store=FoldStore(tmp_path))
    monkeypatch.setattr(fold_queue, "fit_fold", None)
    _same(first, run(panel, replace(settings, workers=2), store=FoldStore(tmp_path)))


def test_a_fold_knows_nothing_of_trading_rules_so_they_change_no_key(
    panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path
) -> None:
    panel, settings = panel_of(edge=0.3), settings_of("logistic")
    bolder = replace(settings, trading=replace(settings.trading, entry=0.6, cost_bps_per_side=1.0))
    taken = run(panel, bolder, store=FoldStore(tmp_path / "none"))
    run(panel, settings, store=FoldStore(tmp_path / "folds"))
    _same(taken, run(panel, bolder, store=FoldStore(tmp_path / "folds")))
    assert len(list((tmp_path / "folds").glob("*.fold"))) == 5


@pytest.mark.parametrize("what", ["seed", "hyperparameters", "calibration", "label_weights", "one value", "one label"])
def test_whatever_a_fold_depends_on_changes_its_key(
    what: str, panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path
) -> None:
    panel, settings = panel_of(edge=0.0), settings_of()
    folds, store = walk_forward(np.unique(panel.time), settings.geometry), FoldStore(tmp_path)
    features, label = panel.features.copy(), panel.label.copy()
    features[7, 1], label[7] = 9.0, 1.0 - label[7]
    changed = {
        "seed": (panel, replace(settings, seed=43)),
        "hyperparameters": (panel, replace(settings, hyperparameters={**settings.hyperparameters, "num_leaves": 7})),
        "calibration": (panel, replace(settings, calibration="isotonic")),
        "label_weights": (panel, replace(settings, label_weights="uniqueness")),
        "one value": (replace(panel, features=features), settings),
        "one label": (replace(panel, label=label), settings),
    }
    before = store.keys(panel, folds, settings)
    assert len(set(before)) == len(folds)
    assert store.keys(panel, folds, settings) == before
    assert not set(before) & set(store.keys(changed[what][0], folds, changed[what][1]))


def test_a_damaged_fold_is_fitted_again(panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path) -> None:
    panel, settings = panel_of(edge=0.3), settings_of("logistic")
    first = run(panel, settings, store=FoldStore(tmp_path))
    torn, changed, nonsense, *_ = sorted(tmp_path.glob("*.fold"))
    torn.write_bytes(torn.read_bytes()[:1000])
    changed.write_bytes(changed.read_bytes().replace(b"fold_", b"fald_"))
    nonsense.write_bytes(b"nonsense")
    _same(first, run(panel, settings, store=FoldStore(tmp_path)))


def test_a_fold_that_fails_is_named_with_its_remedy_and_the_others_are_kept(
    panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path
) -> None:
    panel, settings = panel_of(edge=0.3), settings_of("logistic")
    folds = walk_forward(np.unique(panel.time), settings.geometry)
    failing = len(folds) - 1
    last = panel.time >= folds[failing].train_start
    flat = replace(panel, features=np.where(last[:, None], np.float32(1.0), panel.features))
    with pytest.raises(InputError, match=f"fold {failing} .*no feature has any spread") as caught:
        run(flat, settings, store=FoldStore(tmp_path))
    assert "add features that vary" in str(caught.value)
    assert f"{failing} finished fold(s) are kept and not fitted again" in str(caught.value)
    assert len(list(tmp_path.glob("*.fold"))) == failing


def test_a_learner_that_fails_says_in_which_fold(
    panel_of: PanelOf, settings_of: SettingsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_queue, "fit_fold", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(InputError, match=r"fold 0 \(training .* to .*\): this machine has too little memory"):
        run(panel_of(edge=0.0), settings_of())


def test_an_interrupt_stops_the_folds_that_are_being_fitted(
    panel_of: PanelOf, settings_of: SettingsOf, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    panel = panel_of(edge=0.3, columns=3, pairs=("BTC/USDT",))
    long = resolve("gru", {"sequence": 3, "hidden": 4, "epochs": 400, "patience": 400})
    settings = replace(settings_of("gru"), hyperparameters=long)
    heard: list[str] = []

    def interrupt(share: float, text: str) -> None:
        heard.append(text)
        if len(heard) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(panel, settings, progress=interrupt, store=FoldStore(tmp_path))
    assert len(heard) < 100
    assert len(list(tmp_path.glob("unfinished/*/*.safetensors"))) == 1


def test_the_folder_is_kept_small(tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / f"{number}.fold"
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    FoldStore(tmp_path).prune(250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.fold", "3.fold"]
