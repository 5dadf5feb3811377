"""How much of a label can be foreseen at all: a ridge line on all candidates, judged on blocks that it did not see.

A calibration tail holds few outcomes, a training window several times as many. The learner itself has seen those; a
heavily penalised line over blocks of them costs a hundredth of a second and says how strong this market is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from crypto_team.models.return_lines import KnownReturns, labels_worth
from crypto_team.models.scaling import fit_scaler
from crypto_team.validation.calibration_shrunk import LEAST_RATE, Known, independent_labels
from crypto_team.validation.panel import Panel
from crypto_team.validation.scores import logit

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
BLOCKS, PENALTY, CLIP = 5, 8.0, 5.0
ROWS_A_LABEL = 4
LEAST_ROWS = 50
STEPS, FARTHEST = 25, 5.0


@dataclass(frozen=True)
class Foreseen:
    """How strongly a plain line told the classes of rows that it had not seen.

    `slopes` are the log odds that one deviation of its score moved, by class, NaN where no block could be judged;
    `worth` is what the labels are worth that it was judged on.
    """

    slopes: Floats
    worth: float


def foreseen(panel: Panel, rows: Rows, n_classes: int) -> Foreseen:
    """Judge a ridge line on blocks of time among some rows, each by a line fitted on the others.

    The line predicts the indicator of each class from all columns but fitted ones (those have seen every row), with a
    penalty of 8 per row on standardised columns. A row is learnt from unless its label overlaps the block. With z its
    score, zero where the learnt rows have their mean and of deviation one among them, the slope is that of greatest
    likelihood in logit P(class) = logit(rate of the learnt rows) + slope z: the level is not fitted, because a level
    fitted to a block flatters every feature that leans against what prices did in it.

    Parameters
    ----------
    panel, rows
        The rows that a fold is fitted on; of overlapping labels four are taken where one fits.
    n_classes
        Number of classes.

    Returns
    -------
    Foreseen
        Slopes, shape (classes,), and the sum of the average uniqueness of the labels.
    """
    worth = independent_labels(panel.time[rows], panel.known_at[rows])
    rows = rows[:: _apart(rows, worth)]
    y = panel.label[rows][:, None] == np.arange(n_classes)
    told = _told_of_blocks(panel, rows, y.astype(np.float64))
    if told is None:
        return Foreseen(np.full(n_classes, np.nan), worth)
    z, offset, came = told.scores, logit(told.means, floor=LEAST_RATE), y[told.judged]
    return Foreseen(np.array([_slope(z[:, k], came[:, k], offset[:, k]) for k in range(n_classes)]), worth)


def foreseen_returns(panel: Panel, rows: Rows, came: Floats, end: Rows) -> tuple[float, float]:
    """Judge the same line on returns: its correlation with them in blocks that it did not see, and what that is worth.

    The correlation is the slope of what came, in its deviations, on the line's score, whose deviation is one among the
    rows it was fitted on and which is zero where those have their mean.

    Parameters
    ----------
    panel, rows
        The rows that a fold is fitted on, and their columns.
    came, end
        What came of them, in any unit and without NaN, and when that was known, shape (n,).

    Returns
    -------
    tuple
        Correlation and worth of its labels; zeros where no block could be judged.
    """
    apart = _apart(rows, labels_worth(panel.time[rows], end))
    rows, came, end = rows[::apart], came[::apart], end[::apart]
    told, spread = _told_of_blocks(panel, rows, came[:, None]), float(came.std()) if came.size else 0.0
    if told is None or not spread > 0.0:
        return 0.0, 0.0
    z, at = told.scores[:, 0], told.judged
    size = float(z @ z)
    if not size > 0.0:
        return 0.0, 0.0
    return float(z @ (came[at] - told.means[:, 0])) / size / spread, labels_worth(panel.time[rows][at], end[at], z)


@dataclass(frozen=True)
class _Told:
    """What lines say of rows in blocks that they had not seen, and the mean of what each was taught, (m, k) each.

    `judged` are the positions of those rows.
    """

    scores: Floats
    means: Floats
    judged: Rows


def _apart(rows: Rows, worth: float) -> int:
    """Return which share of rows to take: of overlapping labels four where one fits."""
    return max(1, int(rows.size / max(worth, 1.0)) // ROWS_A_LABEL)


def _told_of_blocks(panel: Panel, rows: Rows, y: Floats) -> _Told | None:
    """Tell y (n, k) of each block of time by lines fitted on the others; None where no block leaves enough rows."""
    columns = [column for column, name in enumerate(panel.names) if name not in panel.fitted]
    x, time, end = panel.block(rows, columns), panel.time[rows], panel.label_end[rows]
    scores, means, judged = [], [], []
    for block in np.array_split(np.unique(time), BLOCKS) if columns and rows.size else []:
        inside = (time >= block[0]) & (time <= block[-1])
        taught = (end <= block[0]) | (time >= end[inside].max())
        if taught.sum() >= LEAST_ROWS:
            mean = y[taught].mean(axis=0)
            scores.append(_line(x[taught], y[taught] - mean, x[inside]))
            means.append(np.tile(mean, (int(inside.sum()), 1)))
            judged.append(np.flatnonzero(inside))
    return _Told(np.concatenate(scores), np.concatenate(means), np.concatenate(judged)) if scores else None


def known_of_returns(panel: Panel, rows: Rows, weight: Floats | None, came: Floats, end: Rows) -> KnownReturns:
    """Return what the rows that a regression was fitted on say to its calibration.

    `weight` is what each row counted in the fit (None: all alike), `came` the returns over the horizon in basis points,
    `end` when they were known.
    """
    mean = float(came.mean())
    taught = mean if weight is None else float(np.average(came, weights=weight))
    plain = foreseen_returns(panel, rows, came, end)
    return KnownReturns(mean, taught, labels_worth(panel.time[rows], end), plain)


def known_of(panel: Panel, rows: Rows, weight: Floats | None, n_classes: int, independent: float) -> Known:
    """Return what the rows that a model was fitted on say to its calibration.

    That is the rates of the classes and what a plain line foresaw. `weight` is what each row counted in the model's
    fit (None: all alike), `independent` what the calibration labels are worth.
    """
    own = panel.label[rows].astype(np.int64)
    counts = np.bincount(own, minlength=n_classes).astype(np.float64)
    taught = counts if weight is None else np.bincount(own, weights=weight, minlength=n_classes)
    line = foreseen(panel, rows, n_classes)
    return Known(independent, counts / counts.sum(), taught / taught.sum(), line.slopes, line.worth)


def _line(x: npt.NDArray[np.float32], target: Floats, unseen: npt.NDArray[np.float32]) -> Floats:
    """Fit ridge lines to centred targets (n, classes); return scores of unseen rows in deviations of the seen ones."""
    scaler = fit_scaler(x)
    z = scaler.transform(x, clip=CLIP)
    centre = z.mean(axis=0)
    z -= centre
    gram = z.T @ z / len(z) + PENALTY * np.eye(z.shape[1])
    weights = np.linalg.solve(gram, z.T @ target / len(z))
    spread = np.maximum((z @ weights).std(axis=0), 1e-12)
    return np.asarray((scaler.transform(unseen, clip=CLIP) - centre) @ weights / spread)


def _slope(z: Floats, y: npt.NDArray[np.bool_], offset: Floats) -> float:
    """Return the slope of greatest likelihood at a given level, by Newton's method; NaN where scores do not vary."""
    slope = 0.0
    for _ in range(STEPS):
        q = expit(offset + slope * z)
        information = float((q * (1.0 - q)) @ z**2)
        if information <= 1e-9:
            return float("nan")
        step = float((y - q) @ z) / information
        slope = min(max(slope + step, -FARTHEST), FARTHEST)
        if abs(step) < 1e-9:
            break
    return slope
