"""Hyperparameters from inner purged splits of what the earliest fold fits its model on.

No test part of any fold is seen, and neither is the calibration tail of that fold: rows that chose the hyperparameters
do not calibrate what was chosen.

Trials are asked for and told (Optuna), so the caller decides when each one runs; a journal file remembers them, and a
search that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.models.base import Floats, Hyperparameter
from crypto_team.models.registry import resolve
from crypto_team.models.threads import products_on_one_thread
from crypto_team.validation.fitted import filled, fit_all
from crypto_team.validation.fold_rows import LEAST_FIT_ROWS, history_of, inputs_of, tail_start, target_of, weights_of
from crypto_team.validation.fold_selection import fitted_selection
from crypto_team.validation.panel import Panel
from crypto_team.validation.scores import multi_log_loss
from crypto_team.validation.search_spaces import space, start
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import purge, walk_forward

if TYPE_CHECKING:
    import optuna

Rows = npt.NDArray[np.int64]
INNER_SPLITS = 3
FIRST_SHARE = 0.4
UNPRUNED_TRIALS, UNPRUNED_SPLITS = 5, 1


@dataclass(frozen=True)
class TunedTrial:
    """One configuration; `loss` is its mean over the inner splits, NaN where it was given up early."""

    number: int
    hyperparameters: Mapping[str, Hyperparameter]
    loss: float
    finished: bool


@dataclass(frozen=True)
class InnerSplit:
    """Rows of one inner split: fitted on, and judged on."""

    fit: Rows
    judge: Rows


def inner_splits(panel: Panel, settings: WalkForwardSettings) -> list[InnerSplit]:
    """Cut what the earliest fold fits on into expanding splits; fitted rows end a gap before the judged ones.

    Labels of judged rows end a gap before the calibration tail of that fold, so nothing of the tail or of any test part
    is seen.

    Raises
    ------
    InputError
        Too few rows, or one class only, in a split.
    """
    times = np.unique(panel.time)
    first = walk_forward(times[times >= panel.time[panel.usable].min()], settings.geometry)[0]
    stop = tail_start(panel, first, settings)
    window = panel.usable & (panel.time >= first.train_start) & purge(panel.label_end, stop, first.gap_ms)
    span = stop - first.train_start
    cuts = [first.train_start + round(span * share) for share in np.linspace(FIRST_SHARE, 1.0, INNER_SPLITS + 1)]
    splits = []
    for number, (begin, end) in enumerate(pairwise(cuts), start=1):
        fit = np.flatnonzero(window & (panel.time < begin) & purge(panel.label_end, begin, first.gap_ms))
        judge = np.flatnonzero(window & (panel.time >= begin) & (panel.time < end))
        _check_split(panel, settings, fit, judge, number)
        splits.append(InnerSplit(fit, judge))
    return splits


def _check_split(panel: Panel, settings: WalkForwardSettings, fit: Rows, judge: Rows, number: int) -> None:
    if min(fit.size, judge.size) < LEAST_FIT_ROWS:
        raise InputError(
            f"inner split {number} of the earliest training window has {fit.size} rows to fit and {judge.size} to "
            f"judge; at least {LEAST_FIT_ROWS} each are needed after purging",
            where="model.training.window",
            hint="use a longer window, a shorter gap or horizon, or features with a shorter look-back",
        )
    if settings.n_classes and np.unique(panel.label[fit]).size < 2:
        raise InputError(
            f"inner split {number} of the earliest training window has one class only",
            where="target",
            hint="choose thresholds or a horizon that both classes reach",
        )


@products_on_one_thread()
def loss_on(panel: Panel, split: InnerSplit, settings: WalkForwardSettings) -> float:
    """Fit everything on the split's own rows; return the log loss, or the mean squared error in basis points.

    Rows count in the loss as they do in training: where rare classes are raised, a learner that raises them is right.
    """
    every = np.sort(np.concatenate([split.fit, split.judge]))
    panel = filled(panel, fit_all(panel, split.fit), panel.with_history(every, history_of(settings)))
    selection, model = fitted_selection(panel, split.fit, settings)
    predicted = model.predict(inputs_of(panel, split.judge, selection.kept, settings))
    truth: Floats = target_of(panel, split.judge, settings)
    # Networks balance classes by a hyperparameter of their own.
    if settings.n_classes and settings.hyperparameters.get("class_weights") == "balanced":
        settings = replace(settings, class_weights="balanced")
    weight = weights_of(panel, split.judge, settings)
    if settings.n_classes:
        return multi_log_loss(predicted, truth, weight=weight)
    return float(np.average((predicted[:, 0] - truth) ** 2, weights=weight))


@products_on_one_thread()
def tune(
    panel: Panel,
    settings: WalkForwardSettings,
    *,
    trials: int,
    journal: Path,
    name: str,
    own_space: Sequence[str] = (),
    on_trial: Callable[[TunedTrial], None] | None = None,
) -> list[TunedTrial]:
    """Search until `trials` configurations are known, those of an earlier, interrupted search among them.

    Parameters
    ----------
    panel, settings
        As for the walk-forward; the hyperparameters of the settings are the first configuration.
    trials
        How many configurations in all.
    journal
        File in which the search is remembered.
    name
        Of the search; another design or another space needs another name.
    own_space
        Ranges to search instead of the learner's, as :func:`~crypto_team.validation.search_spaces.space` reads them.
    on_trial
        Called after each configuration.

    Returns
    -------
    list of TunedTrial
        Best first; those given up early come last. The same seed gives the same search.
    """
    dimensions, splits = space(settings, own_space), inner_splits(panel, settings)
    study = _study(journal, name, settings)
    if not study.trials:
        study.enqueue_trial(start(settings, dimensions))
    while (number := known_trials(study)) < trials:
        # A sampler seeded by the number of the trial goes on alike after an interruption.
        study.sampler = _sampler(settings.seed + number)
        trial = study.ask()
        chosen = {one.name: one.ask(trial) for one in dimensions}
        told = _judged(panel, splits, settings, trial, chosen)
        study.tell(trial, *told)
        if on_trial is not None:
            on_trial(_trial(study.trials[trial.number]))
    found = [_trial(one) for one in study.trials if one.state.is_finished()]
    return sorted(found, key=lambda one: (not one.finished, one.loss, one.number))


def known_trials(study: optuna.Study) -> int:
    """Count the configurations that were told; one that was killed half-way is asked for again."""
    return sum(one.state.is_finished() for one in study.trials)


def remembered(journal: Path, name: str, settings: WalkForwardSettings) -> int:
    """Count the configurations that an earlier search of this name has told."""
    return known_trials(_study(journal, name, settings)) if journal.exists() else 0


def _judged(
    panel: Panel,
    splits: list[InnerSplit],
    settings: WalkForwardSettings,
    trial: optuna.Trial,
    chosen: Mapping[str, Hyperparameter],
) -> tuple[float | None, Any]:
    """Measure a configuration split by split; give it up when it is worse than the median of the others so far."""
    from optuna.trial import TrialState

    changed = replace(settings, hyperparameters=resolve(settings.model, {**settings.hyperparameters, **chosen}))
    losses: list[float] = []
    for step, split in enumerate(splits):
        losses.append(loss_on(panel, split, changed))
        trial.report(float(np.mean(losses)), step)
        if step + 1 < len(splits) and trial.should_prune():
            return None, TrialState.PRUNED
    return float(np.mean(losses)), TrialState.COMPLETE


def _trial(one: optuna.trial.FrozenTrial) -> TunedTrial:
    from optuna.trial import TrialState

    finished = one.state == TrialState.COMPLETE and one.value is not None
    return TunedTrial(
        one.number, dict(one.params), float(one.value) if one.value is not None else float("nan"), finished
    )


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, multivariate=False)


def _study(journal: Path, name: str, settings: WalkForwardSettings) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=name,
        load_if_exists=True,
        direction="minimize",
        sampler=_sampler(settings.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS, n_warmup_steps=UNPRUNED_SPLITS),
    )
