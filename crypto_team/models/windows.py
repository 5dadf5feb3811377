"""Batches of windows: a strided view of one contiguous tensor, gathered in one call per batch, never row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from crypto_team.models.samples import Index, Samples


@dataclass(frozen=True)
class Windows:
    """The windows of n samples, each (length, k), oldest bar first.

    `padded` is (length - 1 + m, k) with zeros in front, so that the window which ends at bar i is rows i to
    i + length - 1; `view` is all of them at once, shape (m, length, k), and owns no memory. `missing` counts the bars
    before a pair's first one in each window: they are zeroed in the batch, zero being the mean of a feature.
    """

    padded: torch.Tensor
    view: torch.Tensor
    ends: torch.Tensor
    missing: torch.Tensor
    length: int

    def __len__(self) -> int:
        return int(self.ends.numel())

    def batch(self, index: torch.Tensor) -> torch.Tensor:
        """Return some windows, contiguous, shape (len(index), length, k)."""
        made = self.view.index_select(0, self.ends[index])
        missing = self.missing[index]
        if bool(missing.any()):
            steps = torch.arange(self.length, device=made.device)
            made.masked_fill_((steps[None, :] < missing[:, None])[:, :, None], 0.0)
        return made


def windows(values: npt.NDArray[np.float32], samples: Samples, length: int, device: torch.device) -> Windows:
    """Lay out the windows of samples.

    Parameters
    ----------
    values
        Scaled features of all bars without NaN, float32, shape (m, k).
    samples
        Which bars end a window, and where their pair begins.
    length
        Bars in a window.
    device
        Where the tensor lies; the whole of it is brought there once.
    """
    bars, columns = values.shape
    whole = np.zeros((length - 1 + bars, columns), dtype=np.float32)
    whole[length - 1 :] = values
    padded = torch.from_numpy(whole).to(device)
    view = padded.as_strided((bars, length, columns), (columns, columns, 1))
    missing: Index = np.maximum(length - 1 - (samples.rows - samples.first), 0)
    return Windows(
        padded, view, torch.from_numpy(samples.rows).to(device), torch.from_numpy(missing).to(device), length
    )
