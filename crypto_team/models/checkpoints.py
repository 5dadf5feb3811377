"""The state of a training between two epochs, as safetensors: weights, optimizer, best weights, losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from crypto_team.errors import EvidenceError


def write(
    path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], fingerprint: str
) -> None:
    """Write a checkpoint in place of an earlier one; a crash in between leaves the earlier one whole."""
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state["best"].items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in values.items()}
    numbers = {name: value for name, value in state.items() if name != "best"}
    told = {"fingerprint": fingerprint, "state": json.dumps(numbers)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(save({name: value.contiguous().clone() for name, value in tensors.items()}, told))
    partial.replace(path)


def read(path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, fingerprint: str) -> dict[str, Any] | None:
    """Load a checkpoint into network and optimizer and return its state; None where there is none for this training.

    The fingerprint covers data, hyperparameters and seed: a training that differs in any of them starts anew.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise EvidenceError(
            f"the checkpoint cannot be read: {error}", where=str(path), hint="remove the file; training starts anew"
        ) from error
    if told.get("fingerprint") != fingerprint:
        return None
    net.load_state_dict(_part(tensors, "net."))
    kept = optimizer.state_dict()
    kept["state"] = {}
    for name, value in _part(tensors, "optimizer.").items():
        number, _, key = name.partition(".")
        kept["state"].setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(kept)
    state: dict[str, Any] = json.loads(told["state"])
    state["losses"] = [(first, second) for first, second in state["losses"]]
    device = next(net.parameters()).device
    return state | {"best": {name: value.to(device) for name, value in _part(tensors, "best.").items()}}


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
