"""Networks as learners: LSTM, GRU, transformer and multi-scale LSTM-CNN over windows of bars, kept as safetensors.

A prediction reads the row's own bar and the `sequence` - 1 bars before it, all of them past; what lies before a pair's
first bar, and what is unknown, counts as the mean. `preset=full` gives the published sizes instead of the small
defaults, which train on a CPU.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from crypto_team.errors import EvidenceError, InputError
from crypto_team.models.base import (
    Floats,
    Hyperparameter,
    Inputs,
    Matrix,
    Model,
    ModelSettings,
    samples_of,
    shares,
)
from crypto_team.models.packing import as_bytes, as_text, packed, read, unpacked, written
from crypto_team.models.samples import Samples, purged_tail
from crypto_team.models.scaling import Scaler, fit_scaler
from crypto_team.models.threads import fixed_kernels, quiet_openmp

if TYPE_CHECKING:
    from torch import nn

    from crypto_team.models.deep_training import Lesson, Plan

CLIP = 5.0
CHUNK = 32
BUILDING = threading.Lock()


def history(hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return the bars before a row that its window holds."""
    return int(hyperparameters["sequence"]) - 1


class SequenceModel:
    """A network over windows; importances say how far forecasts move when a feature's whole windows are exchanged."""

    def __init__(self, settings: ModelSettings, architecture: str) -> None:
        self.settings, self.architecture = settings, architecture
        self._net: nn.Module | None = None
        self._scaler = Scaler(np.zeros(0), np.ones(0))
        self._target = (0.0, 1.0)
        self._importances: Floats = np.empty(0)
        self._settings: dict[str, Hyperparameter] = dict(settings.hyperparameters)

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Train with early stopping on a purged tail of the rows; the scaler comes from the rows alone."""
        with one_thread(), enough_memory(int(self._settings["batch_size"])):
            from crypto_team.models.deep_training import Training
            from crypto_team.models.window_importance import reliance

            samples, plan = samples_of(x), self._plan()
            self._scaler = fit_scaler(samples.last())
            if not self.settings.n_classes:
                self._target = (float(np.mean(y)), float(np.std(y)) or 1.0)
            prior = _log_prior(y, self.settings.n_classes)
            lesson = self._lesson(samples, y, weight)
            net = self._build(samples.columns, prior).to(lesson.windows.padded.device)
            folder, mark = self.settings.checkpoints, self._fingerprint(samples, y, weight)
            place = None if folder is None else folder / f"{self.architecture}-{mark[:16]}.safetensors"
            Training(net, lesson, plan, checkpoint=place, fingerprint=mark).run(self.settings.progress)
            self._importances = shares(reliance(_frozen(net), lesson.windows, self.settings.seed))
            self._net = net.cpu()

    def _plan(self) -> Plan:
        from crypto_team.models.deep_training import Plan

        given = self._settings
        return Plan(
            epochs=int(given["epochs"]),
            batch_size=int(given["batch_size"]),
            learning_rate=float(given["learning_rate"]),
            weight_decay=float(given["weight_decay"]),
            patience=int(given["patience"]),
            restart=int(given["restart_epochs"]),
            clip_norm=float(given["clip_norm"]),
            precision=str(given["precision"]),
            seed=self.settings.seed,
        )

    def _lesson(self, samples: Samples, y: Floats, weight: Floats | None) -> Lesson:
        import torch

        from crypto_team.models.deep_training import FEWEST_ROWS, Lesson, device_named
        from crypto_team.models.windows import windows

        device = device_named(str(self._settings["device"]))
        classes, (centre, spread) = self.settings.n_classes, self._target
        target = torch.from_numpy(y.astype(np.int64) if classes else ((y - centre) / spread).astype(np.float32))
        train, tail = purged_tail(samples, float(self._settings["tail"]))
        if min(train.size, tail.size) < FEWEST_ROWS:
            train, tail = np.arange(len(samples), dtype=np.int64), np.empty(0, dtype=np.int64)
        each = np.ones(len(samples)) if weight is None else weight
        if classes and self._settings["class_weights"] == "balanced":
            each = each * balanced(y, train, classes, each)[y.astype(np.int64)]
        lesson_windows = windows(self._scaled(samples.values), samples, int(self._settings["sequence"]), device)
        weights = torch.from_numpy(each.astype(np.float32)).to(device)
        return Lesson(lesson_windows, target.to(device), weights, classes, train, tail)

    def _scaled(self, values: Matrix) -> Matrix:
        return self._scaler.transform(values, clip=CLIP).astype(np.float32)

    def _build(self, inputs: int, prior: Floats) -> nn.Module:
        """Build the network; its output starts at what is known without any feature."""
        import torch

        from crypto_team.models.networks import network

        # Layers draw their first weights from PyTorch's one generator; folds are fitted beside each other.
        with BUILDING, torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            net = network(self.architecture, inputs, prior.size, self._settings)
        out: Any = net.out
        with torch.no_grad():
            out.weight.zero_()
            out.bias.copy_(torch.from_numpy(prior))
        return net

    def _fingerprint(self, samples: Samples, y: Floats, weight: Floats | None) -> str:
        digest = hashlib.sha256(repr(sorted(self._settings.items())).encode())
        digest.update(f"{self.architecture} {self.settings.n_classes} {self.settings.seed}".encode())
        for part in (samples.values, samples.rows, samples.first, samples.time, samples.known, y, weight):
            digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or basis points (n, 1), always on the CPU in float32.

        Rows go through in chunks of one size: matrix products of different sizes round differently, and a row has to
        get the same bits alone and in a batch.
        """
        with one_thread():
            import torch

            from crypto_team.models.windows import windows

            if self._net is None:
                raise RuntimeError("predict before fit")
            samples, net = samples_of(x), self._net
            length = int(self._settings["sequence"])
            made = windows(self._scaled(samples.values), samples, length, torch.device("cpu"))
            told = [np.empty((0, max(self.settings.n_classes, 1)))]
            with torch.inference_mode():
                for part in torch.split(torch.arange(len(samples)), CHUNK):
                    chunk = torch.zeros((CHUNK, length, samples.columns))
                    chunk[: part.numel()] = made.batch(part)
                    told.append(net(chunk)[: part.numel()].numpy().astype(np.float64))
        scores = np.concatenate(told)
        if not self.settings.n_classes:
            return np.asarray(scores * self._target[1] + self._target[0])
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def importances(self) -> Floats:
        """Return the share of each feature, exchanged over whole windows of training rows; stored with the network."""
        return self._importances

    def save(self) -> bytes:
        """Return settings, scaler and weights (safetensors, as base64) as JSON."""
        from safetensors.torch import save

        if self._net is None:
            raise RuntimeError("save before fit")
        weights = {name: value.contiguous() for name, value in self._net.state_dict().items()}
        return written(
            {
                "kind": self.architecture,
                "settings": self._settings,
                "mean": packed(self._scaler.mean),
                "std": packed(self._scaler.std),
                "target": list(self._target),
                "importances": packed(self._importances),
                "weights": as_text(save(weights)),
            }
        )

    def restore(self, data: bytes) -> None:
        """Take over what :meth:`save` wrote."""
        document = read(data, self.architecture)
        with one_thread():
            from safetensors import SafetensorError
            from safetensors.torch import load

            try:
                self._settings = dict(document["settings"])
                self._scaler = Scaler(unpacked(document["mean"]), unpacked(document["std"]))
                self._target = (float(document["target"][0]), float(document["target"][1]))
                self._importances = unpacked(document["importances"])
                net = self._build(self._scaler.mean.size, np.zeros(max(self.settings.n_classes, 1)))
                net.load_state_dict(load(as_bytes(document["weights"])))
            except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
                raise EvidenceError(f"not a {self.architecture} model: {str(error).splitlines()[0]}") from error
            self._net = _frozen(net)


@contextmanager
def one_thread() -> Iterator[None]:
    """Import PyTorch and let it compute on the calling thread alone: folds run beside each other."""
    quiet_openmp()
    fixed_kernels()
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def enough_memory(batch_size: int) -> Iterator[None]:
    """Say what to do where GPU or machine have too little memory for windows, network or batch."""
    import torch

    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        where = "the machine" if "CPUAllocator" in str(error) else "the GPU"
        raise InputError(
            f"{where} has too little memory for this network",
            where="model.hyperparameters.batch_size",
            hint=f"halve batch_size (now {batch_size}), choose a shorter sequence, or --param device=cpu",
        ) from error


def balanced(y: Floats, rows: Any, classes: int, weight: Floats) -> Floats:
    """Return a weight for each class so that all count alike in `rows`, 0 for one never seen in them.

    Rows count by `weight`, shape (n,): what is balanced already stays as it is, and is not balanced twice.
    """
    counts = np.bincount(y[rows].astype(np.int64), weights=weight[rows], minlength=classes)
    seen = counts > 0.0
    return np.asarray(np.divide(counts.sum() / np.count_nonzero(seen), counts, out=np.zeros(classes), where=seen))


def _log_prior(y: Floats, classes: int) -> Floats:
    if not classes:
        return np.zeros(1)
    labels = y.astype(np.int64)
    if labels.min() < 0 or labels.max() >= classes or not np.array_equal(labels, y):
        raise InputError(f"labels have to be whole numbers from 0 to {classes - 1}", where="target")
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(np.log((counts + 0.5) / (counts.sum() + 0.5 * classes)))


def _frozen(net: nn.Module) -> nn.Module:
    """Return the network ready to predict, nothing left to learn.

    PyTorch folds a product of batches into one matrix or not by whether the weights still want gradients, even where
    none are taken; the two ways round differently, so a trained and a loaded network have to be frozen alike.
    """
    return net.eval().requires_grad_(False)


def load_sequence(data: bytes, n_classes: int, architecture: str) -> Model:
    """Load a network of one architecture."""
    model = SequenceModel(ModelSettings(n_classes, {}, 0), architecture)
    model.restore(data)
    return model
