"""What a network over windows leans on: a feature is exchanged over whole windows, and forecasts move or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from crypto_team.models.samples import Floats

if TYPE_CHECKING:
    from crypto_team.models.windows import Windows

ROWS = 256
CHUNK = 32


def reliance(net: nn.Module, windows: Windows, seed: int) -> Floats:
    """Return how far forecasts move when one feature comes from another sample's window, for each feature.

    Parameters
    ----------
    net
        Frozen, on the device of the windows.
    windows
        Of the training rows; at most 256 of them are asked, evenly spread.
    seed
        Of the exchange; each feature has a permutation of its own, in which no sample keeps its window.

    Returns
    -------
    ndarray
        Mean |change| of the network's outputs (log odds, or scaled returns), shape (features,), not negative.

    Notes
    -----
    A feature's path through the window stays whole, so the network sees paths that exist; exchanging single bars would
    show it paths that no market has. Permutation importance of Breiman (2001), on forecasts instead of losses as in
    Fisher, Rudin & Dominici (2019): it says what the model uses, which rankings compare from fold to fold.
    """
    count = min(ROWS, len(windows))
    rows = torch.from_numpy(np.unique(np.linspace(0, len(windows) - 1, count).astype(np.int64)))
    device = windows.padded.device
    moved = np.zeros(windows.padded.shape[1])
    with torch.inference_mode():
        inputs = windows.batch(rows.to(device))
        base = _forecasts(net, inputs)
        for column in range(moved.size):
            order = np.random.default_rng([seed, column]).permutation(rows.numel())
            partner = np.empty_like(order)
            partner[order] = np.roll(order, 1)
            mixed = inputs.clone()
            mixed[:, :, column] = inputs[torch.from_numpy(partner).to(device)][:, :, column]
            moved[column] = float((_forecasts(net, mixed) - base).abs().mean())
    return moved


def _forecasts(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    return torch.cat([net(part).float() for part in torch.split(inputs, CHUNK)])
