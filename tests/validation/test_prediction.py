from __future__ import annotations

import numpy as np
import pytest

from crypto_team.errors import EvidenceError
from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory, resolve
from crypto_team.validation.calibration import Calibrator
from crypto_team.validation.calibration_maps import Platt
from crypto_team.validation.prediction import FoldModel, fold_signal, signal_from_bps, signal_from_probabilities


def _fold() -> tuple[FoldModel, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3)).astype(np.float32)
    model = factory("logistic").create(ModelSettings(2, resolve("logistic", {}), 1))
    model.fit(x, (x[:, 0] > 0.0).astype(np.float64), None)
    calibrator = Calibrator((Platt(-0.8, 0.1),))
    return FoldModel("logistic", 2, ["a", "b", "c"], model, calibrator, 50.0, {"train": (0, 10)}), x


def test_a_stored_fold_gives_the_same_bits_and_the_same_bytes() -> None:
    fold, x = _fold()
    again = FoldModel.load(fold.save())
    assert again.save() == fold.save()
    assert np.array_equal(again.signal(x).signal, fold.signal(x).signal)
    assert again.ranges == {"train": (0, 10)}


def test_columns_are_taken_by_name_and_a_missing_one_is_named() -> None:
    fold, x = _fold()
    columns = {"c": x[:, 2], "unused": x[:, 0], "a": x[:, 0], "b": x[:, 1]}
    assert np.array_equal(fold_signal(fold, columns).signal, fold.signal(x).signal)
    with pytest.raises(EvidenceError, match="features missing for the model: b, c"):
        fold_signal(fold, {"a": x[:, 0]})


def test_for_two_classes_the_signal_is_the_probability_of_up() -> None:
    p = np.array([[0.3, 0.7], [0.1, 0.9]])
    assert np.array_equal(signal_from_probabilities(p), p[:, 1])


def test_for_three_classes_no_opinion_is_one_half_and_sides_are_symmetric() -> None:
    p = np.array([[1 / 3, 1 / 3, 1 / 3], [0.1, 0.3, 0.6], [0.6, 0.3, 0.1]])
    assert signal_from_probabilities(p) == pytest.approx([0.5, 0.75, 0.25])


def test_an_expected_return_of_nothing_is_one_half() -> None:
    assert signal_from_bps(np.array([0.0, 50.0, -50.0]), 50.0) == pytest.approx([0.5, 0.841345, 0.158655], abs=1e-6)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"format": "crypto-team fold 99"}'])
def test_anything_else_is_an_evidence_error(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        FoldModel.load(data)
