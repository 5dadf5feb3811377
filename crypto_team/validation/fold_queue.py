"""Fitting the folds beside each other: finished ones are kept, one that fails says which, progress is told by epoch."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from crypto_team.errors import CryptoTeamError, InputError
from crypto_team.models.base import Progress
from crypto_team.models.threads import products_on_one_thread
from crypto_team.validation.clock import utc_text
from crypto_team.validation.fold_fit import FittedFold, fit_fold
from crypto_team.validation.fold_store import FoldStore
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import Fold
from crypto_team.validation.workbench import Workbench


class _StoppedError(Exception):
    """The run was given up while this fold was being fitted."""


class _Run:
    """What the threads of one run share: how far each fold is, and whether the run was given up."""

    def __init__(self, count: int, progress: Progress | None) -> None:
        self.shares, self.done = [0.0] * count, 0
        self.progress, self.lock = progress, threading.Lock()
        self.stopped = threading.Event()

    def training(self, place: int, share: float, text: str) -> None:
        """Hear from inside a fold; several trainings of one fold follow each other, so its share only grows."""
        if self.stopped.is_set():
            raise _StoppedError
        # The last tenth is left for calibration and predictions.
        self._tell(place, max(self.shares[place], 0.9 * share), f"fold {place + 1} of {len(self.shares)}: {text}")

    def finished(self, place: int) -> None:
        """Hear that a fold is finished."""
        with self.lock:
            self.done += 1
            done = self.done
        self._tell(place, 1.0, f"fold {done} of {len(self.shares)}")

    def _tell(self, place: int, share: float, text: str) -> None:
        with self.lock:
            self.shares[place] = share
            if self.progress is not None:
                self.progress(sum(self.shares) / len(self.shares), text)


@products_on_one_thread()
def fit_all(
    panel: Panel,
    folds: Sequence[Fold],
    settings: WalkForwardSettings,
    *,
    progress: Progress | None = None,
    store: FoldStore | None = None,
) -> list[FittedFold]:
    """Fit the folds on `settings.workers` threads; learners release the interpreter lock while they work.

    With a store, folds that it has are taken from it, and each is kept as soon as it is finished.

    Raises
    ------
    CryptoTeamError
        The first fold that cannot be fitted, by number and time, with the remedy. Folds that were being fitted beside
        it are finished and kept; those that had not begun are not begun.
    """
    keys = store.keys(panel, folds, settings) if store is not None else [""] * len(folds)
    run = _Run(len(folds), progress)

    def one(place: int) -> FittedFold:
        made = _fitted(panel, folds[place], settings, run, place, store, keys[place])
        run.finished(place)
        return made

    with ThreadPoolExecutor(max_workers=max(1, settings.workers)) as pool:
        tasks = [pool.submit(one, place) for place in range(len(folds))]
        try:
            wait(tasks, return_when=FIRST_EXCEPTION)
        except BaseException:
            run.stopped.set()
            raise
        finally:
            for task in tasks:
                task.cancel()
    failures = [(place, task.exception()) for place, task in enumerate(tasks) if task.done() and not task.cancelled()]
    for place, failure in failures:
        if failure is not None:
            raise _told(failure, folds[place], run.done if store is not None else 0) from failure
    return [task.result() for task in tasks]


def _fitted(
    panel: Panel,
    fold: Fold,
    settings: WalkForwardSettings,
    run: _Run,
    place: int,
    store: FoldStore | None,
    key: str,
) -> FittedFold:
    """Take a fold from the store, or fit it and keep it."""

    def heard(share: float, text: str) -> None:
        run.training(place, share, text)

    if store is None:
        return fit_fold(panel, fold, settings, Workbench(progress=heard))
    found = store.get(key)
    if found is None:
        found = fit_fold(panel, fold, settings, Workbench(store.checkpoints(key), heard))
        store.put(key, found)
        shutil.rmtree(store.checkpoints(key), ignore_errors=True)
    return found


def _told(failure: BaseException, fold: Fold, kept: int) -> BaseException:
    """Return a failure that says which fold it is about and what is not lost; a bug stays as it is."""
    if isinstance(failure, MemoryError):
        failure = InputError("this machine has too little memory", hint="use fewer features or a shorter window")
    if not isinstance(failure, CryptoTeamError):
        return failure
    named = f"fold {fold.index} "
    span = f"{named}(training {utc_text(fold.train_start)} to {utc_text(fold.train_end)}): "
    what = failure.what if failure.what.startswith(named) else span + failure.what
    saved = f"{kept} finished fold(s) are kept and not fitted again" if kept else ""
    hint = "; ".join(text for text in (failure.hint, saved) if text)
    return type(failure)(what, where=failure.where, hint=hint or None)
