"""The networks: recurrent, transformer, multi-scale LSTM-CNN with attention, and the small one of the meta-learner.

Input is (batch, steps, features), scaled, without NaN; output is (batch, outputs). Randomness in training comes from a
generator of its own, so that networks that train beside each other do not take each other's numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from crypto_team.errors import UsageError
from crypto_team.models.base import Hyperparameter


class Dropout(nn.Module):
    """Zero a share of the values while training, with a generator that the training sets, or PyTorch's own without one.

    A generator cannot be part of a compiled graph; it would cut each network in pieces, which are compiled again and
    again. So networks that are compiled have none.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale what is kept, so that the expectation stays; do nothing outside of training."""
        if not self.training or self.rate <= 0.0:
            return x
        if self.generator is None:
            return functional.dropout(x, self.rate)
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.rate
        return x * kept / (1.0 - self.rate)


class Recurrent(nn.Module):
    """LSTM or GRU layers over the window; the state after the last bar goes to the output."""

    def __init__(self, kind: str, inputs: int, hidden: int, layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        widths = [inputs, *[hidden] * (layers - 1)]
        self.layers = nn.ModuleList([layer(width, hidden, batch_first=True) for width in widths])
        self.drop = Dropout(dropout)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output at the last bar."""
        for layer in self.layers:
            x = self.drop(layer(x)[0])
        return torch.as_tensor(self.out(x[:, -1]))


class Attention(nn.Module):
    """Multi-head self-attention with PyTorch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise UsageError(
                f"a width of {width} cannot be split into {heads} heads",
                where="model.hyperparameters.heads",
                hint="choose heads that divide the width (d_model or hidden)",
            )
        self.heads = heads
        self.inner = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mixture of all bars for each bar."""
        batch, steps, width = x.shape
        parts = self.inner(x).view(batch, steps, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return torch.as_tensor(self.out(mixed.transpose(1, 2).reshape(batch, steps, width)))


class EncoderLayer(nn.Module):
    """Attention and a feed-forward part; norms come first, which trains without a warm-up of the learning rate."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.wide = nn.Linear(width, feedforward)
        self.narrow = nn.Linear(feedforward, width)
        self.drop = Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the bars after one layer, same shape."""
        x = x + self.drop(self.attention(self.norms[0](x)))
        inner = self.drop(functional.relu(self.wide(self.norms[1](x))))
        return torch.as_tensor(x + self.drop(self.narrow(inner)))


def positions(steps: int, width: int) -> torch.Tensor:
    """Return the sine and cosine code of positions, shape (steps, width) (Vaswani et al. 2017, section 3.5)."""
    place = torch.arange(steps)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    code = torch.zeros(steps, width)
    code[:, 0::2] = torch.sin(place * rate)
    code[:, 1::2] = torch.cos(place * rate)[:, : width // 2]
    return code


class Transformer(nn.Module):
    """Encoder over the window; the last bar's state goes through a small head."""

    def __init__(self, inputs: int, outputs: int, settings: Mapping[str, Hyperparameter]) -> None:
        super().__init__()
        width, dropout, head = int(settings["d_model"]), float(settings["dropout"]), int(settings["head"])
        self.project = nn.Linear(inputs, width)
        self.register_buffer("code", positions(int(settings["sequence"]), width), persistent=False)
        self.layers = nn.ModuleList(
            [
                EncoderLayer(width, int(settings["heads"]), int(settings["feedforward"]), dropout)
                for _ in range(int(settings["layers"]))
            ]
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, head)
        self.drop = Dropout(float(settings["head_dropout"]))
        self.out = nn.Linear(head, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output at the last bar."""
        x = self.project(x) + self.get_buffer("code")[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        last = functional.relu(self.head(self.norm(x[:, -1])))
        return torch.as_tensor(self.out(self.drop(last)))


class Scale(nn.Module):
    """One time scale: the mean of each `span` bars (counted from the last), convolved, spread over the bars again."""

    def __init__(self, inputs: int, channels: int, span: int) -> None:
        super().__init__()
        self.span = span
        self.filter = nn.Conv1d(inputs, channels, kernel_size=3, padding=1)
        self.norm = nn.GroupNorm(1, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, channels, steps) from (batch, features, steps)."""
        steps = x.shape[2]
        filled = functional.pad(x, (-steps % self.span, 0))
        coarse = functional.relu(self.norm(self.filter(functional.avg_pool1d(filled, self.span))))
        return coarse.repeat_interleave(self.span, dim=2)[:, :, -steps:]


class MultiScale(nn.Module):
    """Convolutions on several time scales, an LSTM over them, attention over its states, a small head."""

    def __init__(self, inputs: int, outputs: int, settings: Mapping[str, Hyperparameter]) -> None:
        super().__init__()
        channels, hidden, dropout = int(settings["channels"]), int(settings["hidden"]), float(settings["dropout"])
        spans = scales(str(settings["scales"]))
        self.scales = nn.ModuleList([Scale(inputs, channels, span) for span in spans])
        widths = [channels * len(spans), *[hidden] * (int(settings["layers"]) - 1)]
        self.layers = nn.ModuleList([nn.LSTM(width, hidden, batch_first=True) for width in widths])
        self.attention = Attention(hidden, int(settings["heads"]))
        self.drop = Dropout(dropout)
        self.head = nn.Linear(hidden, hidden // 2)
        self.out = nn.Linear(hidden // 2, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output at the last bar."""
        turned = x.transpose(1, 2)
        x = torch.cat([scale(turned) for scale in self.scales], dim=1).transpose(1, 2)
        for layer in self.layers:
            x = self.drop(layer(x)[0])
        x = x + self.attention(x)
        return torch.as_tensor(self.out(self.drop(functional.relu(self.head(x[:, -1])))))


def scales(text: str) -> list[int]:
    """Return the time scales of a comma-separated text, in bars."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise UsageError(
            f"{text!r} is not a list of time scales",
            where="model.hyperparameters.scales",
            hint="whole numbers of bars, for example 1,5,15",
        )
    return [int(part) for part in parts]


class Meta(nn.Module):
    """The meta-learner's network: two hidden layers over base predictions and context (a window of one step)."""

    def __init__(self, inputs: int, outputs: int, settings: Mapping[str, Hyperparameter]) -> None:
        super().__init__()
        wide, narrow = int(settings["wide"]), int(settings["narrow"])
        self.wide, self.narrow = nn.Linear(inputs, wide), nn.Linear(wide, narrow)
        self.drop = Dropout(float(settings["dropout"]))
        self.out = nn.Linear(narrow, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last step."""
        first = self.drop(functional.relu(self.wide(x[:, -1])))
        return torch.as_tensor(self.out(functional.relu(self.narrow(first))))


def network(kind: str, inputs: int, outputs: int, settings: Mapping[str, Hyperparameter]) -> nn.Module:
    """Build the network of a learner."""
    if kind in {"lstm", "gru"}:
        hidden, layers, dropout = int(settings["hidden"]), int(settings["layers"]), float(settings["dropout"])
        return Recurrent(kind, inputs, hidden, layers, dropout, outputs)
    return {"transformer": Transformer, "lstm_cnn": MultiScale, "meta": Meta}[kind](inputs, outputs, settings)
