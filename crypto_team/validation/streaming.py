"""Online learners inside a fold: behind its training rows they learn from each label once it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from crypto_team.models.base import Model, OnlineModel
from crypto_team.models.registry import factory
from crypto_team.models.streams import Lessons, Stream
from crypto_team.validation.fold_rows import FoldRows, lesson_weights, target_of

if TYPE_CHECKING:
    from crypto_team.validation.panel import Panel
    from crypto_team.validation.settings import WalkForwardSettings


def followed(panel: Panel, rows: FoldRows, columns: list[int], settings: WalkForwardSettings, model: Model) -> Model:
    """Return an online learner with the labels of calibration tail and test part behind it; others as they are.

    Parameters
    ----------
    panel
        With fitted features filled in.
    rows
        Of the fold; the learner was fitted on `rows.fit`.
    columns
        Columns that the learner reads.
    """
    learner = factory(settings.model)
    if not learner.online:
        return model
    later = np.concatenate([rows.inner, rows.test])
    later = np.sort(later[panel.usable[later]])
    later = later[np.argsort(panel.label_end[later], kind="stable")]
    lessons = Lessons(
        values=panel.block(later, columns),
        labels=target_of(panel, later, settings),
        known=panel.label_end[later],
        opened=panel.time[later],
        pair=panel.pair_index[later],
        weight=lesson_weights(panel, rows.fit, later, settings),
    )
    size = int(settings.hyperparameters["update_rows"])

    def load(data: bytes, n_classes: int) -> OnlineModel:
        return cast("OnlineModel", learner.load(data, n_classes))

    return Stream(cast("OnlineModel", model), lessons, size, settings.n_classes, load)
