"""How many trees: judged on the last part of the training rows, which the trees before it have not seen.

The tail is purged: a row whose label ends inside it is not learnt from. Then everything is learnt once more, with the
number of trees that was best, so that the newest rows are not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from crypto_team.models.base import Floats, Hyperparameter, Inputs, ModelSettings
from crypto_team.models.samples import Index, purged_tail, samples_of

SWITCH = "early_stopping"
TAIL_SHARE = 0.2
FEWEST_ROWS = 50


def patience(hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return after how many trees without progress to stop; 0 is never."""
    return int(hyperparameters.get(SWITCH, 0))


def best_rounds(
    x: Inputs, y: Floats, settings: ModelSettings, rounds: int, judge: Callable[[Index, Index], int]
) -> int:
    """Return how many trees to fit on all rows.

    Parameters
    ----------
    x, y
        Training rows. Without times (a plain matrix) rows follow each other and nothing is purged.
    settings
        Of the learner; without patience nothing is judged.
    rounds
        The most trees; also the answer where a part has fewer than 50 rows, or a class is missing from one.
    judge
        Fits on the first positions, watches the second ones, and returns the best number of trees.
    """
    if not patience(settings.hyperparameters):
        return rounds
    early, tail = purged_tail(samples_of(x), TAIL_SHARE)
    if min(early.size, tail.size) < FEWEST_ROWS:
        return rounds
    if settings.n_classes and min(np.unique(y[early]).size, np.unique(y[tail]).size) < np.unique(y).size:
        return rounds
    return max(1, min(rounds, judge(early, tail)))
