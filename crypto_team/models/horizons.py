"""An ensemble of time horizons: one calibrated regression in basis points per horizon, joined with shrunk weights.

The horizons are those of the target's own set; a target without one gets multiples of its horizon. A longer horizon
sees less noise per trade, a shorter one more samples; what each says about the target is measured on predictions that
its model was not trained on.

- Calibration of horizon h: the line through unseen predictions over h and the target's return that came of them, so
  that each speaks in basis points of the target, whether its effect goes on or dies away. It is shrunk as far as
  overlapping labels leave it open (:mod:`crypto_team.models.return_lines`), and its slope is at most
  1.5 * max(1, target / h): one and a half times an effect that goes on evenly.
- Weight of horizon h: proportional to its positive unseen correlation with the target, then moved by `shrink` of the
  way to equality.
- Expected return at the target: sum over h of weight * calibrated prediction.

For classes, logistic regression maps the expected return to probabilities.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crypto_team.errors import EvidenceError, InputError, UsageError
from crypto_team.models import members as team
from crypto_team.models.base import Floats, Inputs, Model, ModelFactory, ModelSettings, samples_of, shares
from crypto_team.models.linear import LOGISTIC
from crypto_team.models.packing import packed, read, unpacked, written
from crypto_team.models.return_lines import OWN_SLOPE_SCALE, KnownReturns, Unseen, labels_worth, shrunk_line
from crypto_team.models.samples import Index, Samples, forward_blocks

BPS = 1e4
STEEPEST = 1.5
KIND = "horizons"
OF_THE_TARGET = "target"
WITHOUT_A_SET = "0.5,1,2,4"


def multiples(text: str) -> list[float]:
    """Return the horizons of a comma-separated text, as multiples of the target's."""
    try:
        made = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        made = []
    if not made or not all(0.0 < value <= 100.0 for value in made):
        raise UsageError(
            f"{text!r} is not a list of horizons",
            where="model.hyperparameters.horizons",
            hint="target, or multiples of the target's horizon, for example 0.5,1,2",
        )
    return made


class Horizons:
    """One regression per horizon; without the bars between rows (a plain matrix) there is one horizon, the target's."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.models: list[Model] = []
        self.lengths: list[int] = []
        self.name = str(settings.hyperparameters.get("member", "lightgbm"))
        self.lines: Floats = np.empty((0, 2))
        self.weights: Floats = np.empty(0)
        self.second: Model | None = None

    def fit(self, x: Inputs, y: Floats, weight: Floats | None = None) -> None:
        """Fit, calibrate and weigh the horizons; returns beyond the last known label are never read."""
        samples, classes = samples_of(x), self.settings.n_classes
        if self.name not in team.POSSIBLE or not team.POSSIBLE[self.name].regression:
            raise UsageError(f"{self.name!r} is no member that predicts returns", where="model.hyperparameters.member")
        bar, length = _bar(samples)
        lengths = _lengths(samples, length, str(self.settings.hyperparameters["horizons"])) if bar else [0]
        target = _over(samples, length) if bar else _target(y, classes)
        told = np.full((len(samples), len(lengths)), np.nan)
        spans = samples.time, samples.time + max(1, length * bar)
        for number, each in enumerate(lengths):
            own, rows = _forward(samples, each, bar) if bar else (target, np.arange(len(samples)))
            model, seen, made = self._horizon(samples, own, rows, each * bar, weight)
            self.models.append(model)
            self.lengths.append(each)
            told[seen, number] = made
            steepest = STEEPEST * max(1.0, length / each) if bar else STEEPEST
            known = KnownReturns(float(np.nanmean(target)), float(own.mean()), labels_worth(*spans))
            unseen = Unseen(made, target[seen], spans[0][seen], spans[1][seen])
            self.lines = np.vstack([self.lines, _line(unseen, known, steepest)])
        self._join(told, target, y, weight)

    def _horizon(
        self, samples: Samples, own: Floats, rows: Index, span: int, weight: Floats | None
    ) -> tuple[Model, Index, Floats]:
        """Fit one horizon; return it with positions and predictions that it had not seen."""
        part = samples.take(rows)
        if span:
            part = _relabelled(part, span)
        given = None if weight is None else weight[rows]
        member = team.POSSIBLE[self.name]
        settings = team.settings_of(member, ModelSettings(0, self.settings.hyperparameters, self.settings.seed))
        places, made = [], []
        for train, after in forward_blocks(part, int(self.settings.hyperparameters["blocks"])):
            if train.size >= team.FEWEST_ROWS and after.size:
                model = member.create(settings)
                model.fit(part.take(train), own[train], None if given is None else given[train])
                places.append(after)
                made.append(model.predict(part.take(after))[:, 0])
        if not places:
            raise InputError(f"{len(part)} samples are too few for the horizons", where="model.training.window")
        seen, unseen = np.concatenate(places), np.concatenate(made)
        model = member.create(settings)
        model.fit(part, own, given)
        return model, rows[seen], unseen

    def _join(self, told: Floats, target: Floats, y: Floats, weight: Floats | None) -> None:
        known = np.flatnonzero(np.isfinite(told).all(axis=1) & np.isfinite(target))
        calibrated = self._calibrated(told[known])
        skill = np.array([max(_correlation(column, target[known]), 0.0) for column in calibrated.T])
        shrink = float(self.settings.hyperparameters["shrink"])
        self.weights = (1.0 - shrink) * shares(skill) + shrink / skill.size
        if self.settings.n_classes:
            given = {**LOGISTIC.defaults, "l2": 0.01}
            self.second = LOGISTIC.create(ModelSettings(self.settings.n_classes, given, self.settings.seed))
            part = None if weight is None else weight[known]
            self.second.fit((calibrated @ self.weights)[:, None].astype(np.float32), y[known], part)

    def _calibrated(self, told: Floats) -> Floats:
        """Return predictions (n, horizons) in basis points of the target's horizon."""
        return np.asarray(told * self.lines[:, 0] + self.lines[:, 1])

    def predict(self, x: Inputs) -> Floats:
        """Return probabilities (n, classes) or expected basis points (n, 1)."""
        if not self.models:
            raise RuntimeError("predict before fit")
        samples = samples_of(x)
        if not len(samples):
            return np.empty((0, max(self.settings.n_classes, 1)))
        told = self._calibrated(self.each(samples))
        expected = np.zeros(len(samples))
        for number, weight in enumerate(self.weights):
            expected += weight * told[:, number]
        if self.second is None:
            return expected[:, None]
        return self.second.predict(expected[:, None].astype(np.float32))

    def each(self, x: Inputs) -> Floats:
        """Return expected basis points over each horizon's own bars, before any calibration, shape (n, horizons)."""
        samples = samples_of(x)
        return np.column_stack([model.predict(samples)[:, 0] for model in self.models])

    def importances(self) -> Floats:
        """Return the horizons' importances, weighted."""
        return team.weighted_importances(self.models, self.weights)

    def save(self) -> bytes:
        """Return models, lines, weights and the map to classes as JSON."""
        return written(
            {
                "kind": KIND,
                "member": self.name,
                "lengths": self.lengths,
                "models": [model.save().decode() for model in self.models],
                "lines": packed(self.lines),
                "weights": packed(self.weights),
                "second": None if self.second is None else self.second.save().decode(),
            }
        )

    def restore(self, data: bytes) -> None:
        """Take over what :meth:`save` wrote."""
        document = read(data, KIND)
        try:
            self.name = str(document["member"])
            self.models = [team.POSSIBLE[self.name].load(str(one).encode(), 0) for one in document["models"]]
            self.lengths = [int(one) for one in document.get("lengths", [])]
            self.lines, self.weights = unpacked(document["lines"]), unpacked(document["weights"])
            if document["second"] is not None:
                self.second = LOGISTIC.load(str(document["second"]).encode(), self.settings.n_classes)
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"not a {KIND} model: {error}") from error


def _bar(samples: Samples) -> tuple[int, int]:
    """Return the milliseconds of a bar and the bars of the target's horizon; (0, 0) for a plain matrix."""
    if not samples.step_return.size or len(samples) < 2:
        return 0, 0
    bar = int(np.diff(np.unique(samples.time)).min())
    if samples.horizons:
        return bar, samples.horizons[0]
    return bar, max(1, round(float(np.median(samples.known - samples.time)) / bar))


def _lengths(samples: Samples, length: int, asked: str) -> list[int]:
    """Return the horizons in bars, each once: the target's own set, or multiples of the target's horizon."""
    if asked == OF_THE_TARGET and len(samples.horizons) > 1:
        return list(samples.horizons)
    factors = multiples(WITHOUT_A_SET if asked == OF_THE_TARGET else asked)
    return list(dict.fromkeys(max(1, round(factor * length)) for factor in factors))


def _target(y: Floats, classes: int) -> Floats:
    """Return what a plain matrix is judged by: the return itself, or the class from -1 to 1."""
    return y if not classes else 2.0 * y / (classes - 1) - 1.0


def _over(samples: Samples, length: int) -> Floats:
    """Return basis points over `length` bars from each sample; NaN where the bars end before."""
    if length in samples.horizons and samples.ahead.size:
        return np.asarray(samples.ahead[samples.rows, samples.horizons.index(length)] * BPS)
    growth, last = np.ones(len(samples)), samples.step_return.size - 1
    for step in range(length):
        growth *= 1.0 + samples.step_return[np.minimum(samples.rows + step, last)]
    return (growth - 1.0) * BPS


def _forward(samples: Samples, length: int, bar: int) -> tuple[Floats, Index]:
    """Return basis points over `length` bars, and the positions whose end is known within the samples' own labels."""
    made = _over(samples, length)
    rows = np.flatnonzero(np.isfinite(made) & (samples.time + length * bar <= _reach(samples)))
    return made[rows], rows.astype(np.int64)


def _reach(samples: Samples) -> Index:
    """Return until when each sample may look ahead: the end of the stretch of time that labels cover without a hole.

    What cross-validation tests is such a hole, and a return that ends in it, or behind it, has seen it.
    """
    order = np.argsort(samples.time, kind="stable")
    ends = np.maximum.accumulate(samples.known[order])
    last = np.append(np.flatnonzero(samples.time[order][1:] > ends[:-1]), len(samples) - 1)
    made = np.empty(len(samples), dtype=np.int64)
    made[order] = ends[last[np.searchsorted(last, np.arange(len(samples)))]]
    return made


def _relabelled(samples: Samples, span: int) -> Samples:
    return replace(samples, known=samples.time + span)


def _line(rows: Unseen, known: KnownReturns, steepest: float) -> Floats:
    """Return slope and intercept of the calibration, shrunk towards what the labels tell; at most `steepest`."""
    there = np.isfinite(rows.came)
    unseen = Unseen(rows.told[there], rows.came[there], rows.start[there], rows.end[there])
    return np.array(shrunk_line(unseen, known, boldest=steepest, steepest=steepest, scale=OWN_SLOPE_SCALE))


def _correlation(one: Floats, two: Floats) -> float:
    if one.size < 3 or not (one.std() > 0.0 and two.std() > 0.0):
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _load(data: bytes, n_classes: int) -> Model:
    model = Horizons(ModelSettings(n_classes, {}, 0))
    model.restore(data)
    return model


HORIZONS = ModelFactory(
    name=KIND,
    library="numpy",
    importance_kind="weighted_members",
    regression=True,
    classification=True,
    defaults={"member": "lightgbm", "horizons": OF_THE_TARGET, "blocks": 3, "shrink": 0.5},
    create=Horizons,
    load=_load,
    quick={"blocks": 2, "horizons": "1"},
    history=lambda hyperparameters: team.member_history(str(hyperparameters["member"]), hyperparameters),
    ordered=True,
    members=True,
    about="Calibrated regressions in basis points at several horizons, joined with shrunk weights.",
)
