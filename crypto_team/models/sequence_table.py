"""The lines of the networks in the table of learners: small defaults for a CPU, and the published sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from crypto_team.models.base import Hyperparameter, ModelFactory
from crypto_team.models.sequence import SequenceModel, history, load_sequence


def sequence_factory(
    name: str, sizes: Mapping[str, Hyperparameter], full: Mapping[str, Hyperparameter], about: str
) -> ModelFactory:
    """Return the line of a network in the table of learners."""
    return ModelFactory(
        name=name,
        library="torch",
        importance_kind="window_permutation",
        regression=True,
        classification=True,
        defaults={**TRAINING, **sizes, "preset": "small"},
        create=partial(SequenceModel, architecture=name),
        load=partial(load_sequence, architecture=name),
        quick={"epochs": 3},
        aliases={"lr": "learning_rate", "seq_len": "sequence", "sequence_length": "sequence", "nhead": "heads"},
        history=history,
        ordered=True,
        presets={"small": {}, "full": {**PUBLISHED, **full}},
        about=about,
    )


TRAINING: dict[str, Hyperparameter] = {
    "sequence": 24,
    "epochs": 20,
    "batch_size": 256,
    "learning_rate": 0.002,
    "weight_decay": 0.01,
    "patience": 4,
    "restart_epochs": 10,
    "clip_norm": 1.0,
    "tail": 0.15,
    "class_weights": "balanced",
    "dropout": 0.1,
    "device": "auto",
    "precision": "auto",
}
PUBLISHED: dict[str, Hyperparameter] = {
    "sequence": 60,
    "epochs": 100,
    "batch_size": 64,
    "learning_rate": 0.001,
    "patience": 10,
    "tail": 0.2,
}
_RECURRENT: dict[str, Hyperparameter] = {"hidden": 32, "layers": 1}
_RECURRENT_FULL: dict[str, Hyperparameter] = {"hidden": 128, "layers": 2, "dropout": 0.2}
LSTM = sequence_factory("lstm", _RECURRENT, _RECURRENT_FULL, "Long short-term memory over the last bars.")
GRU = sequence_factory("gru", _RECURRENT, _RECURRENT_FULL, "Gated recurrent units: LSTM's lighter sibling.")
TRANSFORMER = sequence_factory(
    "transformer",
    {"d_model": 32, "heads": 4, "layers": 2, "feedforward": 64, "head": 32, "head_dropout": 0.1},
    {"d_model": 256, "heads": 8, "layers": 6, "feedforward": 1024, "head": 128, "head_dropout": 0.2},
    "Attention over the last bars; preset full: 256 wide, 8 heads, 6 layers, 60 steps.",
)
LSTM_CNN = sequence_factory(
    "lstm_cnn",
    {"channels": 16, "hidden": 32, "layers": 1, "heads": 4, "scales": "1,4,12"},
    {"channels": 64, "hidden": 128, "layers": 2, "heads": 8, "scales": "1,5,15", "dropout": 0.2},
    "Convolutions on several time scales, LSTM and attention.",
)
