"""Fitted parts of formulas: fitted on the training rows of a fold, applied forward, kept as plain numbers.

Each kind is a class with `fit`, `apply`, `parameters` and one line in the table; the parameters go into the fold's file
and into the evidence, where a gate refits them from the training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from crypto_team.errors import EvidenceError, InputError
from crypto_team.features import kernels_hmm
from crypto_team.features.composition import formula_values
from crypto_team.features.micro_price import MicroPrice
from crypto_team.features.nodes import Node
from crypto_team.features.scaling import Projection, Scaling, finite_array, scaling_of
from crypto_team.features.scopes import fitted_memory
from crypto_team.features.weighted import Weighted

if TYPE_CHECKING:
    from crypto_team.features.surroundings import Frame, Surroundings

Floats = npt.NDArray[np.float64]
Stretches = npt.NDArray[np.int64]
LEAST_ROWS: Final = 50
ROUNDS: Final = 100
CONVERGED: Final = 1e-7


@dataclass(frozen=True)
class FittedInput:
    """What a fitted feature is made from: kind, settings, and its inputs, shape (n, d), NaN where unknown.

    A value needs its row of the inputs and `memory` rows before it.
    """

    kind: str
    settings: tuple[float, ...]
    values: Floats
    memory: int


def fitted_input(node: Node, frame: Frame, around: Surroundings | None) -> FittedInput:
    """Compute the inputs of a fitted feature on the bars of one pair."""
    values = np.column_stack(formula_values(list(node.inputs), frame, around))
    values[~np.isfinite(values)] = np.nan
    return FittedInput(node.name, node.settings, values, fitted_memory(node))


class Transformer(Protocol):
    """Something fitted: what it makes of one pair's inputs, and its numbers."""

    def apply(self, values: Floats) -> Floats:
        """Return one value per row of inputs (n, d) in the order of time; each uses its row and earlier ones only."""

    def parameters(self) -> dict[str, Any]:
        """Return the fitted numbers as lists."""


@dataclass(frozen=True)
class Scaled:
    """The input from its training mean in training deviations."""

    scaling: Scaling

    @classmethod
    def fit(cls, rows: Floats, firsts: Stretches, settings: Sequence[float]) -> Scaled:
        """Measure mean and population deviation."""
        del firsts, settings
        return cls(scaling_of(rows))

    @classmethod
    def load(cls, found: Mapping[str, Any], settings: Sequence[float]) -> Scaled:
        """Take back stored numbers."""
        del settings
        return cls(Scaling(finite_array(found["mean"]), finite_array(found["std"])))

    def apply(self, values: Floats) -> Floats:
        """Standardise."""
        return np.asarray(self.scaling.standardised(values)[:, 0])

    def parameters(self) -> dict[str, Any]:
        """Return mean and deviation."""
        return {"mean": self.scaling.mean.tolist(), "std": self.scaling.std.tolist()}


@dataclass(frozen=True)
class Component(Projection):
    """One principal component of the standardised inputs; its largest loading is positive."""

    @classmethod
    def fit(cls, rows: Floats, firsts: Stretches, settings: Sequence[float]) -> Component:
        """Take the eigenvector of the correlation matrix with the `component`-th largest eigenvalue."""
        del firsts
        scaling = scaling_of(rows)
        z = scaling.standardised(rows)
        _, vectors = np.linalg.eigh(z.T @ z / len(z))
        loadings = vectors[:, -int(settings[0])]
        return cls(scaling, loadings * np.sign(loadings[np.argmax(np.abs(loadings))]))


@dataclass(frozen=True)
class HiddenMarkov:
    """Gaussian hidden Markov model; states are in the order of the first input's variance, the calmest first."""

    scaling: Scaling
    start: Floats
    transition: Floats
    means: Floats
    variances: Floats
    state: int
    n: int

    @classmethod
    def fit(cls, rows: Floats, firsts: Stretches, settings: Sequence[float]) -> HiddenMarkov:
        """Fit by expectation-maximisation from a start that the rows decide: groups by the size of the first input."""
        states, state, n = (int(value) for value in settings)
        scaling = scaling_of(rows)
        x = np.ascontiguousarray(scaling.standardised(rows))
        groups = np.array_split(np.argsort(np.abs(x[:, 0]), kind="stable"), states)
        means = np.array([x[group].mean(axis=0) for group in groups])
        variances = np.array([np.maximum(x[group].var(axis=0), 0.01) for group in groups])
        transition = np.full((states, states), 0.1 / max(1, states - 1))
        np.fill_diagonal(transition, 0.9)
        start, before = np.full(states, 1.0 / states), -np.inf
        for _ in range(ROUNDS):
            likelihood = kernels_hmm.fit_round(x, firsts, start, transition, means, variances)
            if likelihood - before <= CONVERGED * len(x):
                break
            before = likelihood
        order = np.lexsort((means[:, 0], variances[:, 0]))
        ordered = transition[np.ix_(order, order)]
        return cls(scaling, _stationary(ordered), ordered, means[order], variances[order], state - 1, n)

    @classmethod
    def load(cls, found: Mapping[str, Any], settings: Sequence[float]) -> HiddenMarkov:
        """Take back stored numbers."""
        return cls(
            Scaling(finite_array(found["mean"]), finite_array(found["std"])),
            finite_array(found["start"]),
            finite_array(found["transition"]),
            finite_array(found["means"]),
            finite_array(found["variances"]),
            int(settings[1]) - 1,
            int(settings[2]),
        )

    def apply(self, values: Floats) -> Floats:
        """Filter forward over the last n rows; unknown where the row itself is, others that are unknown say nothing."""
        x = np.ascontiguousarray(self.scaling.standardised(values))
        logs = kernels_hmm.log_densities(x, self.means, self.variances)
        made = kernels_hmm.filtered(logs, self.start, self.transition, self.state, self.n)
        return np.where(np.isnan(x).any(axis=1), np.nan, made)

    def parameters(self) -> dict[str, Any]:
        """Return all matrices as lists of rows."""
        return {
            "mean": self.scaling.mean.tolist(),
            "std": self.scaling.std.tolist(),
            "start": self.start.tolist(),
            "transition": self.transition.tolist(),
            "means": self.means.tolist(),
            "variances": self.variances.tolist(),
        }


def _stationary(transition: Floats) -> Floats:
    """Return the long-run share of each state."""
    k = len(transition)
    equations = np.vstack([transition.T - np.eye(k), np.ones(k)])
    solved = np.linalg.lstsq(equations, np.append(np.zeros(k), 1.0), rcond=None)[0]
    shares = np.maximum(solved, 1e-12)
    return np.asarray(shares / shares.sum())


@dataclass(frozen=True)
class _Kind:
    """How it is fitted on rows alone, or learns from rows and labels in the order of time, and how it is read back."""

    fit: Callable[[Floats, Stretches, Sequence[float]], Transformer] | None
    load: Callable[[Mapping[str, Any], Sequence[float]], Transformer]
    learn: Callable[[Floats, Floats, Sequence[float]], Transformer] | None = None


KINDS: Final[dict[str, _Kind]] = {
    "scaled": _Kind(Scaled.fit, Scaled.load),
    "pca": _Kind(Component.fit, Component.load),
    "hmm": _Kind(HiddenMarkov.fit, HiddenMarkov.load),
    "micro_price": _Kind(MicroPrice.fit, MicroPrice.load),
    "weighted": _Kind(None, Weighted.load, Weighted.learn),
}
"""Everything that can be fitted, by the name that formulas use."""


@dataclass(frozen=True)
class Taught:
    """When each row of a panel is, and its label: NaN where it is not known yet."""

    times: npt.NDArray[np.int64]
    labels: Floats


def fit(
    given: FittedInput,
    rows: npt.NDArray[np.int64],
    pair_index: npt.NDArray[np.int64],
    *,
    name: str,
    taught: Taught | None = None,
) -> Transformer:
    """Fit on some rows of a panel; rows of one pair that follow each other in number are neighbours in time.

    Raises
    ------
    InputError
        Too few of the rows have all inputs, or labels are needed and there are none.
    """
    kind = KINDS[given.kind]
    if kind.learn is not None:
        if taught is None:
            raise InputError(f"{name} learns from labels", where="features", hint="define a target first")
        rows = rows[np.isfinite(taught.labels[rows])]
    known = rows[np.isfinite(given.values[rows]).all(axis=1)]
    if known.size < LEAST_ROWS:
        raise InputError(
            f"{name} has {known.size} training rows with all of its inputs, {LEAST_ROWS} are needed",
            where="features",
            hint="use inputs with a shorter look-back, or a longer window",
        )
    if kind.learn is not None and taught is not None:
        order = known[np.argsort(taught.times[known], kind="stable")]
        return kind.learn(np.ascontiguousarray(given.values[order]), taught.labels[order], given.settings)
    assert kind.fit is not None  # noqa: S101 - a kind has one of the two
    breaks = np.flatnonzero((np.diff(known) != 1) | (np.diff(pair_index[known]) != 0)) + 1
    firsts = np.concatenate([[0], breaks, [known.size]]).astype(np.int64)
    return kind.fit(np.ascontiguousarray(given.values[known]), firsts, given.settings)


def load(kind: str, settings: Sequence[float], parameters: Mapping[str, Any]) -> Transformer:
    """Take a transformer back from its stored numbers; anything else is an EvidenceError."""
    if kind not in KINDS:
        raise EvidenceError(f"unknown kind of fitted feature {kind!r}")
    try:
        return KINDS[kind].load(parameters, settings)
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise EvidenceError(f"the numbers of a fitted feature cannot be read: {problem}") from problem
