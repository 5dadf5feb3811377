"""Leaks are caught: by recomputation, by probes, by refitting, by asking the stored models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.registry import run_check
from crypto_team.schemas.features import Feature
from crypto_team.validation.calibration import fit_calibrator

CODES = ("LK001", "LK002", "LK003", "LK004", "LK005", "LK006", "LK008")
LEAK = "import numpy as np\n\n\ndef tomorrow(bars):\n    return bars['close'].shift(-1) / bars['close'] - 1\n"
PAST = "import numpy as np\n\n\ndef tomorrow(bars):\n    return bars['close'] / bars['close'].shift(3) - 1\n"


@pytest.mark.parametrize("code", CODES)
def test_honest_evidence_passes(honest: Case, code: str) -> None:
    result = run_check(code, honest)
    assert result.outcome == "passed", result.explanation


def with_python_feature(case: Case, folder: Path, source: str) -> Case:
    code = folder / "code"
    code.mkdir()
    (code / "features.py").write_text(source, encoding="utf-8")
    feature = Feature(
        name="tomorrow", category="custom", python="code/features.py:tomorrow", lookback=3, leakage_safe=True
    )
    features = case.features.model_copy(update={"features": [*case.features.features, feature]})
    return replace(case, features=features, code_dir=code)


@pytest.mark.parametrize("code", ["LK001", "LK002"])
def test_a_python_feature_that_looks_ahead_is_refused_with_its_probe(honest: Case, tmp_path: Path, code: str) -> None:
    result = run_check(code, with_python_feature(honest, tmp_path, LEAK))
    assert result.outcome == "refused"
    assert "tomorrow" in result.explanation or "shift" in result.explanation


@pytest.mark.parametrize("code", ["LK001", "LK002"])
def test_a_python_feature_of_the_past_passes(honest: Case, tmp_path: Path, code: str) -> None:
    result = run_check(code, with_python_feature(honest, tmp_path, PAST))
    assert result.outcome == "passed", result.explanation


def test_a_static_hint_alone_does_not_refuse(honest: Case, tmp_path: Path) -> None:
    source = PAST + "\n\ndef label(bars):\n    return bars['close'].shift(-1)\n"
    result = run_check("LK002", with_python_feature(honest, tmp_path, source))
    assert result.outcome == "passed"
    assert any("shift by a negative" in line for line in result.evidence)


def test_missing_code_of_a_python_feature_does_not_pass(honest: Case, tmp_path: Path) -> None:
    case = with_python_feature(honest, tmp_path, PAST)
    (tmp_path / "code" / "features.py").unlink()
    assert run_check("LK001", case).outcome == "refused"
    assert run_check("LK002", replace(case, code_dir=None)).outcome == "not_enough_evidence"


def claimed(case: Case, **changes: object) -> Case:
    first = case.features.features[1].model_copy(update=changes)
    features = [case.features.features[0], first, *case.features.features[2:]]
    return replace(case, features=case.features.model_copy(update={"features": features}))


def other_values(case: Case) -> Case:
    assert case.features_sample is not None
    sample = case.features_sample.copy()
    sample["volume_3"] = sample["volume_3"].shift(-1)
    return replace(case, features_sample=sample)


def narrow_gap(case: Case) -> Case:
    assert case.meta is not None
    folds = [fold.model_copy(update={"test_start": fold.inner_end}) for fold in case.meta.folds]
    return replace(case, meta=case.meta.model_copy(update={"folds": folds}))


def inner_labels_reach_the_test(case: Case) -> Case:
    """Calibrate on labels that are known only when the test part has begun."""
    assert case.meta is not None
    assert case.predictions is not None
    frame = case.predictions.copy()
    fold = case.meta.folds[1]
    last = frame.index[(frame["fold"] == fold.fold) & (frame["part"] == "inner") & frame["label"].notna()][-1]
    frame.loc[last, "label_end"] = pd.Timestamp(fold.test_start)
    return replace(case, predictions=frame)


def reversed_folds(case: Case) -> Case:
    assert case.meta is not None
    last = case.meta.folds[-1]
    folds = [
        fold.model_copy(
            update={
                "train_start": last.train_start,
                "train_end": last.train_end,
                "inner_start": last.inner_start,
                "inner_end": last.inner_end,
            }
        )
        for fold in case.meta.folds
    ]
    return replace(case, meta=case.meta.model_copy(update={"folds": folds}))


def calibrated_on_test(case: Case) -> Case:
    assert case.predictions is not None
    frame = case.predictions.copy()
    raw, calibrated = ["p_raw_0", "p_raw_1"], ["p_0", "p_1"]
    for number in frame["fold"].unique():
        rows = ((frame["fold"] == number) & (frame["part"] == "test")).to_numpy()
        known = rows & frame["label"].notna().to_numpy()
        fitted = fit_calibrator(frame.loc[known, raw].to_numpy(), frame.loc[known, "label"].to_numpy(), "platt")
        frame.loc[rows, calibrated] = fitted.apply(frame.loc[rows, raw].to_numpy())
    return replace(case, predictions=frame)


def preprocessing_changed(stage: str, column: str, factor: float) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.preprocessing is not None
        frame = case.preprocessing.copy()
        frame.loc[frame["stage"] == stage, column] *= factor
        return replace(case, preprocessing=frame)

    return change


def fitted_later(stage: str) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.preprocessing is not None
        frame = case.preprocessing.copy()
        frame.loc[frame["stage"] == stage, "fitted_to"] += pd.Timedelta(days=20)
        return replace(case, preprocessing=frame)

    return change


def leaky_sample(bars: int) -> Callable[[Case], Case]:
    """Replace one feature by the price level of the future, as shift(-bars) on the closes would."""

    def change(case: Case) -> Case:
        assert case.market is not None
        assert case.features_sample is not None
        market = case.market.copy()
        market["volume_2"] = market.groupby("pair")["close"].shift(-bars)
        sample = case.features_sample.drop(columns="volume_2")
        return replace(case, features_sample=sample.merge(market[["time", "pair", "volume_2"]], on=["time", "pair"]))

    return change


def oracle_signal(case: Case) -> Case:
    assert case.predictions is not None
    frame = case.predictions.copy()
    frame["p_1"] = 0.5 + np.tanh(40 * frame["forward_return"].fillna(0.0)) / 2
    frame["p_0"] = 1 - frame["p_1"]
    return replace(case, predictions=frame)


def selected_otherwise(case: Case) -> Case:
    """Drop one feature in every fold for a reason that its training rows do not give."""
    assert case.preprocessing is not None
    frame = case.preprocessing.copy()
    rows = (frame["stage"] == "selection") & (frame["feature"] == "volume_3")
    frame.loc[rows, "kept"] = False
    frame.loc[rows, "reason"] = "importance rank 8 of 8"
    return replace(case, preprocessing=frame)


@pytest.mark.parametrize(
    ("code", "tamper", "says"),
    [
        ("LK001", lambda c: claimed(c, lookback=0), "is derived"),
        ("LK001", lambda c: claimed(c, leakage_safe=False), "not proven"),
        ("LK001", lambda c: claimed(c, formula="peek(close, 3)"), "does not parse"),
        ("LK001", other_values, "stored values differ"),
        ("LK003", lambda c: replace(c, strategy_code="startup_candle_count = 2\n"), "starts up with 2"),
        ("LK003", lambda c: replace(c, strategy_code="pass\n"), "states no startup"),
        ("LK004", narrow_gap, "bars between train and test"),
        ("LK004", inner_labels_reach_the_test, "training or inner rows end inside the test part"),
        ("LK004", reversed_folds, "a later model predicts earlier rows"),
        ("LK005", calibrated_on_test, "shrunk refitted on the inner rows"),
        ("LK005", preprocessing_changed("calibration", "a", 1.5), "Platt's A and B"),
        ("LK005", preprocessing_changed("scaler", "a", 1.01), "scaled by"),
        ("LK005", fitted_later("scaler"), "outside its part"),
        ("LK005", fitted_later("calibration"), "outside its part"),
        ("LK005", fitted_later("selection"), "outside its part"),
        ("LK005", selected_otherwise, "otherwise than stored"),
        ("LK006", leaky_sample(1), "volume_2 / close"),
        ("LK006", leaky_sample(4), "volume_2 / close"),
        ("LK006", oracle_signal, "signal"),
    ],
)
def test_leaks_are_refused(honest: Case, code: str, tamper: Callable[[Case], Case], says: str) -> None:
    result = run_check(code, tamper(honest))
    assert result.outcome == "refused", result.explanation
    assert says in result.explanation


def test_look_back_that_is_too_short_is_found_by_recomputing(honest: Case) -> None:
    features = [each.model_copy(update={"lookback": 2}) for each in honest.features.features]
    short = replace(honest, features=honest.features.model_copy(update={"features": features}))
    assert run_check("LK003", short).outcome == "refused"


def test_a_changed_model_file_is_refused(honest: Case, tmp_path: Path) -> None:
    assert honest.model_dir is not None
    for path in honest.model_dir.iterdir():
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data + b" " if path.name == "fold_03.json" else data)
    result = run_check("LK008", replace(honest, model_dir=tmp_path))
    assert result.outcome == "refused"
    assert "fold_03.json does not have the recorded hash" in result.explanation


def test_predictions_of_another_model_are_refused(honest: Case) -> None:
    assert honest.predictions is not None
    frame = honest.predictions.copy()
    frame["signal"] = frame["signal"].iloc[::-1].to_numpy()
    result = run_check("LK008", replace(honest, predictions=frame))
    assert result.outcome == "refused"
    assert "other signals" in result.explanation


def test_a_missing_model_file_is_not_enough_evidence(honest: Case, tmp_path: Path) -> None:
    assert run_check("LK008", replace(honest, model_dir=tmp_path)).outcome == "not_enough_evidence"


def test_forecasts_that_foresee_are_refused_without_their_features(honest: Case) -> None:
    hidden = run_check("LK006", replace(oracle_signal(honest), features_sample=None))
    assert (hidden.outcome, "signal has rank correlation" in hidden.explanation) == ("refused", True)
    plausible = run_check("LK006", replace(honest, features_sample=None))
    assert (plausible.outcome, "missing: evidence: features.parquet" in plausible.explanation) == (
        "not_enough_evidence",
        True,
    )
