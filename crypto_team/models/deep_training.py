"""The one training loop of all networks.

AdamW with decoupled decay, cosine learning rate with warm restarts, class weights, clipped gradients, early stopping on
a purged tail of the training rows, and checkpoints to go on from. Nothing random outlives an epoch (order and dropout
are drawn anew from seed and epoch), so a resumed training gives the bytes of an uninterrupted one.

On CUDA the forward pass runs in bfloat16 and the network is compiled, where the device can. Two runs there may differ
in their last bits, and, where folds are fitted beside each other, in what dropout leaves out: compiled networks draw
from the device's one generator. The CPU computes in float32 on one thread and repeats itself to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from crypto_team.errors import InputError
from crypto_team.models import checkpoints
from crypto_team.models.base import Progress
from crypto_team.models.networks import Dropout
from crypto_team.models.windows import Windows

FEWEST_STEPS = 16
SMALLEST_BATCH = 16
FEWEST_ROWS = 32
HUBER_DELTA = 3.0
# Compute capabilities of the first devices that do it in hardware (Ampere), and that Triton has code for (Volta).
FIRST_WITH_BFLOAT16, FIRST_WITH_TRITON = (8, 0), (7, 0)


@dataclass(frozen=True)
class Plan:
    """How a network is trained; `precision` is auto, float32 or bfloat16, `restart` the epochs of the first cycle."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    restart: int
    clip_norm: float
    precision: str
    seed: int


@dataclass(frozen=True)
class Lesson:
    """What is learnt: windows, targets (class indices 0..n-1, or scaled returns), weights, and how rows are split.

    `classes` 0 means regression. `train` and `tail` are positions; an empty tail means a fixed number of epochs.
    """

    windows: Windows
    target: torch.Tensor
    weight: torch.Tensor
    classes: int
    train: npt.NDArray[np.int64]
    tail: npt.NDArray[np.int64]


@dataclass
class State:
    """Where a training stands; `best` are the weights with the least loss on the tail."""

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    losses: list[tuple[float, float]] = field(default_factory=list)


def device_named(name: str) -> torch.device:
    """Return the device: `auto` takes CUDA where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "this machine has no CUDA device", where="model.hyperparameters.device", hint="--param device=auto"
        )
    return torch.device(name)


def learning_rate_at(epoch: float, base: float, restart: int) -> float:
    """Return the learning rate: half a cosine from `base` to 0 in `restart` epochs, then in twice as many, and so on.

    Source: Loshchilov & Hutter 2017, SGDR, with T_0 = `restart` and T_mult = 2.
    """
    cycle = float(restart)
    while epoch >= cycle:
        epoch -= cycle
        cycle *= 2.0
    return 0.5 * base * (1.0 + math.cos(math.pi * epoch / cycle))


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return the context of the forward pass: bfloat16 where asked or where a CUDA device has it, else float32."""
    wanted = precision == "bfloat16" or (precision == "auto" and _capable(device, FIRST_WITH_BFLOAT16))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def compiled(net: nn.Module, device: torch.device) -> nn.Module | Callable[..., torch.Tensor]:
    """Return the network compiled where that works and pays: on a CUDA device for which Triton is there.

    On a CPU compiling takes longer than it saves; elsewhere the network is returned as it is.
    """
    there = _capable(device, FIRST_WITH_TRITON) and find_spec("triton") is not None
    return torch.compile(net) if there else net


def _capable(device: torch.device, least: tuple[int, int]) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= least


class Training:
    """One network, one lesson, one plan."""

    def __init__(
        self, net: nn.Module, lesson: Lesson, plan: Plan, *, checkpoint: Path | None = None, fingerprint: str = ""
    ) -> None:
        self.net, self.lesson, self.plan = net, lesson, plan
        self.checkpoint, self.fingerprint = checkpoint, fingerprint
        self.device = lesson.windows.padded.device
        self.optimizer = torch.optim.AdamW(
            net.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, foreach=False
        )
        self.forward = compiled(net, self.device)
        self.state = State()

    def run(self, progress: Progress | None = None) -> State:
        """Train until the epochs are over or the tail has not improved for `patience` epochs; load the best weights."""
        self._resume()
        while self.state.epoch < self.plan.epochs and not self._exhausted():
            self._seed_epoch()
            trained, judged = self._epoch(), self._tail_loss()
            if not math.isfinite(trained):
                # No later epoch brings such weights back; the best ones so far are taken.
                break
            state = self.state
            state.epoch += 1
            state.losses.append((trained, judged))
            if judged < state.best_loss or not self.lesson.tail.size:
                state.best_loss, state.best_epoch = judged, state.epoch
                state.best = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
            self._keep()
            if progress is not None:
                text = f"epoch {state.epoch} of at most {self.plan.epochs}: loss {trained:.4f}, tail {judged:.4f}"
                progress(state.epoch / self.plan.epochs, text)
        if not self.state.best:
            raise InputError(
                "the loss is not a number from the first epoch on",
                where="model.hyperparameters.learning_rate",
                hint="choose a smaller learning rate",
            )
        self.net.load_state_dict(self.state.best)
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)
        return self.state

    def _exhausted(self) -> bool:
        return bool(self.lesson.tail.size) and self.state.epoch - self.state.best_epoch >= self.plan.patience

    def _seed_epoch(self) -> None:
        if self.forward is not self.net:
            torch.cuda.manual_seed(self.plan.seed * 100_003 + self.state.epoch)
            return
        generator = torch.Generator(device=self.device)
        generator.manual_seed(self.plan.seed * 100_003 + self.state.epoch)
        for module in self.net.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    def _batches(self) -> Iterator[torch.Tensor]:
        rows = self.lesson.train
        size = min(self.plan.batch_size, max(SMALLEST_BATCH, rows.size // FEWEST_STEPS))
        order = np.random.default_rng([self.plan.seed, self.state.epoch]).permutation(rows)
        for start in range(0, order.size, size):
            yield torch.from_numpy(order[start : start + size]).to(self.device)

    def _epoch(self) -> float:
        self.net.train()
        losses, batches = [], list(self._batches())
        for number, index in enumerate(batches):
            rate = learning_rate_at(
                self.state.epoch + number / len(batches), self.plan.learning_rate, self.plan.restart
            )
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._loss(index)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.net.parameters(), self.plan.clip_norm)
            self.optimizer.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    def _loss(self, index: torch.Tensor) -> torch.Tensor:
        """Return the weighted mean loss of a batch: cross-entropy, or Huber's on scaled returns."""
        with autocast(self.device, self.plan.precision):
            told = self.forward(self.lesson.windows.batch(index))
        target, weight = self.lesson.target[index], self.lesson.weight[index]
        if self.lesson.classes:
            each = functional.cross_entropy(told.float(), target, reduction="none")
        else:
            each = functional.huber_loss(told.float()[:, 0], target, reduction="none", delta=HUBER_DELTA)
        return (each * weight).sum() / weight.sum().clamp_min(1e-12)

    def _tail_loss(self) -> float:
        if not self.lesson.tail.size:
            return math.nan
        self.net.eval()
        parts = torch.split(torch.from_numpy(self.lesson.tail).to(self.device), 1024)
        with torch.no_grad():
            weights = torch.stack([self.lesson.weight[part].sum() for part in parts])
            losses = torch.stack([self._loss(part) for part in parts])
        return float((losses * weights).sum() / weights.sum())

    def _keep(self) -> None:
        if self.checkpoint is not None:
            checkpoints.write(self.checkpoint, self.net, self.optimizer, vars(self.state), self.fingerprint)

    def _resume(self) -> None:
        if self.checkpoint is not None:
            found = checkpoints.read(self.checkpoint, self.net, self.optimizer, self.fingerprint)
            if found is not None:
                self.state = State(**found)
