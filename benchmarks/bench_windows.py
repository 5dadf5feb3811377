"""Windows per CPU second: one gather from a strided view, against a Dataset's `__getitem__` per sample.

The peers are the usual PyTorch form, over a DataFrame and over a NumPy array, with torch's own batching.

    python benchmarks/bench_windows.py [ROWS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from crypto_team.models.samples import Samples
from crypto_team.models.windows import windows

STEPS, HORIZON, COLUMNS, BATCH, ROUNDS = 60, 5, 40, 128, 5


class PerSample(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A window sliced and converted for each sample, as most published code has it."""

    def __init__(self, data: pd.DataFrame | np.ndarray) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data) - STEPS - HORIZON

    def _close(self, place: int) -> float:
        if isinstance(self.data, pd.DataFrame):
            return float(self.data.iloc[place]["close"])
        return float(self.data[place, 0])

    def __getitem__(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        window = self.data[place : place + STEPS]
        values = window.to_numpy() if isinstance(window, pd.DataFrame) else window
        current = self._close(place + STEPS)
        gain = (self._close(place + STEPS + HORIZON) - current) / current
        target = sum(gain > limit for limit in (-0.015, -0.005, 0.005, 0.015))
        return torch.tensor(values, dtype=torch.float32), torch.tensor(target, dtype=torch.long)


def seconds(work: Callable[[], int]) -> float:
    """Return the median CPU seconds per window over some rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        count = work()
        taken.append((time.process_time() - start) / count)
    return statistics.median(taken)


def loaded(data: PerSample, batches: int) -> int:
    """Load some shuffled batches through torch's DataLoader."""
    order = torch.utils.data.RandomSampler(data, num_samples=batches * BATCH)
    return sum(len(x) for x, _ in torch.utils.data.DataLoader(data, batch_size=BATCH, sampler=order))


def main() -> None:
    """Measure the three ways and print the ratios."""
    torch.set_num_threads(1)
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = np.random.default_rng(0)
    values = rng.standard_normal((rows, COLUMNS)).astype(np.float32)
    label = rng.integers(0, 2, rows)
    ends = np.arange(STEPS - 1, rows, dtype=np.int64)
    samples = Samples(values, ends, np.zeros_like(ends), ends, ends)
    ours = windows(values, samples, STEPS, torch.device("cpu"))
    target = torch.from_numpy(label[ends])

    def strided(batches: int = 100) -> int:
        order = torch.randperm(len(ours))[: batches * BATCH]
        return sum(len(ours.batch(index)) + 0 * len(target[index]) for index in torch.split(order, BATCH))

    names = ["close", *(f"f{column}" for column in range(1, COLUMNS))]
    frame, array = PerSample(pd.DataFrame(values, columns=names)), PerSample(values)
    own, by_frame, by_array = seconds(strided), seconds(lambda: loaded(frame, 10)), seconds(lambda: loaded(array, 10))
    print(f"{rows:,} rows, {COLUMNS} features, windows of {STEPS}, batches of {BATCH}; CPU microseconds per window")
    print(f"strided view      {own * 1e6:8.2f}")
    print(f"DataFrame         {by_frame * 1e6:8.2f}   {by_frame / own:6.1f}x")
    print(f"NumPy             {by_array * 1e6:8.2f}   {by_array / own:6.1f}x")


if __name__ == "__main__":
    main()
