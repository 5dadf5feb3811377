"""Windows, tails and blocks never reach into another pair or into the future."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.models.samples import Samples, forward_blocks, purged_tail

torch = pytest.importorskip("torch")


def _samples(horizon: int = 3) -> Samples:
    """Two pairs of 50 bars; the value of a bar is its number."""
    values = np.arange(100, dtype=np.float32)[:, None]
    rows = np.arange(100, dtype=np.int64)
    time = np.tile(np.arange(50, dtype=np.int64), 2)
    return Samples(values, rows, np.repeat(np.array([0, 50]), 50), time, time + horizon)


def test_a_window_ends_at_its_bar_and_stays_inside_its_pair() -> None:
    from crypto_team.models.windows import windows

    samples = _samples()
    made = windows(samples.values + 1.0, samples, 4, torch.device("cpu"))
    batch = made.batch(torch.tensor([9, 51, 50]))[:, :, 0]
    assert batch.tolist() == [[7, 8, 9, 10], [0, 0, 51, 52], [0, 0, 0, 51]]
    assert made.view.untyped_storage().data_ptr() == made.padded.untyped_storage().data_ptr()
    assert samples.places(3)[51].tolist() == [-1, 50, 51]


def test_a_tail_is_purged_in_time() -> None:
    samples = _samples(horizon=5)
    early, tail = purged_tail(samples, 0.2)
    assert set(samples.time[tail]) == set(range(40, 50))
    assert samples.known[early].max() == samples.time[tail].min()
    assert early.size == 2 * 36


def test_blocks_are_predicted_from_what_was_known_before_they_began() -> None:
    samples = _samples(horizon=5)
    chain = forward_blocks(samples, 4)
    assert len(chain) == 4
    assert np.array_equal(np.sort(np.concatenate([after for _, after in chain])), np.flatnonzero(samples.time >= 10))
    for train, after in chain:
        assert samples.known[train].max() <= samples.time[after].min()
