"""The maps of calibration: how each one is applied and kept. Row by row, so a batch gives the same bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from crypto_team.errors import EvidenceError
from crypto_team.validation.scores import logit

Floats = npt.NDArray[np.float64]
FLOOR = 1e-12


def beta_inputs(p: Floats) -> tuple[Floats, Floats]:
    """Return ln p and -ln(1 - p) of probabilities kept 1e-12 away from both ends."""
    inside = np.clip(p, FLOOR, 1.0 - FLOOR)
    return np.log(inside), -np.log1p(-inside)


@dataclass(frozen=True)
class Platt:
    """The map 1 / (1 + exp(a * logit(p) + b)); `a` is negative when probabilities keep their order."""

    a: float
    b: float

    def apply(self, p: Floats) -> Floats:
        """Map probabilities, shape (n,)."""
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(self.a * logit(p) + self.b, -700.0, 700.0))))

    @property
    def numbers(self) -> tuple[float, float]:
        """Return the two numbers that the evidence keeps."""
        return (self.a, self.b)

    @property
    def told(self) -> str:
        """Return the map in words."""
        return "platt"

    def document(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return {"kind": "platt", "a": self.a, "b": self.b}


@dataclass(frozen=True)
class Isotonic:
    """A non-decreasing map, linear between its knots and constant outside."""

    x: Floats
    y: Floats

    def apply(self, p: Floats) -> Floats:
        """Map probabilities, shape (n,)."""
        return np.asarray(np.interp(p, self.x, self.y))

    @property
    def numbers(self) -> tuple[float, float]:
        """Return the two numbers that the evidence keeps."""
        return (math.nan, math.nan)

    @property
    def told(self) -> str:
        """Return the map in words."""
        return f"isotonic, {self.x.size} knots"

    def document(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return {"kind": "isotonic", "x": self.x.tolist(), "y": self.y.tolist()}


@dataclass(frozen=True)
class Beta:
    """The map 1 / (1 + exp(-(a ln p - b ln(1 - p) + c))) with a, b >= 0, which bends both ends on their own."""

    a: float
    b: float
    c: float

    def apply(self, p: Floats) -> Floats:
        """Map probabilities, shape (n,)."""
        low, high = beta_inputs(p)
        return np.asarray(expit(self.a * low + self.b * high + self.c))

    @property
    def numbers(self) -> tuple[float, float]:
        """Return the two numbers that the evidence keeps."""
        return (self.a, self.b)

    @property
    def told(self) -> str:
        """Return the map in words."""
        return f"beta, c = {self.c:.6g}"

    def document(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return {"kind": "beta", "a": self.a, "b": self.b, "c": self.c}


@dataclass(frozen=True)
class Temperature:
    """One temperature for all classes: softmax(ln p / t); the ranking of the classes stays as it is."""

    t: float

    def apply(self, p: Floats) -> Floats:
        """Map probabilities, shape (n, classes); rows sum to 1."""
        return np.asarray(softmax(np.log(np.clip(p, FLOOR, 1.0)) / self.t, axis=1))

    @property
    def numbers(self) -> tuple[float, float]:
        """Return the two numbers that the evidence keeps."""
        return (self.t, math.nan)

    @property
    def told(self) -> str:
        """Return the map in words."""
        return "temperature"

    def document(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return {"kind": "temperature", "t": self.t}


@dataclass(frozen=True)
class Line:
    """The line slope * expected + intercept of a regression's basis points."""

    slope: float
    intercept: float

    def apply(self, p: Floats) -> Floats:
        """Map expected basis points, shape (n,)."""
        return np.asarray(self.slope * p + self.intercept)

    @property
    def numbers(self) -> tuple[float, float]:
        """Return the two numbers that the evidence keeps."""
        return (self.slope, self.intercept)

    @property
    def told(self) -> str:
        """Return the map in words."""
        return "line of realised on expected basis points: slope, intercept"

    def document(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return {"kind": "line", "slope": self.slope, "intercept": self.intercept}


Map: TypeAlias = Platt | Isotonic | Beta | Line


def map_from(one: Mapping[str, Any]) -> Map | Temperature:
    """Rebuild a map from its document; an unknown kind is an EvidenceError."""
    match one["kind"]:
        case "platt":
            return Platt(float(one["a"]), float(one["b"]))
        case "isotonic":
            return Isotonic(np.array(one["x"], dtype=np.float64), np.array(one["y"], dtype=np.float64))
        case "beta":
            return Beta(float(one["a"]), float(one["b"]), float(one["c"]))
        case "temperature":
            return Temperature(float(one["t"]))
        case "line":
            return Line(float(one["slope"]), float(one["intercept"]))
        case kind:
            raise EvidenceError(f"unknown calibration map {kind!r}")
