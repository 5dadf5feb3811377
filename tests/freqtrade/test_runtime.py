from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.importing import to_freqtrade
from crypto_team.errors import CryptoTeamError, EvidenceError
from crypto_team.freqtrade.runtime import load_bundle

from .bundles import Trained, make_spec, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("runtime") / "strategy", make_spec(["BTC/USDT"]))


def frame_of(trained: Trained) -> pd.DataFrame:
    return to_freqtrade(trained.bars["BTC/USDT"])


def test_each_candle_is_predicted_by_the_fold_that_never_saw_it(trained: Trained) -> None:
    found = load_bundle(trained.folder / "model").signals(frame_of(trained))
    test = trained.result.predictions.query("part == 'test'")
    stored = test.set_index("time")["signal"].sort_index()
    seen = found.set_index(pd.DatetimeIndex(frame_of(trained)["date"]))["signal"].reindex(stored.index)
    np.testing.assert_array_equal(seen.to_numpy(), stored.to_numpy())


def test_before_the_first_fold_nothing_is_known_and_nothing_is_held(trained: Trained) -> None:
    frame = frame_of(trained)
    found = load_bundle(trained.folder / "model").signals(frame)
    early = (frame["date"] < pd.Timestamp(trained.manifest.folds[0].test_start)).to_numpy()
    assert found.loc[early, "signal"].isna().all()
    assert (found.loc[early, ["enter_long", "enter_short"]] == 0).all().all()
    assert (found.loc[early, "exit_long"] == 1).all()


def test_after_the_last_fold_the_last_model_goes_on(trained: Trained) -> None:
    frame = frame_of(trained)
    late = (frame["date"] >= pd.Timestamp(trained.manifest.folds[-1].test_end)).to_numpy()
    assert late.any()
    assert load_bundle(trained.folder / "model").signals(frame).loc[late, "signal"].notna().all()


def test_other_columns_and_other_time_units_change_nothing(trained: Trained) -> None:
    bundle, frame = load_bundle(trained.folder / "model"), frame_of(trained)
    live = frame.assign(date=frame["date"].dt.as_unit("us"), open_count=3, max_count=9)
    pd.testing.assert_frame_equal(bundle.signals(frame), bundle.signals(live))


def test_later_candles_do_not_change_earlier_signals(trained: Trained) -> None:
    bundle, frame = load_bundle(trained.folder / "model"), frame_of(trained)
    cut = len(frame) - 500
    pd.testing.assert_frame_equal(bundle.signals(frame).iloc[:cut], bundle.signals(frame.iloc[:cut]))


def test_a_changed_model_file_is_refused(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.folder / "model", tmp_path / "model")
    victim = tmp_path / "model" / trained.manifest.folds[2].file
    victim.write_bytes(victim.read_bytes().replace(b"gain", b"pain", 1) + b" ")
    with pytest.raises(EvidenceError, match="not the one that was trained"):
        load_bundle(tmp_path / "model")


def test_a_missing_model_file_is_a_foreseen_error(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.folder / "model", tmp_path / "model")
    (tmp_path / "model" / trained.manifest.folds[0].file).unlink()
    with pytest.raises(CryptoTeamError):
        load_bundle(tmp_path / "model")


def test_changed_feature_code_is_refused(tmp_path: Path) -> None:
    trained = train(tmp_path / "strategy", make_spec(["BTC/USDT"]), python=True)
    code = trained.folder / "code" / "features.py"
    code.write_text(code.read_text(encoding="utf-8").replace("12", "13"), encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"features\.py|feature code"):
        load_bundle(trained.folder / "model")
