"""The training loop: schedule, resuming, early stopping, devices and bad values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crypto_team.errors import EvidenceError, InputError, UsageError
from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory, resolve

torch = pytest.importorskip("torch")
SMALL = {"sequence": 2, "hidden": 8, "epochs": 4, "patience": 4}


def _data(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, 3)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.float64)


def _fitted(folder: Path | None = None, progress=None, **more) -> bytes:
    settings = ModelSettings(2, resolve("gru", {**SMALL, **more}), 5, checkpoints=folder, progress=progress)
    model = factory("gru").create(settings)
    model.fit(*_data())
    return model.save()


def test_the_learning_rate_is_pytorch_s_cosine_with_warm_restarts() -> None:
    from crypto_team.models.deep_training import learning_rate_at

    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=5, T_mult=2)
    for epoch in np.arange(0.0, 40.0, 0.25):
        theirs.step(float(epoch))
        assert learning_rate_at(float(epoch), 0.01, 5) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)


def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(share: float, text: str) -> None:
        assert "epoch" in text
        if share >= 0.5:
            raise StoppedError

    whole = _fitted()
    with pytest.raises(StoppedError):
        _fitted(tmp_path, stop)
    assert len(list(tmp_path.iterdir())) == 1
    heard: list[float] = []
    assert _fitted(tmp_path, lambda share, text: heard.append(share)) == whole
    assert heard == [0.75, 1.0]
    assert not list(tmp_path.iterdir()), "a finished training leaves no checkpoint"


def test_a_checkpoint_that_is_damaged_says_so(tmp_path: Path) -> None:
    def stop(share: float, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fitted(tmp_path, stop)
    next(tmp_path.iterdir()).write_bytes(b"nonsense")
    with pytest.raises(EvidenceError, match="checkpoint cannot be read"):
        _fitted(tmp_path)


def test_training_stops_when_the_tail_no_longer_improves() -> None:
    heard: list[str] = []
    _fitted(None, lambda share, text: heard.append(text), epochs=60, patience=2, learning_rate=0.05)
    assert len(heard) < 60


def test_bfloat16_is_asked_for_and_learns_other_weights() -> None:
    assert _fitted(precision="bfloat16") != _fitted(precision="float32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_gpu_is_a_clear_error() -> None:
    with pytest.raises(InputError, match="no CUDA device"):
        _fitted(device="cuda")


def test_a_preset_gives_the_published_sizes_and_single_values_go_on_top() -> None:
    full = resolve("transformer", {"preset": "full", "layers": 2})
    assert (full["d_model"], full["heads"], full["sequence"], full["layers"]) == (256, 8, 60, 2)
    assert factory("transformer").history(full) == 59
    with pytest.raises(UsageError, match="no preset 'huge'"):
        resolve("transformer", {"preset": "huge"})


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    model = factory("transformer").create(ModelSettings(2, resolve("transformer", {"heads": 5}), 1))
    with pytest.raises(UsageError, match="5 heads"):
        model.fit(*_data())


def test_labels_that_are_no_classes_are_refused() -> None:
    x, y = _data()
    model = factory("gru").create(ModelSettings(2, resolve("gru", SMALL), 1))
    with pytest.raises(InputError, match="from 0 to 1"):
        model.fit(x, y - 1.0)
