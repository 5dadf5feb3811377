"""Which rows a fold fits on, calibrates on and tests, and how learners get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.labels import class_weights
from crypto_team.models.base import Floats, Inputs
from crypto_team.models.bins import SharedBins, find_bins
from crypto_team.models.early_stopping import patience
from crypto_team.models.registry import factory
from crypto_team.models.return_lines import KnownReturns, Unseen
from crypto_team.validation.calibration_of_returns import known_of_learner
from crypto_team.validation.calibration_shrunk import Known, independent_labels
from crypto_team.validation.clock import utc_text
from crypto_team.validation.foreseeable import known_of, known_of_returns
from crypto_team.validation.panel import Panel, label_weights, training_weights
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import Fold, purge

Rows = npt.NDArray[np.int64]
LEAST_FIT_ROWS = 50
LEAST_INNER_ROWS = 20
BPS = 1e4


@dataclass(frozen=True)
class FoldRows:
    """Row numbers of a panel: the model's own rows, the calibration tail behind them, and the test part.

    `window` are all rows that may be learnt from: the first two, and what was purged between them.
    """

    fit: Rows
    inner: Rows
    test: Rows
    window: Rows
    inner_start: int


def fold_rows(panel: Panel, fold: Fold, settings: WalkForwardSettings) -> FoldRows:
    """Pick the rows of a fold; both the model and its calibration are purged from what they are judged on.

    Raises
    ------
    InputError
        Too few usable rows, or one class only, in the training window.
    """
    inner_start = tail_start(panel, fold, settings)
    window = panel.usable & (panel.time >= fold.train_start) & purge(panel.label_end, fold.test_start, fold.gap_ms)
    fit = window & (panel.time < inner_start) & purge(panel.label_end, inner_start, fold.gap_ms)
    inner = window & (panel.time >= inner_start)
    test = (panel.time >= fold.test_start) & (panel.time < fold.test_end)
    found = [np.flatnonzero(part) for part in (fit, inner, test, window)]
    rows = FoldRows(found[0], found[1], found[2], found[3], inner_start)
    span = f"{utc_text(fold.train_start)} to {utc_text(fold.train_end)}"
    if rows.fit.size < LEAST_FIT_ROWS or rows.inner.size < LEAST_INNER_ROWS:
        raise InputError(
            f"fold {fold.index} has {rows.fit.size} rows to fit and {rows.inner.size} to calibrate on ({span}); "
            f"at least {LEAST_FIT_ROWS} and {LEAST_INNER_ROWS} are needed after purging",
            where="model.training.window",
            hint="use a longer window, a shorter gap or horizon, or features with a shorter look-back",
        )
    if settings.n_classes and np.unique(panel.label[rows.fit]).size < 2:
        raise InputError(
            f"fold {fold.index} has one class only in its training rows ({span})",
            where="target",
            hint="choose thresholds or a horizon that both classes reach, or a longer window",
        )
    return rows


def tail_start(panel: Panel, fold: Fold, settings: WalkForwardSettings) -> int:
    """Return when the calibration tail of a fold begins, in milliseconds."""
    bars = (fold.train_end - fold.train_start) // panel.timeframe_ms
    return fold.train_end - round(bars * settings.inner_share) * panel.timeframe_ms


def check_folds(panel: Panel, folds: Sequence[Fold], settings: WalkForwardSettings) -> None:
    """Look at the rows of all folds before any is fitted, so that nothing is learnt for a run that cannot end.

    Raises
    ------
    InputError
        What is wrong with the first fold of them, and which others are wrong too.
    """
    problems: list[tuple[int, InputError]] = []
    for fold in folds:
        try:
            fold_rows(panel, fold, settings)
        except InputError as problem:
            problems.append((fold.index, problem))
    if not problems:
        return
    first, others = problems[0][1], [str(number) for number, _ in problems[1:]]
    more = f"; of {len(folds)} folds, {', '.join(others)} cannot be fitted either" if others else ""
    raise InputError(f"{first.what}{more}", where=first.where, hint=first.hint)


def shared_bins(panel: Panel, earliest: Fold, settings: WalkForwardSettings) -> SharedBins | None:
    """Return the bin edges of all columns in the model's own rows of the earliest fold; None unless they are shared.

    Every fold may know these rows, and each fold can be refitted alone and gets the same edges.
    """
    if not settings.hyperparameters.get("shared_bins", False):
        return None
    rows = fold_rows(panel, earliest, settings).fit
    return find_bins(panel.features[rows], int(settings.hyperparameters["max_bin"]))


def target_of(panel: Panel, rows: Rows, settings: WalkForwardSettings) -> Floats:
    """Return what a learner is taught on some rows: class indices, or forward returns in basis points."""
    return panel.label[rows] if settings.n_classes else panel.forward_return[rows] * BPS


def weights_of(panel: Panel, rows: Rows, settings: WalkForwardSettings) -> Floats | None:
    """Return what each training row counts; None where all count alike."""
    return training_weights(
        panel, rows, labels=settings.label_weights, classes=settings.class_weights, n_classes=settings.n_classes
    )


def lesson_weights(panel: Panel, fit: Rows, later: Rows, settings: WalkForwardSettings) -> Floats | None:
    """Return what each label counts that is learnt after the training; a training row counts 1 on average.

    Classes count by their rates in the training rows. How much of a label is its own depends on labels that began
    before it ended, so it is known when the label is.
    """
    made = np.ones(later.size)
    if settings.label_weights == "uniqueness":
        span = (panel.time >= panel.time[fit].min()) & (panel.time <= panel.time[later].max(initial=0))
        every, own = np.flatnonzero(panel.usable & span), np.zeros(panel.time.size)
        own[every] = label_weights(panel, every)
        for pair in np.unique(panel.pair_index[later]):
            taught = fit[panel.pair_index[fit] == pair]
            rows = panel.pair_index[later] == pair
            made[rows] = own[later[rows]] / (own[taught].mean() if taught.size else 1.0)
    elif settings.class_weights == "none" or not settings.n_classes:
        return None
    if settings.class_weights == "balanced" and settings.n_classes:
        by_class = class_weights(panel.label[fit], settings.n_classes)
        made *= by_class[panel.label[later].astype(np.int64)]
    return made


def known_to(panel: Panel, rows: FoldRows, settings: WalkForwardSettings) -> Known:
    """Return what a fold knows besides its calibration rows: what those are worth, and what its fitted rows say."""
    worth = independent_labels(panel.time[rows.inner], panel.known_at[rows.inner])
    return known_of(panel, rows.fit, weights_of(panel, rows.fit, settings), settings.n_classes, worth)


def returns_known_to(panel: Panel, rows: FoldRows, settings: WalkForwardSettings) -> KnownReturns:
    """Return the same for a regression."""
    bps, weight = target_of(panel, rows.fit, settings), weights_of(panel, rows.fit, settings)
    known = known_of_returns(panel, rows.fit, weight, bps, panel.known_at[rows.fit])
    return known_of_learner(settings.model, known)


def unseen(panel: Panel, rows: FoldRows, told: Floats) -> Unseen:
    """Return the calibration rows of a regression with what it said of them, in basis points."""
    inner = rows.inner
    return Unseen(told, panel.forward_return[inner] * BPS, panel.time[inner], panel.known_at[inner])


def inputs_of(panel: Panel, rows: Rows, columns: list[int], settings: WalkForwardSettings) -> Inputs:
    """Return rows as the learner wants them: alone, or with what lies before them and when they are known."""
    ordered = factory(settings.model).ordered or patience(settings.hyperparameters) > 0
    return panel.samples(rows, columns) if ordered else panel.block(rows, columns)


def rows_read(panel: Panel, rows: FoldRows, settings: WalkForwardSettings) -> Rows:
    """Return all rows of a fold with the bars before them that the learner reads."""
    every = np.sort(np.concatenate([rows.window, rows.test]))
    return panel.with_history(every, history_of(settings))


def history_of(settings: WalkForwardSettings) -> int:
    """Return how many bars before a row the learner reads."""
    return factory(settings.model).history(settings.hyperparameters)
