from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from crypto_team.cli.table import ROLES, TOOLS
from crypto_team.data.synthetic import planted_market
from crypto_team.kb import git, registry, trials, validate
from crypto_team.kb.kinds import KINDS
from crypto_team.kb.yaml import load_record
from crypto_team.models.registry import resolve
from crypto_team.schemas import EvidenceManifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.conftest import Desk


def test_every_kind_has_one_owner_and_every_role_owns_what_it_says() -> None:
    owners = {name: [role.id for role in ROLES if name in role.owns] for name in KINDS}
    for name, kind in KINDS.items():
        if kind.owner in {role.id for role in ROLES}:
            assert owners[name] in ([kind.owner], []), name
    for role in ROLES:
        assert all(KINDS[name].owner == role.id for name in role.owns), role.id


def test_the_pipeline_is_connected_and_every_gate_exists() -> None:
    from crypto_team.gates.policy import GATES

    by_id = {role.id: role for role in ROLES}
    for role in ROLES:
        for receiver in role.hands_to:
            assert role.id in by_id[receiver].receives_from or role.id == "execution_specialist"
        assert role.gate is None or role.gate in GATES


def test_no_role_has_more_than_twenty_tools_of_its_own() -> None:
    for role in ROLES:
        assert 1 <= sum(tool.role == role.id for tool in TOOLS.values()) <= 20


def test_training_twice_gives_the_same_evidence_and_one_trial(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    first = load_record(desk.layout.evidence(strategy_id), EvidenceManifest)
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    second = load_record(desk.layout.evidence(strategy_id), EvidenceManifest)
    assert {name: item.sha256 for name, item in first.objects.items()} == {
        name: item.sha256 for name, item in second.objects.items()
    }
    assert trials.ledger(desk.layout).n_trials == 1
    assert desk.use("verify", strategy_id=strategy_id).ok
    assert validate.validate(desk.layout) == []


def test_verify_says_what_differs_after_the_design_or_the_evidence_changed(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    manifest = load_record(desk.layout.evidence(strategy_id), EvidenceManifest)
    from crypto_team.kb import store

    store.get(desk.layout, manifest.objects["predictions.parquet"].sha256).write_bytes(b"forged")
    outcome = desk.try_("gate.check", strategy_id=strategy_id, gate="data_collector->backtester")
    assert outcome.exit_code == 3
    assert "corrupt" in " ".join(item.message for item in outcome.findings)
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    desk.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=0.6)
    outcome = desk.try_("verify", strategy_id=strategy_id)
    assert outcome.exit_code == 1
    told = [item.message for item in outcome.findings if "design changed" in item.message]
    assert len(told) == 1, told
    assert re.search(r"ml-spec\.yaml:\d+:\d+: signal\.entry_threshold is 0\.6, trained with 0\.\d+$", told[0]), told


def test_sealed_bars_reach_no_training_tool(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    sealed = desk.use("data.list").data[0]["sealed_from"]
    from crypto_team.roles.publishing import stored_evidence
    from crypto_team.tools.session import open_session

    evidence = stored_evidence(open_session(desk.folder, "critic"), strategy_id)
    assert evidence.tables.market["time"].max().strftime("%Y-%m-%dT%H:%M:%SZ") < sealed
    assert evidence.tables.predictions["label_end"].max().strftime("%Y-%m-%dT%H:%M:%SZ") < sealed


def test_a_sweep_books_every_configuration_and_its_winner_retrains_equal(desk: Desk) -> None:
    strategy_id = desk.designed()
    made = desk.use("ml_engineer.sweep", strategy_id=strategy_id, trials=4, features_per_trial=3)
    assert trials.ledger(desk.layout).n_trials == 4
    trained = desk.use("ml_engineer.train", strategy_id=strategy_id)
    assert trained.data["sharpe"] == pytest.approx(made.data[0]["sharpe_annual"], abs=1e-3)


def test_tuning_books_every_configuration_and_writes_the_best_one(desk: Desk) -> None:
    strategy_id = desk.designed()
    made = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=3)
    assert trials.ledger(desk.layout).n_trials == 3
    assert len(made.data) == 3
    from crypto_team.roles import records
    from crypto_team.tools.session import open_session

    spec = records.ml_spec(open_session(desk.folder, "ml_engineer"), strategy_id)
    best = {key: value for key, value in made.data[0].items() if key not in {"trial", "loss"}}
    assert best.items() <= resolve(spec.model.primary, spec.model.hyperparameters).items()
    refused = desk.try_("ml_engineer.tune", strategy_id=strategy_id, trials=1)
    assert "between 2 and 1000 trials" in refused.findings[0].message
    bad = desk.try_("ml_engineer.tune", strategy_id=strategy_id, trials=2, space=["nothing=1:2"])
    assert "no hyperparameter 'nothing'" in bad.findings[0].message
    assert trials.ledger(desk.layout).n_trials == 3
    name = next(iter(best))
    own = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=2, space=[f"{name}=5.0:6.0"])
    assert {key for key in own.data[0] if key not in {"trial", "loss"}} == {name}
    assert trials.ledger(desk.layout).n_trials == 5


def test_a_search_that_changes_nothing_says_so_and_is_remembered(desk: Desk) -> None:
    strategy_id, few = desk.designed(), ["n_estimators=5", "min_child_samples=5000"]
    desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="lightgbm", param=few)
    made = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=3, space=["num_leaves=20:31"])
    assert "all 3 that were finished have the same loss: what was searched changes nothing here" in made.summary
    assert "the design stays as it is" in made.summary
    again = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=3, space=["num_leaves=20:31"])
    assert "3 of them remembered" in again.summary
    assert trials.ledger(desk.layout).n_trials == 3


def test_a_finished_search_repeated_tries_and_books_nothing_and_a_longer_one_only_what_is_new(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="logistic", param=["l2=300"])
    made = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=3)
    assert made.revision is not None  # the best is not what the design had, so the design is another one now
    again = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=3)
    assert "3 of them remembered" in again.summary
    assert again.revision is None
    assert again.data == made.data
    assert trials.ledger(desk.layout).n_trials == 3
    more = desk.use("ml_engineer.tune", strategy_id=strategy_id, trials=4)
    assert "3 of them remembered" in more.summary
    assert trials.ledger(desk.layout).n_trials == 4


def test_tuning_without_optuna_names_the_extra_and_books_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy_id = desk.designed()
    monkeypatch.setattr("crypto_team.roles.tuning.find_spec", lambda _name: None)
    refused = desk.try_("ml_engineer.tune", strategy_id=strategy_id, trials=3)
    assert "crypto-team[ml]" in f"{refused.findings[0].hint}"
    assert trials.ledger(desk.layout).n_trials == 0


def test_a_python_feature_is_audited_and_only_an_honest_one_becomes_safe(desk: Desk, tmp_path: Path) -> None:
    strategy_id = desk.designed()
    code = tmp_path / "mine.py"
    code.write_text(
        "def honest(d):\n    return d.close / d.close.rolling(30).mean()\n\n\n"
        "def leaking(d):\n    return d.close.shift(-1) / d.close\n"
    )
    desk.use("ml_engineer.add-code", strategy_id=strategy_id, file=code)
    desk.use("ml_engineer.add-feature", strategy_id=strategy_id, python="code/mine.py:honest")
    assert desk.use("ml_engineer.audit", strategy_id=strategy_id).data[0]["lookback"] == 64
    desk.use("ml_engineer.add-feature", strategy_id=strategy_id, python="code/mine.py:leaking")
    outcome = desk.try_("ml_engineer.audit", strategy_id=strategy_id)
    assert outcome.exit_code == 1
    assert "leaking look ahead" in outcome.summary
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    desk.use("ml_engineer.report", strategy_id=strategy_id)
    desk.use("ml_engineer.export", strategy_id=strategy_id)
    outcome = desk.try_("handoff", strategy_id=strategy_id, to="data_collector")
    assert outcome.exit_code == 3
    found = {item.code: item.message for item in outcome.findings}
    assert "probe" in found["LK001"]
    assert "honest" not in found["LK001"]
    assert registry.entry(desk.layout, strategy_id).status == "refused"


def test_code_does_not_reach_freqtrade_before_its_gate(desk: Desk) -> None:
    strategy_id = desk.designed()
    outcome = desk.try_("backtester.run", strategy_id=strategy_id)
    assert outcome.exit_code == 3
    assert "only through the gates" in outcome.summary
    outcome = desk.try_("handoff", strategy_id=strategy_id, to="critic")
    assert outcome.exit_code == 3
    assert "next to receive it is the data_collector" in outcome.summary
    assert desk.try_("risk_manager.approve", strategy_id=strategy_id).exit_code == 3


@pytest.mark.parametrize(
    ("key", "arguments", "code", "words"),
    [
        ("ml_engineer.add-feature", {"formula": ["rsi(close, -3)"]}, 2, "look ahead"),
        ("ml_engineer.add-feature", {"formula": ["shift(close, 1)"]}, 2, "unknown operator"),
        ("ml_engineer.add-feature", {"set": "standart"}, 2, "did you mean standard"),
        ("ml_engineer.add-feature", {}, 2, "nothing to add"),
        ("ml_engineer.set-model", {"model": "lightgbm", "param": ["num_leafs=3"]}, 2, "num_leaves"),
        ("ml_engineer.set-model", {"model": "lightgbm", "param": ["x"]}, 2, "name=value"),
        ("ml_engineer.set-model", {"model": "forest"}, 2, ""),
        ("ml_engineer.set-model", {"model": "online_linear", "refit": True}, 2, "calibration tail"),
        ("ml_engineer.set-model", {"calibration": "platt", "refit": True}, 2, "does not hold"),
        ("ml_engineer.define-target", {"horizon": "90m"}, 2, "whole number"),
        ("ml_engineer.define-target", {"kind": "n_class"}, 2, ""),
        ("ml_engineer.set-signal", {"entry": 0.3, "exit": 0.4}, 2, "exit_threshold"),
        ("ml_engineer.set-split", {"test": "soon"}, 2, ""),
        ("ml_engineer.set-split", {"n_splits": 3}, 2, "n_splits is 3: it should be greater than or equal to 5"),
        ("ml_engineer.set-split", {"test": "300bars", "step": "100bars"}, 2, "every 100bars would overlap"),
        ("ml_engineer.set-split", {"window": "random"}, 2, "should look like rolling_252d or expanding_1000bars"),
        ("ml_engineer.report", {}, 2, "train"),
        ("ml_engineer.remove-feature", {"name": "nothing"}, 2, "no feature"),
    ],
)
def test_bad_input_is_answered_with_what_is_wrong_and_what_to_do(
    designed: Desk, key: str, arguments: dict[str, object], code: int, words: str
) -> None:
    desk = designed
    head = git.head(desk.layout.root)
    outcome = desk.try_(key, strategy_id="STR-001", **arguments)
    told = " ".join([outcome.summary, *(f"{item.message} {item.hint}" for item in outcome.findings)])
    assert (outcome.ok, outcome.exit_code) == (False, code), told
    assert words in told
    assert git.head(desk.layout.root) == head
    assert validate.validate(desk.layout) == []


def test_unknown_strategies_and_pairs_are_answered_with_the_next_command(desk: Desk) -> None:
    assert desk.try_("ml_engineer.train", strategy_id="STR-404").exit_code == 2
    outcome = desk.try_("ml_engineer.new", name="x", pair=["ETH/USD"])
    assert "data import" in str(outcome.findings[0].hint)
    assert desk.try_("ml_engineer.train", strategy_id="../../etc").exit_code == 2


def test_candles_that_changed_after_registration_are_refused(desk: Desk) -> None:
    strategy_id = desk.designed()
    (path,) = desk.layout.data_dir.rglob("*.parquet")
    import pandas as pd

    frame = pd.read_parquet(path)
    frame.loc[5, "close"] += 0.01
    frame.to_parquet(path)
    outcome = desk.try_("ml_engineer.train", strategy_id=strategy_id)
    assert not outcome.ok
    assert "changed since they were registered" in outcome.summary


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_training_counts_as_a_trial_and_leaves_the_workspace_valid(
    desk: Desk, stop: signal.Signals
) -> None:
    strategy_id = desk.designed()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "from crypto_team.cli.main import run; run()"
    command = [sys.executable, "-c", code, "ml-engineer", "train", strategy_id]
    child = subprocess.Popen(command, cwd=desk.folder, stderr=subprocess.PIPE, env=environment)
    folder = desk.layout.trials_root
    while not list(folder.rglob("*.yaml")) or git.changed_since_commit(desk.layout.root, [folder]):
        time.sleep(0.01)
        assert child.poll() is None
    child.send_signal(stop)
    _, words = child.communicate()
    assert child.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert b"Traceback" not in words
    desk.use("doctor", repair=True)
    assert validate.validate(desk.layout) == []
    assert trials.ledger(desk.layout).n_trials == 1
    assert not desk.layout.evidence(strategy_id).exists()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    assert trials.ledger(desk.layout).n_trials == 1  # the same attempt again, and nobody saw more of it


@pytest.mark.parametrize("command", ["data import", "ml-engineer train"])
def test_a_disk_that_takes_no_more_is_a_clear_error_and_leaves_nothing_half_written(
    designed: Desk, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "other.parquet"
    planted_market(seed=2, bars=4_000, timeframe="1h", oracle_sharpe=0.0).frame.to_parquet(file, index=False)
    options = (
        f"import {file} --exchange synthetic --pair OTHER/USD --timeframe 1h"
        if "import" in command
        else "train STR-001"
    )
    code = "from crypto_team.cli.main import run; run()"
    script = f'ulimit -f 60; exec "{sys.executable}" -c "{code}" {command.split(maxsplit=1)[0]} {options}'
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=designed.folder, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "ulimit" in done.stderr
    assert validate.validate(designed.layout) == []
    assert not list(designed.layout.data_dir.rglob("*.new"))
    assert not list(designed.layout.scratch.iterdir())


def test_a_new_strategy_says_which_of_two_datasets_it_takes(desk: Desk, tmp_path: Path) -> None:
    assert "newest" not in desk.use("ml_engineer.new", name="one", pair=["EDGE/USD"]).summary
    desk.candles(tmp_path, bars=4_100, sharpe=8.0)
    assert desk.use("ml_engineer.new", name="two", pair=["EDGE/USD"]).summary.endswith("the newest: DS-002")
